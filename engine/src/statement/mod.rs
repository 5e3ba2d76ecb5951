//! Statements about the catalog: what there is, who may do what, and answers about both. One file per family.

mod credentials;
mod files;
mod grants;
mod lineage;
mod principals;
mod schemas;
mod show;
mod tables;
mod tags;
mod views;

use std::{collections::HashMap, path::Path, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use sluice_catalog::{SchemaSnapshot, TableRecord, TableSnapshot};
use sluice_model::{Domain, SchemaName, Subject, TableAction, TableName};
use sluice_planner::{
    PlanError,
    bind::{self, LocalView, Parameters},
    parse::{DropKind, Statement},
};
use sluice_policy::{Authorizer, Decision, Decisions, SchemaResource, TableResource};

use crate::{
    EngineError, Outcome, Session,
    load::{Loaded, Outside},
};

/// Runs a statement that is neither a query nor a write.
pub(crate) async fn run(session: &Session, statement: &Statement, base: &Path) -> Result<Outcome, EngineError> {
    match statement {
        Statement::CreateSchema { name, domain, if_not_exists } => {
            schemas::create(session, name, *domain, *if_not_exists).await
        }
        Statement::CreateExternalTable(create) => files::create_external(session, create, base).await,
        Statement::CreateView { name, or_replace, query, text } => {
            views::create(session, name, *or_replace, query, text).await
        }
        Statement::Drop { object, if_exists, cascade } => {
            let result = match object {
                DropKind::Schema(name) => schemas::drop(session, name, *cascade).await,
                DropKind::Table(name) => tables::drop(session, name, false).await,
                DropKind::View(name) => tables::drop(session, name, true).await,
                DropKind::Tag(tag) => tags::drop(session, tag).await,
                DropKind::Principal(kind, name) => principals::drop(session, *kind, name).await,
                DropKind::Policy(name) => grants::drop_policy(session, name).await,
                DropKind::Token(id) => credentials::drop_token(session, id).await,
            };
            match result {
                Err(error) if *if_exists && is_missing(&error) => Ok(Outcome::done("nothing to drop")),
                other => other,
            }
        }
        Statement::RenameTable { from, to } => tables::rename(session, from, to).await,
        Statement::CreateTag { tag, indirect, comment } => {
            tags::create(session, tag, *indirect, comment.as_deref()).await
        }
        Statement::SetTag { set, target } => tags::set(session, *set, target).await,
        Statement::ApproveTable { table, approve } => tables::approve(session, table, *approve).await,
        Statement::CreatePrincipal { principal, if_not_exists } => {
            principals::create(session, principal, *if_not_exists).await
        }
        Statement::AlterGroup { group, add, member } => principals::alter_group(session, group, *add, member).await,
        Statement::CreateToken { kind, holder, expires_at_ms } => {
            credentials::create_token(session, *kind, holder, *expires_at_ms).await
        }
        Statement::SetPassword { principal, password: Some(password) } => {
            credentials::set_password(session, principal, password).await
        }
        Statement::SetPassword { principal, password: None } => credentials::drop_password(session, principal).await,
        Statement::Grant(grant) => grants::run(session, grant).await,
        Statement::CreatePolicy { name, cedar } => grants::create_policy(session, name, cedar).await,
        Statement::Show(show) => show::run(session, show).await,
        Statement::Query(_) | Statement::Explain(_) | Statement::Write(_) | Statement::Set(_) => {
            Err(EngineError::Bug("a query was taken for a statement about the catalog".to_owned()))
        }
        other => Err(EngineError::Bug(format!("no code runs {other:?}"))),
    }
}

/// Whether a statement about the catalog answers rows.
pub(crate) fn answers_rows(statement: &Statement) -> bool {
    !answer_schema(statement).fields().is_empty()
}

/// The columns of what a statement about the catalog answers besides having been done.
pub(crate) fn answer_schema(statement: &Statement) -> SchemaRef {
    if matches!(statement, Statement::CreateToken { .. }) {
        return Arc::new(Schema::new(vec![Field::new("token", DataType::Utf8, true)]));
    }
    Arc::new(Schema::empty())
}

fn is_missing(error: &EngineError) -> bool {
    use sluice_catalog::CatalogError as Missing;
    matches!(
        error,
        EngineError::Plan(PlanError::NotVisible(_))
            | EngineError::SchemaNotVisible(_)
            | EngineError::Catalog(
                Missing::SchemaMissing(_)
                    | Missing::TableMissing(_)
                    | Missing::TagMissing { .. }
                    | Missing::PrincipalMissing(_)
                    | Missing::PolicyMissing(_)
                    | Missing::TokenMissing(_)
            )
    )
}

/// The policies and the principal's groups at one time, for statements that load no tables.
pub(crate) struct Standing {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) subject: Subject,
}

