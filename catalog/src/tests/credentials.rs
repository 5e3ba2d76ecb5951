//! Tokens and passwords.

use sluice_model::{Digest, Principal, PrincipalKind};

use super::*;

async fn home() -> Home {
    let home = Home::new().await;
    for (kind, name) in [(PrincipalKind::User, "bob"), (PrincipalKind::Service, "runner"), (PrincipalKind::Group, "g")]
    {
        home.catalog.create_principal(&Principal::new(kind, name), "ann").await.unwrap();
    }
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_by_its_digest_until_it_is_dropped() {
    let home = home().await;
    let catalog = &home.catalog;
    let digest = Digest::of(b"slc_1");
    let before = catalog.epoch().await.unwrap();
    let id = catalog.create_token("bob", &digest, 9_000, "ann").await.unwrap();
    assert_eq!(catalog.epoch().await.unwrap(), before + 1);
    let record = catalog.token_by_digest(&digest).await.unwrap().unwrap();
    assert_eq!((&*record.principal, &*record.created_by, record.expires_at_ms), ("bob", "ann", 9_000));
    assert_eq!(record.id, id);
    assert_eq!(catalog.token(&id).await.unwrap(), Some(record.clone()));
    assert_eq!(catalog.token_by_digest(&Digest::of(b"slc_2")).await.unwrap(), None);
    let other = catalog.create_token("runner", &Digest::of(b"slc_3"), 9_000, "runner").await.unwrap();
    assert_eq!(catalog.tokens(None).await.unwrap().len(), 2);
    assert_eq!(catalog.tokens(Some("bob")).await.unwrap(), [record]);
    let before = catalog.epoch().await.unwrap();
    catalog.drop_token(&id).await.unwrap();
    assert_eq!(catalog.epoch().await.unwrap(), before + 1);
    assert_eq!(catalog.token_by_digest(&digest).await.unwrap(), None);
    assert!(matches!(catalog.drop_token(&id).await, Err(CatalogError::TokenMissing(_))));
    assert!(catalog.token(&other).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_one_for_each_and_can_be_taken_away() {
    let home = home().await;
    let catalog = &home.catalog;
    assert_eq!(catalog.password_hash("bob").await.unwrap(), None);
    let before = catalog.epoch().await.unwrap();
    catalog.set_password("bob", "$argon2id$1", "ann").await.unwrap();
    catalog.set_password("bob", "$argon2id$2", "bob").await.unwrap();
    assert_eq!(catalog.epoch().await.unwrap(), before + 2);
    assert_eq!(catalog.password_hash("bob").await.unwrap().as_deref(), Some("$argon2id$2"));
    catalog.drop_password("bob").await.unwrap();
    assert_eq!(catalog.epoch().await.unwrap(), before + 3);
    assert_eq!(catalog.password_hash("bob").await.unwrap(), None);
    assert!(matches!(catalog.drop_password("bob").await, Err(CatalogError::PasswordMissing(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_users_and_services_have_credentials_and_they_go_with_them() {
    let home = home().await;
    let catalog = &home.catalog;
    let digest = Digest::of(b"slc_1");
    assert!(matches!(catalog.create_token("g", &digest, 1, "ann").await, Err(CatalogError::GroupCredential(_))));
    assert!(matches!(catalog.set_password("g", "$x", "ann").await, Err(CatalogError::GroupCredential(_))));
    assert!(matches!(catalog.create_token("zoe", &digest, 1, "ann").await, Err(CatalogError::PrincipalMissing(_))));
    assert!(matches!(catalog.set_password("zoe", "$x", "ann").await, Err(CatalogError::PrincipalMissing(_))));
    catalog.create_token("bob", &digest, 1, "ann").await.unwrap();
    catalog.set_password("bob", "$x", "ann").await.unwrap();
    catalog.drop_principal("bob").await.unwrap();
    catalog.create_principal(&Principal::new(PrincipalKind::User, "bob"), "ann").await.unwrap();
    assert_eq!(catalog.token_by_digest(&digest).await.unwrap(), None);
    assert_eq!(catalog.password_hash("bob").await.unwrap(), None);
}
