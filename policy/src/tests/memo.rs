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
