//! Bearer tokens: texts that let in whoever shows them.

use std::fmt;

use sluice_model::Digest;
use uuid::Uuid;

/// A token that has just been made. It is shown once; what is kept is its digest.
pub struct BearerToken(String);

impl BearerToken {
    /// What access tokens start with: those that `CREATE TOKEN` makes.
    pub const ACCESS: &str = "slc_";
    /// What the tokens start with that a login is answered with.
    pub const LOGIN: &str = "sll_";

    /// A token of 256 random bits behind `prefix`.
    pub fn random(prefix: &str) -> Self {
        // A UUID of version 4 holds 122 bits from the system's source of randomness; the digest of three holds 256.
        let random = [(); 3].map(|()| *Uuid::new_v4().as_bytes()).concat();
        Self(format!("{prefix}{}", Digest::of(&random)))
    }

    /// The token itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Self::digest_of(&self.0)
    }

    /// What would be kept of `token`, which somebody shows.
    pub fn digest_of(token: &str) -> Digest {
        Digest::of(token.as_bytes())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_show_themselves_only_when_asked() {
        let [one, other] = [(); 2].map(|()| BearerToken::random(BearerToken::ACCESS));
        assert_ne!(one.as_str(), other.as_str());
        assert_eq!(one.as_str().len(), 4 + 64);
        assert!(one.as_str().starts_with("slc_"));
        assert_eq!(one.digest(), BearerToken::digest_of(one.as_str()));
        assert_eq!(format!("{one:?}"), "BearerToken(***)");
    }
}
