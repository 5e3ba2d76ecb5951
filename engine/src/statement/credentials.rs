//! `CREATE TOKEN`, `SHOW TOKENS`, `DROP TOKEN`, `ALTER USER | SERVICE … PASSWORD`: admins for anybody, a principal
//! for itself.

use std::sync::Arc;

use sluice_catalog::CatalogError;
use sluice_model::{Principal, PrincipalKind};
use sluice_planner::parse::Password;

use super::principals::require_kind;
use crate::{
    BearerToken, EngineError, Outcome, Session,
    answer::{Cell, answer, moment},
    credentials::LONGEST_PASSWORD,
};

/// How long a token lasts whose statement does not say, in days.
const TOKEN_DAYS: i64 = 90;

/// The shortest password, in characters.
const SHORTEST_PASSWORD: usize = 8;

/// Makes a token and shows it, this once.
pub(super) async fn create_token(
    session: &Session,
    kind: Option<PrincipalKind>,
    holder: &Arc<str>,
    expires_at_ms: Option<i64>,
) -> Result<Outcome, EngineError> {
    require_own(session, holder, "make a token for").await?;
    if let Some(kind) = kind {
        require_kind(session, &Principal::new(kind, Arc::clone(holder))).await?;
    }
    let now = chrono::Utc::now();
    let expires_at_ms = expires_at_ms.unwrap_or_else(|| (now + chrono::Duration::days(TOKEN_DAYS)).timestamp_millis());
    if expires_at_ms <= now.timestamp_millis() {
        return Err(EngineError::invalid(
            format!("the token would have expired already, at {}", moment(expires_at_ms)),
            format!("name a moment that is to come; without EXPIRES, a token lasts {TOKEN_DAYS} days"),
        ));
    }
    let token = BearerToken::random(BearerToken::ACCESS);
    let by = &session.subject().principal.name;
    session.engine().catalog().create_token(holder, &token.digest(), expires_at_ms, by).await?;
    answer(["token"], &[], vec![[Cell::from(token.as_str())]])
}

pub(super) async fn show_tokens(session: &Session, principal: Option<&Arc<str>>) -> Result<Outcome, EngineError> {
    let own = &session.subject().principal.name;
    let whose = match principal {
        Some(name) => {
            require_own(session, name, "show the tokens of").await?;
            Some(name)
        }
        None if session.is_admin().await? => None,
        None => Some(own),
    };
    let rows = session.engine().catalog().tokens(whose.map(|name| &**name)).await?.into_iter().map(|token| {
        [
            Cell::from(token.id.to_string()),
            token.principal.to_string().into(),
            token.created_by.to_string().into(),
            moment(token.created_at_ms).into(),
            moment(token.expires_at_ms).into(),
        ]
    });
    answer(["token_id", "principal", "created_by", "created_at", "expires_at"], &[], rows.collect())
}

/// Drops a token. Those of others are not there for who may not drop them.
pub(super) async fn drop_token(session: &Session, id: &Arc<str>) -> Result<Outcome, EngineError> {
    let catalog = session.engine().catalog();
    let holder = catalog.token(id).await?.map(|token| token.principal);
    if holder.as_ref() != Some(&session.subject().principal.name) && !session.is_admin().await? {
        return Err(CatalogError::TokenMissing(Arc::clone(id)).into());
    }
    catalog.drop_token(id).await?;
    Ok(Outcome::done(format!("dropped token {id}")))
}

pub(super) async fn set_password(
    session: &Session,
    principal: &Principal,
    password: &Password,
) -> Result<Outcome, EngineError> {
    require_own(session, &principal.name, "set the password of").await?;
    require_kind(session, principal).await?;
    let password = password.as_str();
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(EngineError::invalid(
            format!("the password is too short: it has fewer than {SHORTEST_PASSWORD} characters"),
            "a few words in a row are easy to remember and hard to guess",
        ));
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(EngineError::invalid(
            format!("the password is too long: it has more than {LONGEST_PASSWORD} bytes"),
            "programs get in by tokens: CREATE TOKEN",
        ));
    }
    let hash = session.engine().hash_password(password.to_owned()).await?;
    let by = &session.subject().principal.name;
    session.engine().catalog().set_password(&principal.name, &hash, by).await?;
    Ok(Outcome::done(format!("set the password of {principal}")))
}

pub(super) async fn drop_password(session: &Session, principal: &Principal) -> Result<Outcome, EngineError> {
    require_own(session, &principal.name, "drop the password of").await?;
    require_kind(session, principal).await?;
    session.engine().catalog().drop_password(&principal.name).await?;
    Ok(Outcome::done(format!("dropped the password of {principal}")))
}

/// Credentials are one's own affair, and the admins'; `what` and the holder complete "ask an admin to …".
async fn require_own(session: &Session, holder: &Arc<str>, what: &str) -> Result<(), EngineError> {
    if *holder == session.subject().principal.name {
        return Ok(());
    }
    session.require_admin(&format!("{what} {holder}")).await
}
