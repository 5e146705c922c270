//! What the people of an event are. GitLab's payloads, threads and notes never say who is a bot; its
//! accounts do.

use serde::Deserialize;
use serde_json::Value;

use super::Error;
use super::confirm::{asked_for, read};
use crate::domain::event::{Actor, ActorKind, Event};

/// Ids of the accounts to read before it is decided what the event starts, each once: who caused it,
/// and who wrote its text.
pub fn people(event: &Event) -> Vec<u64> {
    let author = event.comment.as_ref().map_or(event.thread.author.as_ref(), |comment| Some(&comment.author));
    let mut ids = vec![event.actor.id];
    ids.extend(author.map(|author| author.id).filter(|id| *id != event.actor.id));
    ids
}

/// The event with what GitLab says of its [`people`]: the answers to `GET /users/:id`, in that order.
///
/// # Errors
/// An answer that cannot be read, or is about somebody else.
pub fn introduced(mut event: Event, users: &[Value]) -> Result<Event, Error> {
    for (id, user) in people(&event).into_iter().zip(users) {
        let user: User = read(&format!("user {id}"), user)?;
        asked_for("user", id, user.id)?;
        let kind = match user.bot {
            Some(true) => ActorKind::Bot,
            Some(false) => ActorKind::User,
            None => ActorKind::Other,
        };
        let Event { actor, thread, comment, .. } = &mut event;
        let met = [Some(actor), thread.author.as_mut(), comment.as_mut().map(|comment| &mut comment.author)];
        met.into_iter().flatten().filter(|actor: &&mut Actor| actor.id == id).for_each(|actor| actor.kind = kind);
    }
    Ok(event)
}

#[derive(Deserialize)]
struct User {
    id: u64,
    /// Users of project and group access tokens, service accounts, GitLab's own. Old servers do not
    /// tell.
    bot: Option<bool>,
}
