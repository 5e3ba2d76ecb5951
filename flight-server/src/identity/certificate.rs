//! Certificates of TLS connections: the settings say whose subject is who.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sluice_model::Digest;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    Identity, IdentityError, Peer,
    refusal::Refusal,
    subject::{misspelling, subject_text},
};

/// Users and services by the subjects of their certificates.
pub(super) struct Certificates(HashMap<String, Arc<str>>);

impl Certificates {
    /// # Errors
    /// [`IdentityError::Subject`] where a subject is written as no certificate's ever is.
    pub(super) fn new(subjects: BTreeMap<String, String>) -> Result<Self, IdentityError> {
        let one = |(subject, principal): (String, String)| match misspelling(&subject) {
            Some(reason) => Err(IdentityError::Subject { subject, reason }),
            None => Ok((subject, principal.into())),
        };
        subjects.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Who `peer` is by its own certificate; those of the authorities above it say nothing about it.
    pub(super) fn enter(&self, peer: &Peer) -> Result<Identity, Refusal> {
        let own = peer.certificates.as_ref().and_then(|chain| chain.first()).ok_or(Refusal::Missing)?;
        let (rest, certificate) = X509Certificate::from_der(own).map_err(|_| Refusal::Malformed)?;
        if !rest.is_empty() {
            return Err(Refusal::Malformed);
        }
        // TLS has looked at this when the connection began, which may be long ago.
        let validity = certificate.validity();
        if !validity.is_valid() {
            return Err(Refusal::Wrong);
        }
        let subject = subject_text(certificate.subject()).ok_or(Refusal::Malformed)?;
        let Some(principal) = self.0.get(&subject) else {
            tracing::info!(subject, "[server.certificates] does not say whose certificate this is");
            return Err(Refusal::Unknown);
        };
        let expires = Duration::from_secs(u64::try_from(validity.not_after.timestamp()).unwrap_or_default());
        Ok(Identity {
            principal: Arc::clone(principal),
            groups: Vec::new(),
            credential: Digest::of(own),
            expires_at: SystemTime::UNIX_EPOCH.checked_add(expires),
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
    use tonic::transport::CertificateDer;

    use super::*;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Acme");
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// A certificate of `name` above which the authority `root` stands.
    fn chain(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Peer {
        let mut authority = params("root");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let mut own = params(name);
        change(&mut own);
        let issuer = Issuer::new(authority, authority_key);
        let certificate = own.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let chain = vec![certificate.der().clone(), authority_certificate.der().clone()];
        Peer { address: None, certificates: Some(Arc::new(chain)) }
    }

    fn certificates() -> Certificates {
        let subjects = [("CN=alice,O=Acme", "alice"), ("CN=root,O=Acme", "root")];
        Certificates::new(subjects.map(|(subject, name)| (subject.to_owned(), name.to_owned())).into()).unwrap()
    }

    #[test]
    fn a_subject_is_who_the_settings_say() {
        let peer = chain("alice", |params| params.not_after = date_time_ymd(2090, 1, 1));
        let identity = certificates().enter(&peer).unwrap();
        assert_eq!(&*identity.principal, "alice");
        assert_eq!(identity.expires_at, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(3_786_912_000)));
        let again = certificates().enter(&chain("alice", |_| {})).unwrap();
        assert_ne!(identity.credential, again.credential, "another certificate is another credential");
    }

    #[test]
    fn only_the_certificate_of_the_peer_itself_counts() {
        assert!(matches!(certificates().enter(&chain("mallory", |_| {})), Err(Refusal::Unknown)));
        assert!(matches!(certificates().enter(&chain("alice,O=Acme", |_| {})), Err(Refusal::Unknown)));
        assert!(matches!(certificates().enter(&Peer::default()), Err(Refusal::Missing)));
        let garbage = CertificateDer::from(b"not a certificate".to_vec());
        let peer = Peer { address: None, certificates: Some(Arc::new(vec![garbage])) };
        assert!(matches!(certificates().enter(&peer), Err(Refusal::Malformed)));
    }

    #[test]
    fn a_connection_does_not_outlive_its_certificate() {
        let expired = chain("alice", |params| params.not_after = date_time_ymd(2020, 1, 1));
        assert!(matches!(certificates().enter(&expired), Err(Refusal::Wrong)));
    }
}
