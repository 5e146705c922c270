//! The name of a forge's host, in one spelling.

use url::Url;

use super::Error;
use super::field::{Field, clipped};

/// Checks a host that was named: `github.com`, `git.example:8443`. Lower case comes back.
pub(super) fn named(given: &str) -> Result<String, Error> {
    let bare =
        !given.is_empty() && !given.contains(['/', '\\', '@', '?', '#', '%']) && !given.contains(char::is_whitespace);
    bare.then(|| Url::parse(&format!("https://{given}/")).ok())
        .flatten()
        .and_then(|url| of(&url))
        .ok_or_else(|| Error::Host { given: clipped(given) })
}

/// The host of a repository's address in a payload.
pub(super) fn of_address(address: &Field<'_>) -> Result<String, Error> {
    let text = address.short()?;
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    url.and_then(|url| of(&url)).ok_or_else(|| address.wrong("the web address of a repository"))
}

/// The host of an address, with its port where that is not the usual one.
pub(super) fn of(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_perhaps_a_port() {
        for (given, expected) in [
            ("github.com", Some("github.com")),
            ("GitHub.COM", Some("github.com")),
            ("git.example:8443", Some("git.example:8443")),
            ("git.example:443", Some("git.example")),
            ("[::1]:3000", Some("[::1]:3000")),
            ("", None),
            ("https://github.com", None),
            ("github.com/acme", None),
            ("user@github.com", None),
            ("git hub.com", None),
            ("github.com:port", None),
            ("github.com:99999", None),
            (":8443", None),
        ] {
            assert_eq!(named(given).ok().as_deref(), expected, "for `{given}`");
        }
    }
}
