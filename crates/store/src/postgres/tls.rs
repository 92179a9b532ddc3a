//! The connection string, and how it is protected on the way.
//!
//! `sslmode` is read as PostgreSQL's own clients do: `require` alone encrypts but believes whoever
//! answers, `verify-full` wants a certificate of the server's name.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, Result};

/// A way to the server.
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

/// Reads `url`; `root` is a file with the certificates to trust instead of the system's.
pub(super) fn target(url: &str, root: Option<&Path>) -> Result<Target> {
    // The driver does not know the modes that verify.
    let verifies = ["sslmode=verify-full", "sslmode=verify-ca"];
    let verify = root.is_some() || verifies.iter().any(|mode| url.contains(mode));
    let plain = verifies.iter().fold(url.to_owned(), |u, mode| u.replace(mode, "sslmode=require"));
    // The string may hold a password, so it is not repeated.
    let config: Config = plain.parse().map_err(|e: tokio_postgres::Error| {
        Error::Unsupported(format!(
            "the database address cannot be read ({}): write it as \
             postgres://user:password@host:5432/name",
            super::fault::text(&e)
        ))
    })?;
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Engine(e.to_string()))?;
    let tls = if verify {
        builder.with_root_certificates(roots(root)?).with_no_client_auth()
    } else {
        let believe = Arc::new(Believe(provider.signature_verification_algorithms));
        builder.dangerous().with_custom_certificate_verifier(believe).with_no_client_auth()
    };
    Ok(Target { config, tls: MakeRustlsConnect::new(tls) })
}

fn roots(file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let bad = |e: &dyn std::fmt::Display| {
        Error::Unsupported(format!(
            "{} is not a file with root certificates (PEM): {e}",
            file.display()
        ))
    };
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
        roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
    }
    if roots.is_empty() { Err(bad(&"it holds none")) } else { Ok(roots) }
}

/// Takes any certificate, as `sslmode=require` asks: the way is encrypted, who is at its end is not
/// known.
#[derive(Debug)]
struct Believe(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Believe {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
