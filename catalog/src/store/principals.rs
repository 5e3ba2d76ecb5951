//! Users, services and groups.

use std::{collections::HashMap, sync::Arc};

use sluice_model::{Principal, PrincipalKind, Subject};
use sqlx::{SqliteConnection, query, query_as, query_scalar};

use super::{Catalog, Result, now_ms};
use crate::CatalogError;

/// A principal as the catalog has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// The principal.
    pub principal: Principal,
    /// The groups that it was put in, by name; not those that come with them, and not `everyone`.
    pub member_of: Vec<Arc<str>>,
    /// Who made it.
    pub created_by: Arc<str>,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created_at_ms: i64,
}

impl Catalog {
    /// Makes a user, service or group.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalExists`].
    pub async fn create_principal(&self, principal: &Principal, by: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let inserted = query(
            "INSERT INTO principal (name, kind, created_by, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(&*principal.name)
        .bind(principal.kind.as_str())
        .bind(by)
        .bind(now_ms())
        .execute(&mut *edit)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(CatalogError::PrincipalExists(principal.name.clone()));
        }
        edit.commit().await
    }

    /// Removes a principal with its memberships, its credentials and the grants to it.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::PrincipalBuiltIn`], [`CatalogError::LastAdmin`], and
    /// [`CatalogError::PrincipalOwns`]: a later principal of the same name would own what it left.
    pub async fn drop_principal(&self, name: &str) -> Result<()> {
        if [Subject::ADMINS, Subject::EVERYONE].contains(&name) {
            return Err(CatalogError::PrincipalBuiltIn(name.into()));
        }
        let mut edit = self.edit().await?;
        let (key, _) = find(&mut edit, name).await?;
        if let Some(object) = anything_owned(&mut edit, name).await? {
            return Err(CatalogError::PrincipalOwns { principal: name.into(), object });
        }
        if is_last_admin(&mut edit, key).await? {
            return Err(CatalogError::LastAdmin(name.into()));
        }
        query("DELETE FROM principal WHERE key = ?").bind(key).execute(&mut *edit).await?;
        edit.commit().await
    }

    /// Puts `member` in `group`. Putting it there again changes nothing.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::NotAGroup`], [`CatalogError::GroupCycle`],
    /// [`CatalogError::EveryoneFixed`].
    pub async fn add_member(&self, group: &str, member: &str) -> Result<()> {
        if group == Subject::EVERYONE {
            return Err(CatalogError::EveryoneFixed);
        }
        let mut edit = self.edit().await?;
        let group_key = find_group(&mut edit, group).await?;
        let (member_key, _) = find(&mut edit, member).await?;
        let cycle: bool = query_scalar(
            "WITH RECURSIVE above (key) AS (
                 VALUES (?1) UNION SELECT m.group_key FROM membership m JOIN above a ON a.key = m.member_key)
             SELECT EXISTS (SELECT 1 FROM above WHERE key = ?2)",
        )
        .bind(group_key)
        .bind(member_key)
        .fetch_one(&mut *edit)
        .await?;
        // `everyone` holds every group already, whether or not a row says so.
        if cycle || member == Subject::EVERYONE {
            return Err(CatalogError::GroupCycle { group: group.into(), member: member.into() });
        }
        query("INSERT INTO membership (member_key, group_key) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(member_key)
            .bind(group_key)
            .execute(&mut *edit)
            .await?;
        edit.commit().await
    }

    /// Takes `member` out of `group`.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::NotAGroup`], [`CatalogError::NotAMember`],
    /// [`CatalogError::LastAdmin`], [`CatalogError::EveryoneFixed`].
    pub async fn remove_member(&self, group: &str, member: &str) -> Result<()> {
        if group == Subject::EVERYONE {
            return Err(CatalogError::EveryoneFixed);
        }
        let mut edit = self.edit().await?;
        let group_key = find_group(&mut edit, group).await?;
        let (member_key, _) = find(&mut edit, member).await?;
        if group == Subject::ADMINS && is_last_admin(&mut edit, member_key).await? {
            return Err(CatalogError::LastAdmin(member.into()));
        }
        let removed = query("DELETE FROM membership WHERE member_key = ? AND group_key = ?")
            .bind(member_key)
            .bind(group_key)
            .execute(&mut *edit)
            .await?;
        if removed.rows_affected() == 0 {
            return Err(CatalogError::NotAMember { group: group.into(), member: member.into() });
        }
        edit.commit().await
    }

