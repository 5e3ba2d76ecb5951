use std::sync::Arc;

use super::*;

fn columns(count: usize) -> Vec<Origin> {
    let wide = TableName::new("crm", "wide");
    (0..count).map(|number| Origin::column(&wide, format!("c{number}"))).collect()
}

#[test]
fn columns_under_one_tag_are_asked_about_once() {
    let authorizer = authorizer([
        ("grant", grant_on_tag(user("alice"), TagAction::Read, "pii")),
        ("elsewhere", r#"forbid (principal, action, resource in Tag::"geo") when { context.column == "c7" };"#.into()),
    ]);
    let alice = subject("alice", &[]);
    let mut decisions = Decisions::new(&authorizer, &alice);
    for origin in &columns(250) {
        let ctx = TagContext { origin, sink: Sink::Principal };
        assert!(decisions.tag(TagAction::Read, &tag("pii.email"), &ctx).is_allowed());
    }
    assert_eq!(decisions.asked(), 1);
}

#[test]
fn columns_are_told_apart_once_a_policy_for_their_tag_mentions_them() {
    let authorizer = authorizer([
        ("grant", grant_on_tag(user("alice"), TagAction::Read, "pii")),
        ("not_7", r#"forbid (principal, action, resource in Tag::"pii") when { context.column == "c7" };"#.into()),
    ]);
    let alice = subject("alice", &[]);
    let mut decisions = Decisions::new(&authorizer, &alice);
    for _ in 0..2 {
        for (number, origin) in columns(250).iter().enumerate() {
            let ctx = TagContext { origin, sink: Sink::Principal };
            let decision = decisions.tag(TagAction::Read, &tag("pii.email"), &ctx);
            assert_eq!(decision.is_allowed(), number != 7);
        }
    }
    assert_eq!(decisions.asked(), 250);
}

#[test]
fn tags_and_tables_that_are_granted_alike_are_asked_about_once() {
    let authorizer = authorizer([
        ("tag", grant_on_tag(user("alice"), TagAction::Read, "pii")),
        ("schema", grant_on_schema(user("alice"), TableAction::Select, "s")),
        ("table", grant_on_table(user("alice"), TableAction::Select, "t1")),
    ]);
    let alice = subject("alice", &[]);
    let mut decisions = Decisions::new(&authorizer, &alice);
    let origin = email();
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    for name in ["pii", "pii.email", "pii.email.work"] {
        assert_eq!(decisions.tag(TagAction::Read, &tag(name), &ctx).policies, ["tag"]);
    }
    assert_eq!(decisions.asked(), 1);
    for id in ["t2", "t3", "t2"] {
        assert_eq!(decisions.table(TableAction::Select, &table(id, "s")).policies, ["schema"]);
    }
    assert_eq!(decisions.asked(), 2);
    assert_eq!(decisions.table(TableAction::Select, &table("t1", "s")).policies, ["schema", "table"]);
    let owned = TableResource { owner: Some("alice"), ..table("t2", "s") };
    assert_eq!(decisions.table(TableAction::Select, &owned).policies, ["owner.holds_table", "schema"]);
    assert_eq!(decisions.asked(), 4);
}

#[test]
fn a_repeated_request_shares_the_answer() {
    let authorizer = authorizer([("grant", grant_on_tag(user("alice"), TagAction::Read, "pii"))]);
    let alice = subject("alice", &[]);
    let mut decisions = Decisions::new(&authorizer, &alice);
    let origin = email();
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    let first = decisions.tag(TagAction::Use, &tag("pii"), &ctx);
    assert!(Arc::ptr_eq(&first, &decisions.tag(TagAction::Use, &tag("pii"), &ctx)));
    assert_eq!(decisions.asked(), 1);
}

#[test]
fn the_next_statement_of_the_same_subject_knows_the_answers() {
    let authorizer = authorizer([
        ("grant", grant_on_tag(user("alice"), TagAction::Use, "pii")),
        ("group", grant_on_tag(group("auditors"), TagAction::Read, "pii")),
        ("purpose", r#"forbid (principal, action, resource) when { context.purpose == "ads" };"#.into()),
    ]);
    let alice = subject("alice", &[]);
    let origin = email();
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    let ask = |subject: &Subject, action| {
        let mut decisions = Decisions::new(&authorizer, subject);
        let allowed = decisions.tag(action, &tag("pii"), &ctx).is_allowed();
        (allowed, decisions.asked())
    };
    assert_eq!(ask(&alice, TagAction::Use), (true, 1));
    assert_eq!(ask(&alice, TagAction::Use), (true, 0));
    assert_eq!(ask(&alice, TagAction::Read), (false, 1));
    // Whoever differs in anything is another subject.
    let auditor = subject("alice", &["auditors"]);
    let for_ads = Subject { purpose: "ads".into(), ..alice.clone() };
    let in_production = Subject { domain: Domain::Production, ..alice.clone() };
    assert_eq!(ask(&auditor, TagAction::Read), (true, 1));
    assert_eq!(ask(&for_ads, TagAction::Use), (false, 1));
    assert_eq!(ask(&in_production, TagAction::Use).1, 1);
    assert_eq!(ask(&subject("bob", &[]), TagAction::Use), (false, 1));
    assert_eq!(ask(&alice, TagAction::Use), (true, 0));
    // Of two statements at the same time one starts with what is known, the other with nothing.
    let mut first = Decisions::new(&authorizer, &alice);
    let mut second = Decisions::new(&authorizer, &alice);
    for decisions in [&mut first, &mut second] {
        assert!(decisions.tag(TagAction::Use, &tag("pii"), &ctx).is_allowed());
    }
    assert_eq!((first.asked(), second.asked()), (0, 1));
}

#[test]
fn a_table_that_has_moved_is_another_one_to_policies_that_look_where_it_lies() {
    let in_condition = |name: &str| {
        format!(r#"permit (principal, action == Action::"SELECT", resource) when {{ {name} in Schema::"s1" }};"#)
    };
    for policy in [in_condition("resource"), in_condition(r#"Table::"t""#)] {
        let authorizer = authorizer([("inside", policy.clone())]);
        let alice = subject("alice", &[]);
        let may_select = |within| {
            let mut decisions = Decisions::new(&authorizer, &alice);
            decisions.table(TableAction::Select, &table("t", within)).is_allowed()
        };
        assert!(may_select("s1"), "{policy}");
        assert!(!may_select("s2"), "{policy}");
        assert!(may_select("s1"), "{policy}");
    }
}

#[test]
fn what_could_not_be_evaluated_is_asked_again() {
    let authorizer = authorizer([
        ("grant", grant_on_tag(user("alice"), TagAction::Read, "pii")),
        ("broken", r#"permit (principal, action, resource in Tag::"pii.email") when { context.nothing };"#.into()),
    ]);
    let alice = subject("alice", &[]);
    let origin = email();
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    for _ in 0..2 {
        let mut decisions = Decisions::new(&authorizer, &alice);
        for _ in 0..2 {
            assert!(decisions.tag(TagAction::Read, &tag("pii"), &ctx).is_allowed());
            assert!(decisions.tag(TagAction::Read, &tag("pii.email"), &ctx).errors);
        }
        assert_eq!(decisions.asked(), 2);
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let authorizer = authorizer([("grant", grant_on_tag(user("alice"), TagAction::Read, "pii"))]);
    let alice = subject("alice", &[]);
    let origin = email();
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    // Asks about one tag that is granted, and about `others` that no policy concerns, which are remembered as well.
    let asked = |subject: &Subject, others: usize| {
        let mut decisions = Decisions::new(&authorizer, subject);
        assert!(decisions.tag(TagAction::Read, &tag("pii"), &ctx).is_allowed());
        for number in 0..others {
            assert!(!decisions.tag(TagAction::Read, &tag(&format!("other{number}")), &ctx).is_allowed());
        }
        decisions.asked()
    };
    assert_eq!(asked(&alice, 3000), 1);
    assert_eq!(asked(&alice, 3000), 0);
    // This is more than a statement leaves.
    assert_eq!(asked(&alice, 5000), 0);
    assert_eq!(asked(&alice, 3000), 1);
    assert_eq!(asked(&alice, 0), 0);
    // Nor is there room for the longest purposes.
    let verbose = Subject { purpose: "x".repeat(5000).into(), ..alice.clone() };
    assert_eq!((asked(&verbose, 0), asked(&verbose, 0)), (1, 1));
    // Others need the room in the end.
    for number in 0..25 {
        let purpose = Subject { purpose: number.to_string().into(), ..alice.clone() };
        assert_eq!(asked(&purpose, 3000), 1);
    }
    assert_eq!(asked(&alice, 0), 1);
}

#[test]
fn what_no_policy_concerns_is_denied_without_asking() {
    let (authorizer, alice) = (authorizer([]), subject("alice", &[]));
    let mut decisions = Decisions::new(&authorizer, &alice);
    let origin = email();
    let ctx = TagContext { origin: &origin, sink: Sink::Principal };
    assert_eq!(*decisions.tag(TagAction::Read, &tag("pii"), &ctx), Decision::unmatched());
    assert_eq!(decisions.asked(), 0);
}

#[test]
fn policies_are_shared_between_threads_and_decisions_move_with_their_statement() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Authorizer>();
    is_shared::<Decisions<'_>>();
}
