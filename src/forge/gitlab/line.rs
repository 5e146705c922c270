//! The way to one GitLab: who is asked, with which token, how long, and what an answer means
//! before anybody reads it.
//!
//! The `gitlab` crate tells the endpoints (method, path, query, body). Its own client is not used:
//! it asks the server once while it is made, knows no 429, and keeps no header of an answer.

use std::error::Error as Cause;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gitlab::api::Endpoint;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::said;
use crate::domain::secret::Secret;
use crate::forge::Error;

const CONNECT: Duration = Duration::from_secs(10);
/// From the first byte sent to the last one read.
const WHOLE: Duration = Duration::from_secs(30);
/// The same, where a bundle travels.
const WHOLE_ARCHIVE: Duration = Duration::from_secs(180);
/// Most bytes of one answer.
const ANSWER_MAX: usize = 8 << 20;
/// How long a read waits before it is asked again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// How many other addresses a download may be sent to.
const REDIRECTS_MAX: usize = 3;

/// What a request is signed with.
#[derive(Clone, Debug)]
pub enum Token {
    /// A personal, group or project access token (`HOB_GITLAB_TOKEN`).
    Personal(Secret),
    /// The token of the running job (`CI_JOB_TOKEN`), which reaches few endpoints.
    Job(Secret),
}

