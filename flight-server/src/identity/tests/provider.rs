//! An identity provider: keys of every kind, tokens good and forged, a file that publishes the keys.

use std::{path::PathBuf, time::SystemTime};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const AUDIENCE: &str = "sluice";

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A place where keys are published.
pub(crate) struct Provider {
    _dir: TempDir,
    place: PathBuf,
}

impl Provider {
    pub(crate) fn new(keys: &[&SigningKey]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let provider = Self { place: dir.path().join("keys.json"), _dir: dir };
        provider.publish(keys);
        provider
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public()).collect();
        std::fs::write(&self.place, json!({ "keys": keys }).to_string()).unwrap();
    }

    pub(crate) fn place(&self) -> &str {
        self.place.to_str().unwrap()
    }
}

/// A key that tokens are signed with.
pub(crate) struct SigningKey {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    pair: Option<KeyPair>,
}

impl SigningKey {
    pub(crate) fn elliptic(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        Self { id, algorithm: Algorithm::ES256, key, pair: Some(pair) }
    }

    pub(crate) fn edwards(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let key = EncodingKey::from_ed_der(pair.serialized_der());
        Self { id, algorithm: Algorithm::EdDSA, key, pair: Some(pair) }
    }

    pub(crate) fn rsa(id: &'static str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { id, algorithm: Algorithm::RS256, key, pair: Some(pair) }
    }

    pub(crate) fn secret(id: &'static str, secret: &[u8]) -> Self {
        Self { id, algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret), pair: None }
    }

    /// The public half, as a JWK.
    pub(crate) fn public(&self) -> Value {
        let encoded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let raw = self.pair.as_ref().unwrap().public_key_raw();
        let mut jwk = match self.algorithm {
            // An uncompressed point: 4, x, y.
            Algorithm::ES256 => {
                json!({ "kty": "EC", "crv": "P-256", "x": encoded(&raw[1..33]), "y": encoded(&raw[33..]) })
            }
            Algorithm::EdDSA => json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(raw) }),
            _ => serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap(),
        };
        jwk["kid"] = self.id.into();
        jwk
    }

    /// What the public half looks like as a text: what somebody could take for a secret.
    pub(crate) fn public_texts(&self) -> Vec<Vec<u8>> {
        let pair = self.pair.as_ref().unwrap();
        let modulus = self.public()["n"].as_str().unwrap().to_owned();
        vec![
            pair.public_key_pem().into_bytes(),
            pair.public_key_pem().trim_end().as_bytes().to_vec(),
            pair.subject_public_key_info(),
            pair.public_key_raw().to_vec(),
            BASE64_URL_SAFE_NO_PAD.decode(&modulus).unwrap(),
            modulus.into_bytes(),
        ]
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(claims, |_| {})
    }

    pub(crate) fn sign_with(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        change(&mut header);
        encode(&header, claims, &self.key).unwrap()
    }
}

/// A token without a signature.
pub(crate) fn forged(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.")
}
