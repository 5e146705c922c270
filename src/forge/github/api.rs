//! One call of the REST API: sent, waited for, bounded, and asked again where that is harmless.

use std::sync::OnceLock;

use http::header::{ACCEPT, HeaderValue};
use http::{Method, Request, Uri};
use octocrab::Octocrab;
use serde_json::Value;
use url::Url;

use super::answer::Answer;
use super::refusal::{self, Right};
use super::wire;
use crate::domain::secret::Secret;
use crate::forge::exchange::{Cut, Received, insist, within};
use crate::forge::{Error, Line, Unusable};
use crate::telemetry::redact::Redactor;

/// As people know it.
const HOST: &str = "GitHub";
/// Most bytes of an answer, as they leave the decoder.
const ANSWER_MAX: usize = 8 << 20;
/// Path of the API beside the REST API. Hob only asks it.
pub(super) const GRAPHQL: &str = "/graphql";
/// Longest chain of redirects within the API.
const REDIRECTS_MAX: usize = 3;
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.github+json");

/// What is asked, and why.
pub(super) struct Call {
    /// Completes "cannot …": `post a comment on acme/widgets#4`.
    pub(super) doing: String,
    /// Of HTTP; whether it writes is told by `right`.
    pub(super) method: Method,
    /// Below the API's address: percent-encoded, with its query.
    pub(super) path: String,
    /// Sent as JSON.
    pub(super) body: Option<Value>,
    /// What the token must be allowed.
    pub(super) right: Right,
}

impl Call {
    /// Whether asking twice could do it twice.
    pub(super) fn is_write(&self) -> bool {
        matches!(self.right, Right::Write(_))
    }
}

/// The way to one API with one token.
pub(super) struct Api {
    base: Url,
    /// Knows the token.
    redactor: Redactor,
    authorization: HeaderValue,
    line: Line,
    client: reqwest::Client,
    /// Made by the first call, which is inside a runtime.
    octocrab: OnceLock<Octocrab>,
}

impl Api {
    pub(super) fn new(base: Url, token: &Secret, line: Line) -> Result<Self, Unusable> {
        let unusable = |reason| Unusable::Token { reason, variable: "HOB_GITHUB_TOKEN" };
        let token = Secret::new(token.expose().trim().to_owned());
        if token.expose().is_empty() {
            return Err(unusable("there is no token for GitHub"));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| unusable("the token for GitHub holds characters that no token has"))?;
        authorization.set_sensitive(true);
        let client = line.client(&base)?;
        Ok(Self { base, redactor: Redactor::new([&token]), authorization, line, client, octocrab: OnceLock::new() })
    }

    /// Asks. A read is asked again when GitHub is overloaded or nothing comes; a write is sent once.
    ///
    /// # Errors
    /// [`Error::Later`] for a limit, and for a read that kept failing; [`Error::Unknown`] for a write
    /// whose fate nobody knows. Every other answer is handed over, a refusal too.
    pub(super) async fn ask(&self, call: &Call) -> Result<Answer, Error> {
        self.ask_through(call, REDIRECTS_MAX).await
    }

    /// The same, when where the answer leads is what is asked for.
    pub(super) async fn ask_where(&self, call: &Call) -> Result<Answer, Error> {
        self.ask_through(call, 0).await
    }

    /// The address of the API.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// How the host is reached.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    async fn ask_through(&self, call: &Call, redirects: usize) -> Result<Answer, Error> {
        let ask = || async {
            let answer =
                self.follow(call, redirects).await.map_err(|cut| cut.into_error(&call.doing, call.is_write()))?;
            match refusal::limit(call, &answer) {
                Some(limit) => Err(limit),
                None if answer.status < 500 => Ok(answer),
                None => Err(refusal::overload(call, &answer)),
            }
        };
        if call.is_write() { ask().await } else { insist(&self.line, ask).await }
    }

    /// The answer to a read, by way of redirects that stay within the API: repositories are renamed.
    /// Any other redirect is an answer like any other, and so is the first when none is followed.
    async fn follow(&self, call: &Call, redirects: usize) -> Result<Answer, Cut> {
        let mut url = self.url(&call.path)?;
        for _ in 0..=redirects {
            let answer = self.send(call, &url).await?;
            match answer.location(&url) {
                Some(next) if redirects > 0 && !call.is_write() && next.origin() == self.base.origin() => url = next,
                _ => return Ok(answer),
            }
        }
        Err(Cut::lasting("it is redirected again and again; check the API address".to_owned()))
    }

    async fn send(&self, call: &Call, url: &Url) -> Result<Answer, Cut> {
        let octocrab = self.octocrab()?;
        let request = Request::builder().method(call.method.clone()).uri(url.as_str()).header(ACCEPT, MEDIA_TYPE);
        let request = octocrab.build_request(request, call.body.as_ref()).map_err(|error| Cut::unsendable(&error))?;
        let exchange = async {
            let response = octocrab.execute(request).await.map_err(|error| Cut::by(&error, HOST))?;
            let response = reqwest::Response::from(response.map(reqwest::Body::wrap));
            let Received { status, headers, body } = Received::of(response, ANSWER_MAX, HOST).await?;
            // Whoever answers is not to be repeated when he repeats the token.
            let body = self.redactor.redact(&String::from_utf8_lossy(&body)).into_owned();
            Ok(Answer { status, headers, body })
        };
        within(self.line.whole, exchange).await
    }

    fn url(&self, path: &str) -> Result<Url, Cut> {
        let base = self.base.as_str().trim_end_matches('/');
        // An Enterprise Server has one at `/api/v3`, the other at `/api/graphql`.
        let base = if path == GRAPHQL { base.strip_suffix("/v3").unwrap_or(base) } else { base };
        let whole = format!("{base}{path}");
        Url::parse(&whole).map_err(|error| Cut::unsendable(&error))
    }

    fn octocrab(&self) -> Result<&Octocrab, Cut> {
        let base = self.base.as_str().parse::<Uri>().map_err(|error| Cut::unsendable(&error))?;
        Ok(self.octocrab.get_or_init(|| wire::octocrab(self.client.clone(), &base, self.authorization.clone())))
    }
}
