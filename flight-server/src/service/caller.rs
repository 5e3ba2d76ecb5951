//! Who calls, and the session that the call is part of.

use sluice_engine::Session;
use sluice_model::Domain;
use sluice_planner::parse::SetVariable;
use tonic::{Status, metadata::MetadataMap};

use super::Core;
use crate::{
    handles::Owner,
    identity::{Identity, Peer},
    sessions::ClientSession,
    status,
    wire::ViewTypes,
};

/// How long the name of a session may be, in bytes.
const MOST_NAME: usize = 128;

/// Somebody's call.
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    /// A token to be sent back.
    pub(crate) issued: Option<String>,
    pub(crate) client: ClientSession,
    /// What this call alone says by its headers.
    domain: Option<Domain>,
    purpose: Option<String>,
    views: Option<ViewTypes>,
}

impl Caller {
    /// Finds out who calls. The same is answered to everybody who may not.
    pub(super) async fn enter(core: &Core, metadata: &MetadataMap, peer: &Peer) -> Result<Self, Status> {
        let entered = core.identities.identify(metadata, peer).await?;
        let header = |name: &str| -> Result<Option<&str>, Status> {
            let Some(value) = metadata.get(name) else { return Ok(None) };
            value.to_str().map(Some).map_err(|_| status::invalid(&format!("the header {name} is not text")))
        };
        let name = header("x-sluice-session")?.unwrap_or_default();
        if name.len() > MOST_NAME {
            return Err(status::invalid("the name of a session may have 128 characters"));
        }
        let domain = header("x-sluice-domain")?
            .map(|word| word.parse::<Domain>().map_err(|error| status::invalid(&format!("x-sluice-domain: {error}"))));
        let views = header("x-sluice-view-types")?.map(|word| match word {
            "plain" => Ok(ViewTypes::Plain),
            "native" => Ok(ViewTypes::Native),
            _ => Err(status::invalid("x-sluice-view-types is native or plain")),
        });
        let (domain, views) = (domain.transpose()?, views.transpose()?);
        let purpose = header("x-sluice-purpose")?.map(ToOwned::to_owned);
        let client = core.sessions.find(&entered.identity, name).await.map_err(|error| status::of(&error))?;
        Ok(Self { identity: entered.identity, issued: entered.issued, client, domain, purpose, views })
    }

    /// Whose the handles are that this call gets.
    pub(super) fn owner(&self) -> Owner {
        self.client.id
    }

    /// The engine's session for this call: the client's, with what the headers say.
    pub(super) fn session(&self) -> Result<Session, Status> {
        let mut session = self.client.session();
        let mut set = |variable| session.set(&variable).map_err(|error| status::of(&error));
        if let Some(domain) = self.domain {
            set(SetVariable::Domain(domain))?;
        }
        if let Some(purpose) = &self.purpose {
            set(SetVariable::Purpose(purpose.clone()))?;
        }
        Ok(session)
    }

    /// Whether views of texts are sent as such.
    pub(super) fn views(&self) -> ViewTypes {
        self.views.unwrap_or_else(|| self.client.views())
    }
}
