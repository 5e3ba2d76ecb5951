//! The identity provider's keys, read from where it publishes them and read again when it has others.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use parking_lot::RwLock;
use reqwest::{Client, Url, redirect::Policy};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::IdentityError;

/// How often keys are looked for that are not known, at most: anybody can make up a token that names one.
const PAUSE: Duration = Duration::from_secs(60);

/// How often they are looked for while none have ever been read, at most.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// For how long keys are believed without looking whether the provider has withdrawn one.
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// How long the provider may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How large a set of keys may be, in bytes.
const LARGEST: u64 = 1 << 20;

/// Why keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    /// Their file cannot be read.
    #[error("the file of keys cannot be read")]
    File(#[source] io::Error),
    /// The provider does not give them.
    #[error("the keys cannot be fetched")]
    Fetch(#[source] reqwest::Error),
    /// It gives too much.
    #[error("the keys are more than {LARGEST} bytes")]
    TooLarge,
    /// It gives something else.
    #[error("the keys are not a JWK set")]
    Malformed(#[source] serde_json::Error),
    /// Nothing was read the last time, and it is too early to look again.
    #[error("the keys could not be read a moment ago")]
    NotYet,
}

/// The keys of one provider.
pub(super) struct Jwks {
    place: Place,
    known: RwLock<Known>,
    /// When somebody last looked for others; held by who is looking.
    looked: Mutex<Option<Instant>>,
}

enum Place {
    File(PathBuf),
    Url(Client, Url),
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<[Key]>,
    /// When they were read; `None` while they never were.
    read: Option<Instant>,
}

/// A public key, and what it may be used for.
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl Known {
    /// The key called `id`; or the only one for `algorithm`, where a token does not name its key.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id));
        let found = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then(|| found.key.clone())
    }
}

impl Jwks {
    /// The keys at `place`, of which nothing is read yet; a relative file is relative to `home`.
    ///
    /// # Errors
    /// [`IdentityError::KeysPlace`], [`IdentityError::Https`].
    pub(super) fn new(place: &str, home: &Path) -> Result<Self, IdentityError> {
        let place = if place.contains("://") { remote(place)? } else { Place::File(home.join(place)) };
        Ok(Self { place, known: RwLock::default(), looked: Mutex::new(None) })
    }

    /// The key to check a token with that is signed by `algorithm` and names its key `id`. Keys are read again where
    /// this one is not known, or where they were read long ago.
    ///
    /// # Errors
    /// [`KeysError`] where no keys could ever be read. Once some were, they hold until others are read.
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Instant,
    ) -> Result<Option<DecodingKey>, KeysError> {
        let known = self.known();
        let found = known.find(id, algorithm);
        let believed = known.read.is_some_and(|read| now.saturating_duration_since(read) < BELIEVED);
        if found.is_some() && believed {
            return Ok(found);
        }
        let looking = if found.is_some() {
            // Somebody else looks already, and this key has been good so far.
            let Ok(looked) = self.looked.try_lock() else { return Ok(found) };
            looked
        } else {
            self.looked.lock().await
        };
        let outcome = self.look(looking, now).await;
        let known = self.known();
        match (outcome, known.read) {
            (Err(error), None) => Err(error),
            (Err(error), Some(_)) => {
                tracing::warn!(cause = causes(&error), "the identity provider's keys cannot be read again");
                Ok(known.find(id, algorithm))
            }
            (Ok(()), _) => Ok(known.find(id, algorithm)),
        }
    }

    fn known(&self) -> Known {
        self.known.read().clone()
    }

    /// Reads the keys, unless somebody did just now.
    async fn look(
        &self,
        mut looked: tokio::sync::MutexGuard<'_, Option<Instant>>,
        now: Instant,
    ) -> Result<(), KeysError> {
        let has_keys = self.known().read.is_some();
        let pause = if has_keys { PAUSE } else { PAUSE_WITHOUT_KEYS };
        if looked.is_some_and(|last| now.saturating_duration_since(last) < pause) {
            return if has_keys { Ok(()) } else { Err(KeysError::NotYet) };
        }
        *looked = Some(now);
        let text = match &self.place {
            Place::File(path) => read(path.clone()).await?,
            Place::Url(client, url) => fetch(client, url.clone()).await?,
        };
        let keys = keys(&text)?;
        *self.known.write() = Known { keys, read: Some(now) };
        Ok(())
    }
}

fn remote(place: &str) -> Result<Place, IdentityError> {
    let wrong = || IdentityError::KeysPlace(place.to_owned());
    let url = Url::parse(place).map_err(|_| wrong())?;
    let host = url.host_str().unwrap_or_default();
    let here = host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if url.scheme() == "file" {
        return url.to_file_path().map(Place::File).map_err(|()| wrong());
    }
    if !(url.scheme() == "https" || url.scheme() == "http" && here) {
        return Err(wrong());
    }
    // Whoever answers for the URL answers by itself: a redirect could lead to where anybody can answer.
    let mut client = Client::builder().timeout(TIMEOUT).redirect(Policy::none());
    if here {
        client = client.no_proxy();
    }
    Ok(Place::Url(client.build().map_err(IdentityError::Https)?, url))
}

async fn read(path: PathBuf) -> Result<Vec<u8>, KeysError> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut text)?;
        Ok(text)
    });
    let text = reading.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(KeysError::File)?;
    if text.len() as u64 > LARGEST { Err(KeysError::TooLarge) } else { Ok(text) }
}

