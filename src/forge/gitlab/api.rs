//! One call of the REST API: sent with its token, waited for, bounded, and asked again where that
//! is harmless.
//!
//! The `gitlab` crate tells the endpoints (method, path, query, body). Its own client is not used:
//! it asks the server once while it is made, knows no 429, and keeps no header of an answer.

use bytes::Bytes;
use gitlab::api::Endpoint;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use url::Url;

use super::refusal::{self, Right};
use crate::domain::secret::Secret;
use crate::forge::exchange::{Cut, Received, insist, within};
use crate::forge::{Error, Line, Unusable, line};
use crate::telemetry::redact::Redactor;

/// As people know it.
const HOST: &str = "GitLab";
/// Most bytes of one answer, as they leave the decoder.
const ANSWER_MAX: usize = 8 << 20;
/// How much longer than for another answer is waited while an archive travels.
const ARCHIVE_PATIENCE: u32 = 6;
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

/// The way to one API with one token.
#[derive(Clone)]
pub(super) struct Api {
    client: reqwest::Client,
    line: Line,
    /// Ends in `/`.
    base: Url,
    header: (HeaderName, HeaderValue),
    /// The variable that holds the token, and what it is used for.
    variable: &'static str,
    right: Right,
    /// Knows the token.
    redactor: Redactor,
}

/// A successful answer.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Api {
    /// To the API at `api`, which may lie below a path of its host.
    pub(super) fn new(api: &str, token: &Token, line: Line) -> Result<Self, Unusable> {
        let mut base = line::address(api, "https://gitlab.example.com/api/v4")?;
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let client = line.client(&base)?;
        Self::over(client, line, base, token, Right::Project)
    }

    /// The same way to the package registry, with a token for that, over the same connections.
    pub(super) fn registry(&self, token: &Token) -> Result<Self, Unusable> {
        Self::over(self.client.clone(), self.line.clone(), self.base.clone(), token, Right::Registry)
    }

    fn over(client: reqwest::Client, line: Line, base: Url, token: &Token, right: Right) -> Result<Self, Unusable> {
        let (name, variable, token) = match token {
            Token::Personal(token) => ("private-token", refusal::PERSONAL, token),
            Token::Job(token) => ("job-token", refusal::JOB, token),
        };
        // Files and clipboards leave a line end on what is copied.
        let token = Secret::new(token.expose().trim().to_owned());
        let unusable = |reason| Unusable::Token { reason, variable };
        if token.expose().is_empty() {
            return Err(unusable("there is no token for GitLab"));
        }
        let mut value = HeaderValue::from_str(token.expose())
            .map_err(|_| unusable("the token for GitLab holds characters that no token has"))?;
        value.set_sensitive(true);
        let (header, redactor) = ((HeaderName::from_static(name), value), Redactor::new([&token]));
        Ok(Self { client, line, base, header, variable, right, redactor })
    }

    /// Asks something that changes nothing, a few times if need be; `query` says what the
    /// endpoint's own words cannot.
    ///
    /// # Errors
    /// [`Error::Later`] for a limit, and for a GitLab that kept failing; [`Error::Refused`].
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
        insist(&self.line, || self.read_once(doing, &url)).await
    }

    /// Sends something that changes the forge, once. An archive goes instead of the endpoint's own
    /// body.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it may have been done; [`Error::Later`] when it was not, for now;
    /// [`Error::Refused`].
    pub(super) async fn write(
        &self,
        doing: &str,
        endpoint: &impl Endpoint,
        archive: Option<Bytes>,
    ) -> Result<Answer, Error> {
        let url = self.url(doing, endpoint)?;
        let patience = if archive.is_some() { self.line.whole * ARCHIVE_PATIENCE } else { self.line.whole };
        let mut request = self.request(endpoint.method(), url);
        if let Some((kind, bytes)) = built(doing, endpoint.body())? {
            request = request.header(CONTENT_TYPE, kind).body(archive.unwrap_or_else(|| bytes.into()));
        }
        let received = Received::to(request, patience, ANSWER_MAX, HOST).await;
        self.accepted(doing, received.map_err(|cut| cut.into_error(doing, true))?, true)
    }

    /// Takes a file of at most `max` bytes. GitLab may send us on to its object storage, which is
    /// shown no token.
    ///
    /// # Errors
    /// As for [`Api::read`].
    pub(super) async fn download(&self, doing: &str, endpoint: &impl Endpoint, max: usize) -> Result<Bytes, Error> {
        let url = self.url(doing, endpoint)?;
        insist(&self.line, || self.download_once(doing, url.clone(), max)).await
    }

    async fn read_once(&self, doing: &str, url: &Url) -> Result<Answer, Error> {
        let request = self.request(Method::GET, url.clone());
        let received = Received::to(request, self.line.whole, ANSWER_MAX, HOST).await;
        self.accepted(doing, received.map_err(|cut| cut.into_error(doing, false))?, false)
    }

    async fn download_once(&self, doing: &str, mut url: Url, max: usize) -> Result<Bytes, Error> {
        let exchange = async {
            let mut request = self.request(Method::GET, url.clone());
            for _ in 0..=REDIRECTS_MAX {
                let response = request.send().await.map_err(|error| Cut::by(&error, HOST))?;
                match elsewhere(&response, &url) {
                    Some(next) => (request, url) = (self.client.get(next.clone()), next),
                    None => return Received::of(response, max, HOST).await,
                }
            }
            Err(Cut::lasting("it is redirected again and again".to_owned()))
        };
        let patience = self.line.whole * ARCHIVE_PATIENCE;
        let received = within(patience, exchange).await.map_err(|cut| cut.into_error(doing, false))?;
        self.accepted(doing, received, false).map(|answer| answer.body)
    }

    fn accepted(&self, doing: &str, received: Received, is_write: bool) -> Result<Answer, Error> {
        if received.is_success() {
            return Ok(Answer { headers: received.headers, body: received.body });
        }
        let Received { status, headers, body } = received;
        // Whoever answers is not to be repeated when he repeats the token.
        let body = self.redactor.redact(&String::from_utf8_lossy(&body)).into_owned();
        Err(refusal::of(doing, status, &headers, &body, (self.variable, self.right), is_write))
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
}

/// What a builder made; nothing is sent that it could not make.
pub(super) fn built<T, E: std::fmt::Display>(doing: &str, made: Result<T, E>) -> Result<T, Error> {
    made.map_err(|error| Error::Refused {
        doing: doing.to_owned(),
        status: 0,
        said: format!("hob cannot ask for it: {error}"),
    })
}

/// Where a download goes on; never from `https` to `http`.
fn elsewhere(response: &Response, from: &Url) -> Option<Url> {
    let next = response.status().is_redirection().then(|| response.headers().get(LOCATION))??;
    let next = from.join(next.to_str().ok()?).ok()?;
    (next.scheme() == from.scheme() || next.scheme() == "https").then_some(next)
}