/// Why nobody can be asked. No message holds a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error("CI_API_V4_URL is not a usable address: {0}; it looks like `https://gitlab.example.com/api/v4`")]
    Address(String),
    /// The token cannot be sent.
    #[error("the token in {0} is empty or holds characters that no token has; set it again")]
    Token(&'static str),
    /// The operator's certificates, or TLS itself.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// The way itself. Copies share their connections.
#[derive(Clone)]
pub(super) struct Line {
    client: reqwest::Client,
    /// Ends in `/`.
    base: Url,
    header: (HeaderName, HeaderValue),
    /// Where the token comes from, and whether it is the job's.
    token: &'static str,
    secret: Secret,
}

/// A successful answer.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Line {
    /// To `api_url`, which may lie below a path of its host.
    pub(super) fn new(api_url: &str, token: &Token, extra_ca: Option<&[u8]>) -> Result<Self, Unusable> {
        let base = base(api_url)?;
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(extra_ca).map_err(Unusable::Tls)?)
            .user_agent(concat!("hob/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&base) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| Unusable::Tls(causes(&error)))?;
        Self::over(client, base, token)
    }

    /// The same way with another token.
    pub(super) fn with(&self, token: &Token) -> Result<Self, Unusable> {
        Self::over(self.client.clone(), self.base.clone(), token)
    }

    fn over(client: reqwest::Client, base: Url, token: &Token) -> Result<Self, Unusable> {
        let (name, variable, secret) = match token {
            Token::Personal(secret) => ("private-token", said::PERSONAL, secret),
            Token::Job(secret) => ("job-token", said::JOB, secret),
        };
        // Files and clipboards leave a line end on what is copied.
        let secret = Secret::new(secret.expose().trim().to_owned());
        let value = HeaderValue::from_str(secret.expose()).ok().filter(|value| !value.is_empty());
        let mut value = value.ok_or(Unusable::Token(variable))?;
        value.set_sensitive(true);
        Ok(Self { client, base, header: (HeaderName::from_static(name), value), token: variable, secret })
    }

    /// Asks something that changes nothing, a few times if need be; `query` says what the
    /// endpoint's own words cannot.
    pub(super) async fn read(
        &self,
        doing: &str,
        endpoint: &impl Endpoint,
        query: &[(&str, &str)],
    ) -> Result<Answer, Error> {
        let mut url = self.url(doing, endpoint)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.again(doing, || self.ask_once(doing, &url)).await
    }

    /// Sends something that changes the forge, once. An archive goes instead of the endpoint's own
    /// body.
    pub(super) async fn write(
        &self,
        doing: &str,
        endpoint: &impl Endpoint,
        archive: Option<Bytes>,
    ) -> Result<Answer, Error> {
        let url = self.url(doing, endpoint)?;
        let whole = if archive.is_some() { WHOLE_ARCHIVE } else { WHOLE };
        let body = built(doing, endpoint.body())?;
        let mut request = self.request(endpoint.method(), url).timeout(whole);
        if let Some((kind, bytes)) = body {
            request = request.header(CONTENT_TYPE, kind).body(archive.unwrap_or_else(|| bytes.into()));
        }
        let response = match request.send().await {
            Ok(response) => response,
            // Nothing has left this machine.
            Err(error) if error.is_connect() => {
                return Err(Error::Later { doing: doing.to_owned(), after: None, said: unreachable(&error) });
            }
            Err(error) => return Err(self.unknown(doing, format!("GitLab's answer did not come: {}", causes(&error)))),
        };
        if !response.status().is_success() {
            return Err(self.refusal(doing, response, true).await);
        }
        let headers = response.headers().clone();
        match taken(response, ANSWER_MAX).await {
            Ok(body) => Ok(Answer { headers, body }),
            Err(cut) => Err(self.unknown(doing, format!("GitLab's answer {cut}"))),
        }
    }

    /// Takes a file of at most `max` bytes. The forge may send us to its object storage, which is
    /// never shown a token.
    pub(super) async fn download(&self, doing: &str, endpoint: &impl Endpoint, max: usize) -> Result<Bytes, Error> {
        let url = self.url(doing, endpoint)?;
        self.again(doing, || self.download_once(doing, url.clone(), max)).await
    }

    async fn download_once(&self, doing: &str, mut url: Url, max: usize) -> Result<Bytes, Once> {
        let mut response = self.sent(self.request(Method::GET, url.clone()).timeout(WHOLE_ARCHIVE)).await?;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = elsewhere(&response, &url) else { break };
            response = self.sent(self.client.get(next.clone()).timeout(WHOLE_ARCHIVE)).await?;
            url = next;
        }
        if !response.status().is_success() {
            return Err(self.failed(doing, response).await);
        }
        taken(response, max).await.map_err(|cut| match cut {
            Cut::TooLong(_) => Once::Over(unreadable(doing, format!("the file {cut}"))),
            Cut::Broken(_) => Once::Again(format!("GitLab's answer {cut}")),
        })
    }

    async fn ask_once(&self, doing: &str, url: &Url) -> Result<Answer, Once> {
        let response = self.sent(self.request(Method::GET, url.clone()).timeout(WHOLE)).await?;
        if !response.status().is_success() {
            return Err(self.failed(doing, response).await);
        }
        let headers = response.headers().clone();
        match taken(response, ANSWER_MAX).await {
            Ok(body) => Ok(Answer { headers, body }),
            Err(cut @ Cut::TooLong(_)) => Err(Once::Over(unreadable(doing, format!("it {cut}")))),
            Err(cut @ Cut::Broken(_)) => Err(Once::Again(format!("GitLab's answer {cut}"))),
        }
    }

    /// Tries until something is certain, at most three times.
    async fn again<T, F: Future<Output = Result<T, Once>>>(
        &self,
        doing: &str,
        mut once: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let mut pauses = PAUSES.iter();
        loop {
            let said = match once().await {
                Ok(answer) => return Ok(answer),
                Err(Once::Over(error)) => return Err(error),
                Err(Once::Again(said)) => said,
            };
            let Some(pause) = pauses.next() else {
                return Err(Error::Later { doing: doing.to_owned(), after: None, said: self.redacted(said) });
            };
            tokio::time::sleep(*pause).await;
        }
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<Response, Once> {
        request.send().await.map_err(|error| Once::Again(unreachable(&error)))
    }

    /// What an unsuccessful answer to a read means for the next try.
    async fn failed(&self, doing: &str, response: Response) -> Once {
        let (status, limited) = (response.status(), said::after(response.headers()).is_some());
        let error = self.refusal(doing, response, false).await;
        match error {
            Error::Later { said, .. } if status.is_server_error() && !limited => Once::Again(said),
            error => Once::Over(error),
        }
    }

    async fn refusal(&self, doing: &str, response: Response, write: bool) -> Error {
        let (status, headers) = (response.status(), response.headers().clone());
        // What is left of a broken message still says something.
        let body = taken(response, said::ERROR_MAX).await.unwrap_or_default();
        let said = self.redacted(said::message(status.as_u16(), &body));
        let doing = doing.to_owned();
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Error::Later { doing, after: said::after(&headers), said }
            }
            // Two requests changed one object; GitLab did not do this one.
            StatusCode::CONFLICT if said.contains("Resource lock") => {
                Error::Later { doing, after: said::after(&headers), said }
            }
            _ if status.is_server_error() && write => Error::Unknown { doing, said },
            _ if status.is_server_error() => Error::Later { doing, after: said::after(&headers), said },
            _ => {
                let said = said::with_next_move(status.as_u16(), said, self.token);
                Error::Refused { doing, status: status.as_u16(), said }
            }
        }
    }

    /// For a write whose answer tells nothing.
    pub(super) fn unknown(&self, doing: &str, said: String) -> Error {
        Error::Unknown { doing: doing.to_owned(), said: self.redacted(said) }
    }

    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let (name, value) = self.header.clone();
        self.client.request(method, url).header(name, value)
    }

    fn url(&self, doing: &str, endpoint: &impl Endpoint) -> Result<Url, Error> {
        let mut url = built(doing, self.base.join(&endpoint.endpoint()))?;
        endpoint.parameters().add_to_url(&mut url);
        if url.query() == Some("") {
            url.set_query(None);
        }
        Ok(url)
    }

    fn redacted(&self, said: String) -> String {
        said.replace(self.secret.expose(), "***")
    }
}

