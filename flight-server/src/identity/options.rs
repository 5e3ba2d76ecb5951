//! What the settings say about identities: the tables `[server.oidc]` and `[server.certificates]` of `sluice.toml`.
//!
//! ```toml
//! [server.oidc]
//! issuer = "https://login.example.org"             # or --oidc-issuer
//! jwks = "https://login.example.org/keys"          # or --jwks; or a file, relative to the home
//! audience = "sluice"
//! principal_claim = "sub"
//! groups_claim = "groups"
//! [server.oidc.groups]                             # a group of the provider = a group of the catalog
//! "idp-analysts" = "analysts"
//! [server.certificates]                            # a subject as RFC 4514 writes it = a user or service
//! "CN=alice,O=Acme" = "alice"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use sluice_model::ErrorClass;

/// Which ways in there are besides tokens and passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityOptions {
    /// The identity provider.
    pub(crate) oidc: OidcOptions,
    /// Users and services by the subjects of their certificates.
    pub(crate) certificates: BTreeMap<String, String>,
}

/// The identity provider whose tokens are accepted: none, where neither issuer nor keys are given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OidcOptions {
    /// What its tokens have as `iss`.
    pub(crate) issuer: Option<String>,
    /// Where its keys are, as a JWK set: a file, an `https://` URL, or an `http://` one on this machine.
    pub(crate) jwks: Option<String>,
    /// What its tokens for this server have in `aud`.
    pub(crate) audience: String,
    /// The claim that names the user or service.
    pub(crate) principal_claim: String,
    /// The claim that lists the provider's groups.
    pub(crate) groups_claim: String,
    /// Groups of the catalog by the provider's groups; those that are not here count for nothing.
    pub(crate) groups: BTreeMap<String, String>,
}

impl Default for OidcOptions {
    fn default() -> Self {
        Self {
            issuer: None,
            jwks: None,
            audience: "sluice".to_owned(),
            principal_claim: "sub".to_owned(),
            groups_claim: "groups".to_owned(),
            groups: BTreeMap::new(),
        }
    }
}

/// Why the options make no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Half of what an identity provider needs.
    #[error("an identity provider needs an issuer and its keys, and `{0}` is missing")]
    Incomplete(&'static str),
    /// Keys that anybody between here and there could exchange, or a text that is no place.
    #[error("`{0}` is no place to read keys from: name a file, an https:// URL, or an http:// one on this machine")]
    KeysPlace(String),
    /// A subject that no certificate can have.
    #[error("`{subject}` is not how RFC 4514 writes a certificate's subject: {reason}")]
    Subject {
        /// The subject.
        subject: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// This machine cannot make HTTPS connections.
    #[error("keys cannot be fetched from this machine")]
    Https(#[source] reqwest::Error),
}

impl IdentityError {
    /// Whose move it is.
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Incomplete(_) | Self::KeysPlace(_) | Self::Subject { .. } => ErrorClass::Caller,
            Self::Https(_) => ErrorClass::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_as_documented() {
        let options: IdentityOptions = serde_json::from_value(json!({
            "oidc": { "issuer": "https://idp", "groups": { "idp-analysts": "analysts" } },
            "certificates": { "CN=alice,O=Acme": "alice" },
        }))
        .unwrap();
        assert_eq!((&*options.oidc.audience, &*options.oidc.principal_claim), ("sluice", "sub"));
        assert_eq!(options.oidc.groups["idp-analysts"], "analysts");
        assert_eq!(options.certificates["CN=alice,O=Acme"], "alice");
        assert_eq!(serde_json::from_value::<IdentityOptions>(json!({})).unwrap(), IdentityOptions::default());
    }

    #[test]
    fn a_misspelt_option_is_refused() {
        for wrong in [json!({ "oidc": { "isuer": "x" } }), json!({ "certificate": {} })] {
            let error = serde_json::from_value::<IdentityOptions>(wrong).unwrap_err();
            assert!(error.to_string().contains("unknown field"), "{error}");
        }
    }
}
