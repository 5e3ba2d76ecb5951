use std::{collections::HashSet, sync::LazyLock};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityUid, PolicySet, Request, RestrictedExpression, Schema};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{request::Action, vocabulary};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| vocabulary::schema().unwrap());

const PRINCIPALS: [&str; 10] = [
    "principal",
    r#"principal == User::"alice""#,
    r#"principal == User::"bob""#,
    r#"principal == Group::"g1""#,
    r#"principal in User::"alice""#,
    r#"principal in Group::"g1""#,
    r#"principal in Group::"g2""#,
    r#"principal in Group::"everyone""#,
    "principal is User",
    r#"principal is Service in Group::"g1""#,
];

const ACTIONS: [&str; 9] = [
    "action",
    r#"action == Action::"READ""#,
    r#"action in Action::"READ""#,
    r#"action == Action::"SELECT""#,
    r#"action in Action::"SELECT""#,
    r#"action in [Action::"INSERT", Action::"USE"]"#,
    r#"action in [Action::"OWN", Action::"MODIFY"]"#,
    r#"action == Action::"ADMINISTER""#,
    r#"action == Action::"UNKNOWN""#,
];

const RESOURCES: [&str; 12] = [
    "resource",
    r#"resource in Tag::"a""#,
    r#"resource == Tag::"a""#,
    r#"resource in Tag::"a.b""#,
    r#"resource in Tag::"d""#,
    "resource is Tag",
    r#"resource is Table in Schema::"s1""#,
    r#"resource in Schema::"s1""#,
    r#"resource == Schema::"s2""#,
    r#"resource == Table::"t1""#,
    "resource is Table",
    r#"resource is Unknown in Tag::"a""#,
];

/// Some of these cannot be evaluated for some requests, or for any.
const CONDITIONS: [&str; 19] = [
    "",
    "",
    "",
    "when { false }",
    r#"when { context.domain == "experiment" }"#,
    r#"unless { context.purpose == "test" }"#,
    r#"when { context.column == "x" }"#,
    r#"when { context has table && context.table == "t" }"#,
    r#"when { context == {domain: "experiment", purpose: "test"} }"#,
    r#"when { context has sink && (if true then context else context).sink == "table" }"#,
    "when { context.approved_pipeline }",
    "unless { context has object_domain && context.object_domain == context.domain }",
    "when { context.nothing }",
    "unless { resource is Table }",
    r#"when { resource.owner == principal.name }"#,
    r#"when { resource has owner && resource.owner == "bob" }"#,
    r#"when { resource in [Tag::"a.b", Schema::"s1"] }"#,
    r#"when { Table::"t1".owner == "alice" }"#,
    r#"when { [resource].contains(Table::"t1") || action in Action::"READ" }"#,
];

fn policy() -> impl Strategy<Value = String> {
    let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid")];
    (effect, select(&PRINCIPALS[..]), select(&ACTIONS[..]), select(&RESOURCES[..]), select(&CONDITIONS[..])).prop_map(
        |(effect, principal, action, resource, condition)| {
            format!("{effect}({principal}, {action}, {resource}) {condition};")
        },
    )
}

#[derive(Debug, Clone)]
enum Ask {
    Tag {
        action: TagAction,
        tag: &'static str,
        column: Option<&'static str>,
        table: &'static str,
        sink: Sink,
    },
    Table {
        action: TableAction,
        place: (&'static str, &'static str),
        owner: Option<&'static str>,
        domain: Domain,
        flags: (bool, bool),
    },
    Schema {
        action: TableAction,
        id: &'static str,
        domain: Domain,
    },
    Administer,
}

fn ask() -> impl Strategy<Value = Ask> {
    let domain = || select(vec![Domain::Experiment, Domain::Production]);
    let tag = (
        select(TagAction::ALL.to_vec()),
        select(vec!["a", "a.b", "a.b.c", "d", "e"]),
        select(vec![None, Some(""), Some("x"), Some("y")]),
        select(vec!["t", "u"]),
        select(vec![Sink::Principal, Sink::Table, Sink::Executor]),
    )
        .prop_map(|(action, tag, column, table, sink)| Ask::Tag { action, tag, column, table, sink });
    let table = (
        select(TABLE_ACTIONS.to_vec()),
        // A table may move from one schema to another between two statements.
        select(vec![("s1", "t1"), ("s2", "t1"), ("s2", "t2"), ("s1", "a")]),
        select(vec![None, Some("alice"), Some("bob")]),
        domain(),
        any::<(bool, bool)>(),
    )
        .prop_map(|(action, place, owner, domain, flags)| Ask::Table { action, place, owner, domain, flags });
    let schema =
        (select(vec![TableAction::See, TableAction::Create, TableAction::Own]), select(vec!["s1", "s2"]), domain())
            .prop_map(|(action, id, domain)| Ask::Schema { action, id, domain });
    prop_oneof![4 => tag, 4 => table, 1 => schema, 1 => Just(Ask::Administer)]
}

