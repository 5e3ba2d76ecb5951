//! The release check: whether what a plan's result depends on may go where it is about to go.
//!
//! For a principal, each element of `d` needs `READ`, and each of `i` and `R` needs `USE`; for a table, each of all
//! three needs `PROCESS`. `R` is checked even where there is no column. Every distinct element is decided once for a
//! statement; columns are looked at one by one only when something has to be explained.

use std::{collections::HashMap, sync::Arc};

use sluice_catalog::{CatalogSnapshot, SchemaSnapshot, StoredTag, TableSnapshot};
use sluice_model::{Element, Flow, IndirectRule, Label, TableAction, TableName, Tag, TagAction, TagSource};
use sluice_policy::{Decision, Decisions, Outcome, SchemaResource, Sink, TagContext};

use crate::{
    Denial, DenialKind, PlanError,
    bind::{BoundPlan, Surroundings, resource},
    denial::ObjectReason,
    explain::Explainer,
    label::{ColumnLabel, LabeledPlan},
};

/// Where the rows of a plan are about to go.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// To whoever asks.
    Principal,
    /// Into a new table of this schema.
    NewTable(&'a SchemaSnapshot, &'a TableName),
    /// Into a table in place of all its rows, columns and propagated tags.
    Refresh(&'a TableSnapshot),
    /// Into a table, besides the rows that it has.
    Insert(&'a TableSnapshot),
    /// Into a table in place of its rows, from which they were computed.
    Change(&'a TableSnapshot),
}

impl Destination<'_> {
    fn sink(self) -> Sink {
        match self {
            Self::Principal => Sink::Principal,
            Self::NewTable(..) | Self::Refresh(_) | Self::Insert(_) | Self::Change(_) => Sink::Table,
        }
    }

    fn action(self, flow: Flow) -> TagAction {
        match (self.sink(), flow) {
            (Sink::Principal, Flow::Direct) => TagAction::Read,
            (Sink::Principal, Flow::Indirect | Flow::Row) => TagAction::Use,
            (Sink::Table, _) => TagAction::Process,
            (Sink::Executor, _) => TagAction::Offload,
        }
    }
}

/// What was decided about one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A policy permits it.
    Allow,
    /// It is refused.
    Deny,
    /// It flows indirectly, and its tag says that such flows pass and are recorded.
    Audit,
    /// It flows indirectly, and its tag says that such flows pass.
    Ignore,
}

impl Verdict {
    /// The word used in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Audit => "audit",
            Self::Ignore => "ignore",
        }
    }
}

/// A decision about one element of a plan.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The element.
    pub element: Element,
    /// How it flows.
    pub flow: Flow,
    /// What was asked.
    pub action: TagAction,
    /// What was answered.
    pub verdict: Verdict,
    /// The policies' decision.
    pub decision: Arc<Decision>,
}

/// A decision about one table or schema.
#[derive(Debug, Clone)]
pub struct Access {
    /// The table or schema, as users write it.
    pub object: String,
    /// What was asked.
    pub action: TableAction,
    /// The policies' decision.
    pub decision: Arc<Decision>,
}

/// Which figures of a write its starter may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Whether the number of rows may be shown.
    pub rows: bool,
    /// Whether the count of each boolean column may be shown, in order.
    pub markers: Vec<bool>,
    /// Whether it may be shown how much has been read. Files are left out by what any column of theirs holds, in
    /// subqueries too, so that whoever sees this may use all tags of all tables that are read.
    pub reading: bool,
}

/// A labelled plan that policy lets pass, with all that was decided.
#[derive(Debug)]
pub struct Decided {
    pub(crate) labeled: LabeledPlan,
    pub(crate) rulings: Vec<Ruling>,
    pub(crate) accesses: Vec<Access>,
    pub(crate) metrics: Metrics,
    /// The tags that the destination gets from this write: per column, and on the rows.
    pub(crate) stored: StoredLabels,
}

/// The tags that a written table gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredLabels {
    /// The output columns with their propagated tags.
    pub columns: Vec<(Arc<str>, Vec<StoredTag>)>,
    /// The propagated tags on the rows.
    pub rows: Vec<StoredTag>,
}

