use cedar_policy::{EntityId, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use proptest::prelude::*;
use sluice_model::{TableAction::*, TagAction::*};

use super::*;

#[test]
fn without_a_grant_everything_is_denied() {
    let (authorizer, alice) = (authorizer([]), subject("alice", &[]));
    assert_eq!(allowed_on_tag(&authorizer, &alice, "pii"), []);
    assert_eq!(allowed_on_tag(&authorizer, &alice, "public"), []);
    assert_eq!(allowed_on_table(&authorizer, &alice, &table("t", "s")), []);
    assert!(!Decisions::new(&authorizer, &alice).administer().is_allowed());
}

#[test]
fn read_implies_use_and_process_and_nothing_implies_read() {
    let alice = subject("alice", &[]);
    let check = |granted, expected: &[TagAction]| {
        let authorizer = authorizer([("g", grant_on_tag(user("alice"), granted, "pii"))]);
        assert_eq!(allowed_on_tag(&authorizer, &alice, "pii"), expected, "{granted}");
    };
    check(Read, &[Read, Use, Process]);
    check(Use, &[Use]);
    check(Process, &[Process]);
    check(Offload, &[Offload]);
    check(Classify, &[Classify]);
}

#[test]
fn every_action_on_a_table_implies_seeing_it() {
    let alice = subject("alice", &[]);
    let check = |granted, expected: &[TableAction]| {
        let authorizer = authorizer([("g", grant_on_table(user("alice"), granted, "t"))]);
        assert_eq!(allowed_on_table(&authorizer, &alice, &table("t", "s")), expected, "{granted}");
        assert_eq!(allowed_on_table(&authorizer, &alice, &table("other", "s")), [], "{granted}");
    };
    check(See, &[See]);
    check(Select, &[See, Select]);
    check(Insert, &[See, Insert]);
    check(Modify, &[See, Modify]);
    check(Create, &[See, Create]);
    check(Own, &[See, Own]);
}

#[test]
fn a_grant_on_a_schema_covers_its_tables_and_a_grant_on_a_table_nothing_else() {
    let alice = subject("alice", &[]);
    let schema = SchemaResource { id: "s", domain: Domain::Experiment, approved_pipeline: false };

    let on_schema = authorizer([("g", grant_on_schema(user("alice"), Create, "s"))]);
    assert_eq!(allowed_on_table(&on_schema, &alice, &table("t", "s")), [See, Create]);
    assert_eq!(allowed_on_table(&on_schema, &alice, &table("t", "elsewhere")), []);
    let mut decisions = Decisions::new(&on_schema, &alice);
    assert!(decisions.schema(Create, &schema).is_allowed() && decisions.schema(See, &schema).is_allowed());
    assert!(!decisions.schema(Own, &schema).is_allowed());

    let on_table = authorizer([("g", grant_on_table(user("alice"), Select, "t"))]);
    assert!(!Decisions::new(&on_table, &alice).schema(See, &schema).is_allowed());
}

#[test]
fn an_action_on_tables_alone_is_denied_on_a_schema() {
    let authorizer = authorizer([("g", grant_on_schema(user("alice"), Select, "s"))]);
    let (alice, schema) =
        (subject("alice", &[]), SchemaResource { id: "s", domain: Domain::Experiment, approved_pipeline: false });
    let mut decisions = Decisions::new(&authorizer, &alice);
    assert!(!decisions.schema(Select, &schema).is_allowed());
    assert!(decisions.schema(See, &schema).is_allowed());
}

#[test]
fn a_grant_on_a_tag_covers_the_tags_under_it() {
    let (authorizer, alice) =
        (authorizer([("g", grant_on_tag(user("alice"), Use, "pii.email"))]), subject("alice", &[]));
    assert_eq!(allowed_on_tag(&authorizer, &alice, "pii.email"), [Use]);
    assert_eq!(allowed_on_tag(&authorizer, &alice, "pii.email.work.old"), [Use]);
    assert_eq!(allowed_on_tag(&authorizer, &alice, "pii"), []);
    assert_eq!(allowed_on_tag(&authorizer, &alice, "pii.emails"), []);
}

#[test]
fn a_grant_to_a_group_covers_its_members_and_nobody_of_the_same_name() {
    let authorizer = authorizer([("g", grant_on_tag(group("fraud"), Use, "pii"))]);
    assert_eq!(allowed_on_tag(&authorizer, &subject("alice", &["fraud"]), "pii"), [Use]);
    assert_eq!(allowed_on_tag(&authorizer, &subject("alice", &["sales"]), "pii"), []);
    assert_eq!(allowed_on_tag(&authorizer, &subject("fraud", &[]), "pii"), []);
}

#[test]
fn a_grant_to_a_service_is_not_one_to_a_user() {
    let runner = Principal::new(PrincipalKind::Service, "runner");
    let authorizer = authorizer([("g", grant_on_tag(runner.clone(), Process, "pii"))]);
    let service = Subject { principal: runner, ..subject("runner", &[]) };
    assert_eq!(allowed_on_tag(&authorizer, &service, "pii"), [Process]);
    assert_eq!(allowed_on_tag(&authorizer, &subject("runner", &[]), "pii"), []);
}

#[test]
fn a_grant_in_a_domain_counts_in_sessions_of_that_domain() {
    let spec = |action, object| {
        GrantSpec { principal: user("alice"), action, object, domain: Some(Domain::Production) }.to_cedar()
    };
    let authorizer = authorizer([
        ("tag", spec(GrantAction::Tag(Use), GrantObject::Tag(tag("pii")))),
        ("table", spec(GrantAction::Table(Select), GrantObject::Table { id: "t".to_owned() })),
    ]);
    let experiment = subject("alice", &[]);
    let production = Subject { domain: Domain::Production, ..experiment.clone() };
    let granted = TableResource { domain: Domain::Production, approved_for_experiment: true, ..table("t", "s") };
    assert_eq!(allowed_on_tag(&authorizer, &production, "pii"), [Use]);
    assert_eq!(allowed_on_tag(&authorizer, &experiment, "pii"), []);
    assert_eq!(allowed_on_table(&authorizer, &production, &granted), [See, Select]);
    assert_eq!(allowed_on_table(&authorizer, &experiment, &granted), []);
}

#[test]
fn grants_read_like_the_statements_that_they_come_from() {
    let runner = Principal::new(PrincipalKind::Service, "runner");
    let on_tag = GrantSpec {
        principal: group("analysts"),
        action: GrantAction::Tag(Read),
        object: GrantObject::Tag(tag("pii")),
        domain: Some(Domain::Experiment),
    };
    assert_eq!(
        on_tag.to_cedar(),
        concat!(
            r#"permit(principal in Group::"analysts", action in Action::"READ", resource in Tag::"pii")"#,
            r#" when { context.domain == "experiment" };"#
        )
    );
    assert_eq!(
        grant_on_schema(user("alice"), Create, "1"),
        r#"permit(principal == User::"alice", action in Action::"CREATE", resource in Schema::"1");"#
    );
    assert_eq!(
        grant_on_table(runner, Select, "2"),
        r#"permit(principal == Service::"runner", action in Action::"SELECT", resource == Table::"2");"#
    );
}

/// The grant on a table called `object` to the user called `name` is about these two exactly.
fn check_names(name: &str, object: &str) {
    let text = grant_on_table(user(name), Select, object);
    let policy = Policy::parse(None, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let uid =
        |kind: &str, id| EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>().unwrap(), EntityId::new(id));
    assert_eq!(policy.principal_constraint(), PrincipalConstraint::Eq(uid("User", name)), "{text}");
    assert_eq!(policy.resource_constraint(), ResourceConstraint::Eq(uid("Table", object)), "{text}");
    assert!(text.contains(&uid("User", name).to_string()), "{text}");
    assert!(!policy.has_non_scope_constraint());
    validate(&text).unwrap();
}

#[test]
fn hostile_names_do_not_escape_their_literal() {
    let hostile = [
        "\"",
        "\\",
        "\\\"",
        "a\"); permit(principal, action, resource); //",
        "x\ny",
        "\r\t\0",
        "größe",
        "\u{301}e",
        "\u{202e}evil",
        "\u{7f}\u{85}\u{2028}",
        "🦀",
        "'",
        "*",
        "${x}",
        "\\u{22}",
        "User::\"root\"",
        "",
    ];
    for name in hostile {
        check_names(name, "t");
        check_names("alice", name);
        let (authorizer, mallory) = (authorizer([("g", grant_on_table(user(name), Select, "t"))]), subject(name, &[]));
        assert_eq!(allowed_on_table(&authorizer, &mallory, &table("t", "s")), [See, Select], "{name:?}");
        assert_eq!(allowed_on_table(&authorizer, &subject("alice", &[]), &table("t", "s")), [], "{name:?}");
    }
}

proptest! {
    #[test]
    fn no_name_escapes_its_literal(name in any::<String>(), object in any::<String>()) {
        check_names(&name, &object);
    }
}
