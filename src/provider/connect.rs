//! From a model's name to a provider that can be asked. Nothing is sent yet.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::Provider;
use super::base_url::InvalidBaseUrl;
use super::http::{self, Line};
use super::model::{InvalidModel, ModelName};
use super::replay::Replay;
use super::streamed::Streamed;
use super::tape::{InvalidTape, Tape};
use super::vendor::{Key, Needed, Vendor};
use crate::domain::secret::Secret;
use crate::telemetry::progress::Observer;

/// What the operator gives to reach models.
#[derive(Clone, Debug)]
pub struct Access {
    /// By the word of the vendor; one that is not here has no key and stands where it always does.
    pub sites: Sites,
    /// PEM certificates that are trusted beside the built-in roots.
    pub extra_ca: Option<Vec<u8>>,
    /// Longest silence of a vendor, before and within an answer.
    pub idle: Duration,
}

/// The vendors' addresses and keys, by [`Vendor::word`].
pub type Sites = BTreeMap<&'static str, Site>;

/// One vendor's address and key.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Instead of the vendor's own; with or without `/v1` and a slash at the end.
    pub base_url: Option<String>,
    /// Sent in the header that the protocol has for it, and nowhere else.
    pub key: Option<Secret>,
}

impl Default for Access {
    fn default() -> Self {
        Self { sites: Sites::new(), extra_ca: None, idle: Duration::from_secs(120) }
    }
}

/// Why there is no provider. Every message says what to change; none holds a key.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name is none.
    #[error(transparent)]
    Model(#[from] InvalidModel),
    /// The base URL is none.
    #[error(transparent)]
    BaseUrl(#[from] InvalidBaseUrl),
    /// Nobody says where the vendor is.
    #[error("`{model}` needs an address: set {variable}, which looks like `{example}`")]
    NoBaseUrl {
        /// `provider/model`.
        model: String,
        /// Where an address is looked for.
        variable: &'static str,
        /// What it may look like.
        example: &'static str,
    },
    /// There is no key.
    #[error("`{model}` needs a key: set {variable}, or replay a recorded conversation with `--model replay/FILE`")]
    NoKey {
        /// `provider/model`.
        model: String,
        /// Where a key is looked for.
        variable: &'static str,
    },
    /// The key cannot be sent.
    #[error("the key in {variable} holds characters that no key has; set it again")]
    Key {
        /// Where it stands.
        variable: &'static str,
    },
    /// The operator's certificates cannot be read.
    #[error("the extra CA certificates cannot be used: {0}")]
    ExtraCa(String),
    /// The recorded conversation cannot be read.
    #[error(transparent)]
    Tape(#[from] InvalidTape),
}

/// The provider of `model` (`provider/model`). A replay tells `observer` when it is asked
/// something else than what was recorded.
///
/// # Errors
/// [`ConnectError`], before anything is sent.
pub fn connect(model: &str, access: &Access, observer: Arc<dyn Observer>) -> Result<Arc<dyn Provider>, ConnectError> {
    let ModelName { vendor, name } = ModelName::parse(model)?;
    let full = model.to_owned();
    match vendor {
        Some(vendor) => streamed(vendor, full, name, access),
        None => {
            let tape = Tape::read(Path::new(&name))?;
            Ok(Arc::new(Replay::new(full, name, tape, observer)))
        }
    }
}

fn streamed(
    vendor: &'static Vendor,
    full: String,
    name: String,
    access: &Access,
) -> Result<Arc<dyn Provider>, ConnectError> {
    let Vendor { word, wire, base, key: Key { variable, header, prefix, needed }, .. } = vendor;
    let site = access.sites.get(word).cloned().unwrap_or_default();
    let Some(address) = base.address(site.base_url.as_deref()) else {
        return Err(ConnectError::NoBaseUrl { model: full, variable: base.variable, example: base.example });
    };
    let optional = match needed {
        Needed::Always => false,
        Needed::AtTheVendor => base.default != Some(address),
        Needed::Never => true,
    };
    let key = usable(site.key.as_ref());
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match &key {
        Some(key) => {
            let value = sensitive(&format!("{prefix}{}", key.expose()), variable)?;
            headers.push((HeaderName::from_static(header), value));
        }
        None if optional => {}
        None => return Err(ConnectError::NoKey { model: full, variable }),
    }
    let fixed = wire.headers().iter();
    headers.extend(fixed.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))));
    let extra_roots = match &access.extra_ca {
        Some(pem) => http::roots(pem).map_err(ConnectError::ExtraCa)?,
        None => Vec::new(),
    };
    let line = Line {
        who: word,
        url: base.url(wire.path(), address)?,
        headers,
        key,
        extra_roots,
        idle: access.idle,
        client: OnceLock::new(),
    };
    Ok(Arc::new(Streamed { full, name, wire: *wire, line: Arc::new(line) }))
}

