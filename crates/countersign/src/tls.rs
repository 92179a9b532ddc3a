//! TLS of the API: certificates from files, read again when the files change.
//!
//! Knows no HTTP. A pair of files that cannot be used is refused at start; later the one in use
//! stays, and the log says why.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often the files are looked at (own figure: certificates are renewed days before they end).
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The files of a certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, followed by those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What makes TLS streams of connections.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    pair: Arc<Pair>,
}

/// The certificate in use, and what its files held.
#[derive(Debug)]
struct Pair {
    files: Files,
    used: RwLock<Used>,
}

#[derive(Debug)]
struct Used {
    key: Arc<CertifiedKey>,
    content: Content,
}

/// The bytes of both files.
type Content = (Vec<u8>, Vec<u8>);

impl Tls {
    /// Reads the files.
    pub fn open(files: Files) -> Result<Self> {
        let content = read(&files)?;
        let used = Used { key: certified(&files, &content)?, content };
        let pair = Arc::new(Pair { files, used: RwLock::new(used) });
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS cannot be set up")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&pair) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), pair })
    }

    /// Shakes hands with a client.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Takes the files into use if they changed. Says whether they did.
    pub fn renew(&self) -> Result<bool> {
        let content = read(&self.pair.files)?;
        if self.pair.used.read().is_ok_and(|used| used.content == content) {
            return Ok(false);
        }
        let key = certified(&self.pair.files, &content)?;
        let mut used = self.pair.used.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *used = Used { key, content };
        Ok(true)
    }

    /// Looks at the files every half minute, and at once on SIGHUP, for as long as it is polled.
    pub async fn follow(self) {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = hangup.recv() => {}
            }
            match self.renew() {
                Ok(true) => tracing::info!("serving with the new certificate"),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "the old certificate stays");
                }
            }
        }
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.used.read().ok().map(|used| Arc::clone(&used.key))
    }
}

fn read(files: &Files) -> Result<Content> {
    let bytes =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    Ok((bytes(&files.cert)?, bytes(&files.key)?))
}

fn certified(files: &Files, (cert, key): &Content) -> Result<Arc<CertifiedKey>> {
    let (cert_name, key_name) = (files.cert.display(), files.key.display());
    let chain = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>();
    let chain = chain.with_context(|| format!("{cert_name} is not PEM"))?;
    if chain.is_empty() {
        bail!("{cert_name} holds no certificate (a block BEGIN CERTIFICATE)");
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .with_context(|| format!("{key_name} holds no private key (a block BEGIN PRIVATE KEY)"))?;
    let key = any_supported_type(&key).with_context(|| format!("the key in {key_name}"))?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().with_context(|| format!("{key_name} is not the key of {cert_name}"))?;
    Ok(Arc::new(certified))
}

/// A pair for this machine alone, signed by itself, in `folder`; one that is there already stays, so
/// that clients need to trust it once.
pub fn self_signed(folder: &Path) -> Result<Files> {
    let files = Files { cert: folder.join("tls-cert.pem"), key: folder.join("tls-key.pem") };
    if files.cert.is_file() && files.key.is_file() {
        return Ok(files);
    }
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    let write = |path: &Path, text: String, mode: u32| {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(mode).open(path);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))
    };
    write(&files.key, made.signing_key.serialize_pem(), 0o600)?;
    write(&files.cert, made.cert.pem(), 0o644)?;
    Ok(files)
}