fn by_slice(decisions: &mut Decisions<'_>, ask: &Ask) -> Decision {
    let decision = match *ask {
        Ask::Tag { action, tag: name, column, table, sink } => {
            let table = TableName::new("sch", table);
            let origin = column.map_or(Origin::rows(&table), |column| Origin::column(&table, column));
            decisions.tag(action, &tag(name), &TagContext { origin: &origin, sink })
        }
        Ask::Table { action, place, owner, domain, flags: (approved_for_experiment, approved_pipeline) } => {
            let (schema_id, id) = place;
            let table = TableResource { id, schema_id, owner, domain, approved_for_experiment, approved_pipeline };
            decisions.table(action, &table)
        }
        Ask::Schema { action, id, domain } => {
            decisions.schema(action, &SchemaResource { id, domain, approved_pipeline: false })
        }
        Ask::Administer => decisions.administer(),
    };
    (*decision).clone()
}

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().unwrap(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

/// The decision of the whole set, about a request with everything in it.
fn by_whole(policies: &PolicySet, subject: &Subject, ask: &Ask) -> Decision {
    let session = [("domain", text(subject.domain.as_str())), ("purpose", text(&subject.purpose))];
    let flag = RestrictedExpression::new_bool;
    let (action, resource, owner, parents, own) = match *ask {
        Ask::Tag { action, tag: name, column, table, sink } => {
            let context = vec![
                ("column", text(column.unwrap_or(""))),
                ("table", text(table)),
                ("schema", text("sch")),
                ("sink", text(sink.as_str())),
            ];
            let parents = tag(name).ancestors().map(|above| uid("Tag", above.as_str())).collect();
            (Action::Tag(action), uid("Tag", name), None, parents, context)
        }
        Ask::Table { action, place, owner, domain, flags: (approved_for_experiment, approved_pipeline) } => {
            let (schema_id, id) = place;
            let context = vec![
                ("object_domain", text(domain.as_str())),
                ("approved_for_experiment", flag(approved_for_experiment)),
                ("approved_pipeline", flag(approved_pipeline)),
            ];
            (Action::Table(action), uid("Table", id), owner, HashSet::from([uid("Schema", schema_id)]), context)
        }
        Ask::Schema { action, id, domain } => {
            let context = vec![
                ("object_domain", text(domain.as_str())),
                ("approved_for_experiment", flag(false)),
                ("approved_pipeline", flag(false)),
            ];
            (Action::Table(action), uid("Schema", id), None, HashSet::new(), context)
        }
        Ask::Administer => (Action::Administer, uid("Installation", "this"), None, HashSet::new(), vec![]),
    };
    let principal = uid("User", &subject.principal.name);
    let groups = subject.groups.iter().map(|group| uid("Group", group)).collect();
    let name = [("name".to_owned(), text(&subject.principal.name))].into();
    let owner = owner.map(|owner| ("owner".to_owned(), text(owner))).into_iter().collect();
    let entities =
        [Entity::new(principal.clone(), name, groups).unwrap(), Entity::new(resource.clone(), owner, parents).unwrap()];
    let entities = Entities::from_entities(entities, Some(&SCHEMA)).unwrap();
    let pairs = session.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value));
    let context = Context::from_pairs(pairs).unwrap();
    let action = uid("Action", action.as_str());
    let request = Request::new(principal, action, resource, context, Some(&SCHEMA)).unwrap();
    Decision::from(&cedar_policy::Authorizer::new().is_authorized(&request, policies, &entities))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_slice_decides_as_the_whole_would(
        texts in prop::collection::vec(policy(), 0..25),
        asks in prop::collection::vec(ask(), 1..25),
        principals in prop::collection::vec(
            select(vec![("alice", vec!["g1"]), ("alice", vec![]), ("bob", vec![]), ("carol", vec!["g1", "g2"])]), 1..3),
        purposes in prop::collection::vec(select(vec!["", "test"]), 1..3),
        domain in select(vec![Domain::Experiment, Domain::Production]),
        // How much is asked in one statement; what it was answered is known to the next.
        together in 1_usize..25,
    ) {
        let ids: Vec<_> = (0..texts.len()).map(|number| format!("p{number}")).collect();
        let authorizer = authorizer(ids.iter().map(String::as_str).zip(texts.iter().cloned()));
        let mut whole = PolicySet::from_policies(vocabulary::built_in().unwrap()).unwrap();
        for (id, text) in ids.iter().zip(&texts) {
            whole.add(cedar_policy::Policy::parse(Some(cedar_policy::PolicyId::new(id)), text).unwrap()).unwrap();
        }
        for statement in asks.chunks(together) {
            for (principal, purpose) in principals.iter().flat_map(|who| purposes.iter().map(move |what| (who, *what))) {
                let subject = Subject { domain, purpose: purpose.into(), ..subject(principal.0, &principal.1) };
                let mut decisions = Decisions::new(&authorizer, &subject);
                for ask in statement {
                    prop_assert_eq!(by_slice(&mut decisions, ask), by_whole(&whole, &subject, ask), "{:?}", ask);
                }
                prop_assert!(decisions.asked() <= statement.len());
            }
        }
    }
}
