//! What the fake GitLab knows of people, threads and notes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use hob::domain::event::ThreadKind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::operations::example;
use super::registry::Registry;
use super::{BOT, ISSUE, MERGE_REQUEST, PROJECT};

/// One project and the people around it.
pub(crate) struct Memory {
    /// Where it is served.
    pub(super) host: String,
    /// Quick actions that were carried out.
    pub(crate) commands: Vec<String>,
    /// Packages and the pipelines that made them.
    pub(crate) registry: Registry,
    /// Who may read the project.
    pub(crate) visibility: &'static str,
    /// Whether only some of them may read the issues.
    pub(crate) confidential: bool,
    /// The merge request's newest commit.
    pub(crate) head: String,
    /// What time it was when it began.
    pub(crate) began: Timestamp,
    people: Vec<Person>,
    /// Users that the token had before.
    before: Vec<u64>,
    threads: BTreeMap<(&'static str, u64), Thread>,
    notes: Vec<Note>,
    /// Counts whatever is made; the clock too.
    made: u64,
}

#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) username: String,
    /// `None` for who is no member.
    level: Option<u32>,
    state: String,
    expires_at: Option<String>,
    /// The user of somebody's access token.
    is_bot: bool,
}

#[derive(Default)]
struct Thread {
    labels: Vec<String>,
    /// Somebody of GitLab's examples when `None`.
    author: Option<Person>,
}

struct Note {
    id: u64,
    thread: (&'static str, u64),
    author: Person,
    body: String,
    system: bool,
    internal: bool,
    created: Timestamp,
    updated: Timestamp,
}

/// The id of a thread, beside the number that people type.
pub(crate) fn id((kind, iid): (&'static str, u64)) -> u64 {
    iid + if kind == "issues" { 300 } else { 400 }
}

/// What paths call the two kinds of threads.
pub(crate) const fn kind(kind: ThreadKind) -> &'static str {
    match kind {
        ThreadKind::Issue => "issues",
        ThreadKind::Pull => "merge_requests",
    }
}

impl Memory {
    pub(super) fn new() -> Self {
        let bot = Person {
            id: BOT.0,
            username: BOT.1.to_owned(),
            level: Some(20),
            state: "active".to_owned(),
            expires_at: None,
            is_bot: true,
        };
        Self {
            host: String::new(),
            commands: Vec::new(),
            registry: Registry::default(),
            people: vec![bot],
            before: Vec::new(),
            visibility: "private",
            confidential: false,
            head: "e82eb4a098e32c796079ca3915e07487fc4db24c".to_owned(),
            began: "2026-11-01T00:00:00.25Z".parse().unwrap(),
            threads: [("issues", ISSUE), ("merge_requests", MERGE_REQUEST)].map(|at| (at, Thread::default())).into(),
            notes: Vec::new(),
            made: 0,
        }
    }

    /// A member with an access level, whether direct or inherited.
    pub(crate) fn member(&mut self, id: u64, username: &str, level: u32) {
        let (username, state) = (username.to_owned(), "active".to_owned());
        self.people.push(Person { id, username, level: Some(level), state, expires_at: None, is_bot: false });
    }

    /// The user of another access token of the project.
    pub(crate) fn token_user(&mut self, id: u64, username: &str, level: u32) {
        self.member(id, username, level);
        self.people.last_mut().unwrap().is_bot = true;
    }

    /// Somebody who is known on the host, but no member.
    pub(crate) fn stranger(&mut self, id: u64, username: &str) {
        self.member(id, username, 0);
        self.people.last_mut().unwrap().level = None;
    }

    /// A member is blocked, or leaves on a day.
    pub(crate) fn limit(&mut self, id: u64, state: &str, expires_at: Option<&str>) {
        let person = self.people.iter_mut().find(|person| person.id == id).unwrap();
        (person.state, person.expires_at) = (state.to_owned(), expires_at.map(str::to_owned));
    }

    /// Who opened a thread.
    pub(crate) fn opened(&mut self, kind_: ThreadKind, iid: u64, username: &str) {
        let author = self.people.iter().find(|person| person.username == username).cloned();
        self.threads.get_mut(&(kind(kind_), iid)).unwrap().author = author;
    }

    /// Somebody takes a note away.
    pub(crate) fn forget(&mut self, note: u64) {
        self.notes.retain(|known| known.id != note);
    }

    /// Somebody else comments; the note's id.
    pub(crate) fn say(&mut self, kind_: ThreadKind, iid: u64, username: &str, body: &str) -> u64 {
        let author = self.people.iter().find(|person| person.username == username).unwrap().clone();
        self.note((kind(kind_), iid), author, body, false)
    }

    /// The token is another user's from now on.
    pub(crate) fn hand_over(&mut self, id: u64, username: &str) {
        self.before.push(std::mem::replace(&mut self.people[0].id, id));
        self.people[0].username = username.to_owned();
    }

    /// The token is a person's own from now on, who may do this.
    pub(crate) fn personal(&mut self, id: u64, username: &str, level: u32) {
        self.hand_over(id, username);
        (self.people[0].is_bot, self.people[0].level) = (false, Some(level));
    }

    /// Whether a user that the token had before wrote a note: no Developer may change it.
    pub(super) fn is_of_before(&self, id: u64) -> bool {
        self.notes.iter().any(|note| note.id == id && self.before.contains(&note.author.id))
    }

    /// A note becomes one for members only.
    pub(crate) fn hide(&mut self, note: u64) {
        self.notes.iter_mut().find(|known| known.id == note).unwrap().internal = true;
    }

