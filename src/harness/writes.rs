//! The tools through which an agent proposes writes, as its head and the thread allow them.

use std::sync::Arc;

use crate::agent::Agent;
use crate::domain::event::{ActorKind, Event, Forge};
use crate::domain::run::Run;
use crate::rules::neutralise::Place;
use crate::session::history::History;
use crate::tool::Tool;
use crate::tool::propose::{self, Proposals};

/// One tool for each kind that the head declares. What the run proposed before it was interrupted
/// counts.
pub(super) fn tools(agent: &Agent, run: &Run, history: &History, secret: &[u8]) -> Vec<Arc<dyn Tool>> {
    propose::tools(Proposals {
        instance: run.instance.clone(),
        run: run.id.clone(),
        secret: secret.to_vec(),
        allowances: agent.effects.clone(),
        place: place(run.task.event.as_ref()),
        earlier: history.find(&run.id).map(|known| known.proposed.clone()).unwrap_or_default(),
    })
}

/// Where texts will stand. Without an event they stand nowhere, and nothing in them may act.
fn place(event: Option<&Event>) -> Place {
    let Some(event) = event else {
        return Place { forge: Forge::Github, hosts: Vec::new(), people: Vec::new(), closes: false };
    };
    let people =
        [Some(&event.actor), event.thread.author.as_ref(), event.comment.as_ref().map(|comment| &comment.author)];
    let people =
        people.into_iter().flatten().filter(|person| person.kind != ActorKind::Bot && !person.login.is_empty());
    let mut people: Vec<String> = people.map(|person| person.login.clone()).collect();
    people.sort_unstable();
    people.dedup();
    Place { forge: event.forge, hosts: vec![without_port(&event.host)], people, closes: false }
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
