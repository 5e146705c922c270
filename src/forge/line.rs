//! The way to a code host, whichever it is: what is trusted, how long is waited, how often a read
//! is asked again. An answer that leads elsewhere is handed over, never followed here.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

/// Tries of a read in all, the first one counted.
const TRIES: u32 = 3;

/// How a forge is reached.
#[derive(Clone, Debug)]
pub struct Line {
    /// PEM certificates that are trusted beside the built-in roots.
    pub extra_ca: Option<Vec<u8>>,
    /// `User-Agent`.
    pub agent: String,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for a whole answer, the connection counted.
    pub whole: Duration,
    /// Wait before a failed read is asked again; the next one is twice as long.
    pub pause: Duration,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            extra_ca: None,
            agent: concat!("hob/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(30),
            pause: Duration::from_millis(500),
        }
    }
}

/// Why a forge cannot be asked at all. Repeats no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The address of the API.
    #[error("the API address is not usable: {reason}; it looks like `{example}`")]
    Address {
        /// What is wrong with it.
        reason: String,
        /// What it may look like.
        example: &'static str,
    },
    /// The repository.
    #[error("`{given}` is not a repository: it looks like `owner/name`")]
    Repository {
        /// As given, made harmless.
        given: String,
    },
    /// The token.
    #[error("{reason}: set {variable}")]
    Token {
        /// What is wrong with it.
        reason: &'static str,
        /// Where it is looked for.
        variable: &'static str,
    },
    /// The operator's certificates.
    #[error("the extra CA certificates cannot be used: {0}")]
    ExtraCa(String),
    /// The client.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The base address of an API: `http` or `https`, a host, perhaps a path, nothing else.
pub(super) fn address(given: &str, example: &'static str) -> Result<Url, Unusable> {
    let invalid = |reason: &str| Unusable::Address { reason: reason.to_owned(), example };
    let url = Url::parse(given.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("its scheme is neither `https` nor `http`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it holds a user name or password; tokens have a variable of their own"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment"));
    }
    Ok(url)
}

impl Line {
    /// The client for this address. It follows no redirect and repeats nothing by itself.
    pub(super) fn client(&self, to: &Url) -> Result<reqwest::Client, Unusable> {
        let tls = |error: &dyn std::fmt::Display| Unusable::Tls(error.to_string());
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in self.extra_roots()? {
            roots.add(root).map_err(|error| Unusable::ExtraCa(error.to_string()))?;
        }
        let mut config =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(|error| tls(&error))?
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .user_agent(self.agent.as_str())
            .connect_timeout(self.connect)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if is_loopback(to) {
            client = client.no_proxy();
        }
        client.build().map_err(|error| tls(&error))
    }

    /// How long to wait after the `failures`-th failure of a read (from 1); `None` after the last try.
    pub(super) fn wait(&self, failures: u32) -> Option<Duration> {
        (failures < TRIES).then(|| self.pause.saturating_mul(1 << failures.saturating_sub(1)))
    }

    fn extra_roots(&self) -> Result<Vec<CertificateDer<'static>>, Unusable> {
        let Some(pem) = &self.extra_ca else { return Ok(Vec::new()) };
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match roots {
            Ok(roots) if roots.is_empty() => Err(Unusable::ExtraCa("they hold no PEM certificate".to_owned())),
            Ok(roots) => Ok(roots),
            Err(error) => Err(Unusable::ExtraCa(error.to_string())),
        }
    }
}

/// Whether this is this machine, where proxies have no business.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_path() {
        for good in
            ["https://api.github.com", "https://git.acme.org/api/v3/", "http://127.0.0.1:8080", " http://[::1]:1\n"]
        {
            assert!(address(good, "x").is_ok(), "{good}");
        }
        let said =
            ["", "api.github.com", "ftp://a", "https://me:hunter2@a", "https://a/?b", "https://a/#b", "https://"]
                .map(|bad| address(bad, "https://api.github.com").unwrap_err().to_string());
        assert!(!said.join("\n").contains("hunter2"));
        insta::assert_snapshot!(said.join("\n"), @"
        the API address is not usable: relative URL without a base; it looks like `https://api.github.com`
        the API address is not usable: relative URL without a base; it looks like `https://api.github.com`
        the API address is not usable: its scheme is neither `https` nor `http`; it looks like `https://api.github.com`
        the API address is not usable: it holds a user name or password; tokens have a variable of their own; it looks like `https://api.github.com`
        the API address is not usable: it has a query or a fragment; it looks like `https://api.github.com`
        the API address is not usable: it has a query or a fragment; it looks like `https://api.github.com`
        the API address is not usable: empty host; it looks like `https://api.github.com`
        ");
    }

    #[test]
    fn a_read_is_asked_three_times_in_all() {
        let line = Line::default();
        assert_eq!([1, 2, 3].map(|n| line.wait(n).map(|wait| wait.as_millis())), [Some(500), Some(1000), None]);
    }

    #[test]
    fn certificates_that_are_none_are_told() {
        let url = Url::parse("https://api.github.com").unwrap();
        assert!(Line::default().client(&url).is_ok());
        for pem in [b"".as_slice(), b"-----BEGIN CERTIFICATE-----\nMIIB\n"] {
            let line = Line { extra_ca: Some(pem.to_vec()), ..Line::default() };
            assert!(matches!(line.client(&url), Err(Unusable::ExtraCa(_))));
        }
    }
}
