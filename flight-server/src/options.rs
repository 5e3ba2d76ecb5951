//! How a server is to listen, and whom it lets in.

use std::{net::SocketAddr, path::PathBuf};

use sluice_engine::{Engine, EngineError};
use sluice_model::ErrorClass;

use crate::{
    identity::{IdentityError, IdentityOptions},
    limits::LimitOptions,
};

/// Where a server listens, and with what.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Where it takes calls; port 0 for a free one.
    pub address: SocketAddr,
    /// Its certificate; without one it listens on loopback only.
    pub tls: Option<Tls>,
    /// Whose JWTs are taken, and where its keys are: a file or a URL. They win over the home's settings.
    pub oidc_issuer: Option<String>,
    /// The keys of the issuer.
    pub jwks: Option<String>,
    /// Where it answers `/metrics` and `/healthz` over HTTP.
    pub metrics: Option<SocketAddr>,
    /// Where traces go: an OTLP collector over gRPC.
    pub otlp: Option<String>,
}

impl Listen {
    /// A free port on loopback, and nothing else.
    pub fn loopback() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            oidc_issuer: None,
            jwks: None,
            metrics: None,
            otlp: None,
        }
    }
}

/// The files of a server's certificate, in PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, with those that stand between it and the authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority whose certificates of clients are taken.
    pub client_authority: Option<PathBuf>,
}

/// `[server]` of a home's `sluice.toml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerOptions {
    pub(crate) limits: LimitOptions,
    pub(crate) identity: IdentityOptions,
}

impl ServerOptions {
    /// What the home's settings say, and the command line before them.
    pub(crate) fn of(engine: &Engine, listen: &Listen) -> Result<Self, ServerError> {
        let wrong = |error: toml::de::Error| ServerError::Settings(error.message().to_owned());
        let (identity, limits): (toml::Table, toml::Table) = engine
            .home()
            .settings()
            .server
            .clone()
            .into_iter()
            .partition(|(name, _)| IDENTITY.contains(&name.as_str()));
        let limits = toml::Value::Table(limits).try_into().map_err(wrong)?;
        let mut identity: IdentityOptions = toml::Value::Table(identity).try_into().map_err(wrong)?;
        if let Some(issuer) = &listen.oidc_issuer {
            identity.oidc.issuer = Some(issuer.clone());
        }
        if let Some(jwks) = &listen.jwks {
            identity.oidc.jwks = Some(jwks.clone());
        }
        Ok(Self { limits, identity })
    }
}

/// The tables of `[server]` that say who is let in.
const IDENTITY: [&str; 2] = ["oidc", "certificates"];

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// It would listen beyond loopback without a certificate.
    #[error("`{0}` is not a loopback address, and there is no certificate")]
    NoCertificate(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of the certificate cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key is not one.
    #[error("the certificate cannot be used")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The settings make no sense.
    #[error("the settings of the server cannot be used: {0}")]
    Settings(String),
    /// Nobody could be let in as the settings say.
    #[error("{message}")]
    Identity {
        /// What is wrong with them.
        message: String,
        /// Whose move it is.
        class: ErrorClass,
    },
    /// The home cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Traces cannot be sent.
    #[error("traces cannot be sent")]
    Telemetry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The threads that statements run on cannot be started.
    #[error("the threads of statements cannot be started")]
    Threads(#[source] std::io::Error),
}

impl From<IdentityError> for ServerError {
    fn from(error: IdentityError) -> Self {
        Self::Identity { message: error.to_string(), class: error.class() }
    }
}

impl ServerError {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoCertificate(_) | Self::Read { .. } | Self::Tls(_) | Self::Settings(_) => ErrorClass::Caller,
            Self::Identity { class, .. } => *class,
            Self::Engine(error) => error.class(),
            Self::Listen { .. } | Self::Telemetry(_) | Self::Threads(_) => ErrorClass::Unavailable,
        }
    }

    /// What would help, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoCertificate(_) => "give one with --tls-cert FILE --tls-key FILE, or listen on 127.0.0.1".to_owned(),
            Self::Listen { .. } => "take another port, or 0 for a free one".to_owned(),
            Self::Tls(_) => "give PEM files: the certificate with its chain, and the key that belongs to it".to_owned(),
            Self::Settings(_) => "docs/reference/server.md lists the settings of `[server]`".to_owned(),
            Self::Engine(error) => return error.hint(),
            Self::Read { .. } | Self::Identity { .. } | Self::Telemetry(_) | Self::Threads(_) => return None,
        })
    }
}
