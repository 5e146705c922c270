//! A file on the host where artifacts lie: reached by a signed address, never with a token of ours.
//!
//! The host is Azure's blob storage, or speaks like it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use url::Url;

use crate::forge::exchange::{Received, insist};
use crate::forge::foreign::harmless;
use crate::forge::{Error, Line};

/// As people know it.
const HOST: &str = "the storage host";
/// Bytes that are sent at once.
const BLOCK: usize = 8 << 20;
/// How much longer than an answer of an API a block may take.
const PATIENCE: u32 = 4;
/// Version of the protocol that both requests have been in for long.
const VERSION: (&str, &str) = ("x-ms-version", "2021-12-02");

/// An address that was given for one file and a short time.
pub(super) struct Blob {
    address: Url,
    client: reqwest::Client,
    line: Line,
}

impl Blob {
    /// Nothing is sent yet. What `giver` speaks decides whether the address may lack encryption.
    ///
    /// # Errors
    /// [`Error::Unreadable`], without the address: it is a key.
    pub(super) fn new(doing: &str, address: Url, giver: &Url, line: &Line) -> Result<Self, Error> {
        let unreadable = |said: String| Error::Unreadable { doing: doing.to_owned(), said };
        let usable = address.scheme() == "https" || (address.scheme() == "http" && giver.scheme() == "http");
        if !usable || address.host().is_none() || !address.username().is_empty() || address.password().is_some() {
            return Err(unreadable("the address that was given for the file is none that a file has".to_owned()));
        }
        let client = line.client(&address).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { address, client, line: line.clone() })
    }

    /// The whole file.
    ///
    /// # Errors
    /// When it is longer than `most` bytes, or cannot be had.
    pub(super) async fn read(&self, doing: &str, most: usize) -> Result<Bytes, Error> {
        self.again(doing, || self.client.get(self.address.clone()), most).await
    }

    /// Puts a file there; it is there as a whole or not at all.
    ///
    /// The blocks go one after the other: the artifact server of `act` writes them down as they
    /// come, whatever their names.
    ///
    /// # Errors
    /// As for [`Blob::read`].
    pub(super) async fn write(&self, doing: &str, content: &Bytes) -> Result<(), Error> {
        let mut list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>".to_owned();
        for (n, from) in (0..content.len()).step_by(BLOCK).enumerate() {
            // All names must be of one length.
            let name = BASE64_STANDARD.encode(format!("hob-block-{n:06}"));
            let block = content.slice(from..content.len().min(from.saturating_add(BLOCK)));
            let kind = HeaderValue::from_static("application/octet-stream");
            self.put(doing, &[("comp", "block"), ("blockid", &name)], &[(CONTENT_TYPE, kind)], block).await?;
            list.push_str(&format!("<Latest>{name}</Latest>"));
        }
        list.push_str("</BlockList>");
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8")),
            (HeaderName::from_static("x-ms-blob-content-type"), HeaderValue::from_static("application/zip")),
        ];
        self.put(doing, &[("comp", "blocklist")], &headers, list.into()).await
    }

    async fn put(
        &self,
        doing: &str,
        query: &[(&str, &str)],
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<(), Error> {
        let mut address = self.address.clone();
        // What stands there is signed, to the letter.
        address.query_pairs_mut().extend_pairs(query);
        let request = || {
            let request = self.client.put(address.clone()).header(VERSION.0, VERSION.1).body(body.clone());
            headers.iter().fold(request, |request, (name, value)| request.header(name, value))
        };
        self.again(doing, request, 64 << 10).await.map(drop)
    }

    /// Sends until there is an answer that will stay the same: each request may come twice.
    async fn again(
        &self,
        doing: &str,
        request: impl Fn() -> reqwest::RequestBuilder,
        most: usize,
    ) -> Result<Bytes, Error> {
        let patience = self.line.whole.saturating_mul(PATIENCE);
        let ask = || async {
            let received = Received::to(request(), patience, most, HOST).await;
            let received = received.map_err(|cut| cut.into_error(doing, false))?;
            if received.is_success() { Ok(received.body) } else { Err(refused(doing, &received)) }
        };
        insist(&self.line, ask).await
    }
}

fn refused(doing: &str, received: &Received) -> Error {
    let (doing, status) = (doing.to_owned(), received.status);
    let said = format!("{HOST} answered {status}{}", code(&received.body));
    if received.is_passing() {
        return Error::Later { doing, after: None, said };
    }
    let said = format!("{said}; run the job again, its address for the file is good for a short time only");
    Error::Refused { doing, status, said }
}

/// Azure's word for what is wrong, out of an XML text.
fn code(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map(|(code, _)| format!(", \"{}\"", harmless(code))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_files_address_is_one_and_no_refusal_repeats_it() {
        let given = |address: &str, giver: &str| {
            let (address, giver) = (Url::parse(address).unwrap(), Url::parse(giver).unwrap());
            Blob::new("fetch artifact 4", address, &giver, &Line::default()).map(drop)
        };
        let github = "https://results-receiver.actions.githubusercontent.com";
        assert!(given("https://productionresults.blob.core.windows.net/a/b.zip?sig=x", github).is_ok());
        assert!(given("http://127.0.0.1:34567/UploadArtifact?sig=x", "http://127.0.0.1:34567").is_ok());
        for bad in ["http://a/?sig=hunter2", "ftp://a/?sig=hunter2", "https://me:hunter2@a/", "file:///etc/hunter2"] {
            let said = given(bad, github).unwrap_err().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn azures_word_is_found_in_whatever_it_sends() {
        let error = b"\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>x</Message>";
        assert_eq!(code(error), ", \"AuthenticationFailed\"");
        assert_eq!(code(b"<Code>"), "");
        assert_eq!(code(b"\xff<Code>a\r\n::error::b</Code>"), ", \"a ::error::b\"");
    }
}
