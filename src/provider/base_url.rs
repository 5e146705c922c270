//! From what people put into `…_BASE_URL` to the one address that is asked.

use url::Url;

/// A base URL that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not a usable base URL: {reason}; it looks like `{example}`")]
pub struct InvalidBaseUrl {
    /// The variable that holds it.
    pub variable: &'static str,
    /// What is wrong with it. Never repeats the value, which may hold a password.
    pub reason: String,
    /// What it may look like.
    pub example: &'static str,
}

/// Where a protocol lives when nobody says otherwise.
pub(super) struct Endpoint {
    pub(super) variable: &'static str,
    pub(super) default: &'static str,
    /// Below the version, without slashes at its ends.
    pub(super) path: &'static str,
}

impl Endpoint {
    /// The address to ask. `given` may end in `/`, in a version such as `/v1`, or in the whole
    /// path; `/v1` is added when its path names no version. Empty is as good as unset.
    pub(super) fn url(&self, given: Option<&str>) -> Result<Url, InvalidBaseUrl> {
        let given = given.map(str::trim).filter(|given| !given.is_empty()).unwrap_or(self.default);
        let invalid =
            |reason: &str| InvalidBaseUrl { variable: self.variable, reason: reason.to_owned(), example: self.default };
        let mut url = Url::parse(given).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("its scheme is neither `https` nor `http`"));
        }
        if !url.has_host() {
            return Err(invalid("it names no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it holds a user name or password; keys have a variable of their own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it has a query or a fragment"));
        }
        let given_path = url.path().trim_end_matches('/');
        let base = given_path.strip_suffix(self.path).map_or(given_path, |head| head.trim_end_matches('/'));
        let versioned = base.split('/').any(is_version);
        let path = format!("{base}{}/{}", if versioned { "" } else { "/v1" }, self.path);
        url.set_path(&path);
        Ok(url)
    }
}

/// Whether this is this machine, where proxies have no business.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// `v1`, `v4`, `v1beta`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &Endpoint = &super::super::anthropic::PROTOCOL.endpoint;
    const CHAT: &Endpoint = &super::super::openai::chat::PROTOCOL.endpoint;

    #[test]
    fn a_base_url_counts_with_and_without_version_and_slash() {
        for (site, given, expected) in [
            (MESSAGES, None, "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some(""), "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some("https://api.anthropic.com"), "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some("https://api.anthropic.com/"), "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some("https://api.anthropic.com/v1"), "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some("https://api.anthropic.com/v1/"), "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some("https://api.anthropic.com/v1/messages"), "https://api.anthropic.com/v1/messages"),
            (MESSAGES, Some(" https://h.example/anthropic// \n"), "https://h.example/anthropic/v1/messages"),
            (MESSAGES, Some("http://127.0.0.1:8080"), "http://127.0.0.1:8080/v1/messages"),
            (CHAT, None, "https://api.openai.com/v1/chat/completions"),
            (CHAT, Some("http://localhost:11434/v1/"), "http://localhost:11434/v1/chat/completions"),
            (CHAT, Some("http://[::1]:8080"), "http://[::1]:8080/v1/chat/completions"),
            (CHAT, Some("https://h.example/api/paas/v4"), "https://h.example/api/paas/v4/chat/completions"),
            (CHAT, Some("https://g.example/v1beta/openai/"), "https://g.example/v1beta/openai/chat/completions"),
            (CHAT, Some("https://h.example/v1/chat/completions/"), "https://h.example/v1/chat/completions"),
            (CHAT, Some("https://h.example/vendor"), "https://h.example/vendor/v1/chat/completions"),
        ] {
            assert_eq!(site.url(given).unwrap().as_str(), expected, "for {given:?}");
        }
    }

    #[test]
    fn a_bad_base_url_is_refused_without_being_repeated() {
        let said: Vec<String> = [
            "api.example.com/v1",
            "localhost:8080",
            "ftp://h.example",
            "https://",
            "https://me:hunter2@h.example",
            "https://h.example/?key=hunter2",
            "https://h.example/#x",
            "http://h:99999",
        ]
        .into_iter()
        .map(|given| CHAT.url(Some(given)).unwrap_err().reason)
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        relative URL without a base
        its scheme is neither `https` nor `http`
        its scheme is neither `https` nor `http`
        empty host
        it holds a user name or password; keys have a variable of their own
        it has a query or a fragment
        it has a query or a fragment
        invalid port number
        ");
        assert!(!said.join("\n").contains("hunter2"));
    }

    #[test]
    fn this_machine_is_told_from_the_others() {
        for (url, expected) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("https://localhost.example", false),
            ("https://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