/// Decides whether the rows of `labeled` may go to `destination`.
///
/// # Errors
/// [`PlanError::Denied`] with every reason, each with its path through the plan.
pub fn authorize(
    labeled: LabeledPlan,
    destination: Destination<'_>,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<Decided, PlanError> {
    let accesses = accesses(&labeled.bound, destination, surroundings, decisions)?;
    let rulings = rulings(&labeled, destination, surroundings.snapshot, decisions);
    if rulings.iter().any(|ruling| ruling.verdict == Verdict::Deny) {
        return Err(PlanError::Denied(Explainer::new(&labeled, surroundings)?.denials(
            &rulings,
            destination,
            decisions,
        )));
    }
    let (metrics, stored) = match destination {
        Destination::Principal => Default::default(),
        Destination::NewTable(_, name) => {
            (metrics(&labeled, surroundings.snapshot, decisions), stored_labels(&labeled, name, surroundings.snapshot))
        }
        Destination::Refresh(table) => (
            metrics(&labeled, surroundings.snapshot, decisions),
            stored_labels(&labeled, &table.name, surroundings.snapshot),
        ),
        Destination::Insert(table) | Destination::Change(table) => {
            (metrics(&labeled, surroundings.snapshot, decisions), adopted_labels(&labeled, table, surroundings)?)
        }
    };
    Ok(Decided { labeled, rulings, accesses, metrics, stored })
}

