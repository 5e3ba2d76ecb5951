//! `CREATE TAG`, `DROP TAG`, `SET TAG`, `UNSET TAG`.

use std::{collections::BTreeMap, sync::Arc};

use sluice_catalog::{
    Change, ColumnSnapshot, StoredTag, TableKind, TableRecord, TableSource, delta, stored_column_metadata,
};
use sluice_model::{IndirectRule, Origin, Tag, TagAction};
use sluice_planner::{Denial, DenialKind, PlanError, parse::TagTarget};
use sluice_policy::{Sink, TagContext};
use url::Url;

use super::Standing;
use crate::{EngineError, Outcome, Session};

pub(super) async fn create(
    session: &Session,
    tag: &Tag,
    indirect: IndirectRule,
    comment: Option<&str>,
) -> Result<Outcome, EngineError> {
    session.require_admin("create the tag").await?;
    let by = &session.subject().principal.name;
    session.engine().catalog().create_tag(tag, indirect, comment, by).await?;
    Ok(Outcome::done(format!("created tag {tag}")))
}

pub(super) async fn drop(session: &Session, tag: &Tag) -> Result<Outcome, EngineError> {
    session.require_admin("drop the tag").await?;
    session.engine().catalog().drop_tag(tag).await?;
    Ok(Outcome::done(format!("dropped tag {tag}")))
}

pub(super) async fn set(session: &Session, set: bool, target: &TagTarget) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(target.table(), &standing).await?;
    if record.source.kind() == TableKind::View {
        return Err(EngineError::invalid(
            format!("`{}` is a view; its tags come from what it reads", record.name),
            "set the tag on the tables behind it",
        ));
    }
    for tag in target.tags() {
        require_classify(session, &standing, tag, &Origin::rows(&record.name)).await?;
    }
    let catalog = session.engine().catalog();
    let change = Change::by(&session.subject().principal.name);
    match target {
        TagTarget::Columns(_, columns) => {
            let tags: Vec<(Arc<str>, Tag)> = columns
                .iter()
                .flat_map(|column| column.tags.iter().map(|tag| (Arc::clone(&column.column), tag.clone())))
                .collect();
            if set {
                catalog.set_column_tags(&record.id, &tags, &change).await?;
            } else {
                catalog.unset_column_tags(&record.id, &tags, &change).await?;
            }
        }
        TagTarget::Rows(_, tags) if set => catalog.set_row_tags(&record.id, tags, &change).await?,
        TagTarget::Rows(_, tags) => catalog.unset_row_tags(&record.id, tags, &change).await?,
    }
    carry_along(session, &record).await?;
    let (verb, count) = (if set { "set" } else { "unset" }, target.tags().count());
    Ok(Outcome::done(format!("{verb} {count} {} on {}", if count == 1 { "tag" } else { "tags" }, record.name)))
}

/// `CLASSIFY` on the tag, or being its creator or an admin.
async fn require_classify(
    session: &Session,
    standing: &Standing,
    tag: &Tag,
    origin: &Origin,
) -> Result<(), EngineError> {
    let (administers, decision) = {
        let mut decisions = standing.decisions();
        let ctx = TagContext { origin, sink: Sink::Table };
        (decisions.administer(), decisions.tag(TagAction::Classify, tag, &ctx))
    };
    if administers.is_allowed() || decision.is_allowed() {
        return Ok(());
    }
    let principal = &standing.subject.principal;
    let record = session.engine().catalog().tag(tag).await?;
    if record.is_some_and(|record| *record.created_by == *principal.name) {
        return Ok(());
    }
    let denial = Denial {
        kind: DenialKind::Classify { tag: tag.clone() },
        principal: principal.to_string(),
        path: Vec::new(),
        hint: Some(format!("an admin can `GRANT CLASSIFY ON TAG {tag} TO {} {principal}`", principal.kind)),
        policies: decision.policies.clone(),
    };
    Err(PlanError::Denied(vec![denial]).into())
}

/// Writes a managed table's tags into its Delta column metadata, so that they travel with the data.
async fn carry_along(session: &Session, record: &TableRecord) -> Result<(), EngineError> {
    let TableSource::Managed { location } = &record.source else { return Ok(()) };
    let Ok(location) = Url::parse(location) else { return Ok(()) };
    let tags = session.engine().catalog().tags_on(&record.id).await?;
    let metadata = metadata(&tags.columns, &tags.rows);
    delta::set_column_metadata(&location, &metadata, serde_json::Map::new())
        .await
        .map_err(|source| EngineError::Write { table: record.name.clone(), source })?;
    Ok(())
}

fn metadata(columns: &[ColumnSnapshot], rows: &[StoredTag]) -> BTreeMap<String, BTreeMap<String, String>> {
    columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let rows = if index == 0 { rows } else { &[] };
            (column.name.to_string(), stored_column_metadata(&column.tags, rows))
        })
        .collect()
}
