//! An exchange with a code host: bounded in time and size, and what it means when no answer comes.

use std::error::Error as Cause;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use tokio::time::{sleep, timeout};

use super::foreign::causes;
use super::{Error, Line};

/// Asks until an answer stands, at most as often as the line allows: only [`Error::Later`] that names
/// no time is asked again. Whoever asks sees to it that twice does no harm.
///
/// # Errors
/// The last word.
pub(super) async fn insist<T, F>(line: &Line, ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut failures = 0;
    loop {
        let error = match ask().await {
            Err(error @ Error::Later { after: None, .. }) => error,
            answer => return answer,
        };
        failures += 1;
        let Some(wait) = line.wait(failures) else { return Err(error) };
        sleep(wait).await;
    }
}

/// An answer that came as a whole, whatever it says.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Received {
    /// The answer to one request: no later than `whole` from now, and its body of at most `max` bytes.
    pub(super) async fn to(request: RequestBuilder, whole: Duration, max: usize, host: &str) -> Result<Self, Cut> {
        within(whole, async {
            let response = request.send().await.map_err(|error| Cut::by(&error, host))?;
            Self::of(response, max, host).await
        })
        .await
    }

    /// The rest of an answer that has begun.
    pub(super) async fn of(mut response: Response, max: usize, host: &str) -> Result<Self, Cut> {
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        Ok(Self { status, headers, body: taken(response, max, host).await? })
    }

    /// Whether it is what was asked for.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the host may say something else soon.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..)
    }
}

/// Why there is no answer.
pub(super) struct Cut {
    /// Whether the request, or a part of it, may have reached the host.
    sent: bool,
    /// Whether another try would end the same way.
    pub(super) lasting: bool,
    /// As a reader is told it.
    what: String,
}

impl Cut {
    /// What the client says, somewhere below the words of whoever called it; `host` as people know it.
    pub(super) fn by(error: &(dyn Cause + 'static), host: &str) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<reqwest::Error>() {
                let unsent = error.is_connect();
                let what =
                    if unsent { format!("{host} could not be reached") } else { "the connection broke".to_owned() };
                let lasting = is_untrusted(error);
                let advice = if lasting { "; name the certificate to trust in SSL_CERT_FILE" } else { "" };
                return Self { sent: !unsent, lasting, what: format!("{what}: {}{advice}", causes(error)) };
            }
            next = error.source();
        }
        Self::passing(causes(error))
    }

    /// Nothing can be sent at all.
    pub(super) fn unsendable(error: &(dyn Cause + 'static)) -> Self {
        Self { sent: false, lasting: true, what: causes(error) }
    }

    /// It was sent, and may end otherwise the next time.
    pub(super) fn passing(what: String) -> Self {
        Self { sent: true, lasting: false, what }
    }

    /// It was sent, and would end so again.
    pub(super) fn lasting(what: String) -> Self {
        Self { sent: true, lasting: true, what }
    }

    /// What it means for what was asked.
    pub(super) fn into_error(self, doing: &str, is_write: bool) -> Error {
        let (doing, said) = (doing.to_owned(), self.what);
        match (self.sent, self.lasting) {
            (true, _) if is_write => Error::Unknown { doing, said },
            (true, true) => Error::Unreadable { doing, said },
            (false, true) => Error::Refused { doing, status: 0, said },
            (_, false) => Error::Later { doing, after: None, said },
        }
    }
}

/// What an exchange brings, if it ends in that time.
pub(super) async fn within<T>(whole: Duration, exchange: impl Future<Output = Result<T, Cut>>) -> Result<T, Cut> {
    let late = |_| Err(Cut::passing(format!("no answer came within {} s", whole.as_secs_f64())));
    timeout(whole, exchange).await.unwrap_or_else(late)
}

/// A body of at most `max` bytes, as they leave the decoder.
async fn taken(mut response: Response, max: usize, host: &str) -> Result<Bytes, Cut> {
    let mut whole = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(|error| Cut::by(&error, host))? {
        if whole.len().saturating_add(piece.len()) > max {
            return Err(Cut::lasting(format!("the answer is longer than {} MiB; it was not taken", max >> 20)));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Whether the other side's certificate is the cause.
fn is_untrusted(error: &(dyn Cause + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
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
