//! TLS: a client that trusts the certificate is answered, and a new certificate needs no restart.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::process::{Server, countersign, run, serve, text};

/// Writes a new pair for localhost.
fn pair(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

fn with_tls(folder: &Path) -> Command {
    let mut command = serve(folder);
    command.arg("--tls-cert").arg(folder.join("cert.pem"));
    command.arg("--tls-key").arg(folder.join("key.pem"));
    command
}

/// What the server answers to a client that trusts only the certificate in `cert`.
async fn ask(url: &str, cert: &[u8]) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cert).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(url.strip_prefix("https://").unwrap()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let request =
        b"GET /open-apis/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    pair(folder.path());
    let first = fs::read(folder.path().join("cert.pem")).unwrap();
    let server = Server::start(with_tls(folder.path()));
    let answer = ask(server.url(), &first).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with("404 page not found"));

    // A pair that does not fit together changes nothing.
    fs::write(folder.path().join("cert.pem"), "not a certificate").unwrap();
    server.signal("HUP");
    ask(server.url(), &first).await.unwrap();

    pair(folder.path());
    let second = fs::read(folder.path().join("cert.pem")).unwrap();
    server.signal("HUP");
    // The signal is handled in its own time: ask until the new certificate is served.
    let mut asked = 0;
    while ask(server.url(), &second).await.is_err() {
        asked += 1;
        assert!(asked < 20_000, "the new certificate is not served");
    }
    assert!(ask(server.url(), &first).await.is_err());
    assert!(server.stop());
}

#[tokio::test]
async fn dev_serves_with_a_certificate_that_it_signs_itself_once() {
    let folder = tempfile::tempdir().unwrap();
    let dev = || {
        let mut command = countersign();
        command.args(["--json", "dev", "--tls", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path());
        Server::start(command)
    };
    let server = dev();
    let cert = fs::read(folder.path().join("tls-cert.pem")).unwrap();
    assert_eq!(server.ready["tls_cert"], folder.path().join("tls-cert.pem").to_str().unwrap());
    ask(server.url(), &cert).await.unwrap();
    assert!(server.stop());
    // Clients that trust it need not do so again.
    ask(dev().url(), &cert).await.unwrap();
}

#[test]
fn files_that_cannot_be_used_are_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let complaint = |cert: &str, key: &str| {
        let (cert, key) = (path(cert), path(key));
        let args = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        let listen = ["serve", "--listen", "127.0.0.1:0", "--observe", ""];
        let done = run(&[&listen[..], &args[..]].concat(), folder.path());
        assert!(!done.status.success());
        text(&done)
    };
    pair(folder.path());
    fs::rename(path("cert.pem"), path("other.pem")).unwrap();
    pair(folder.path());
    fs::write(path("empty.pem"), "").unwrap();
    assert!(complaint("gone.pem", "key.pem").contains("cannot read"));
    assert!(complaint("empty.pem", "key.pem").contains("holds no certificate"));
    assert!(complaint("cert.pem", "cert.pem").contains("holds no private key"));
    assert!(complaint("other.pem", "key.pem").contains("is not the key of"));
    let half = run(&["serve", "--tls-cert", "cert.pem"], folder.path());
    assert!(text(&half).contains("--tls-key"));
}
