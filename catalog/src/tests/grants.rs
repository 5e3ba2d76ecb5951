//! Grants and policies.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_counts_once_and_its_domain_is_part_of_it() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let catalog = &home.catalog;
    let grant = Grant {
        principal: "admins".into(),
        action: "USE".into(),
        object: GrantObject::Tag(tag("pii")),
        domain: Some(Domain::Experiment),
    };
    assert!(catalog.add_grant(&grant, "permit(1);", "ann").await.unwrap());
    let epoch = catalog.epoch().await.unwrap();
    assert!(!catalog.add_grant(&grant, "permit(2);", "ann").await.unwrap());
    assert_eq!(catalog.epoch().await.unwrap(), epoch);
    let filter = GrantFilter { principal: Some("admins".into()), object: Some(grant.object.clone()) };
    let listed = catalog.grants(&filter).await.unwrap();
    assert_eq!((listed.len(), &listed[0].grant, &*listed[0].cedar), (1, &grant, "permit(1);"));
    assert!(!catalog.revoke_grant(&Grant { domain: None, ..grant.clone() }).await.unwrap());
    assert!(catalog.revoke_grant(&grant).await.unwrap());
    assert!(!catalog.revoke_grant(&grant).await.unwrap());
    let id = listed[0].id.clone();
    catalog.add_grant(&grant, "permit(1);", "ann").await.unwrap();
    assert_ne!(catalog.grants(&filter).await.unwrap()[0].id, id, "an id in the audit stands for one grant for ever");
    let unknown = Grant { object: GrantObject::Tag(tag("nope")), ..grant.clone() };
    assert!(matches!(catalog.add_grant(&unknown, "", "ann").await, Err(CatalogError::TagMissing { .. })));
    let unknown = Grant { principal: "zoe".into(), ..grant };
    assert!(matches!(catalog.add_grant(&unknown, "", "ann").await, Err(CatalogError::PrincipalMissing(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_policy_is_given_to_the_authorizer() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    catalog.create_policy("night", "forbid(...);", "ann").await.unwrap();
    assert!(matches!(catalog.create_policy("night", "", "ann").await, Err(CatalogError::PolicyExists(_))));
    let schema = catalog.schema(&SchemaName::new("crm")).await.unwrap().unwrap();
    let on_schema = Grant {
        principal: "ann".into(),
        action: "SELECT".into(),
        object: GrantObject::Schema(schema.id),
        domain: None,
    };
    catalog.add_grant(&on_schema, "permit(schema);", "ann").await.unwrap();
    let (epoch, texts) = catalog.policy_texts().await.unwrap();
    assert_eq!(epoch, catalog.epoch().await.unwrap());
    let mut ids: Vec<_> = texts.iter().map(|policy| (policy.id.as_str(), policy.text.as_str())).collect();
    ids.sort_unstable();
    assert_eq!(ids, [("grant:1", "permit(...);"), ("grant:2", "permit(schema);"), ("policy:night", "forbid(...);")]);
    assert_eq!(catalog.policies().await.unwrap()[0].text, "forbid(...);");
    catalog.drop_policy("night").await.unwrap();
    assert!(matches!(catalog.drop_policy("night").await, Err(CatalogError::PolicyMissing(_))));
    catalog.drop_schema(&SchemaName::new("crm"), true).await.unwrap();
    assert_eq!(catalog.policy_texts().await.unwrap().1.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_version_follows_grants_wherever_they_go() {
    let home = Home::new().await;
    let catalog = &home.catalog;
    let table = home.table("t", view(""), &["a"]).await;
    let start = catalog.policy_version().await.unwrap();
    home.declare(&["pii"]).await;
    assert_eq!(catalog.policy_version().await.unwrap(), start);
    let object = GrantObject::Table(table.id.clone());
    let grant = Grant { principal: "admins".into(), action: "SELECT".into(), object, domain: None };
    catalog.add_grant(&grant, "permit(...);", "ann").await.unwrap();
    assert_eq!(catalog.policy_version().await.unwrap(), start + 1);
    catalog.drop_table(&table.name).await.unwrap();
    assert_eq!(catalog.policy_version().await.unwrap(), start + 2);
}
