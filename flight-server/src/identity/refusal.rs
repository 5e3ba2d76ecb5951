//! Why somebody is not let in, for the log; and the little of it that the caller is told.

use sluice_engine::EngineError;
use tonic::Status;

use super::{Peer, jwks::KeysError};

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The call carries no credential.
    #[error("no credentials")]
    Missing,
    /// What it carries cannot be read as one.
    #[error("the credentials cannot be read")]
    Malformed,
    /// It is not one, or not any more.
    #[error("the credentials are wrong, or have expired")]
    Wrong,
    /// It is good, and nobody here is who it speaks of.
    #[error("the credentials are those of nobody in the catalog")]
    Unknown,
    /// A JWT is not what it has to be.
    #[error("the identity provider's token is not accepted: {0}")]
    Token(#[source] jsonwebtoken::errors::Error),
    /// Nobody can tell, because the catalog cannot be read.
    #[error("the catalog cannot be asked")]
    Catalog(#[from] EngineError),
    /// Nobody can tell, because there are no keys to check the token with.
    #[error("the identity provider's keys cannot be read")]
    Keys(#[from] KeysError),
}

impl Refusal {
    /// Whether the credential is to blame.
    pub(super) fn is_the_callers(&self) -> bool {
        match self {
            Self::Missing | Self::Malformed | Self::Wrong | Self::Unknown | Self::Token(_) => true,
            Self::Catalog(_) | Self::Keys(_) => false,
        }
    }

    /// Writes down who was not let in and why; the credential is in none of these.
    pub(super) fn log(&self, peer: &Peer) {
        let address = peer.address.map(|address| address.to_string()).unwrap_or_default();
        if self.is_the_callers() {
            tracing::info!(peer = address, reason = %self, "a caller was not let in");
        } else {
            let cause = std::error::Error::source(self).map(ToString::to_string);
            tracing::error!(peer = address, reason = %self, cause, "credentials cannot be checked");
        }
    }

    /// What the caller is told: all that can be wrong with a credential is one text.
    pub(super) fn into_status(self) -> Status {
        if self.is_the_callers() {
            Status::unauthenticated("the credentials are missing, wrong or have expired")
        } else {
            Status::unavailable("credentials cannot be checked at the moment; try again")
        }
    }
}
