//! JWTs of an identity provider: RFC 7519, with the advice of RFC 8725.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};
use sluice_model::Digest;

use super::{Identity, IdentityError, jwks::Jwks, options::OidcOptions, refusal::Refusal};

/// By how much clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// The provider whose tokens are accepted.
pub(super) struct Oidc {
    issuer: String,
    audience: String,
    principal_claim: String,
    groups_claim: String,
    groups: BTreeMap<String, Arc<str>>,
    keys: Jwks,
}

type Claims = Map<String, Value>;

impl Oidc {
    /// The provider that `options` describe, if they do.
    ///
    /// # Errors
    /// [`IdentityError`] where they do it by half, or its keys cannot be where they say.
    pub(super) fn new(options: OidcOptions, home: &Path) -> Result<Option<Self>, IdentityError> {
        let (issuer, jwks) = match (options.issuer, options.jwks) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(IdentityError::Incomplete("jwks")),
            (None, Some(_)) => return Err(IdentityError::Incomplete("issuer")),
            (Some(issuer), Some(jwks)) => (issuer, jwks),
        };
        Ok(Some(Self {
            issuer,
            audience: options.audience,
            principal_claim: options.principal_claim,
            groups_claim: options.groups_claim,
            groups: options.groups.into_iter().map(|(theirs, ours)| (theirs, ours.into())).collect(),
            keys: Jwks::new(&jwks, home)?,
        }))
    }

    /// Who `token` is about.
    pub(super) async fn enter(&self, token: &str) -> Result<Identity, Refusal> {
        // An algorithm that is not known, `none` included, cannot even be read.
        let header = decode_header(token).map_err(Refusal::Token)?;
        // The caller chooses the algorithm, so it chooses only among those whose keys are public.
        if !is_asymmetric(header.alg) || header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let key = self.keys.key(header.kid.as_deref(), header.alg, Instant::now()).await?.ok_or(Refusal::Wrong)?;
        let claims = decode::<Claims>(token, &key, &self.validation(header.alg)).map_err(Refusal::Token)?.claims;
        self.identity(&claims)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation
    }

    fn identity(&self, claims: &Claims) -> Result<Identity, Refusal> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let principal = text(&self.principal_claim).filter(|name| !name.is_empty()).ok_or(Refusal::Unknown)?;
        // A login and the application that it was made with; a renewed token has the same.
        let login = [Some(&*self.issuer), Some(principal), text("azp").or_else(|| text("client_id")), text("sid")];
        let login = Value::from(login.map(Value::from).to_vec());
        let expires = claims.get("exp").and_then(Value::as_f64).and_then(|seconds| {
            let since_1970 = Duration::try_from_secs_f64(seconds).ok()?;
            SystemTime::UNIX_EPOCH.checked_add(since_1970)?.checked_add(LEEWAY)
        });
        Ok(Identity {
            principal: principal.into(),
            groups: self.groups(claims),
            credential: Digest::of(login.to_string().as_bytes()),
            expires_at: expires,
        })
    }

    /// The groups of the catalog that stand for those in the token.
    fn groups(&self, claims: &Claims) -> Vec<Arc<str>> {
        let theirs = match claims.get(&self.groups_claim) {
            Some(Value::Array(groups)) => groups.as_slice(),
            Some(group) => std::slice::from_ref(group),
            None => &[],
        };
        let mut ours: Vec<_> =
            theirs.iter().filter_map(|group| self.groups.get(group.as_str()?)).map(Arc::clone).collect();
        ours.sort_unstable();
        ours.dedup();
        ours
    }
}

