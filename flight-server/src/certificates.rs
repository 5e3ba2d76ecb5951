//! The certificate of the server, and the authority of its clients'.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::{ServerError, Tls};

/// TLS as `tls` says. A client may have a certificate and need not: whoever has none shows another credential.
pub(crate) fn tls(tls: &Tls) -> Result<TlsAcceptor, ServerError> {
    // Several libraries of the process bring one along, so which is meant has to be said. That it was said before is fine.
    let _ = aws_lc_rs::default_provider().install_default();
    let builder = match &tls.client_authority {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authority) => {
            let mut authorities = RootCertStore::empty();
            authorities.add_parsable_certificates(certificates(authority)?);
            let verifier = WebPkiClientVerifier::builder(Arc::new(authorities)).allow_unauthenticated().build();
            ServerConfig::builder().with_client_cert_verifier(verifier.map_err(unusable)?)
        }
    };
    // What is wrong with a file stays unsaid: that could show a part of the key.
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.key)?).map_err(|_| lacks(&tls.key, "private key"))?;
    let mut config = builder.with_single_cert(certificates(&tls.certificate)?, key).map_err(unusable)?;
    config.alpn_protocols.push(b"h2".to_vec());
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificates in the file at `path`.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServerError> {
    let certificates = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>();
    certificates.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(|| lacks(path, "certificate"))
}

fn read(path: &Path) -> Result<Vec<u8>, ServerError> {
    std::fs::read(path).map_err(|source| ServerError::Read { path: path.to_path_buf(), source })
}

fn lacks(path: &Path, what: &str) -> ServerError {
    unusable(format!("`{}` holds no {what} in PEM", path.display()))
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ServerError {
    ServerError::Tls(error.into())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    /// What is said of a certificate and key with these contents.
    fn said(certificate: &str, key: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (certificate, key) = (write("cert.pem", certificate), write("key.pem", key));
        let error = tls(&Tls { certificate, key, client_authority: None }).err().unwrap();
        format!("{error}: {}", error.source().unwrap())
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_is_named_and_shows_nothing_of_a_key() {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        let (cert, key) = (cert.pem(), signing_key.serialize_pem());
        let in_one_line = key.replace('\n', "");
        let secret = key.lines().nth(1).unwrap();
        for (wrong, named) in [
            (said(&cert, &cert), "key.pem` holds no private key"),
            (said(&cert, &in_one_line), "key.pem` holds no private key"),
            (said(&key, &key), "cert.pem` holds no certificate"),
            (said(&in_one_line, &key), "cert.pem` holds no certificate"),
            (said("", &key), "cert.pem` holds no certificate"),
        ] {
            assert!(wrong.contains(named) && !wrong.contains(secret), "{wrong}");
        }
    }
}