    /// The principal `name`, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn principal(&self, name: &str) -> Result<Option<Principal>> {
        let kind: Option<String> =
            query_scalar("SELECT kind FROM principal WHERE name = ?").bind(name).fetch_optional(self.readers()).await?;
        kind.map(|kind| Ok(Principal::new(parse_kind(&kind)?, name))).transpose()
    }

    /// The principal `name` with every group that it is in, directly or through other groups, `everyone` included:
    /// sorted, as a [`Subject`] has them. `None` if there is no such principal.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn groups_of(&self, name: &str) -> Result<Option<(Principal, Vec<Arc<str>>)>> {
        let rows: Vec<(String, String)> = query_as(
            "WITH RECURSIVE above (key) AS (
                 SELECT key FROM principal WHERE name = ?1
                 UNION SELECT m.group_key FROM membership m JOIN above a ON a.key = m.member_key)
             SELECT p.name, p.kind FROM above JOIN principal p ON p.key = above.key",
        )
        .bind(name)
        .fetch_all(self.readers())
        .await?;
        let Some((_, kind)) = rows.iter().find(|(found, _)| found == name) else { return Ok(None) };
        let principal = Principal::new(parse_kind(kind)?, name);
        let mut groups: Vec<Arc<str>> =
            rows.iter().filter(|(found, _)| found != name).map(|(group, _)| group.as_str().into()).collect();
        groups.push(Subject::EVERYONE.into());
        groups.sort_unstable();
        groups.dedup();
        Ok(Some((principal, groups)))
    }

    /// Every principal, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn principals(&self) -> Result<Vec<PrincipalRecord>> {
        let mut reading = self.begin_read().await?;
        let rows: Vec<(i64, String, String, String, i64)> =
            query_as("SELECT key, name, kind, created_by, created_at FROM principal ORDER BY name")
                .fetch_all(&mut *reading)
                .await?;
        let memberships: Vec<(i64, String)> = query_as(
            "SELECT m.member_key, g.name FROM membership m JOIN principal g ON g.key = m.group_key ORDER BY g.name",
        )
        .fetch_all(&mut *reading)
        .await?;
        let mut member_of: HashMap<i64, Vec<Arc<str>>> = HashMap::new();
        for (member, group) in memberships {
            member_of.entry(member).or_default().push(group.into());
        }
        rows.into_iter()
            .map(|(key, name, kind, created_by, created_at_ms)| {
                Ok(PrincipalRecord {
                    principal: Principal::new(parse_kind(&kind)?, name),
                    member_of: member_of.remove(&key).unwrap_or_default(),
                    created_by: created_by.into(),
                    created_at_ms,
                })
            })
            .collect()
    }
}

/// The key and kind of the principal `name`, which the caller says is there.
pub(super) async fn find(connection: &mut SqliteConnection, name: &str) -> Result<(i64, PrincipalKind)> {
    let row: Option<(i64, String)> =
        query_as("SELECT key, kind FROM principal WHERE name = ?").bind(name).fetch_optional(connection).await?;
    let (key, kind) = row.ok_or_else(|| CatalogError::PrincipalMissing(name.into()))?;
    Ok((key, parse_kind(&kind)?))
}

pub(super) fn parse_kind(word: &str) -> Result<PrincipalKind> {
    PrincipalKind::parse(word).ok_or(CatalogError::Malformed("principal"))
}

async fn find_group(connection: &mut SqliteConnection, name: &str) -> Result<i64> {
    match find(connection, name).await? {
        (key, PrincipalKind::Group) => Ok(key),
        _ => Err(CatalogError::NotAGroup(name.into())),
    }
}

/// The name of something that `owner` owns.
async fn anything_owned(connection: &mut SqliteConnection, owner: &str) -> Result<Option<String>> {
    Ok(query_scalar(
        "SELECT n.name || '.' || r.name FROM relation r JOIN namespace n ON n.key = r.namespace_key WHERE r.owner = ?1
         UNION ALL SELECT name FROM namespace WHERE owner = ?1
         UNION ALL SELECT name FROM pipeline WHERE owner = ?1 LIMIT 1",
    )
    .bind(owner)
    .fetch_optional(connection)
    .await?)
}

/// Whether the principal with the key `key` is all that `admins` holds.
async fn is_last_admin(connection: &mut SqliteConnection, key: i64) -> Result<bool> {
    let members: Vec<i64> = query_scalar(
        "SELECT member_key FROM membership WHERE group_key = (SELECT key FROM principal WHERE name = ?) LIMIT 2",
    )
    .bind(Subject::ADMINS)
    .fetch_all(connection)
    .await?;
    Ok(members == [key])
}
