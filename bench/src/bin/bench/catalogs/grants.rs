//! Who may read the tables, and grants to many others.

use sluice_model::{Principal, PrincipalKind, TableAction, Tag, TagAction};
use sluice_policy::{GrantAction, GrantObject, GrantSpec};
use sqlx::{Connection, SqliteConnection, query, query_as, query_scalar};

use super::{home::READER, tables::AREAS};
use crate::governed::ADMIN;

/// How many grants each of the others holds.
const GRANTS_EACH: usize = 20;

/// The statements that let the reader read.
pub(super) fn script() -> String {
    let areas: String = AREAS.iter().map(|area| format!("GRANT READ, USE ON TAG {area} TO GROUP readers;\n")).collect();
    format!(
        "CREATE USER {READER};\nCREATE GROUP readers;\nALTER GROUP readers ADD USER {READER};\n\
         GRANT SELECT ON SCHEMA wide TO GROUP readers;\n{areas}"
    )
}

/// Adds users with grants on tags and tables until there are `grants`.
pub(super) async fn fill_up(store: &mut SqliteConnection, grants: usize) -> anyhow::Result<()> {
    let tags: Vec<(i64, String)> =
        query_as("SELECT key, name FROM tag WHERE name LIKE '%.%' ORDER BY key").fetch_all(&mut *store).await?;
    let tables: Vec<(i64, String)> =
        query_as("SELECT key, id FROM relation ORDER BY key LIMIT 100").fetch_all(&mut *store).await?;
    let there: i64 = query_scalar("SELECT count(*) FROM access_grant").fetch_one(&mut *store).await?;
    let mut transaction = store.begin().await?;
    let mut user = None;
    for number in 0..grants.saturating_sub(usize::try_from(there)?) {
        let (key, principal) = match &user {
            Some(user) if number % GRANTS_EACH != 0 => user,
            _ => user.insert(add_user(&mut transaction, number / GRANTS_EACH).await?),
        };
        // Two of three are on tags.
        let on_table = number % 3 == 0;
        let among = if on_table { &tables } else { &tags };
        let Some((object_key, object)) = among.get(number * 7 % among.len().max(1)) else { continue };
        let (action, object) = if on_table {
            (GrantAction::Table(TableAction::Select), GrantObject::Table { id: object.clone() })
        } else {
            (GrantAction::Tag(TagAction::Read), GrantObject::Tag(Tag::parse(object)?))
        };
        let spec = GrantSpec { principal: principal.clone(), action, object, domain: None };
        query(
            "INSERT INTO access_grant
                (principal_key, action, tag_key, relation_key, cedar, created_by, created_at)
             VALUES (?, ?, ?, ?, ?, ?, 0)",
        )
        .bind(*key)
        .bind(action.as_str())
        .bind((!on_table).then_some(*object_key))
        .bind(on_table.then_some(*object_key))
        .bind(spec.to_cedar())
        .bind(ADMIN)
        .execute(&mut *transaction)
        .await?;
    }
    query("UPDATE meta SET epoch = epoch + 1").execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

async fn add_user(store: &mut SqliteConnection, number: usize) -> anyhow::Result<(i64, Principal)> {
    let principal = Principal::new(PrincipalKind::User, format!("user_{number:05}"));
    let inserted = query("INSERT INTO principal (name, kind, created_by, created_at) VALUES (?, ?, ?, 0)")
        .bind(&*principal.name)
        .bind(principal.kind.as_str())
        .bind(ADMIN)
        .execute(store)
        .await?;
    Ok((inserted.last_insert_rowid(), principal))
}
