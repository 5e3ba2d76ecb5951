//! Users, services and groups.

use sluice_model::{Principal, PrincipalKind};

use super::*;

async fn people(home: &Home) {
    let all = [
        (PrincipalKind::User, "bob"),
        (PrincipalKind::Service, "runner"),
        (PrincipalKind::Group, "inner"),
        (PrincipalKind::Group, "outer"),
    ];
    for (kind, name) in all {
        home.catalog.create_principal(&Principal::new(kind, name), "ann").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_held_through_groups() {
    let home = Home::new().await;
    people(&home).await;
    let catalog = &home.catalog;
    catalog.add_member("inner", "bob").await.unwrap();
    catalog.add_member("outer", "inner").await.unwrap();
    catalog.add_member("outer", "inner").await.unwrap();
    let (_, groups) = catalog.groups_of("bob").await.unwrap().unwrap();
    assert_eq!(groups, ["everyone".into(), "inner".into(), "outer".into()] as [Arc<str>; 3]);
    catalog.remove_member("outer", "inner").await.unwrap();
    assert_eq!(catalog.groups_of("bob").await.unwrap().unwrap().1.len(), 2);
    assert_eq!(catalog.groups_of("nobody").await.unwrap(), None);
    let bob = catalog.principals().await.unwrap().into_iter().find(|record| &*record.principal.name == "bob").unwrap();
    assert_eq!(bob.member_of, ["inner".into()] as [Arc<str>; 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cycles_and_wrong_members_are_refused() {
    let home = Home::new().await;
    people(&home).await;
    let catalog = &home.catalog;
    catalog.add_member("outer", "inner").await.unwrap();
    let cycle = |result| assert!(matches!(result, Err(CatalogError::GroupCycle { .. })), "{result:?}");
    cycle(catalog.add_member("inner", "outer").await);
    cycle(catalog.add_member("inner", "inner").await);
    cycle(catalog.add_member("inner", "everyone").await);
    assert!(matches!(catalog.add_member("bob", "inner").await, Err(CatalogError::NotAGroup(_))));
    assert!(matches!(catalog.add_member("everyone", "bob").await, Err(CatalogError::EveryoneFixed)));
    assert!(matches!(catalog.add_member("inner", "zoe").await, Err(CatalogError::PrincipalMissing(_))));
    assert!(matches!(catalog.remove_member("inner", "bob").await, Err(CatalogError::NotAMember { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_the_last_admin_and_the_built_in_groups_stay() {
    let home = Home::new().await;
    people(&home).await;
    let catalog = &home.catalog;
    assert!(matches!(catalog.drop_principal("admins").await, Err(CatalogError::PrincipalBuiltIn(_))));
    assert!(matches!(catalog.drop_principal("ann").await, Err(CatalogError::PrincipalOwns { .. })));
    assert!(matches!(catalog.remove_member("admins", "ann").await, Err(CatalogError::LastAdmin(_))));
    catalog.add_member("admins", "bob").await.unwrap();
    catalog.remove_member("admins", "ann").await.unwrap();
    assert!(matches!(catalog.drop_principal("bob").await, Err(CatalogError::LastAdmin(_))));
    catalog.drop_principal("runner").await.unwrap();
    let taken = catalog.create_principal(&Principal::new(PrincipalKind::User, "inner"), "ann").await;
    assert!(matches!(taken, Err(CatalogError::PrincipalExists(_))));
}
