//! What one statement needs of the catalog, read at one time: the tables that it names and those that its views name,
//! the policies, and the groups of everyone concerned.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::future::BoxFuture;
use sluice_catalog::{CatalogError, CatalogSnapshot, Contents, TableRequest, TableSnapshot};
use sluice_model::{Subject, TableAction, TableName};
use sluice_planner::{
    bind::{Functions, LocalView, Parameters, Surroundings},
    parse::{TEMPORARY, TableRef, view_relations},
};
use sluice_policy::{Authorizer, Decisions, TableResource};

use crate::{EngineError, Session};

/// How deep views may stand upon views.
const DEEPEST_VIEW: usize = 64;

/// What one statement needs of the catalog.
pub(crate) struct Loaded {
    /// What the catalog was at when loading began: all of it is at least as new.
    epoch: u64,
    pub(crate) snapshot: CatalogSnapshot,
    pub(crate) subject: Subject,
    pub(crate) authorizer: Arc<Authorizer>,
    owners: HashMap<Arc<str>, Subject>,
}

/// The parts of a statement's surroundings that do not come from the catalog.
pub(crate) struct Outside<'a> {
    pub(crate) functions: &'a Functions,
    pub(crate) locals: &'a HashMap<String, LocalView>,
    pub(crate) parameters: &'a Parameters,
    pub(crate) approved_pipeline: bool,
}

impl Loaded {
    pub(crate) fn surroundings<'a>(&'a self, outside: &Outside<'a>) -> Surroundings<'a> {
        Surroundings {
            functions: outside.functions,
            snapshot: &self.snapshot,
            subject: &self.subject,
            owners: &self.owners,
            authorizer: &self.authorizer,
            locals: outside.locals,
            parameters: outside.parameters,
            approved_pipeline: outside.approved_pipeline,
        }
    }

    pub(crate) fn table(&self, name: &TableName) -> Option<&Arc<TableSnapshot>> {
        let request = TableRequest { name: name.clone(), at: Default::default() };
        self.snapshot.table(&request)
    }
}

impl Session {
    /// Loads what `relations` name. What does not exist is absent.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog or the files of a table that the caller may see cannot be read.
    #[tracing::instrument(name = "load", level = "info", skip_all)]
    pub(crate) async fn load(
        &self,
        relations: &[TableRef],
        planned: &HashMap<TableName, Arc<TableSnapshot>>,
    ) -> Result<Loaded, EngineError> {
        let catalog = self.engine().catalog();
        let epoch = catalog.epoch().await?;
        let subject = self.current_subject(epoch).await?;
        let authorizer = self.engine().authorizer(epoch).await?;
        let mut tables: HashMap<TableRequest, Arc<TableSnapshot>> = HashMap::new();
        let mut asked: HashSet<TableRequest> = HashSet::new();
        let mut wanted = requests(relations);
        let mut newest = epoch;
        for _ in 0..DEEPEST_VIEW {
            wanted.retain(|request| asked.insert(request.clone()));
            for request in &wanted {
                if request.at == Default::default()
                    && let Some(table) = planned.get(&request.name)
                {
                    tables.insert(request.clone(), Arc::clone(table));
                }
                if request.at == Default::default()
                    && request.name.schema.as_str() == TEMPORARY
                    && let Some(table) = self.temporary().snapshot(&request.name, &subject)?
                {
                    tables.insert(request.clone(), table);
                }
            }
            wanted.retain(|request| !tables.contains_key(request));
            if wanted.is_empty() {
                break;
            }
            // Boxed, so that callers several futures further out can still be seen to be `Send`.
            let opening: BoxFuture<'_, _> = Box::pin(self.open_tables(wanted, epoch, &subject, &authorizer));
            let (read_at, found) = opening.await?;
            newest = newest.max(read_at);
            wanted = found
                .iter()
                .filter_map(|(_, table)| match &table.contents {
                    Contents::Query(text) => Some(requests(&view_relations(text))),
                    Contents::Files(_) | Contents::Planned => None,
                })
                .flatten()
                .collect();
            tables.extend(found);
        }
        let mut owners = HashMap::new();
        for view in tables.values().filter(|table| matches!(table.contents, Contents::Query(_))) {
            if let Some((principal, groups)) = self.engine().membership(&view.owner, epoch).await? {
                owners.insert(Arc::clone(&view.owner), Subject { principal, groups, ..subject.clone() });
            }
        }
        // INVARIANT: rules are at least as new as every table. A tag that has been dropped meanwhile has none, and counts as one
        // whose indirect flows are denied.
        let tags = catalog.tag_rules(newest).await?;
        Ok(Loaded { epoch, snapshot: CatalogSnapshot { tables, tags }, subject, authorizer, owners })
    }

    /// Whether loading again would find all that is in `loaded`. Nothing is opened for that, and whatever fails is left to
    /// loading.
    #[tracing::instrument(name = "load", level = "info", skip_all)]
    pub(crate) async fn finds_same(&self, loaded: &Loaded) -> bool {
        let catalog = self.engine().catalog();
        // INVARIANT: what the catalog says of principals, policies, tags and tables stays for as long as its epoch does.
        if !catalog.epoch().await.is_ok_and(|epoch| epoch == loaded.epoch) {
            return false;
        }
        let subject = self.current_subject(loaded.epoch).await;
        subject.is_ok_and(|subject| subject == loaded.subject)
            && catalog.are_current(self.engine().context().state(), &loaded.snapshot.tables, loaded.epoch).await
    }

    /// Opens tables. That a hidden table's files are damaged must not tell that it exists: it is left out, and what
    /// names it fails as for a name that stands for nothing.
    async fn open_tables(
        &self,
        mut wanted: Vec<TableRequest>,
        epoch: u64,
        subject: &Subject,
        authorizer: &Authorizer,
    ) -> Result<(u64, Vec<(TableRequest, Arc<TableSnapshot>)>), EngineError> {
        let catalog = self.engine().catalog();
        loop {
            let error = match catalog.snapshot_tables(self.engine().context().state(), &wanted, epoch).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let CatalogError::Storage { table, .. } = &error else { return Err(error.into()) };
            if self.may_see(table, subject, authorizer).await? {
                return Err(error.into());
            }
            let before = wanted.len();
            wanted.retain(|request| request.name != *table);
            if wanted.len() == before {
                return Err(EngineError::Bug("a table failed to open that nobody asked for".to_owned()));
            }
        }
    }

    /// Whether the principal may know that a table exists.
    pub(crate) async fn may_see(
        &self,
        table: &TableName,
        subject: &Subject,
        authorizer: &Authorizer,
    ) -> Result<bool, EngineError> {
        let epoch = self.engine().catalog().epoch().await?;
        let Some(record) = self.engine().table(table, epoch).await? else { return Ok(false) };
        let resource = TableResource {
            id: record.id.as_str(),
            schema_id: record.schema.id.as_str(),
            owner: Some(&record.owner),
            domain: record.schema.domain,
            approved_for_experiment: record.approved_for_experiment,
            approved_pipeline: false,
        };
        Ok(Decisions::new(authorizer, subject).table(TableAction::See, &resource).is_allowed())
    }
}

fn requests(relations: &[TableRef]) -> Vec<TableRequest> {
    relations
        .iter()
        .filter_map(|relation| match relation {
            TableRef::Table(request) => Some(request.clone()),
            TableRef::Local(_) | TableRef::TooLong(_) => None,
        })
        .collect()
}
