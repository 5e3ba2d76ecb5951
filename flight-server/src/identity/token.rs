//! Access tokens: those that `CREATE TOKEN` makes.

use sluice_engine::{BearerToken, Engine};

use super::{Identity, refusal::Refusal};

/// Whose access token it is at `epoch`.
pub(super) async fn enter(engine: &Engine, token: &str, epoch: u64) -> Result<Identity, Refusal> {
    let holder = engine.principal_of_token(token, epoch).await?.ok_or(Refusal::Wrong)?;
    Ok(Identity {
        principal: holder.principal,
        groups: Vec::new(),
        credential: BearerToken::digest_of(token),
        expires_at: Some(holder.expires_at),
    })
}
