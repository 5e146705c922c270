//! `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE`: where a database is, and how far its
//! server is trusted.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A line that is silent for this long is asked whether anybody is there.
const IDLE: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASK_TIMES: u32 = 3;

/// Where a PostgreSQL database is. Never shows its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    /// Without user, password and parameters.
    pub(super) place: String,
}

/// What a server's certificate must prove; `sslmode` without its ways to go on without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing: `prefer` and `require` keep out who only listens.
    Anybody,
    /// That somebody who is trusted signed it: `verify-ca`.
    Signed(Roots),
    /// That it belongs to this host, too: `verify-full`.
    Named(Roots),
}

/// Who is trusted to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// The authorities that browsers trust, and those the operator adds.
    Known,
    /// Those in this PEM file alone.
    File(PathBuf),
}

/// A text that names no database.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database is not named well: {0}; write `postgres://USER:PASSWORD@HOST/DATABASE`")]
pub struct InvalidAddress(String);

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = |what: &str| InvalidAddress(what.to_owned());
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let (who, rest) = rest.split_once('@').unwrap_or(("", rest));
        if who.split(':').next().unwrap_or_default().contains(['/', '?']) {
            return Err(invalid("an `@` in a parameter is written `%40`"));
        }
        // The end of a password would be shown as a part of the host.
        if rest.contains('@') {
            return Err(invalid("an `@` in a user, a password or a parameter is written `%40`"));
        }
        let (server, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (tls, parameters) = Tls::take(parameters)?;
        let who = if who.is_empty() { String::new() } else { format!("{who}@") };
        let mut config: Config = format!("postgres://{who}{server}?{parameters}")
            .trim_end_matches('?')
            .parse()
            .map_err(|error: tokio_postgres::Error| InvalidAddress(super::fault::causes(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(invalid("it has no host"));
        }
        let (mode, trust) = tls.means()?;
        config.ssl_mode(mode);
        if config.get_application_name().is_none() {
            config.application_name("hob");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(IDLE.min(config.get_keepalives_idle()));
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(ASK_EVERY);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(ASK_TIMES);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(IDLE + ASK_EVERY * ASK_TIMES);
        }
        // Of several servers only the one that takes writes knows how an instance stands.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { place: place(&config), trust, config })
    }
}

impl fmt::Display for Address {
    /// Without user, password and parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// What the URL says of TLS.
#[derive(Default)]
struct Tls {
    mode: Option<String>,
    roots: Option<String>,
}

impl Tls {
    /// Takes them out of the parameters; the rest is for the driver.
    fn take(parameters: &str) -> Result<(Self, String), InvalidAddress> {
        let mut tls = Self::default();
        let mut rest = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = || {
                let value = percent_decode_str(value).decode_utf8().map(Cow::into_owned);
                value.map_err(|_| InvalidAddress(format!("`{name}` is not UTF-8")))
            };
            match name {
                "sslmode" => tls.mode = Some(value()?),
                "sslrootcert" => tls.roots = Some(value()?),
                _ => rest.push(parameter),
            }
        }
        Ok((tls, rest.join("&")))
    }

    /// As libpq means it: certificates that were given are checked also where TLS is only required.
    fn means(self) -> Result<(SslMode, Trust), InvalidAddress> {
        let Self { mode, roots } = self;
        let file = roots.filter(|roots| roots != "system").map(|file| Roots::File(file.into()));
        match mode.as_deref().unwrap_or("prefer") {
            "disable" => Ok((SslMode::Disable, Trust::Anybody)),
            "prefer" => Ok((SslMode::Prefer, Trust::Anybody)),
            "require" => Ok((SslMode::Require, file.map_or(Trust::Anybody, Trust::Signed))),
            "verify-ca" => Ok((SslMode::Require, Trust::Signed(file.unwrap_or(Roots::Known)))),
            "verify-full" => Ok((SslMode::Require, Trust::Named(file.unwrap_or(Roots::Known)))),
            mode => Err(InvalidAddress(format!(
                "`sslmode={mode}` is not one of disable, prefer, require, verify-ca, verify-full",
                mode = mode.escape_debug()
            ))),
        }
    }
}

fn place(config: &Config) -> String {
    const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(host) if host.contains(':') => format!("[{host}]"),
        Host::Tcp(host) => host.clone(),
        Host::Unix(dir) => utf8_percent_encode(&dir.to_string_lossy(), PATH).to_string(),
    });
    let hosts: Vec<String> = match config.get_hosts() {
        [] => config.get_hostaddrs().iter().map(ToString::to_string).collect(),
        _ => hosts.collect(),
    };
    let with_port = hosts.iter().enumerate().map(|(n, host)| match ports.get(n).or(ports.first()) {
        Some(5432) | None => host.clone(),
        Some(port) => format!("{host}:{port}"),
    });
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{}", with_port.collect::<Vec<_>>().join(","), utf8_percent_encode(database, PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, String> {
        text.parse::<Address>().map_err(|error| error.to_string())
    }

    #[test]
    fn a_place_has_neither_user_nor_password_nor_parameters() {
        for (text, place) in [
            ("postgres://hob:s3cret@db.example/agents?sslmode=require", "postgres://db.example/agents"),
            ("postgresql://hob:s%40cret@db.example:6000/agents", "postgres://db.example:6000/agents"),
            ("postgres://hob@a,b:5433/agents?application_name=x", "postgres://a,b:5433/agents"),
            ("postgres://hob@[::1]:5433", "postgres://[::1]:5433/hob"),
            ("postgres:///agents?host=/run/postgresql&user=hob", "postgres://%2Frun%2Fpostgresql/agents"),
            ("postgres://hob:s/c?r@db/a%2Fb", "postgres://db/a%2Fb"),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.place, place);
            assert!(!format!("{address:?}").contains("s3cret"), "{address:?}");
        }
    }

    #[test]
    fn each_sslmode_means_what_libpq_means() {
        let file = || Roots::File("/etc/ca.pem".into());
        for (parameters, mode, trust) in [
            ("", SslMode::Prefer, Trust::Anybody),
            ("?sslmode=disable", SslMode::Disable, Trust::Anybody),
            ("?sslmode=prefer&sslrootcert=/etc/ca.pem", SslMode::Prefer, Trust::Anybody),
            ("?sslmode=require", SslMode::Require, Trust::Anybody),
            ("?sslmode=require&sslrootcert=%2Fetc%2Fca.pem", SslMode::Require, Trust::Signed(file())),
            ("?sslmode=verify-ca", SslMode::Require, Trust::Signed(Roots::Known)),
            ("?sslmode=verify-full&connect_timeout=3", SslMode::Require, Trust::Named(Roots::Known)),
            ("?sslmode=verify-full&sslrootcert=system", SslMode::Require, Trust::Named(Roots::Known)),
            ("?sslmode=verify-full&sslrootcert=/etc/ca.pem", SslMode::Require, Trust::Named(file())),
        ] {
            let address = parse(&format!("postgres://hob@db/agents{parameters}")).unwrap();
            assert_eq!((address.config.get_ssl_mode(), address.trust), (mode, trust), "`{parameters}`");
        }
    }

    #[test]
    fn a_bad_address_is_told_without_its_password() {
        let said = |text: &str| {
            let said = parse(text).unwrap_err();
            assert!(!said.contains("cret"), "{said}");
            said
        };
        insta::assert_snapshot!(said("postgres://hob:s3cret@db/agents?sslmode=allow"), @"the database is not named well: `sslmode=allow` is not one of disable, prefer, require, verify-ca, verify-full; write `postgres://USER:PASSWORD@HOST/DATABASE`");
        insta::assert_snapshot!(said("postgres://hob:s3@cret@db/agents"), @"the database is not named well: an `@` in a user, a password or a parameter is written `%40`; write `postgres://USER:PASSWORD@HOST/DATABASE`");
        insta::assert_snapshot!(said("postgres://db/agents?application_name=me@home"), @"the database is not named well: an `@` in a parameter is written `%40`; write `postgres://USER:PASSWORD@HOST/DATABASE`");
        insta::assert_snapshot!(said("postgres://hob:s3cret@/agents"), @"the database is not named well: it has no host; write `postgres://USER:PASSWORD@HOST/DATABASE`");
        insta::assert_snapshot!(said("postgres://hob:s3cret@db:port/agents"), @"the database is not named well: invalid connection string: invalid value for option `port`; write `postgres://USER:PASSWORD@HOST/DATABASE`");
        insta::assert_snapshot!(said("postgres://hob:s3cret@db/agents?sslcert=x"), @"the database is not named well: invalid connection string: unknown option `sslcert`; write `postgres://USER:PASSWORD@HOST/DATABASE`");
    }

    #[test]
    fn what_the_url_says_of_patience_stands() {
        let address = parse("postgres://hob@db/agents?connect_timeout=3&keepalives_idle=5").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(address.config.get_keepalives_idle(), Duration::from_secs(5));
    }
}
