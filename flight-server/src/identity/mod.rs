//! Who calls: from what a call carries to a user or a service of the catalog.
//!
//! ```text
//! authorization: Bearer slc_…   token.rs        CREATE TOKEN
//!                Bearer sll_…   login.rs        what an earlier login was answered with
//!                Bearer …       oidc.rs         a JWT of the identity provider, by its keys (jwks.rs)
//!                Basic …        basic.rs        a name and a password; a handshake is answered with a login
//! no header                     certificate.rs  the certificate of the TLS connection, by its subject (subject.rs)
//! ```
//!
//! # Guarantees
//!
//! - Nobody is anybody without a credential, and a credential that is shown and wrong is never made up for by another.
//! - To whoever is not let in, all that can be wrong with a credential looks the same and takes longer each time
//!   (`throttle.rs`); whoever is let in never waits.
//! - No credential is logged, printed, or kept: what is remembered is its digest.

mod basic;
mod certificate;
mod jwks;
mod login;
mod oidc;
mod options;
mod presented;
mod refusal;
mod subject;
mod throttle;
mod token;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use sluice_engine::{BearerToken, Engine, EngineError};
use sluice_model::Digest;
use tonic::{
    Status,
    metadata::MetadataMap,
    transport::{CertificateDer, server::TlsConnectInfo},
};

use basic::Checking;
use certificate::Certificates;
use login::Logins;
use oidc::Oidc;
use presented::Presented;
use refusal::Refusal;
use throttle::Throttle;

use crate::connections::OtherEnd;

pub(crate) use options::{IdentityError, IdentityOptions};

/// What is told to somebody who was let in and is nobody any more: the same as to everybody who is not let in.
pub(crate) fn unauthenticated() -> Status {
    Refusal::Unknown.into_status()
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The user or service.
    pub(crate) principal: Arc<str>,
    /// The groups of the catalog that the identity provider says it is in, besides those that the catalog knows;
    /// sorted. Nobody has looked whether they exist.
    pub(crate) groups: Vec<Arc<str>>,
    /// By which credential it came: what tells sessions of one principal apart. Of a JWT it is the login and the
    /// application, so that a renewed one goes on where the one before ended.
    pub(crate) credential: Digest,
    /// From when on the credential lets nobody in any more.
    pub(crate) expires_at: Option<SystemTime>,
}

/// How a credential is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In a handshake, for the calls that follow.
    Handshake,
    /// With a call, for that call.
    Call,
}

/// An answer to who calls.
pub(crate) struct Entered {
    /// Who.
    pub(crate) identity: Identity,
    /// A token for the calls that follow, to be sent back in the `authorization` header behind `Bearer `.
    pub(crate) issued: Option<String>,
}

impl From<Identity> for Entered {
    fn from(identity: Identity) -> Self {
        Self { identity, issued: None }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issued = self.issued.as_ref().map(|_| "***");
        f.debug_struct("Entered").field("identity", &self.identity).field("issued", &issued).finish()
    }
}

/// The other end of a connection.
#[derive(Clone, Default)]
pub(crate) struct Peer {
    /// Its address, where it has one.
    pub(crate) address: Option<SocketAddr>,
    /// The certificates that it has proved to hold, its own first. That they are signed by the authority that the
    /// server trusts is TLS's to have seen to.
    pub(crate) certificates: Option<Arc<Vec<CertificateDer<'static>>>>,
}

impl Peer {
    /// The peer that sent `request`.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Self {
        let encrypted = request.extensions().get::<TlsConnectInfo<OtherEnd>>();
        let other_end = encrypted.map(TlsConnectInfo::get_ref).or_else(|| request.extensions().get());
        Self {
            address: other_end.and_then(|other_end| other_end.address),
            certificates: encrypted.and_then(TlsConnectInfo::peer_certs),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificates = self.certificates.as_ref().map(|chain| chain.len());
        f.debug_struct("Peer").field("address", &self.address).field("certificates", &certificates).finish()
    }
}

/// Every way in.
pub(crate) struct Identities {
    engine: Engine,
    logins: Logins,
    checking: Checking,
    oidc: Option<Oidc>,
    certificates: Certificates,
    throttle: Throttle,
}

