//! The certificate of the server, and the authority of its clients'.

use std::path::Path;

use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::{ServerError, Tls};

/// TLS as `tls` says. A client may have a certificate and need not: whoever has none shows another credential.
pub(crate) fn tls(tls: &Tls) -> Result<ServerTlsConfig, ServerError> {
    // Several libraries of the process bring one along, so which is meant has to be said. That it was said before is fine.
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
    let identity = Identity::from_pem(read(&tls.certificate)?, read(&tls.key)?);
    let mut config = ServerTlsConfig::new().identity(identity);
    if let Some(authority) = &tls.client_authority {
        config = config.client_ca_root(Certificate::from_pem(read(authority)?)).client_auth_optional(true);
    }
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, ServerError> {
    std::fs::read(path).map_err(|source| ServerError::Read { path: path.to_path_buf(), source })
}