/// Decides whether the view `name` may be defined as `bound`: whoever defines it must be able to read everything that
/// it reads, as far as tables go. Tags are the reader's affair, each time it is read.
///
/// # Errors
/// [`PlanError::Denied`] with every reason.
pub fn authorize_definition(
    bound: &BoundPlan,
    schema: &SchemaSnapshot,
    name: &TableName,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<Vec<Access>, PlanError> {
    accesses(bound, Destination::NewTable(schema, name), surroundings, decisions)
}

/// Decides about every distinct element, without refusing anything.
pub(crate) fn rulings(
    labeled: &LabeledPlan,
    destination: Destination<'_>,
    snapshot: &CatalogSnapshot,
    decisions: &mut Decisions<'_>,
) -> Vec<Ruling> {
    let mut labels = labeled.label.by_flow();
    if let Destination::Change(table) = destination {
        labels = without_own(labeled, table);
    }
    let mut rulings = Vec::new();
    for (flow, label) in labels {
        for id in label.iter() {
            let element = labeled.elements.get(id);
            rulings.push(ruling(element, flow, destination, snapshot, decisions));
        }
    }
    rulings
}

fn ruling(
    element: &Element,
    flow: Flow,
    destination: Destination<'_>,
    snapshot: &CatalogSnapshot,
    decisions: &mut Decisions<'_>,
) -> Ruling {
    let action = destination.action(flow);
    // Whoever brought the values along learns nothing from them. What others make of them later carries the tag.
    if is_own_upload(element, snapshot) {
        let decision = Arc::new(Decision {
            outcome: Outcome::Allow,
            policies: vec!["session.own_upload".to_owned()],
            errors: false,
        });
        return Ruling { element: element.clone(), flow, action, verdict: Verdict::Allow, decision };
    }
    let ctx = TagContext { origin: &element.origin, sink: destination.sink() };
    let decision = decisions.tag(action, &element.tag, &ctx);
    let verdict = if decision.is_allowed() {
        Verdict::Allow
    } else {
        match (flow, snapshot.indirect_rule(&element.tag)) {
            (Flow::Direct, _) | (_, IndirectRule::Deny) => Verdict::Deny,
            (Flow::Indirect | Flow::Row, IndirectRule::Audit) => Verdict::Audit,
            (Flow::Indirect | Flow::Row, IndirectRule::Ignore) => Verdict::Ignore,
        }
    };
    Ruling { element: element.clone(), flow, action, verdict, decision }
}

/// Whether an element is of nothing but rows that the session itself brought along and nobody has classified.
///
/// INVARIANT: no stored tag has an origin of this kind, since [`settled`] replaces it; so it comes from the scan of a
/// temporary table of this session.
fn is_own_upload(element: &Element, snapshot: &CatalogSnapshot) -> bool {
    element.tag == Tag::unclassified() && snapshot.is_temporary(&element.origin.table)
}

/// An element as it is stored at `place`: a session's own upload begins there.
fn settled(element: &Element, place: &sluice_model::Origin, snapshot: &CatalogSnapshot) -> Element {
    if snapshot.is_temporary(&element.origin.table) {
        return Element { tag: element.tag.clone(), origin: place.clone() };
    }
    element.clone()
}

/// What flows anywhere else than where it already is: a value that stays in its column needs nothing, whereas one that a
/// new value is computed from, or a row chosen by, shows in whether the statement fails.
fn without_own(labeled: &LabeledPlan, table: &TableSnapshot) -> [(Flow, Label); 3] {
    let mut computed = Label::empty();
    for column in &labeled.computed {
        computed.join(&column.all());
    }
    let flowing = |label: &Label, own: &[Element]| -> Label {
        label.iter().filter(|id| computed.contains(*id) || !own.contains(labeled.elements.get(*id))).collect()
    };
    let (mut direct, mut indirect) = (Label::empty(), Label::empty());
    for (column, target) in labeled.label.columns.iter().zip(&table.columns) {
        let own = own_elements(&target.tags, &table.name.column(target.name.clone()).into());
        direct.join(&flowing(&column.direct, &own));
        indirect.join(&flowing(&column.indirect, &own));
    }
    let own = own_elements(&table.row_tags, &sluice_model::Origin::rows(&table.name));
    let rows = flowing(&labeled.label.rows, &own);
    [(Flow::Direct, direct), (Flow::Indirect, indirect), (Flow::Row, rows)]
}

fn own_elements(tags: &[StoredTag], itself: &sluice_model::Origin) -> Vec<Element> {
    if tags.is_empty() && itself.column.is_some() {
        return vec![Element { tag: Tag::unclassified(), origin: itself.clone() }];
    }
    tags.iter().map(|stored| Element { tag: stored.tag.clone(), origin: stored.origin.clone() }).collect()
}

/// Identity and domain: `SELECT` on everything that the statement names, and the right to write where it writes.
/// What a view reads was decided for its owner when the view was bound.
fn accesses(
    bound: &BoundPlan,
    destination: Destination<'_>,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<Vec<Access>, PlanError> {
    let mut accesses = Vec::new();
    let mut denials = Vec::new();
    let mut seen: HashMap<&str, ()> = HashMap::new();
    for relation in bound.relations.iter().filter(|relation| relation.via.is_empty()) {
        if seen.insert(relation.table.id.as_str(), ()).is_none() {
            check_table(&relation.table, TableAction::Select, surroundings, decisions, &mut accesses, &mut denials);
        }
    }
    match destination {
        Destination::Principal => {}
        Destination::NewTable(schema, name) => {
            let decision = create_decision(schema, surroundings.approved_pipeline, decisions);
            if !decision.is_allowed() {
                let object = format!("schema {}", name.schema);
                let reason = reason(&decision, surroundings, schema.domain);
                denials.push(object_denial(object, TableAction::Create, reason, &decision, surroundings));
            }
            accesses.push(Access { object: name.schema.to_string(), action: TableAction::Create, decision });
        }
        Destination::Insert(table) => {
            check_table(table, TableAction::Insert, surroundings, decisions, &mut accesses, &mut denials);
        }
        Destination::Refresh(table) | Destination::Change(table) => {
            check_table(table, TableAction::Modify, surroundings, decisions, &mut accesses, &mut denials);
        }
    }
    if denials.is_empty() { Ok(accesses) } else { Err(PlanError::Denied(denials)) }
}

/// Whether tables may be created in `schema`.
fn create_decision(schema: &SchemaSnapshot, approved_pipeline: bool, decisions: &mut Decisions<'_>) -> Arc<Decision> {
    let resource = SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline };
    decisions.schema(TableAction::Create, &resource)
}

fn check_table(
    table: &TableSnapshot,
    action: TableAction,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
    accesses: &mut Vec<Access>,
    denials: &mut Vec<Denial>,
) {
    let decision = decisions.table(action, &resource(table, surroundings.approved_pipeline));
    if !decision.is_allowed() {
        let reason = reason(&decision, surroundings, table.schema.domain);
        denials.push(object_denial(table.name.to_string(), action, reason, &decision, surroundings));
    }
    accesses.push(Access { object: table.name.to_string(), action, decision });
}

