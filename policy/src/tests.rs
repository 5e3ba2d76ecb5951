//! Scenarios, and what they have in common.

mod checking;
mod domains;
mod grants;
mod memo;
mod roles;
mod slices;

use sluice_model::{Domain, Origin, Principal, PrincipalKind, Subject, TableAction, TableName, Tag, TagAction};

use crate::*;

fn authorizer<'a>(policies: impl IntoIterator<Item = (&'a str, String)>) -> Authorizer {
    Authorizer::new(policies.into_iter().map(|(id, text)| PolicyText { id: id.to_owned(), text })).unwrap()
}

fn subject(name: &str, groups: &[&str]) -> Subject {
    let mut groups: Vec<_> = groups.iter().chain(&[Subject::EVERYONE]).map(|group| (*group).into()).collect();
    groups.sort();
    Subject {
        principal: Principal::new(PrincipalKind::User, name),
        groups,
        domain: Domain::Experiment,
        purpose: "".into(),
    }
}

fn user(name: &str) -> Principal {
    Principal::new(PrincipalKind::User, name)
}

fn group(name: &str) -> Principal {
    Principal::new(PrincipalKind::Group, name)
}

fn tag(name: &str) -> Tag {
    Tag::parse(name).unwrap()
}

fn email() -> Origin {
    Origin::column(&TableName::new("crm", "users"), "email")
}

fn grant_on_tag(principal: Principal, action: TagAction, name: &str) -> String {
    let object = GrantObject::Tag(tag(name));
    GrantSpec { principal, action: GrantAction::Tag(action), object, domain: None }.to_cedar()
}

fn grant_on_table(principal: Principal, action: TableAction, id: &str) -> String {
    let object = GrantObject::Table { id: id.to_owned() };
    GrantSpec { principal, action: GrantAction::Table(action), object, domain: None }.to_cedar()
}

fn grant_on_schema(principal: Principal, action: TableAction, id: &str) -> String {
    let object = GrantObject::Schema { id: id.to_owned() };
    GrantSpec { principal, action: GrantAction::Table(action), object, domain: None }.to_cedar()
}

/// A table of an experiment, owned by nobody.
fn table<'a>(id: &'a str, schema_id: &'a str) -> TableResource<'a> {
    TableResource {
        id,
        schema_id,
        owner: None,
        domain: Domain::Experiment,
        approved_for_experiment: false,
        approved_pipeline: false,
    }
}

/// The actions that `subject` may do with what carries `name`.
fn allowed_on_tag(authorizer: &Authorizer, subject: &Subject, name: &str) -> Vec<TagAction> {
    let mut decisions = Decisions::new(authorizer, subject);
    let (tag, origin) = (tag(name), email());
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    TagAction::ALL.into_iter().filter(|action| decisions.tag(*action, &tag, &ctx).is_allowed()).collect()
}

const TABLE_ACTIONS: [TableAction; 6] = [
    TableAction::See,
    TableAction::Select,
    TableAction::Insert,
    TableAction::Modify,
    TableAction::Create,
    TableAction::Own,
];

/// The actions that `subject` may do with `table`.
fn allowed_on_table(authorizer: &Authorizer, subject: &Subject, table: &TableResource<'_>) -> Vec<TableAction> {
    let mut decisions = Decisions::new(authorizer, subject);
    TABLE_ACTIONS.into_iter().filter(|action| decisions.table(*action, table).is_allowed()).collect()
}
