//! One request and its streamed answer, whatever the protocol: who may be talked to, how long
//! silence is borne, and how much is taken in.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sse_stream::SseByteStream;
use tokio::time::timeout;
use url::Url;

use super::base_url::is_loopback;
use super::blocks::{Fault, On, Reader, Whole};
use super::body::Body;
use super::classify::{self, Said};
use super::{Error, ErrorKind, retry};
use crate::domain::secret::Secret;

const CONNECT: Duration = Duration::from_secs(10);
/// Most bytes of one answer, as they leave the decoder.
const ANSWER_MAX: usize = 32 << 20;
/// Most bytes of an error's body.
const ERROR_MAX: usize = 64 << 10;
/// How long the rest after the end mark is waited for, so that the connection can be used again.
const REST: Duration = Duration::from_millis(100);
const REST_FRAMES: usize = 16;

/// A way to one vendor: client (built at the first request), address and headers.
pub(super) struct Line {
    /// The provider's word in messages.
    pub(super) who: &'static str,
    pub(super) url: Url,
    /// What every request carries; the key is marked sensitive.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Taken out of whatever the vendor says.
    pub(super) key: Option<Secret>,
    /// Trusted beside the built-in roots.
    pub(super) extra_roots: Vec<CertificateDer<'static>>,
    /// Longest silence.
    pub(super) idle: Duration,
    pub(super) client: OnceLock<Result<reqwest::Client, String>>,
}

impl Line {
    /// Sends `body` and reads the answer to its end mark.
    pub(super) async fn exchange(&self, body: Body, reader: &mut dyn Reader, on: On<'_>) -> Result<Whole, Error> {
        let result = self.exchange_openly(body, reader, on).await;
        result.map_err(|mut error| {
            if let Some(key) = self.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty()) {
                error.message = error.message.replace(key, "***");
            }
            error
        })
    }

    async fn exchange_openly(&self, body: Body, reader: &mut dyn Reader, on: On<'_>) -> Result<Whole, Error> {
        let client = match self.client.get_or_init(|| self.build()) {
            Ok(client) => client,
            Err(reason) => return Err(self.misconfigured(format!("could not set up TLS: {reason}"))),
        };
        let mut request = client.post(self.url.clone()).header(CONTENT_LENGTH, body.len());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = match timeout(self.idle, request.body(body.into_stream()).send()).await {
            Err(_) => return Err(self.silent()),
            Ok(Err(error)) if is_untrusted(&error) => {
                return Err(self.misconfigured(format!(
                    "has a certificate that is not trusted: {}; name the one to trust in SSL_CERT_FILE",
                    causes(&error)
                )));
            }
            Ok(Err(error)) => return Err(self.transient(format!("could not be reached: {}", causes(&error)))),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let kind = header(response.headers(), CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        if !response.status().is_success() {
            let after = header(response.headers(), RETRY_AFTER)
                .and_then(|value| retry::retry_after(value, header(response.headers(), DATE)));
            let said = head(response, self.idle).await;
            return Err(classify::status(self.who, status, after, &said));
        }
        if !kind.is_empty() && !kind.starts_with("text/event-stream") {
            let said = head(response, self.idle).await;
            return Err(match Said::json(&said) {
                Some(said) => classify::said(self.who, &said.kind, &said.message),
                None => self.misconfigured(format!(
                    "answered {status} with `{}` and no event stream; check the base URL",
                    classify::defuse(&kind)
                )),
            });
        }
        self.read(response.bytes_stream(), reader, on).await
    }

    /// Reads an event stream up to the end mark.
    pub(super) async fn read<E>(
        &self,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        reader: &mut dyn Reader,
        on: On<'_>,
    ) -> Result<Whole, Error>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let mut taken = 0_usize;
        let bounded = bytes.map(|piece| match piece {
            Err(error) => Err(Cut::Broken(causes(&error))),
            Ok(piece) => {
                taken = taken.saturating_add(piece.len());
                if taken > ANSWER_MAX { Err(Cut::TooLong) } else { Ok(piece) }
            }
        });
        let mut frames = std::pin::pin!(SseByteStream::new(bounded));
        loop {
            let frame = match timeout(self.idle, frames.next()).await {
                Err(_) => return Err(self.silent()),
                Ok(None) => return Err(self.transient("ended its answer without the end mark".to_owned())),
                Ok(Some(Err(sse_stream::Error::Body(error)))) => {
                    return Err(match error.downcast::<Cut>() {
                        Ok(cut) if matches!(*cut, Cut::TooLong) => self.fatal(cut.to_string()),
                        Ok(cut) => self.transient(cut.to_string()),
                        Err(error) => self.transient(format!("broke off: {error}")),
                    });
                }
                Ok(Some(Err(error))) => return Err(self.transient(format!("sent a damaged stream: {error}"))),
                Ok(Some(Ok(frame))) => frame,
            };
            let Some(data) = frame.data else { continue };
            match reader.frame(&data, &mut *on) {
                Ok(None) => {}
                Ok(Some(whole)) => {
                    let rest = async {
                        for _ in 0..REST_FRAMES {
                            if frames.next().await.is_none() {
                                break;
                            }
                        }
                    };
                    let _ = timeout(REST, rest).await;
                    return Ok(whole);
                }
                Err(fault) => return Err(self.fault(fault)),
            }
        }
    }

    fn build(&self) -> Result<reqwest::Client, String> {
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in &self.extra_roots {
            roots.add(root.clone()).map_err(|error| format!("an extra certificate cannot be trusted: {error}"))?;
        }
        let mut tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("hob/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&self.url) {
            client = client.no_proxy();
        }
        client.build().map_err(|error| causes(&error))
    }

    fn fault(&self, fault: Fault) -> Error {
        match fault {
            Fault::Said { kind, message } => classify::said(self.who, &kind, &message),
            Fault::Malformed(what) => self.transient(format!("sent a malformed answer: {}", classify::defuse(&what))),
            Fault::TooMuch(what) => self.fatal(format!("sent {what}; it was not taken")),
            Fault::Overflow => Error {
                kind: ErrorKind::Overflow,
                message: format!("{} stopped: the conversation is longer than the model's window", self.who),
            },
            Fault::Stop(stop) => {
                self.fatal(format!("stopped for a reason that hob does not know: `{}`", classify::defuse(&stop)))
            }
        }
    }

    fn silent(&self) -> Error {
        self.transient(format!("was silent for {} s", self.idle.as_secs_f64()))
    }

    fn transient(&self, what: String) -> Error {
        Error { kind: ErrorKind::Transient { after: None }, message: format!("{} {what}", self.who) }
    }

    fn misconfigured(&self, what: String) -> Error {
        Error { kind: ErrorKind::Config, message: format!("{} {what}", self.who) }
    }

    fn fatal(&self, what: String) -> Error {
        Error { kind: ErrorKind::Fatal, message: format!("{} {what}", self.who) }
    }
}