fn reason(decision: &Decision, surroundings: &Surroundings<'_>, object: sluice_model::Domain) -> ObjectReason {
    if decision.policies.iter().any(|policy| policy.starts_with("domain.")) {
        return ObjectReason::Domains { session: surroundings.subject.domain, object };
    }
    if decision.policies.is_empty() { ObjectReason::NotGranted } else { ObjectReason::Forbidden }
}

/// What `decision` means for someone who asked to do `action` with an object of the domain `domain`: nothing where it
/// is allowed.
///
/// # Errors
/// [`PlanError::Denied`] with the reason and what would help.
pub fn require(
    decision: &Decision,
    object: String,
    action: TableAction,
    domain: sluice_model::Domain,
    surroundings: &Surroundings<'_>,
) -> Result<(), PlanError> {
    if decision.is_allowed() {
        return Ok(());
    }
    let reason = reason(decision, surroundings, domain);
    Err(PlanError::Denied(vec![object_denial(object, action, reason, decision, surroundings)]))
}

/// A refused action on a table or schema, with what would help.
pub(crate) fn object_denial(
    object: String,
    action: TableAction,
    reason: ObjectReason,
    decision: &Decision,
    surroundings: &Surroundings<'_>,
) -> Denial {
    use sluice_model::Domain::{Experiment, Production};
    let principal = &surroundings.subject.principal;
    let hint = match (&reason, action) {
        (ObjectReason::Domains { session: Experiment, object: Production }, TableAction::Select) => {
            format!("an owner or admin can `APPROVE TABLE {object} FOR EXPERIMENT`")
        }
        (ObjectReason::Domains { session: Experiment, object: Production }, _) => {
            "write into a schema of domain experiment, or run an approved pipeline in domain production".to_owned()
        }
        (ObjectReason::Domains { session: Production, object: Experiment }, _) => {
            "production neither reads nor writes experiments: use a table of domain production".to_owned()
        }
        (ObjectReason::Domains { .. }, _) => {
            "production is written by pipelines whose file an admin has approved: `sluice approve FILE`".to_owned()
        }
        (ObjectReason::NotGranted, _) => {
            let object = if object.starts_with("schema ") { object.clone() } else { format!("TABLE {object}") };
            format!("an owner or admin can `GRANT {action} ON {object} TO {} {principal}`", principal.kind)
        }
        (ObjectReason::Forbidden | ObjectReason::ViewOwner, _) => "ask an admin, who can see the policy".to_owned(),
    };
    Denial {
        kind: DenialKind::Object { object, action, reason },
        principal: principal.to_string(),
        path: Vec::new(),
        hint: Some(hint),
        policies: decision.policies.clone(),
    }
}

/// Figures are released like data: a count depends on its condition and on the rows that it counts.
fn metrics(labeled: &LabeledPlan, snapshot: &CatalogSnapshot, decisions: &mut Decisions<'_>) -> Metrics {
    let elements = &labeled.elements;
    let mut known = |flow: Flow, element: &Element| {
        ruling(element, flow, Destination::Principal, snapshot, decisions).verdict != Verdict::Deny
    };
    let mut shown = |flow: Flow, label: &Label| elements.of(label).all(|element| known(flow, element));
    let rows = shown(Flow::Row, &labeled.label.rows);
    let mut marker =
        |column: &ColumnLabel| rows && shown(Flow::Direct, &column.direct) && shown(Flow::Indirect, &column.indirect);
    let markers = labeled.markers.iter().map(&mut marker).collect();
    let reading = rows && elements.all().iter().all(|element| known(Flow::Row, element));
    Metrics { rows, markers, reading }
}

/// The tags of a table whose rows are all made by `labeled`: those of `d` and `i` per column, those of `R` on the
/// rows. A column computed from literals alone is public.
fn stored_labels(labeled: &LabeledPlan, table: &TableName, snapshot: &CatalogSnapshot) -> StoredLabels {
    let schema = labeled.bound.plan.schema();
    let columns = labeled.label.columns.iter().zip(schema.fields()).map(|(label, field)| {
        let name: Arc<str> = field.name().as_str().into();
        let place = sluice_model::Origin::column(table, name.clone());
        let mut tags = column_tags(labeled, label, &place, snapshot);
        if label.direct.is_empty() {
            tags.push(propagated(Tag::public(), Flow::Direct, place));
        }
        (name, tags)
    });
    StoredLabels { columns: columns.collect(), rows: row_tags(labeled, table, snapshot) }
}

