//! Where a text will stand, and with that whom it may call and where it may lead.

use crate::domain::event::{ActorKind, Event, Forge};

/// Where a text will stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose rules of Markdown and commands hold.
    pub forge: Forge,
    /// Hosts that links and images may point to: the forge's own, lower case.
    pub hosts: Vec<String>,
    /// Logins of people (no bots) who are on the thread already.
    pub people: Vec<String>,
    /// Whether `fixes #1` may close what it names.
    pub closes: bool,
}

impl Place {
    /// The thread of an event.
    pub fn of(event: &Event) -> Self {
        let people =
            [Some(&event.actor), event.thread.author.as_ref(), event.comment.as_ref().map(|comment| &comment.author)];
        let people =
            people.into_iter().flatten().filter(|person| person.kind != ActorKind::Bot && !person.login.is_empty());
        let mut people: Vec<String> = people.map(|person| person.login.clone()).collect();
        people.sort_unstable();
        people.dedup();
        Self { forge: event.forge, hosts: vec![without_port(&event.host)], people, closes: false }
    }

    /// Where nothing in a text may act: it belongs to no thread.
    pub fn nowhere() -> Self {
        Self { forge: Forge::Github, hosts: Vec::new(), people: Vec::new(), closes: false }
    }
}

/// A host in the spelling that URLs have, without its port. An IPv6 address stands in brackets.
fn without_port(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !is_open(bare) => bare,
        _ => host,
    };
    url::Host::parse(bare).map_or_else(|_| bare.to_ascii_lowercase(), |host| host.to_string())
}

/// Whether the text ends within an IPv6 address.
fn is_open(bare: &str) -> bool {
    bare.contains(':') && !bare.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_without_its_port() {
        for (given, expected) in [
            ("github.com", "github.com"),
            ("Git.Example:8443", "git.example"),
            ("[::1]", "[::1]"),
            ("[0:0::1]:3000", "[::1]"),
            ("[2001:DB8::7]:443", "[2001:db8::7]"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("2001:db8::7", "2001:db8::7"),
            ("", ""),
            (":", ""),
        ] {
            assert_eq!(without_port(given), expected, "for `{given}`");
        }
    }
}
