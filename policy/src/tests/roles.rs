use sluice_model::TableAction::*;

use super::*;

#[test]
fn admins_administer_see_own_and_create_but_do_not_read() {
    let (authorizer, root) = (authorizer([]), subject("root", &[Subject::ADMINS]));
    let mut decisions = Decisions::new(&authorizer, &root);
    assert_eq!(decisions.administer().policies, ["admin.administers"]);
    let schema = SchemaResource { id: "s", domain: Domain::Experiment, approved_pipeline: false };
    for action in [See, Own, Create] {
        assert!(decisions.schema(action, &schema).is_allowed(), "{action}");
    }
    assert_eq!(allowed_on_table(&authorizer, &root, &table("t", "s")), [See, Own]);
    assert_eq!(allowed_on_tag(&authorizer, &root, "public"), []);
}

#[test]
fn owners_hold_everything_but_create_on_their_table_and_nothing_on_others() {
    let (authorizer, alice) = (authorizer([]), subject("alice", &[]));
    let owned = |owner| TableResource { owner, ..table("t", "s") };
    assert_eq!(allowed_on_table(&authorizer, &alice, &owned(Some("alice"))), [See, Select, Insert, Modify, Own]);
    assert_eq!(allowed_on_table(&authorizer, &alice, &owned(Some("bob"))), []);
    assert_eq!(allowed_on_table(&authorizer, &alice, &owned(None)), []);
    assert_eq!(allowed_on_table(&authorizer, &subject("", &[]), &owned(None)), []);

    let service = Subject { principal: Principal::new(PrincipalKind::Service, "runner"), ..alice };
    assert!(allowed_on_table(&authorizer, &service, &owned(Some("runner"))).contains(&Select));
}

#[test]
fn a_forbid_beats_a_permit_and_is_named() {
    let forbid = r#"forbid (principal, action, resource in Tag::"pii") when { context.purpose == "marketing" };"#;
    let authorizer = authorizer([
        ("grant", grant_on_tag(user("alice"), TagAction::Read, "pii")),
        ("no_marketing", forbid.to_owned()),
    ]);
    let (email, origin) = (tag("pii.email"), email());
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };

    let plain = subject("alice", &[]);
    let decision = Decisions::new(&authorizer, &plain).tag(TagAction::Read, &email, &ctx);
    assert_eq!(*decision, Decision { outcome: Outcome::Allow, policies: vec!["grant".to_owned()], errors: false });

    let marketing = Subject { purpose: "marketing".into(), ..plain };
    let decision = Decisions::new(&authorizer, &marketing).tag(TagAction::Read, &email, &ctx);
    assert_eq!(
        *decision,
        Decision { outcome: Outcome::Deny, policies: vec!["no_marketing".to_owned()], errors: false }
    );
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies_what_it_concerns_and_nothing_else() {
    let grant = || grant_on_tag(user("alice"), TagAction::Use, "pii");
    let alice = subject("alice", &[]);
    for effect in ["permit", "forbid"] {
        let erring =
            format!("{effect} (principal, action, resource in Tag::\"pii.email\") when {{ context.nothing }};");
        let authorizer = authorizer([("grant", grant()), ("erring", erring)]);
        let origin = email();
        let ctx = TagContext { origin: &origin, sink: Sink::Principal };
        let mut decisions = Decisions::new(&authorizer, &alice);
        let decision = decisions.tag(TagAction::Use, &tag("pii.email"), &ctx);
        assert_eq!(*decision, Decision { outcome: Outcome::Deny, policies: vec!["erring".to_owned()], errors: true });
        assert!(decisions.tag(TagAction::Use, &tag("pii.name"), &ctx).is_allowed());
    }
}

#[test]
fn conditions_see_every_circumstance() {
    let condition = r#"permit (principal, action == Action::"OFFLOAD", resource) when {
        context.column == "email" && context.table == "users" && context.schema == "crm"
            && context.domain == "experiment" && context.purpose == "test" && context.sink == "executor"
    };"#;
    let authorizer = authorizer([("p", condition.to_owned())]);
    let alice = Subject { purpose: "test".into(), ..subject("alice", &[]) };
    let mut decisions = Decisions::new(&authorizer, &alice);
    let mut allowed = |origin: &Origin, sink| {
        decisions.tag(TagAction::Offload, &tag("pii"), &TagContext { origin, sink }).is_allowed()
    };
    assert!(allowed(&email(), Sink::Executor));
    assert!(!allowed(&email(), Sink::Table));
    let users = TableName::new("crm", "users");
    assert!(!allowed(&Origin::column(&users, "name"), Sink::Executor));
    assert!(!allowed(&Origin::rows(&users), Sink::Executor));
    assert!(!allowed(&Origin::column(&TableName::new("crm", "leads"), "email"), Sink::Executor));
    assert!(!allowed(&Origin::column(&TableName::new("web", "users"), "email"), Sink::Executor));
}

#[test]
fn an_unreadable_stored_policy_leaves_no_authorizer() {
    let stored = |id: &str, text: &str| PolicyText { id: id.to_owned(), text: text.to_owned() };
    let good = stored("good", "permit (principal, action, resource);");
    let error = Authorizer::new([good.clone(), stored("bad", "forbid (principal,\n action resource);")]).unwrap_err();
    assert_eq!(error.to_string(), "the stored policy `bad` cannot be read at line 2, column 9");
    assert_eq!(error.class(), sluice_model::ErrorClass::Bug);
    let slots = stored("slots", "permit (principal == ?principal, action, resource);");
    assert!(matches!(Authorizer::new([slots]), Err(PolicyError::Unreadable { id, .. }) if id == "slots"));
    let twice = Authorizer::new([good.clone(), good]).unwrap_err();
    assert_eq!(twice.to_string(), "the policy id `good` is used twice");
    let shadow = stored("admin.sees", "permit (principal, action, resource);");
    assert!(matches!(Authorizer::new([shadow]), Err(PolicyError::DuplicateId(id)) if id == "admin.sees"));
}
