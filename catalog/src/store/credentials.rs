//! What users and services get in by: digests of access tokens, hashes of passwords.

use std::sync::Arc;

use sluice_model::{Digest, PrincipalKind};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::{Catalog, Result, now_ms, principals};
use crate::CatalogError;

/// An access token as the catalog has it on record: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// What it is called by. Knowing it lets nobody in.
    pub id: Arc<str>,
    /// Who gets in by it.
    pub principal: Arc<str>,
    /// Who made it.
    pub created_by: Arc<str>,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created_at_ms: i64,
    /// From when on it is worth nothing, in milliseconds since 1970 (UTC).
    pub expires_at_ms: i64,
}

#[derive(FromRow)]
struct Row {
    id: String,
    principal: String,
    created_by: String,
    created_at: i64,
    expires_at: i64,
}

impl From<Row> for TokenRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            principal: row.principal.into(),
            created_by: row.created_by.into(),
            created_at_ms: row.created_at,
            expires_at_ms: row.expires_at,
        }
    }
}

impl Catalog {
    /// Remembers a token of `principal` by its digest until `expires_at_ms`, and answers its id.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::GroupCredential`].
    pub async fn create_token(
        &self,
        principal: &str,
        digest: &Digest,
        expires_at_ms: i64,
        by: &str,
    ) -> Result<Arc<str>> {
        let mut edit = self.edit().await?;
        let key = find_holder(&mut edit, principal).await?;
        let id = Uuid::now_v7().to_string();
        query(
            "INSERT INTO access_token (id, principal_key, digest, created_by, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&id)
        .bind(key)
        .bind(digest.to_string())
        .bind(by)
        .bind(now_ms())
        .bind(expires_at_ms)
        .execute(&mut *edit)
        .await?;
        edit.commit().await?;
        Ok(id.into())
    }

    /// The token whose digest is `digest`, expired or not. One look-up in an index, whether or not there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn token_by_digest(&self, digest: &Digest) -> Result<Option<TokenRecord>> {
        let row: Option<Row> = query_as(
            "SELECT t.id, p.name AS principal, t.created_by, t.created_at, t.expires_at
             FROM access_token t JOIN principal p ON p.key = t.principal_key WHERE t.digest = ?",
        )
        .bind(digest.to_string())
        .fetch_optional(self.readers())
        .await?;
        Ok(row.map(TokenRecord::from))
    }

    /// The token called `id`, expired or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn token(&self, id: &str) -> Result<Option<TokenRecord>> {
        let row: Option<Row> = query_as(
            "SELECT t.id, p.name AS principal, t.created_by, t.created_at, t.expires_at
             FROM access_token t JOIN principal p ON p.key = t.principal_key WHERE t.id = ?",
        )
        .bind(id)
        .fetch_optional(self.readers())
        .await?;
        Ok(row.map(TokenRecord::from))
    }

    /// The tokens of `principal`, or everybody's, by principal and age; expired ones stay until they are dropped.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tokens(&self, principal: Option<&str>) -> Result<Vec<TokenRecord>> {
        let rows: Vec<Row> = query_as(
            "SELECT t.id, p.name AS principal, t.created_by, t.created_at, t.expires_at
             FROM access_token t JOIN principal p ON p.key = t.principal_key
             WHERE ?1 IS NULL OR p.name = ?1 ORDER BY p.name, t.key",
        )
        .bind(principal)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(TokenRecord::from).collect())
    }

    /// Forgets a token: nobody gets in by it any more.
    ///
    /// # Errors
    /// [`CatalogError::TokenMissing`].
    pub async fn drop_token(&self, id: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let removed = query("DELETE FROM access_token WHERE id = ?").bind(id).execute(&mut *edit).await?;
        if removed.rows_affected() == 0 {
            return Err(CatalogError::TokenMissing(id.into()));
        }
        edit.commit().await
    }

    /// Sets the password of `principal`, in place of the one before, to what hashes to `hash`, a text in PHC form.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::GroupCredential`].
    pub async fn set_password(&self, principal: &str, hash: &str, by: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let key = find_holder(&mut edit, principal).await?;
        query(
            "INSERT INTO password (principal_key, hash, set_by, set_at) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET hash = excluded.hash, set_by = excluded.set_by, set_at = excluded.set_at",
        )
        .bind(key)
        .bind(hash)
        .bind(by)
        .bind(now_ms())
        .execute(&mut *edit)
        .await?;
        edit.commit().await
    }

    /// Takes the password of `principal` away.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::PasswordMissing`].
    pub async fn drop_password(&self, principal: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let (key, _) = principals::find(&mut edit, principal).await?;
        let removed = query("DELETE FROM password WHERE principal_key = ?").bind(key).execute(&mut *edit).await?;
        if removed.rows_affected() == 0 {
            return Err(CatalogError::PasswordMissing(principal.into()));
        }
        edit.commit().await
    }

    /// What the password of `principal` hashes to, if it is there and has one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn password_hash(&self, principal: &str) -> Result<Option<String>> {
        Ok(query_scalar("SELECT w.hash FROM password w JOIN principal p ON p.key = w.principal_key WHERE p.name = ?")
            .bind(principal)
            .fetch_optional(self.readers())
            .await?)
    }
}

/// The key of a principal that can get in by itself.
async fn find_holder(connection: &mut SqliteConnection, name: &str) -> Result<i64> {
    match principals::find(connection, name).await? {
        (key, PrincipalKind::User | PrincipalKind::Service) => Ok(key),
        (_, PrincipalKind::Group) => Err(CatalogError::GroupCredential(name.into())),
    }
}
