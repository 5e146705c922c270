//! One call of the service: sent, waited for, bounded, and asked again while it is overloaded.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::forge::foreign::{causes, harmless};
use crate::forge::{Error, Line};

const PATH: &str = "/twirp/github.actions.results.api.v1.ArtifactService/";
/// Most bytes of an answer.
const ANSWER_MAX: usize = 1 << 20;

/// The way to the service.
pub(super) struct Service {
    pub(super) base: Url,
    pub(super) authorization: HeaderValue,
    pub(super) client: reqwest::Client,
    pub(super) line: Line,
}

impl Service {
    /// Asks. Whoever calls a method sees to it that twice does no harm.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unreadable`], and [`Error::Later`] when every try failed.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        doing: &str,
        method: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let unreadable = |said: String| Error::Unreadable { doing: doing.to_owned(), said };
        let address = self.base.join(&format!("{PATH}{method}")).map_err(|error| unreadable(error.to_string()))?;
        let body = Bytes::from(serde_json::to_vec(body).map_err(|error| unreadable(error.to_string()))?);
        let mut failures = 0;
        loop {
            let request = self
                .client
                .post(address.clone())
                .header(AUTHORIZATION, self.authorization.clone())
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .body(body.clone());
            let said = match timeout(self.line.whole, exchange(request)).await {
                Ok(Ok((200..=299, answer))) => {
                    return serde_json::from_slice(&answer)
                        .map_err(|error| unreadable(format!("{method}: {}", harmless(&error.to_string()))));
                }
                Ok(Ok((status @ (408 | 429 | 500..), answer))) => quoted(status, &answer),
                Ok(Ok((status, answer))) => return Err(refused(doing, status, &answer)),
                Ok(Err(error)) => causes(&error),
                Err(_) => format!("the artifact service did not answer within {} s", self.line.whole.as_secs_f64()),
            };
            failures += 1;
            let Some(wait) = self.line.wait(failures) else {
                return Err(Error::Later { doing: doing.to_owned(), after: None, said: format!("{method}: {said}") });
            };
            sleep(wait).await;
        }
    }
}

/// Status and the beginning of the body, which is all of an answer that can be read.
async fn exchange(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while body.len() < ANSWER_MAX {
        let Some(piece) = response.chunk().await? else { break };
        body.extend_from_slice(&piece);
    }
    Ok((response.status().as_u16(), body))
}

fn refused(doing: &str, status: u16, answer: &[u8]) -> Error {
    let advice = match status {
        401 | 403 => "the token of the runner ends with its job: run the job again",
        409 => "delete the artifact of this name, then run the job again",
        _ => "run the job again; if it stays so, report it with this message",
    };
    Error::Refused { doing: doing.to_owned(), status, said: format!("{}; {advice}", quoted(status, answer)) }
}

/// What the service says of a failure, in its own words.
fn quoted(status: u16, answer: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    struct Failure {
        #[serde(default)]
        msg: String,
    }
    let Failure { msg } = serde_json::from_slice(answer).unwrap_or_default();
    let words = if msg.is_empty() { String::new() } else { format!(", \"{}\"", harmless(&msg)) };
    format!("the artifact service answered {status}{words}")
}