async fn fetch(client: &Client, url: Url) -> Result<Vec<u8>, KeysError> {
    let failed = |error: reqwest::Error| KeysError::Fetch(error.without_url());
    let mut response = client.get(url).send().await.and_then(|answer| answer.error_for_status()).map_err(failed)?;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        text.extend_from_slice(&chunk);
        if text.len() as u64 > LARGEST {
            return Err(KeysError::TooLarge);
        }
    }
    Ok(text)
}

/// The keys of a JWK set that signatures can be checked with; what cannot be understood is left out, as RFC 7517
/// (section 5) asks.
fn keys(text: &[u8]) -> Result<Arc<[Key]>, KeysError> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(KeysError::Malformed)?;
    let keys = set.keys.into_iter().filter_map(|key| {
        let jwk: Jwk = serde_json::from_value(key).ok()?;
        let algorithms = algorithms(&jwk);
        if algorithms.is_empty() {
            return None;
        }
        Some(Key { key: DecodingKey::from_jwk(&jwk).ok()?, algorithms, id: jwk.common.key_id })
    });
    Ok(keys.collect())
}

/// What signatures `jwk` can check: those of its kind of key, and of these the one that it says it is for.
fn algorithms(jwk: &Jwk) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let of_kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        // A secret that is shared with the provider would let whoever checks tokens make them.
        AlgorithmParameters::OctetKey(_) => &[],
        _ => &[],
    };
    let common = &jwk.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    of_kind
        .iter()
        .copied()
        .filter(|_| is_for_signatures)
        .filter(|algorithm| common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(*algorithm)))
        .collect()
}

fn causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::tests::provider::{Provider, SigningKey};

    fn id(number: &'static str) -> Option<&'static str> {
        Some(number)
    }

    #[tokio::test]
    async fn another_key_is_looked_for_once_a_minute_at_most() {
        let provider = Provider::new(&[&SigningKey::elliptic("1")]);
        let jwks = Jwks::new(provider.place(), Path::new("/nowhere")).unwrap();
        let start = Instant::now();
        let has = async |name, seconds| {
            let now = start + Duration::from_secs(seconds);
            jwks.key(id(name), Algorithm::ES256, now).await.unwrap().is_some()
        };
        assert!(has("1", 0).await);
        provider.publish(&[&SigningKey::elliptic("2")]);
        assert!(!has("2", 59).await, "it was looked for a moment ago");
        assert!(has("1", 59).await);
        assert!(has("2", 61).await);
        assert!(!has("1", 62).await, "the provider has withdrawn it");
    }

    #[tokio::test]
    async fn a_withdrawn_key_is_forgotten_and_keys_outlive_a_provider_that_is_away() {
        let provider = Provider::new(&[&SigningKey::elliptic("1"), &SigningKey::elliptic("2")]);
        let jwks = Jwks::new(provider.place(), Path::new("/nowhere")).unwrap();
        let start = Instant::now();
        assert!(jwks.key(id("1"), Algorithm::ES256, start).await.unwrap().is_some());
        std::fs::write(provider.place(), "no keys today").unwrap();
        assert!(jwks.key(id("1"), Algorithm::ES256, start + BELIEVED).await.unwrap().is_some());
        provider.publish(&[&SigningKey::elliptic("2")]);
        assert!(jwks.key(id("1"), Algorithm::ES256, start + BELIEVED + PAUSE).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn without_keys_nobody_can_tell() {
        let jwks = Jwks::new("keys.json", Path::new("/nowhere")).unwrap();
        let start = Instant::now();
        let first = jwks.key(None, Algorithm::ES256, start).await;
        assert!(matches!(first, Err(KeysError::File(_))), "{:?}", first.err());
        let second = jwks.key(None, Algorithm::ES256, start).await;
        assert!(matches!(second, Err(KeysError::NotYet)), "{:?}", second.err());
    }

    #[test]
    fn keys_are_for_what_they_say_they_are_for() {
        let key = SigningKey::elliptic("1");
        let with = |change: Value| {
            let mut jwk = key.public();
            jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let text = serde_json::to_vec(&json!({ "keys": [jwk, { "kty": "oct", "k": "c2VjcmV0" }, {}, 7] })).unwrap();
            keys(&text).unwrap().iter().map(|key| key.algorithms.clone()).collect::<Vec<_>>()
        };
        assert_eq!(with(json!({})), [[Algorithm::ES256]]);
        assert_eq!(with(json!({ "use": "sig", "alg": "ES256", "key_ops": ["verify"] })), [[Algorithm::ES256]]);
        for other in [
            json!({ "use": "enc" }),
            json!({ "alg": "HS256" }),
            json!({ "alg": "ES384" }),
            json!({ "crv": "P-521" }),
            json!({ "key_ops": ["encrypt"] }),
        ] {
            assert!(with(other.clone()).is_empty(), "{other}");
        }
        assert!(matches!(keys(b"{}"), Err(KeysError::Malformed(_))));
    }

    #[test]
    fn keys_come_from_a_file_or_from_who_proves_to_be_the_provider() {
        let home = Path::new("/home");
        for good in ["keys.json", "/etc/keys.json", "file:///etc/keys.json", "https://idp/keys", "http://127.0.0.1:1/k"]
        {
            assert!(Jwks::new(good, home).is_ok(), "{good}");
        }
        for bad in ["http://idp/keys", "http://localhost.evil/keys", "ftp://idp/keys", "https://"] {
            assert!(matches!(Jwks::new(bad, home), Err(IdentityError::KeysPlace(_))), "{bad}");
        }
    }
}
