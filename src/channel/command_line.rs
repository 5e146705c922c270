//! What a person at the command line asks for, with an event or without one.

use serde_json::Value;
use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::id::{EventKey, InstanceId, InstanceKind};
use crate::domain::name::Name;
use crate::domain::run::Task;

/// Longest key of a local instance, in bytes.
const ID_MAX: usize = 200;

/// What `hob run` was given beside the agent's name.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `--event`, parsed.
    pub event: Option<Event>,
    /// `--message`.
    pub message: Option<String>,
    /// `--input`.
    pub input: Option<Value>,
    /// `--id`: which of the agent's local instances; `default` when absent.
    pub id: Option<String>,
}

/// A request with its place: whose work it is, and what makes it the same request again.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The event's thread, or a local instance.
    pub instance: InstanceId,
    /// The event's own key; fresh when the person added words or data of their own.
    pub key: EventKey,
    /// What to do.
    pub task: Task,
}

/// Why a [`Request`] asks for nothing that can be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskedWrong {
    /// Neither event nor words nor data.
    #[error(
        "there is nothing to do, and nothing was left unfinished; give `--event FILE`, `--message TEXT` or `--input JSON`"
    )]
    Nothing,
    /// An event's instance is its thread.
    #[error("`--id` names a local instance, but `--event` continues on the event's own thread; leave one of them out")]
    IdWithEvent,
    /// Empty, too long, or more than one line.
    #[error("`--id` is a text of one line with at most {ID_MAX} bytes, such as `nightly` or `acme/widgets`")]
    Id,
}

impl Request {
    /// Whether there is neither event nor words nor data: a wish to go on with what was left.
    pub fn is_bare(&self) -> bool {
        self.event.is_none() && self.message.is_none() && self.input.is_none()
    }

    /// Whose work it is.
    ///
    /// # Errors
    /// When the id does not fit.
    pub fn instance(&self, agent: &Name) -> Result<InstanceId, AskedWrong> {
        match (&self.event, &self.id) {
            (Some(_), Some(_)) => Err(AskedWrong::IdWithEvent),
            (Some(event), None) => Ok(event.instance(agent)),
            (None, id) => local(agent, id.as_deref().unwrap_or("default")),
        }
    }

    /// Finds the request's place. `fresh` is used once: it makes words and data a new event each
    /// time, while the same event again is the same run.
    ///
    /// # Errors
    /// When there is nothing to do, or the id does not fit.
    pub fn ask(self, agent: &Name, fresh: Uuid) -> Result<Asked, AskedWrong> {
        let instance = self.instance(agent)?;
        if self.is_bare() {
            return Err(AskedWrong::Nothing);
        }
        let Self { event, message, input, id: _ } = self;
        let key = match &event {
            Some(event) if message.is_none() && input.is_none() => event.key.clone(),
            _ => EventKey::from_parts(["local", fresh.to_string().as_str()]),
        };
        Ok(Asked { instance, key, task: Task { event, message, input } })
    }
}

fn local(agent: &Name, key: &str) -> Result<InstanceId, AskedWrong> {
    if key.is_empty() || key.len() > ID_MAX || key.contains(char::is_control) {
        return Err(AskedWrong::Id);
    }
    Ok(InstanceId {
        host: "local".to_owned(),
        repo: 0,
        kind: InstanceKind::Local,
        key: key.to_owned(),
        agent: agent.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Uuid = Uuid::from_u128(7);

    fn ask(request: Request) -> Result<String, AskedWrong> {
        let asked = request.ask(&"triage".parse().unwrap(), FRESH)?;
        Ok(format!("{} {}", asked.instance, asked.key))
    }

    fn message() -> Request {
        Request { message: Some("hello".to_owned()), ..Request::default() }
    }

    #[test]
    fn words_go_to_a_local_instance_and_are_new_each_time() {
        let key = "local/00000000-0000-0000-0000-000000000007";
        assert_eq!(ask(message()), Ok(format!("local/0/local/default/triage {key}")));
        let named = Request { id: Some("a/b".to_owned()), ..message() };
        assert_eq!(ask(named), Ok(format!("local/0/local/a%2Fb/triage {key}")));
        let input = Request { input: Some(Value::from(3)), ..Request::default() };
        assert_eq!(ask(input), Ok(format!("local/0/local/default/triage {key}")));
    }

    #[test]
    fn a_request_for_nothing_is_told_what_to_give() {
        assert_eq!(ask(Request::default()), Err(AskedWrong::Nothing));
        assert_eq!(ask(Request { id: Some("x".to_owned()), ..Request::default() }), Err(AskedWrong::Nothing));
    }

    #[test]
    fn an_id_is_one_short_line() {
        for id in ["", "a\nb", "a\u{1b}[2J", &"x".repeat(201)] {
            assert_eq!(ask(Request { id: Some(id.to_owned()), ..message() }), Err(AskedWrong::Id), "for {id:?}");
        }
    }
}