impl Standing {
    pub(crate) fn decisions(&self) -> Decisions<'_> {
        Decisions::new(&self.authorizer, &self.subject)
    }
}

/// A table as policies see it.
pub(crate) fn resource(table: &TableRecord) -> TableResource<'_> {
    TableResource {
        id: table.id.as_str(),
        schema_id: table.schema.id.as_str(),
        owner: Some(&table.owner),
        domain: table.schema.domain,
        approved_for_experiment: table.approved_for_experiment,
        approved_pipeline: false,
    }
}

impl Session {
    pub(crate) async fn standing(&self) -> Result<Standing, EngineError> {
        let epoch = self.engine().catalog().epoch().await?;
        let authorizer = self.engine().authorizer(epoch).await?;
        let subject = self.current_subject(epoch).await?;
        Ok(Standing { authorizer, subject })
    }

    pub(crate) fn outside<'a>(
        &'a self,
        locals: &'a HashMap<String, LocalView>,
        parameters: &'a Parameters,
    ) -> Outside<'a> {
        Outside { functions: self.functions(), locals, parameters, approved_pipeline: false }
    }

    /// The record of a table that the caller may know of.
    pub(crate) async fn visible_record(
        &self,
        name: &TableName,
        standing: &Standing,
    ) -> Result<TableRecord, EngineError> {
        let record = self.engine().catalog().table(name).await?;
        record
            .filter(|record| standing.decisions().table(TableAction::See, &resource(record)).is_allowed())
            .ok_or_else(|| EngineError::not_visible(name))
    }

    /// A loaded table that the caller may know of.
    pub(crate) fn visible_table(&self, loaded: &Loaded, name: &TableName) -> Result<Arc<TableSnapshot>, EngineError> {
        let table = loaded.table(name).ok_or_else(|| EngineError::not_visible(name))?;
        let resource = bind::resource(table, false);
        if !Decisions::new(&loaded.authorizer, &loaded.subject).table(TableAction::See, &resource).is_allowed() {
            return Err(EngineError::not_visible(name));
        }
        Ok(Arc::clone(table))
    }

    /// The schema that a table is about to be made in, if the caller may know of it.
    pub(crate) async fn schema_for(
        &self,
        loaded: &Loaded,
        name: &SchemaName,
        approved_pipeline: bool,
    ) -> Result<SchemaSnapshot, EngineError> {
        let schema = self.engine().catalog().schema(name).await?;
        schema
            .filter(|schema| {
                let resource = SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline };
                Decisions::new(&loaded.authorizer, &loaded.subject).schema(TableAction::See, &resource).is_allowed()
            })
            .ok_or_else(|| hidden_schema(name))
    }

    /// The caller must own the object or administer the home, and be in the object's domain or administer it.
    pub(crate) async fn require_ownership(&self, record: &TableRecord, standing: &Standing) -> Result<(), EngineError> {
        let (owns, administers) = {
            let mut decisions = standing.decisions();
            (decisions.table(TableAction::Own, &resource(record)), decisions.administer())
        };
        let name = record.name.to_string();
        self.require(&owns, name.clone(), TableAction::Own, record.schema.domain).await?;
        if !administers.is_allowed() && standing.subject.domain != record.schema.domain {
            let decision =
                Decision { policies: vec!["domain.owner_acts_in_own_domain".to_owned()], ..owns.as_ref().clone() };
            let denied = Decision { outcome: sluice_policy::Outcome::Deny, ..decision };
            self.require(&denied, name, TableAction::Own, record.schema.domain).await?;
        }
        Ok(())
    }

    /// Turns a refused decision into a denial that explains itself.
    pub(crate) async fn require(
        &self,
        decision: &Decision,
        object: String,
        action: TableAction,
        domain: Domain,
    ) -> Result<(), EngineError> {
        if decision.is_allowed() {
            return Ok(());
        }
        let loaded = self.load(&[], &HashMap::new()).await?;
        let (locals, parameters) = (HashMap::new(), Parameters::default());
        let outside = self.outside(&locals, &parameters);
        Ok(sluice_planner::require(decision, object, action, domain, &loaded.surroundings(&outside))?)
    }
}

pub(crate) fn hidden_schema(name: &SchemaName) -> EngineError {
    EngineError::SchemaNotVisible(name.clone())
}
