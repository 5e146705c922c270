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

/// Where a vendor is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    /// What holds another address than `default`.
    pub(super) variable: &'static str,
    /// Where it lives when nobody says otherwise; `None` where that depends on the account.
    pub(super) default: Option<&'static str>,
    pub(super) example: &'static str,
    /// What is added to an address that names no version; empty where the vendor has none.
    pub(super) version: &'static str,
}

impl Base {
    /// The address in force, if there is one. Empty is as good as unset.
    pub(super) fn address<'a>(&self, given: Option<&'a str>) -> Option<&'a str> {
        given.map(str::trim).filter(|given| !given.is_empty()).or(self.default)
    }

    /// The address to ask for `path`, which has no slashes at its ends. `address` may end in `/`, in
    /// a version such as `/v1`, or in the whole path.
    pub(super) fn url(&self, path: &str, address: &str) -> Result<Url, InvalidBaseUrl> {
        let invalid =
            |reason: &str| InvalidBaseUrl { variable: self.variable, reason: reason.to_owned(), example: self.example };
        let mut url = Url::parse(address).map_err(|error| invalid(&error.to_string()))?;
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
        let given = url.path().trim_end_matches('/');
        let base = given.strip_suffix(path).map_or(given, |head| head.trim_end_matches('/'));
        let whole = if base.split('/').any(is_version) {
            format!("{base}/{path}")
        } else {
            // `https://NAME.openai.azure.com/openai` has the half of `/openai/v1`.
            let half = self.version.rsplit_once('/').map_or("", |(half, _)| half);
            format!("{}{}/{path}", base.strip_suffix(half).unwrap_or(base), self.version)
        };
        url.set_path(&whole);
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

    use super::super::vendor::Vendor;

    fn url(word: &str, given: Option<&str>) -> Result<Url, InvalidBaseUrl> {
        let vendor = Vendor::find(word).unwrap();
        vendor.base.url(vendor.wire.path(), vendor.base.address(given).unwrap())
    }

    #[test]
    fn a_base_url_counts_with_and_without_version_and_slash() {
        for (word, given, expected) in [
            ("anthropic", None, "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some(""), "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some("https://api.anthropic.com"), "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some("https://api.anthropic.com/"), "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some("https://api.anthropic.com/v1"), "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some("https://api.anthropic.com/v1/"), "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some("https://api.anthropic.com/v1/messages"), "https://api.anthropic.com/v1/messages"),
            ("anthropic", Some(" https://h.example/anthropic// \n"), "https://h.example/anthropic/v1/messages"),
            ("anthropic", Some("http://127.0.0.1:8080"), "http://127.0.0.1:8080/v1/messages"),
            ("openai-chat", None, "https://api.openai.com/v1/chat/completions"),
            ("openai-chat", Some("http://localhost:11434/v1/"), "http://localhost:11434/v1/chat/completions"),
            ("openai-chat", Some("http://[::1]:8080"), "http://[::1]:8080/v1/chat/completions"),
            ("openai-chat", Some("https://h.example/api/paas/v4"), "https://h.example/api/paas/v4/chat/completions"),
            (
                "openai-chat",
                Some("https://g.example/v1beta/openai/"),
                "https://g.example/v1beta/openai/chat/completions",
            ),
            ("openai-chat", Some("https://h.example/v1/chat/completions/"), "https://h.example/v1/chat/completions"),
            ("openai-chat", Some("https://h.example/vendor"), "https://h.example/vendor/v1/chat/completions"),
            ("azure", Some("https://n.openai.azure.com"), "https://n.openai.azure.com/openai/v1/responses"),
            ("azure", Some("https://n.openai.azure.com/openai/"), "https://n.openai.azure.com/openai/v1/responses"),
            ("azure", Some("https://n.openai.azure.com/openai/v1"), "https://n.openai.azure.com/openai/v1/responses"),
            ("azure-chat", Some("https://n.azure.com/"), "https://n.azure.com/openai/v1/chat/completions"),
            ("openrouter", None, "https://openrouter.ai/api/v1/chat/completions"),
            ("openrouter", Some("https://openrouter.ai/api"), "https://openrouter.ai/api/v1/chat/completions"),
            ("gemini", None, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
            ("groq", None, "https://api.groq.com/openai/v1/chat/completions"),
            ("mistral", None, "https://api.mistral.ai/v1/chat/completions"),
            ("deepseek", None, "https://api.deepseek.com/chat/completions"),
            ("deepseek", Some("https://api.deepseek.com/v1/"), "https://api.deepseek.com/v1/chat/completions"),
            ("deepseek", Some("https://h.example/x/"), "https://h.example/x/chat/completions"),
            ("bedrock", Some("https://b.us.api.aws/v1"), "https://b.us.api.aws/v1/chat/completions"),
            ("bedrock", Some("https://b.us.aws"), "https://b.us.aws/openai/v1/chat/completions"),
            (
                "vertex",
                Some("https://l-a.example/v1/projects/p/locations/l/endpoints/openapi"),
                "https://l-a.example/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
            ),
            ("ollama", None, "http://localhost:11434/v1/chat/completions"),
            ("vllm", Some("http://gpu:8000"), "http://gpu:8000/v1/chat/completions"),
        ] {
            assert_eq!(url(word, given).unwrap().as_str(), expected, "for {word} {given:?}");
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
        .map(|given| url("openai-chat", Some(given)).unwrap_err().reason)
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