/// Why one try brought nothing.
enum Once {
    /// It would be the same again.
    Over(Error),
    Again(String),
}

/// Why a body was not taken whole.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("is longer than {0} bytes; it was not taken")]
    TooLong(usize),
    #[error("broke off: {0}")]
    Broken(String),
}

/// A body of at most `max` bytes.
async fn taken(mut response: Response, max: usize) -> Result<Bytes, Cut> {
    let mut whole = BytesMut::new();
    loop {
        match response.chunk().await {
            Err(error) => return Err(Cut::Broken(causes(&error))),
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(piece)) if whole.len().saturating_add(piece.len()) > max => return Err(Cut::TooLong(max)),
            Ok(Some(piece)) => whole.extend_from_slice(&piece),
        }
    }
}

/// Where a download goes on; never from `https` to `http`.
fn elsewhere(response: &Response, from: &Url) -> Option<Url> {
    let next = response.status().is_redirection().then(|| response.headers().get(LOCATION))??;
    let next = from.join(next.to_str().ok()?).ok()?;
    (next.scheme() == from.scheme() || next.scheme() == "https").then_some(next)
}

/// An answer that is not what is documented.
pub(super) fn unreadable(doing: &str, said: String) -> Error {
    Error::Unreadable { doing: doing.to_owned(), said }
}

/// The endpoint that a builder made.
pub(super) fn built<E, D: std::fmt::Display>(doing: &str, endpoint: Result<E, D>) -> Result<E, Error> {
    endpoint.map_err(|error| misbuilt(doing, &error))
}

/// A request that cannot be put into words: a fault of ours, told like any other.
pub(super) fn misbuilt(doing: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Refused { doing: doing.to_owned(), status: 0, said: format!("hob cannot ask for it: {error}") }
}

fn base(given: &str) -> Result<Url, Unusable> {
    let invalid = |reason: &str| Unusable::Address(reason.to_owned());
    let mut url = Url::parse(given.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("its scheme is neither `https` nor `http`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it holds a user name or password; the token has a variable of its own"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment"));
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// Whether this is this machine, where proxies have no business.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The built-in roots and the operator's own, so that no file of the system is needed.
fn tls(extra_ca: Option<&[u8]>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_ca {
        let extra: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the extra CA certificates cannot be read: {error}"))?;
        if extra.is_empty() {
            return Err("the file of extra CA certificates holds no PEM certificate".to_owned());
        }
        for root in extra {
            roots.add(root).map_err(|error| format!("an extra certificate cannot be trusted: {error}"))?;
        }
    }
    let mut tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn unreachable(error: &reqwest::Error) -> String {
    format!("GitLab could not be reached: {}", causes(error))
}

/// An error with its causes, outermost first; the address, which reqwest repeats, left out.
fn causes(error: &(dyn Cause + 'static)) -> String {
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
    said::harmless(&said.join(": "))
}
