//! Models behind a proxy, and behind a certificate of the operator's own: the real program, a proxy on
//! loopback that tunnels, and TLS at its end.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::scene::http::{Listening, receive};
use crate::scene::model_server::{KEY, ModelServer, answer};
use crate::scene::{Ran, Scene, fixture};

/// `me:open sesame`, as a proxy hears it.
const CREDENTIALS: &str = "Basic bWU6b3BlbiBzZXNhbWU=";

/// A proxy that tunnels everything to one place.
struct Proxy {
    listening: Listening,
    /// First line and credentials of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn to(end: SocketAddr) -> Self {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let listening = Listening::start({
            let asked = Arc::clone(&asked);
            move |socket| tunnel(socket, end, Arc::clone(&asked))
        });
        Self { listening, asked }
    }

    fn url(&self) -> String {
        self.listening.url.replace("http://", "http://me:open%20sesame@")
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn tunnel(mut socket: TcpStream, end: SocketAddr, asked: Arc<Mutex<Vec<String>>>) {
    let Some(request) = receive(&mut socket).await else { return };
    let credentials = request.header("proxy-authorization").unwrap_or("nobody").to_owned();
    asked.lock().unwrap().push(format!("{} {} {credentials}", request.method, request.target));
    let mut there = TcpStream::connect(end).await.unwrap();
    socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    copy_bidirectional(&mut socket, &mut there).await.ok();
}

/// TLS for `models.example` in front of a server that speaks plain HTTP.
fn tls_before(server: SocketAddr) -> Listening {
    let certificate = CertificateDer::from_pem_file(fixture("authority/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("authority/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    Listening::start(move |socket| decrypt(socket, Arc::clone(&config), server))
}

async fn decrypt(mut socket: TcpStream, config: Arc<ServerConfig>, server: SocketAddr) {
    let (mut tls, mut plain) = (ServerConnection::new(config).unwrap(), TcpStream::connect(server).await.unwrap());
    let (mut sealed, mut open) = ([0; 4096], [0; 4096]);
    loop {
        let mut reply = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut reply).unwrap();
        }
        if socket.write_all(&reply).await.is_err() {
            return;
        }
        tokio::select! {
            count = socket.read(&mut sealed) => {
                let Ok(count @ 1..) = count else { return };
                let mut bytes = &sealed[..count];
                let mut text = Vec::new();
                while !bytes.is_empty() {
                    tls.read_tls(&mut bytes).unwrap();
                    // The other side does not trust us: it said so, and hangs up.
                    if tls.process_new_packets().is_err() {
                        return;
                    }
                    tls.reader().read_to_end(&mut text).ok();
                }
                plain.write_all(&text).await.unwrap();
            }
            count = plain.read(&mut open) => {
                let Ok(count @ 1..) = count else { return };
                tls.writer().write_all(&open[..count]).unwrap();
            }
        }
    }
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

fn scene() -> Scene {
    Scene::new().file("agents/plain.md", "---\ndescription: x\n---\nWork.\n")
}

/// Asks one question at this address, with these variables beside the key.
fn ask(scene: &Scene, base_url: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command: Command = scene.command(["run", "plain", "--message", "Hi.", "--model", "openai-chat/m"]);
    command.env("OPENAI_API_KEY", KEY).env("OPENAI_BASE_URL", base_url).envs(variables.iter().copied());
    scene.end(command)
}

#[test]
fn a_model_is_asked_through_a_tunnel_that_cannot_read_along() {
    let server = ModelServer::start([answer().text("Done.").end()]);
    let tls = tls_before(address(&server.url));
    let proxy = Proxy::to(address(&tls.url));
    let authority = fixture("authority/ca.pem").display().to_string();
    let (scene, url) = (scene(), proxy.url());
    let ran = ask(&scene, "https://models.example/v1", &[("HTTPS_PROXY", &url), ("SSL_CERT_FILE", &authority)]);
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
    assert_eq!(proxy.asked(), [format!("CONNECT models.example:443 {CREDENTIALS}")]);
    assert_eq!(server.requests().len(), 1);
    assert!(!ran.transcript().contains("sesame"), "{}", ran.transcript());
}

#[test]
fn a_certificate_of_nobody_is_refused_with_the_next_move() {
    let server = ModelServer::start([]);
    let tls = tls_before(address(&server.url));
    let proxy = Proxy::to(address(&tls.url));
    let (scene, url) = (scene(), proxy.url());
    let ran = ask(&scene, "https://models.example/v1", &[("https_proxy", &url)]);
    assert_eq!(ran.code(), Some(2), "{}", ran.transcript());
    assert!(ran.stderr().contains("is not trusted"), "{}", ran.stderr());
    assert!(ran.stderr().contains("SSL_CERT_FILE"), "{}", ran.stderr());
    assert!(!ran.transcript().contains("sesame"), "{}", ran.transcript());
    assert_eq!(proxy.asked().len(), 1, "asking again would bring the same");
}

/// A name that the operator excepts, and this machine, are asked without the proxy.
#[test]
fn no_proxy_and_this_machine_are_asked_directly() {
    let server = ModelServer::start([answer().text("Done.").end(), answer().text("Done.").end()]);
    let proxy = Proxy::to(address(&server.url));
    let url = proxy.url();
    // Every address of this machine, which only the list says.
    let any = server.url.replace("127.0.0.1", "0.0.0.0");
    let all = [("HTTP_PROXY", url.as_str()), ("HTTPS_PROXY", &url), ("ALL_PROXY", &url)];
    for (base_url, excepted) in [(any.as_str(), "example.org,0.0.0.0"), (server.url.as_str(), "")] {
        let variables: Vec<(&str, &str)> = all.iter().copied().chain([("NO_PROXY", excepted)]).collect();
        let ran = ask(&scene(), base_url, &variables);
        assert_eq!(ran.code(), Some(0), "{base_url}: {}", ran.transcript());
    }
    assert_eq!(proxy.asked(), Vec::<String>::new());
    assert_eq!(server.left(), 0);
}
