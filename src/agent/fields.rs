//! What a template can say about an event, and which of it strangers can write.

use super::template::{Untrusted, Value};
use crate::domain::event::{Actor, ActorKind, Event, EventKind, Forge, Side, ThreadKind, Visibility};

/// The value of a path such as `event.thread.number`; `None` when this event has none.
pub fn lookup(event: &Event, path: &str) -> Option<Value> {
    FIELDS.iter().find(|field| field.path == path).and_then(|field| (field.read)(event))
}

/// Every path, in the order of the documentation.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|field| field.path)
}

pub(super) fn exists(path: &str) -> bool {
    paths().any(|known| known == path)
}

struct Field {
    path: &'static str,
    read: fn(&Event) -> Option<Value>,
}

const fn field(path: &'static str, read: fn(&Event) -> Option<Value>) -> Field {
    Field { path, read }
}

const FIELDS: &[Field] = &[
    field("event.forge", |e| {
        trusted(match e.forge {
            Forge::Github => "github",
            Forge::Gitlab => "gitlab",
        })
    }),
    field("event.host", |e| trusted(&e.host)),
    field("event.kind", |e| {
        trusted(match e.kind {
            EventKind::Issue => "issue",
            EventKind::Comment => "comment",
            EventKind::Pull => "pull",
            EventKind::Review => "review",
            EventKind::ReviewComment => "review_comment",
        })
    }),
    field("event.action", |e| trusted(word(&e.action))),
    field("event.at", |e| trusted(e.at)),
    field("event.reference", |e| foreign("reference of the thread", None, &e.reference())),
    field("event.text", |e| {
        let author = e.comment.as_ref().map(|comment| &comment.author).or(e.thread.author.as_ref());
        foreign("text that triggered this run", author, e.text())
    }),
    field("event.label", |e| foreign("label", None, e.label.as_deref()?)),
    field("event.repository.id", |e| trusted(e.repository.id)),
    field("event.repository.path", |e| foreign("path of the repository", None, &e.repository.path)),
    field("event.repository.visibility", |e| {
        trusted(match e.repository.visibility? {
            Visibility::Private => "private",
            Visibility::Internal => "internal",
            Visibility::Public => "public",
        })
    }),
    field("event.actor.id", |e| trusted(e.actor.id)),
    field("event.actor.login", |e| foreign("login", None, &e.actor.login)),
    field("event.actor.kind", |e| {
        trusted(match e.actor.kind {
            ActorKind::User => "user",
            ActorKind::Bot => "bot",
            ActorKind::Other => "other",
        })
    }),
    field("event.thread.kind", |e| {
        trusted(match e.thread.kind {
            ThreadKind::Issue => "issue",
            ThreadKind::Pull => "pull",
        })
    }),
    field("event.thread.number", |e| trusted(e.thread.number)),
    field("event.thread.state", |e| trusted(word(&e.thread.state))),
    field("event.thread.title", |e| foreign("title", e.thread.author.as_ref(), &e.thread.title)),
    field("event.thread.body", |e| foreign("body", e.thread.author.as_ref(), &e.thread.body)),
    field("event.thread.labels", |e| foreign("labels", None, &e.thread.labels.join(", "))),
    field("event.thread.author.id", |e| trusted(e.thread.author.as_ref()?.id)),
    field("event.thread.author.login", |e| foreign("login", None, &e.thread.author.as_ref()?.login)),
    field("event.comment.id", |e| trusted(e.comment.as_ref()?.id)),
    field("event.comment.body", |e| {
        let comment = e.comment.as_ref()?;
        foreign("comment", Some(&comment.author), &comment.body)
    }),
    field("event.comment.path", |e| {
        let comment = e.comment.as_ref()?;
        foreign("path of the file", Some(&comment.author), comment.path.as_deref()?)
    }),
    field("event.comment.author.id", |e| trusted(e.comment.as_ref()?.author.id)),
    field("event.comment.author.login", |e| foreign("login", None, &e.comment.as_ref()?.author.login)),
    field("event.change.draft", |e| trusted(e.change.as_ref()?.draft)),
    field("event.change.is_fork", |e| trusted(e.change.as_ref()?.is_fork)),
    field("event.change.head.sha", |e| sha(&e.change.as_ref()?.head)),
    field("event.change.head.branch", |e| foreign("branch", None, &e.change.as_ref()?.head.branch)),
    field("event.change.base.sha", |e| sha(&e.change.as_ref()?.base)),
    field("event.change.base.branch", |e| foreign("branch", None, &e.change.as_ref()?.base.branch)),
];

#[expect(clippy::unnecessary_wraps, reason = "a row of the table answers like every other row")]
fn trusted(value: impl ToString) -> Option<Value> {
    Some(Value::Trusted(value.to_string()))
}

/// Empty texts are as good as none: a frame around nothing only confuses.
fn foreign(what: &str, author: Option<&Actor>, text: &str) -> Option<Value> {
    let author = author.map(|actor| actor.login.clone()).filter(|login| !login.is_empty());
    let untrusted = Untrusted { what: what.to_owned(), author, text: text.to_owned() };
    (!text.is_empty()).then_some(Value::Untrusted(untrusted))
}

/// The forge's own words are short and plain; whatever is not is cut down to that.
fn word(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect()
}

fn sha(side: &Side) -> Option<Value> {
    let plain = !side.sha.is_empty() && side.sha.len() <= 64 && side.sha.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| Value::Trusted(side.sha.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_can_write_is_never_trusted() {
        let event: Event = serde_json::from_str(include_str!("../../tests/fixtures/agents/event.json")).unwrap();
        for path in paths() {
            match lookup(&event, path) {
                Some(Value::Trusted(text)) => assert!(!text.contains("EVIL"), "{path} lets `{text}` through"),
                Some(Value::Untrusted(_)) => {}
                None => panic!("{path} is not in the example event"),
            }
        }
    }
}