/// Reads the certificates of a PEM file.
pub(super) fn roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if roots.is_empty() { Err("it holds no PEM certificate".to_owned()) } else { Ok(roots) }
}

/// Why no more bytes come.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("sent more than 32 MiB in one answer; it was not taken")]
    TooLong,
    #[error("broke off: {0}")]
    Broken(String),
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The beginning of a body that is no stream.
async fn head(mut response: reqwest::Response, idle: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_MAX {
        let Ok(Ok(Some(piece))) = timeout(idle, response.chunk()).await else { break };
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(ERROR_MAX);
    bytes
}

/// Whether the other side's certificate is the cause.
fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    for _ in 0..8 {
        let Some(error) = next else { break };
        // An error inside an `io::Error` is not its source: it stands for it.
        let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        let found = inner.map_or_else(|| error.downcast_ref(), |inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(_)) = found {
            return true;
        }
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// An error with its causes, outermost first; the URL, which reqwest repeats, left out.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.filter(|_| said.len() < 8) {
        let text = error.to_string();
        let text = text.split(" for url (").next().unwrap_or_default().to_owned();
        if !said.last().is_some_and(|last| last.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    classify::defuse(&said.join(": "))
}

#[cfg(test)]
pub(super) mod tests {
    use futures::stream;

    use super::*;

    /// A line that leads nowhere, for streams that come from a test.
    pub(in crate::provider) fn line() -> Line {
        Line {
            who: "anthropic",
            url: Url::parse("http://127.0.0.1:9/v1/messages").unwrap(),
            headers: Vec::new(),
            key: None,
            extra_roots: Vec::new(),
            idle: Duration::from_secs(120),
            client: OnceLock::new(),
        }
    }

    /// What reading these pieces brings.
    pub(in crate::provider) fn read(pieces: Vec<Vec<u8>>, reader: &mut dyn Reader) -> Result<Whole, Error> {
        let pieces = stream::iter(pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(line().read(pieces, reader, &mut |_| {}))
    }

    /// Never has enough.
    struct Endless;

    impl Reader for Endless {
        fn frame(&mut self, _: &str, _: On<'_>) -> Result<Option<Whole>, Fault> {
            Ok(None)
        }
    }

    #[test]
    fn an_endless_answer_is_refused_at_32_mib() {
        let frame = format!("data: {}\n\n", "x".repeat(1 << 20)).into_bytes();
        for pieces in [
            vec![frame; 40],
            vec![vec![b'x'; 1 << 20]; 40],
            vec![[b"data: ".to_vec(), vec![b'x'; 1 << 20]].concat(); 40],
        ] {
            let error = read(pieces, &mut Endless).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Fatal);
            assert_eq!(error.message, "anthropic sent more than 32 MiB in one answer; it was not taken");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_for_two_minutes_is_a_cut_stream() {
        let error = line()
            .read(stream::pending::<Result<Bytes, std::io::Error>>(), &mut Endless, &mut |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient { after: None });
        assert_eq!(error.message, "anthropic was silent for 120 s");
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_told_from_a_server_that_is_gone() {
        use std::io::Error as Io;
        let untrusted = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_untrusted(&untrusted()));
        assert!(is_untrusted(&Io::other(Io::other(untrusted()))));
        assert!(!is_untrusted(&Io::other(rustls::Error::HandshakeNotComplete)));
        assert!(!is_untrusted(&Io::from(std::io::ErrorKind::ConnectionRefused)));
    }

    #[test]
    fn the_client_needs_no_file_of_the_system() {
        line().build().unwrap();
        assert!(roots(b"").unwrap_err().contains("no PEM certificate"));
        assert!(roots(b"-----BEGIN CERTIFICATE-----\nMIIB\n").is_err());
    }
}