impl Identities {
    /// The ways into the home of `engine` that `options` open; tokens and passwords are always among them. A relative
    /// file of keys is relative to the home.
    ///
    /// # Errors
    /// [`IdentityError`] where the options make no sense. Keys are not read yet.
    pub(crate) fn new(engine: Engine, options: IdentityOptions) -> Result<Self, IdentityError> {
        Ok(Self {
            logins: Logins::default(),
            checking: Checking::default(),
            oidc: Oidc::new(options.oidc, engine.home().dir())?,
            certificates: Certificates::new(options.certificates)?,
            throttle: Throttle::default(),
            engine,
        })
    }

    /// Who sent a call with the headers `metadata`.
    ///
    /// # Errors
    /// One and the same `UNAUTHENTICATED`, after a while, whatever is wrong with the credential; `UNAVAILABLE` where
    /// the catalog or the identity provider's keys cannot be read, so that nobody can tell.
    pub(crate) async fn identify(&self, metadata: &MetadataMap, peer: &Peer) -> Result<Entered, Status> {
        self.answer(presented::in_headers(metadata), peer, Way::Call).await
    }

    /// Who sent a handshake with the headers `metadata`; without a credential in these, `payload` is a `BasicAuth`.
    ///
    /// # Errors
    /// As [`Self::identify`].
    pub(crate) async fn handshake(
        &self,
        payload: &[u8],
        metadata: &MetadataMap,
        peer: &Peer,
    ) -> Result<Entered, Status> {
        self.answer(presented::in_handshake(payload, metadata), peer, Way::Handshake).await
    }

    /// Ends the login whose token `credential` is the digest of. Other credentials last until they are dropped.
    pub(crate) fn end(&self, credential: &Digest) {
        self.logins.end(credential);
    }

    async fn answer(&self, presented: Result<Presented, Refusal>, peer: &Peer, way: Way) -> Result<Entered, Status> {
        let entered = match presented {
            Ok(presented) => self.enter(presented, peer, way).await,
            Err(refusal) => Err(refusal),
        };
        let refusal = match entered {
            Ok(entered) => return Ok(entered),
            Err(refusal) => refusal,
        };
        refusal.log(peer);
        if refusal.is_the_callers() {
            let delay = self.throttle.failed(peer.address.map(|address| address.ip()), Instant::now());
            tokio::time::sleep(delay).await;
        }
        Err(refusal.into_status())
    }

    async fn enter(&self, presented: Presented, peer: &Peer, way: Way) -> Result<Entered, Refusal> {
        let (entered, epoch): (Entered, u64) = match presented {
            Presented::Bearer(token) if token.starts_with(BearerToken::ACCESS) => {
                let epoch = self.epoch().await?;
                (token::enter(&self.engine, &token, epoch).await?.into(), epoch)
            }
            Presented::Bearer(token) if token.starts_with(BearerToken::LOGIN) => {
                let epoch = self.epoch().await?;
                (login::enter(&self.engine, &self.logins, &token, epoch).await?.into(), epoch)
            }
            slow => (self.enter_slowly(slow, peer, way).await?, self.epoch().await?),
        };
        if !self.engine.may_enter(&entered.identity.principal, epoch).await? {
            return Err(Refusal::Unknown);
        }
        Ok(entered)
    }

    async fn epoch(&self) -> Result<u64, EngineError> {
        Ok(self.engine.catalog().epoch().await?)
    }

    /// Enters in a way that may take so long that the catalog changes meanwhile.
    async fn enter_slowly(&self, presented: Presented, peer: &Peer, way: Way) -> Result<Entered, Refusal> {
        match presented {
            Presented::Bearer(token) => Ok(self.oidc.as_ref().ok_or(Refusal::Wrong)?.enter(&token).await?.into()),
            Presented::Basic(basic) => match way {
                Way::Handshake => basic::begin(&self.engine, &self.logins, &self.checking, &basic, peer).await,
                Way::Call => Ok(basic::enter(&self.engine, &self.checking, &basic, peer).await?.into()),
            },
            Presented::Nothing => Ok(self.certificates.enter(peer)?.into()),
        }
    }
}