/// A key without the line end that files and clipboards leave on it; nothing if nothing is left.
fn usable(key: Option<&Secret>) -> Option<Secret> {
    let key = key?.expose().trim();
    (!key.is_empty()).then(|| Secret::new(key.to_owned()))
}

fn sensitive(value: &str, variable: &'static str) -> Result<HeaderValue, ConnectError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| ConnectError::Key { variable })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::vendor::WORDS;

    fn site(base_url: Option<&str>, key: Option<&str>) -> Site {
        Site { base_url: base_url.map(str::to_owned), key: key.map(|key| Secret::new(key.to_owned())) }
    }

    fn access(site: Site) -> Access {
        Access { sites: WORDS.map(|word| (word, site.clone())).into(), ..Access::default() }
    }

    #[test]
    fn what_is_missing_is_named_and_no_key_is_repeated() {
        let cases = [
            ("anthropic/m", access(site(None, None))),
            ("anthropic/m", access(site(Some("http://127.0.0.1:1"), Some(" \n")))),
            ("openai-chat/m", access(site(None, None))),
            ("openai-chat/m", access(site(Some(""), None))),
            ("openai-chat/m", access(site(None, Some("sk-\u{1}hunter2")))),
            ("anthropic/m", access(site(Some("ftp://hunter2"), Some("k")))),
            ("anthropic/m", Access { extra_ca: Some(b"x".to_vec()), ..access(site(None, Some("k"))) }),
            ("replay/no-such-file.jsonl", Access::default()),
            ("openai/gpt-5", access(site(None, None))),
            ("azure/d", access(site(None, Some("k")))),
            ("vertex/google/m", Access::default()),
            ("bedrock/m", access(site(Some("https://b.example"), None))),
            ("groq/m", Access::default()),
            ("mistral/m", access(site(Some("http://127.0.0.1:1"), None))),
        ];
        let said: Vec<String> = cases
            .iter()
            .filter_map(|(model, access)| connect(model, access, Arc::new(())).err())
            .map(|error| error.to_string())
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `anthropic/m` needs a key: set ANTHROPIC_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        `anthropic/m` needs a key: set ANTHROPIC_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        `openai-chat/m` needs a key: set OPENAI_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        `openai-chat/m` needs a key: set OPENAI_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        the key in OPENAI_API_KEY holds characters that no key has; set it again
        ANTHROPIC_BASE_URL is not a usable base URL: its scheme is neither `https` nor `http`; it looks like `https://api.anthropic.com`
        the extra CA certificates cannot be used: it holds no PEM certificate
        replay file `no-such-file.jsonl` cannot be read: No such file or directory (os error 2); give a file that `--record FILE` wrote
        `openai/gpt-5` needs a key: set OPENAI_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        `azure/d` needs an address: set AZURE_OPENAI_BASE_URL, which looks like `https://NAME.openai.azure.com/openai/v1`
        `vertex/google/m` needs an address: set VERTEX_BASE_URL, which looks like `https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/endpoints/openapi`
        `bedrock/m` needs a key: set AWS_BEARER_TOKEN_BEDROCK, or replay a recorded conversation with `--model replay/FILE`
        `groq/m` needs a key: set GROQ_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        `mistral/m` needs a key: set MISTRAL_API_KEY, or replay a recorded conversation with `--model replay/FILE`
        ");
        assert_eq!(said.len(), cases.len());
        assert!(!said.join("\n").contains("hunter2"));
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let own = access(site(Some("http://localhost:8080"), None));
        for (model, access) in [("openai-chat/m", &own), ("vllm/m", &own), ("ollama/m:8b", &Access::default())] {
            assert_eq!(connect(model, access, Arc::new(())).unwrap().model(), model);
        }
    }

    #[test]
    fn a_key_may_have_been_copied_with_its_line_end() {
        assert!(connect("anthropic/m", &access(site(None, Some("sk-1\n"))), Arc::new(())).is_ok());
    }
}
