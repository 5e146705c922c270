//! One call of the service: sent, waited for, bounded, and asked again while it is overloaded.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::forge::exchange::{Received, insist};
use crate::forge::foreign::harmless;
use crate::forge::{Error, Line};

/// As people know it.
const HOST: &str = "the artifact service";
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
        let ask = || async {
            let request = self
                .client
                .post(address.clone())
                .header(AUTHORIZATION, self.authorization.clone())
                .header("content-type", "application/json")
                .header("accept", "application/json")
                .body(body.clone());
            let received = Received::to(request, self.line.whole, ANSWER_MAX, HOST).await;
            let received = received.map_err(|cut| cut.into_error(doing, false))?;
            if received.is_success() { Ok(received.body) } else { Err(refused(doing, &received)) }
        };
        let answer = insist(&self.line, ask).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| unreadable(format!("{method}: {}", harmless(&error.to_string()))))
    }
}

fn refused(doing: &str, received: &Received) -> Error {
    let (doing, status, said) = (doing.to_owned(), received.status, quoted(received));
    if received.is_passing() {
        return Error::Later { doing, after: None, said };
    }
    let advice = match status {
        401 | 403 => "the token of the runner ends with its job: run the job again",
        409 => "delete the artifact of this name, then run the job again",
        _ => "run the job again; if it stays so, report it with this message",
    };
    Error::Refused { doing, status, said: format!("{said}; {advice}") }
}

/// What the service says of a failure, in its own words.
fn quoted(received: &Received) -> String {
    #[derive(Default, Deserialize)]
    struct Failure {
        #[serde(default)]
        msg: String,
    }
    let Failure { msg } = serde_json::from_slice(&received.body).unwrap_or_default();
    let words = if msg.is_empty() { String::new() } else { format!(", \"{}\"", harmless(&msg)) };
    format!("{HOST} answered {}{words}", received.status)
}