    /// GitLab notes a change.
    pub(crate) fn system_note(&mut self, kind_: ThreadKind, iid: u64, body: &str) -> u64 {
        let author = self.bot();
        self.note((kind(kind_), iid), author, body, true)
    }

    /// The texts of a thread's notes, oldest first.
    pub(crate) fn notes(&self, kind_: ThreadKind, iid: u64) -> Vec<String> {
        let here = |note: &&Note| note.thread == (kind(kind_), iid) && !note.system;
        self.notes.iter().filter(here).map(|note| note.body.clone()).collect()
    }

    /// The labels of a thread.
    pub(crate) fn labels(&self, kind_: ThreadKind, iid: u64) -> Vec<String> {
        self.threads[&(kind(kind_), iid)].labels.clone()
    }

    /// The clock now, as the header says it.
    pub(crate) fn date(&self) -> String {
        self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    pub(super) fn bot(&self) -> Person {
        self.people[0].clone()
    }

    pub(super) fn person(&self, fits: impl Fn(&Person) -> bool) -> Option<Value> {
        let person = self.people.iter().find(|person| fits(person))?;
        let mut shown = example("users/get", "");
        (shown["id"], shown["username"], shown["state"]) =
            (json!(person.id), json!(person.username), json!(person.state));
        shown["bot"] = json!(person.is_bot);
        Some(shown)
    }

    pub(super) fn membership(&self, id: u64) -> Option<Value> {
        let person = self.people.iter().find(|person| person.id == id)?;
        let mut shown = example("members/get", "");
        (shown["id"], shown["username"]) = (json!(id), json!(person.username));
        (shown["access_level"], shown["state"]) = (json!(person.level?), json!(person.state));
        shown["expires_at"] = json!(person.expires_at);
        Some(shown)
    }

    pub(super) fn has_thread(&self, kind: &'static str, iid: u64) -> bool {
        self.threads.contains_key(&(kind, iid))
    }

    pub(super) fn thread(&self, kind: &'static str, iid: u64) -> Value {
        let mut shown = example("threads/get", kind);
        (shown["id"], shown["iid"], shown["project_id"]) = (json!(id((kind, iid))), json!(iid), json!(PROJECT));
        let thread = &self.threads[&(kind, iid)];
        shown["labels"] = json!(thread.labels);
        if let Some(author) = &thread.author {
            (shown["author"]["id"], shown["author"]["username"]) = (json!(author.id), json!(author.username));
        }
        if kind == "issues" {
            shown["confidential"] = json!(self.confidential);
        }
        if kind == "merge_requests" {
            (shown["target_project_id"], shown["sha"]) = (json!(PROJECT), json!(self.head));
            shown["source_project_id"] = json!(self.registry.source_project.unwrap_or(PROJECT));
        }
        shown
    }

    pub(super) fn label(&mut self, thread: (&'static str, u64), add: &str, remove: &str) {
        let listed = |text: &str| -> Vec<String> {
            text.split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect()
        };
        let labels = &mut self.threads.get_mut(&thread).unwrap().labels;
        for label in listed(add) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels.retain(|label| !listed(remove).contains(label));
    }

    pub(super) fn note(&mut self, thread: (&'static str, u64), author: Person, body: &str, system: bool) -> u64 {
        let (id, now) = (9000 + self.made, self.tick());
        self.notes.push(Note {
            id,
            thread,
            author,
            body: body.to_owned(),
            system,
            internal: false,
            created: now,
            updated: now,
        });
        id
    }

    /// Whether there was such a note.
    pub(super) fn change(&mut self, thread: (&'static str, u64), id: u64, body: &str) -> bool {
        let now = self.tick();
        let Some(note) = self.notes.iter_mut().find(|note| note.id == id && note.thread == thread) else {
            return false;
        };
        (note.body, note.updated) = (body.to_owned(), now);
        true
    }

    /// Whether there was such a note, which is gone now.
    pub(super) fn delete(&mut self, thread: (&'static str, u64), id: u64) -> bool {
        let before = self.notes.len();
        self.notes.retain(|note| note.id != id || note.thread != thread);
        self.notes.len() < before
    }

    /// A note in GitLab's shape.
    pub(super) fn show(&self, thread: (&'static str, u64), id: u64) -> Option<Value> {
        let note = self.notes.iter().find(|note| note.id == id && note.thread == thread)?;
        let mut shown = example("notes/get", "");
        (shown["id"], shown["body"], shown["system"]) = (json!(id), json!(note.body), json!(note.system));
        (shown["created_at"], shown["updated_at"]) = (json!(note.created), json!(note.updated));
        (shown["internal"], shown["confidential"]) = (json!(note.internal), json!(note.internal));
        shown["noteable_id"] = json!(self::id(thread));
        (shown["noteable_iid"], shown["project_id"]) = (json!(thread.1), json!(PROJECT));
        shown["noteable_type"] = json!(if thread.0 == "issues" { "Issue" } else { "MergeRequest" });
        (shown["author"]["id"], shown["author"]["username"]) = (json!(note.author.id), json!(note.author.username));
        Some(shown)
    }

    /// All notes of a thread in the order asked for.
    pub(super) fn listed(&self, thread: (&'static str, u64), by_update: bool, descending: bool) -> Vec<Value> {
        let mut found: Vec<&Note> = self.notes.iter().filter(|note| note.thread == thread).collect();
        found.sort_by_key(|note| if by_update { note.updated } else { note.created });
        if descending {
            found.reverse();
        }
        found.iter().filter_map(|note| self.show(thread, note.id)).collect()
    }

    /// One second after whatever was made before.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.made += 1;
        self.now()
    }

    fn now(&self) -> Timestamp {
        self.began + SignedDuration::from_secs(i64::try_from(self.made).unwrap())
    }
}
