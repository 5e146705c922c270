//! A host whose certificate nobody trusts: it is told at once, with the variable that would change it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hob::domain::secret::Secret;
use hob::forge::github::runner::{Options, Runner};
use hob::forge::{Error, Line};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::forge_github::{Answer, Fault, GithubServer, runtime_token};
use crate::scene::fixture;
use crate::scene::http::Listening;

/// Shakes hands with whoever comes, and counts them.
struct Untrusted {
    listening: Listening,
    came: Arc<AtomicUsize>,
}

impl Untrusted {
    fn start() -> Self {
        let certificate = CertificateDer::from_pem_file(fixture("untrusted/certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(fixture("untrusted/key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (config, came) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
        let listening = Listening::start({
            let came = Arc::clone(&came);
            move |socket| {
                came.fetch_add(1, Ordering::Relaxed);
                shake(socket, Arc::clone(&config))
            }
        });
        Self { listening, came }
    }

    fn url(&self) -> String {
        self.listening.url.replace("http://", "https://")
    }
}

/// As far as it goes: until the other side hangs up.
async fn shake(mut socket: TcpStream, config: Arc<ServerConfig>) {
    let (mut tls, mut seen) = (ServerConnection::new(config).unwrap(), [0; 4096]);
    while let Ok(count @ 1..) = socket.read(&mut seen).await {
        tls.read_tls(&mut &seen[..count]).unwrap();
        let is_over = tls.process_new_packets().is_err();
        let mut reply = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut reply).unwrap();
        }
        if is_over || socket.write_all(&reply).await.is_err() {
            return;
        }
    }
}

async fn keep(url: String) -> Error {
    let token = Secret::new(runtime_token(7, "job-1"));
    let line = Line { pause: Duration::from_millis(1), ..Line::default() };
    let runner = Runner::new(Options { url, token, expires_at: None, line }).unwrap();
    runner.keep("hob-1", &Bytes::from_static(b"PK")).await.unwrap_err()
}

fn assert_told_once(error: &Error, untrusted: &Untrusted, host: &str) {
    let said = error.to_string();
    assert!(matches!(error, Error::Refused { status: 0, .. }), "{error:?}");
    assert!(said.starts_with(&format!("cannot keep the artifact `hob-1`: {host} could not be reached: ")), "{said}");
    assert!(said.ends_with("; name the certificate to trust in SSL_CERT_FILE"), "{said}");
    assert_eq!(untrusted.came.load(Ordering::Relaxed), 1, "it was asked again");
}

#[tokio::test]
async fn an_artifact_service_that_nobody_trusts_is_asked_once() {
    let untrusted = Untrusted::start();
    assert_told_once(&keep(untrusted.url()).await, &untrusted, "the artifact service");
}

#[tokio::test]
async fn a_storage_host_that_nobody_trusts_is_asked_once() {
    let (untrusted, github) = (Untrusted::start(), GithubServer::start());
    let there = json!({ "ok": true, "signed_upload_url": format!("{}/files/1?sig=x", untrusted.url()) });
    github.fault("runner/CreateArtifact", Fault::Answer(Answer::json(200, &there)));
    assert_told_once(&keep(github.runner_url()).await, &untrusted, "the storage host");
}