fn is_asymmetric(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::EdDSA => true,
        // HS256, HS384, HS512, and what a later version of the library adds.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::identity::tests::provider::{AUDIENCE, ISSUER, Provider, SigningKey, forged, now};

    fn options(jwks: &str) -> OidcOptions {
        let groups = [("idp-analysts", "analysts"), ("idp-all", "analysts"), ("idp-ops", "operators")];
        OidcOptions {
            issuer: Some(ISSUER.to_owned()),
            jwks: Some(jwks.to_owned()),
            groups: groups.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned())).into(),
            ..OidcOptions::default()
        }
    }

    fn oidc(provider: &Provider) -> Oidc {
        Oidc::new(options(provider.place()), Path::new("/nowhere")).unwrap().unwrap()
    }

    /// Claims that are good, with `change`; what it sets to null is left out.
    fn claims(change: Value) -> Value {
        let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now() + 600 });
        let all = claims.as_object_mut().unwrap();
        all.extend(change.as_object().unwrap().clone());
        all.retain(|_, value| !value.is_null());
        claims
    }

    #[tokio::test]
    async fn a_good_token_is_who_it_says_whatever_kind_of_key_signs_it() {
        for key in [SigningKey::elliptic("1"), SigningKey::rsa("1"), SigningKey::edwards("1")] {
            let provider = Provider::new(&[&SigningKey::elliptic("0"), &key]);
            let token = key.sign(&claims(json!({ "groups": ["idp-ops", "idp-analysts", "idp-all", "other", 7] })));
            let identity = oidc(&provider).enter(&token).await.unwrap();
            assert_eq!(&*identity.principal, "alice");
            assert_eq!(identity.groups, ["analysts".into(), "operators".into()] as [Arc<str>; 2]);
            let left = identity.expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
            assert!(left > Duration::from_secs(600) && left <= Duration::from_secs(661), "{left:?}");
        }
    }

    #[tokio::test]
    async fn claims_that_are_not_for_here_or_not_for_now_are_refused() {
        let key = SigningKey::elliptic("1");
        let provider = Provider::new(&[&key]);
        let oidc = oidc(&provider);
        for (change, good) in [
            (json!({}), true),
            (json!({ "exp": now() - 30 }), true),
            (json!({ "exp": now() - 90 }), false),
            (json!({ "exp": null }), false),
            (json!({ "exp": "tomorrow" }), false),
            (json!({ "nbf": now() + 30 }), true),
            (json!({ "nbf": now() + 90 }), false),
            (json!({ "nbf": "yesterday" }), false),
            (json!({ "aud": "other" }), false),
            (json!({ "aud": ["other", AUDIENCE] }), true),
            (json!({ "aud": null }), false),
            (json!({ "aud": [] }), false),
            (json!({ "iss": "https://evil.example" }), false),
            (json!({ "iss": null }), false),
            (json!({ "sub": null }), false),
            (json!({ "sub": "" }), false),
            (json!({ "sub": ["alice"] }), false),
            (json!({ "groups": "idp-ops" }), true),
            (json!({ "groups": { "idp-ops": true } }), true),
        ] {
            let entered = oidc.enter(&key.sign(&claims(change.clone()))).await;
            assert_eq!(entered.is_ok(), good, "{change}: {:?}", entered.err());
        }
    }

    #[tokio::test]
    async fn a_token_that_the_provider_has_not_signed_is_refused() {
        let key = SigningKey::rsa("1");
        let provider = Provider::new(&[&key]);
        let oidc = oidc(&provider);
        let good = key.sign(&claims(json!({})));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let stranger = SigningKey::rsa("1");
        let strangers = stranger.sign(&claims(json!({})));
        let mut tokens = vec![
            ("another's signature", format!("{signed}.{}", strangers.rsplit_once('.').unwrap().1)),
            ("another's token", strangers.clone()),
            ("no signature", format!("{signed}.")),
            ("half a token", signed.to_owned()),
            ("other claims", {
                let (header, _) = signed.split_once('.').unwrap();
                let body = forged(&json!({}), &claims(json!({ "sub": "root" })));
                format!("{header}.{}.{signature}", body.split('.').nth(1).unwrap())
            }),
            ("no algorithm", forged(&json!({ "alg": "none", "kid": "1" }), &claims(json!({})))),
            ("no algorithm in other letters", forged(&json!({ "alg": "nOnE", "kid": "1" }), &claims(json!({})))),
            (
                "a critical extension",
                key.sign_with(&claims(json!({})), |header| header.crit = Some(vec!["x".to_owned()])),
            ),
            ("an unknown key", SigningKey::elliptic("2").sign(&claims(json!({})))),
            ("nothing", String::new()),
            ("dots", "...".to_owned()),
        ];
        for secret in key.public_texts() {
            tokens.push(("the public key as a secret", SigningKey::secret("1", &secret).sign(&claims(json!({})))));
        }
        for (what, token) in tokens {
            assert!(oidc.enter(&token).await.is_err(), "{what}");
        }
        assert!(oidc.enter(&good).await.is_ok());
    }

    #[tokio::test]
    async fn a_token_need_not_name_its_key_where_there_is_one_that_fits() {
        let (one, other) = (SigningKey::elliptic("1"), SigningKey::elliptic("2"));
        let nameless = one.sign_with(&claims(json!({})), |header| header.kid = None);
        let only = Provider::new(&[&one, &SigningKey::edwards("3")]);
        assert!(oidc(&only).enter(&nameless).await.is_ok());
        let both = Provider::new(&[&one, &other]);
        assert!(oidc(&both).enter(&nameless).await.is_err());
    }

    #[tokio::test]
    async fn a_renewed_token_is_the_same_credential_and_another_login_another() {
        let key = SigningKey::elliptic("1");
        let provider = Provider::new(&[&key]);
        let oidc = oidc(&provider);
        let credential = async |change| oidc.enter(&key.sign(&claims(change))).await.unwrap().credential;
        let first = credential(json!({ "sid": "s", "azp": "a" })).await;
        assert_eq!(credential(json!({ "sid": "s", "azp": "a", "exp": now() + 900 })).await, first);
        assert_ne!(credential(json!({ "sid": "t", "azp": "a" })).await, first);
        assert_ne!(credential(json!({ "sid": "s", "azp": "b" })).await, first);
        assert_ne!(credential(json!({ "sid": "s", "azp": "a", "sub": "bob" })).await, first);
    }

    #[test]
    fn half_a_provider_is_refused() {
        let home = Path::new("/nowhere");
        assert!(Oidc::new(OidcOptions::default(), home).unwrap().is_none());
        let without_keys = OidcOptions { jwks: None, ..options("x") };
        assert!(matches!(Oidc::new(without_keys, home), Err(IdentityError::Incomplete("jwks"))));
        let without_issuer = OidcOptions { issuer: None, ..options("x") };
        assert!(matches!(Oidc::new(without_issuer, home), Err(IdentityError::Incomplete("issuer"))));
    }
}