fn column_tags(
    labeled: &LabeledPlan,
    label: &ColumnLabel,
    place: &sluice_model::Origin,
    snapshot: &CatalogSnapshot,
) -> Vec<StoredTag> {
    let of = |flow: Flow, label: &Label| {
        let elements = labeled.elements.of(label).map(|element| settled(element, place, snapshot));
        elements.map(|element| propagated(element.tag, flow, element.origin)).collect::<Vec<_>>()
    };
    let mut tags = of(Flow::Direct, &label.direct);
    tags.extend(of(Flow::Indirect, &label.indirect));
    tags.dedup();
    tags
}

fn row_tags(labeled: &LabeledPlan, table: &TableName, snapshot: &CatalogSnapshot) -> Vec<StoredTag> {
    let place = sluice_model::Origin::rows(table);
    let rows = labeled.elements.of(&labeled.label.rows).map(|element| settled(element, &place, snapshot));
    let mut tags: Vec<_> = rows.map(|element| propagated(element.tag, Flow::Row, element.origin)).collect();
    tags.sort();
    tags.dedup();
    tags
}

fn propagated(tag: Tag, flow: Flow, origin: sluice_model::Origin) -> StoredTag {
    StoredTag { tag, flow, source: TagSource::Propagated, origin }
}

/// The tags that an existing table takes on from rows that join those it has.
///
/// A tag that flows into a classified column must stand there already, by its very name: a `forbid` may sit on a
/// descendant. The column takes it on with where it came from; one that nobody classified takes on any tag. What decided
/// which rows exist goes onto the rows, and what is on the rows need not be on every column: no column is read without
/// the rows.
fn adopted_labels(
    labeled: &LabeledPlan,
    table: &TableSnapshot,
    surroundings: &Surroundings<'_>,
) -> Result<StoredLabels, PlanError> {
    let snapshot = surroundings.snapshot;
    let mut rows = row_tags(labeled, &table.name, snapshot);
    rows.retain(|new| !table.row_tags.iter().any(|old| old.tag == new.tag && old.origin == new.origin));
    let on_rows =
        |tag: &Tag| rows.iter().any(|row| row.tag == *tag) || table.row_tags.iter().any(|row| row.tag == *tag);
    let (mut columns, mut denials) = (Vec::new(), Vec::new());
    for (label, column) in labeled.label.columns.iter().zip(&table.columns) {
        let name = table.name.column(column.name.clone());
        let own = own_elements(&column.tags, &name.clone().into());
        let is_classified = column.tags.iter().any(|stored| stored.source == TagSource::Set);
        let mut adopted = Vec::new();
        for new in column_tags(labeled, label, &name.clone().into(), snapshot) {
            let element = Element { tag: new.tag.clone(), origin: new.origin.clone() };
            if own.contains(&element) || (new.flow != Flow::Direct && on_rows(&new.tag)) {
                continue;
            }
            // `public` restricts nobody, so a stricter column need not carry it.
            if is_classified && new.tag == Tag::public() {
                continue;
            }
            if is_classified && !column.tags.iter().any(|old| old.tag == new.tag) {
                denials.push(lacking(&name, &new.tag, surroundings));
            } else {
                // With its origin, which a policy may ask for.
                adopted.push(new);
            }
        }
        if !adopted.is_empty() {
            if column.tags.is_empty() {
                // What was here before stays unclassified, whatever joins it.
                adopted.push(propagated(Tag::unclassified(), Flow::Direct, name.into()));
            }
            columns.push((Arc::clone(&column.name), adopted));
        }
    }
    denials.dedup();
    if denials.is_empty() { Ok(StoredLabels { columns, rows }) } else { Err(PlanError::Denied(denials)) }
}

fn lacking(column: &sluice_model::ColumnName, tag: &Tag, surroundings: &Surroundings<'_>) -> Denial {
    Denial {
        kind: DenialKind::Column { column: column.clone(), tag: tag.clone() },
        principal: surroundings.subject.principal.to_string(),
        path: Vec::new(),
        hint: Some(format!("set it first: `SET TAG ON COLUMN {column} {tag}`, or write into another column")),
        policies: Vec::new(),
    }
}
