//! hob as a library: agents in a program of your own, as durable as those on a forge.
//!
//! [`Hob`] is what all sessions share, an [`Agent`] is what one is, and a [`Session`] is one continuing
//! conversation with it. Every prompt is a run: admitted to the store before anything else happens, worked
//! on, and settled once. A process that dies leaves a run that the next one carries on.
//!
//! ```
//! use hob::embed::{Agent, Hob};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let hob = Hob::new("examples");
//! let agent = Agent { model: Some("replay/examples/hello.jsonl".into()), ..Agent::new("guide".parse()?, "Be brief.") };
//! let session = hob.session(agent, "default")?;
//! let answer = session.prompt("What is in `notes.txt`?").await?;
//! assert_eq!(answer.text, "`notes.txt` holds two lines about cakes.");
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! A value instead of words is any type that has a JSON Schema; a tool is a function of one:
//!
//! ```
//! use hob::embed::{Agent, Hob, lookup};
//!
//! /// What the model gives the tool.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct City {
//!     /// Its name, in English.
//!     name: String,
//! }
//!
//! /// What is asked for.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Advice {
//!     umbrella: bool,
//! }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let weather = lookup("weather", "The weather in a city, today.", |city: City| async move {
//!     Ok(format!("Rain in {}.", city.name))
//! });
//! let agent = Agent { model: Some("replay/examples/weather.jsonl".into()), ..Agent::new("weather".parse()?, "Advise.") };
//! let session = Hob::new("examples").session(agent, "default")?.with_tool(weather);
//! let advice: Advice = session.ask("Do I need an umbrella in Bergen?").await?;
//! assert!(advice.umbrella);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod answer;
mod assemble;
mod by_hand;
pub(crate) mod machine;
mod talk;
mod turns;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use answer::{Answer, Error};
pub use talk::{Call, Session};
pub use turns::Turns;

pub use crate::agent::Agent;
use crate::agent::Known;
use crate::agent::library::Library;
use crate::channel::Request;
use crate::domain::event::Event;
pub use crate::provider::{Access, Provider};
pub use crate::sandbox::threads::Threads;
pub use crate::store::Store;
use crate::telemetry::failpoint::Failpoints;
pub use crate::telemetry::progress::{Observer, Progress};
pub use crate::telemetry::redact::Redactor;
pub use crate::tool::Tool;
pub use crate::tool::function::{function, lookup};

/// What all sessions of a program share.
#[derive(Clone)]
pub struct Hob {
    /// Where they are kept.
    pub store: Store,
    /// The directory that they work in; its `skills/` and `AGENTS.md` count.
    pub workspace: PathBuf,
    /// Keys and addresses of model vendors.
    pub access: Access,
    /// Answers in the place of the model that an agent names.
    pub provider: Option<Arc<dyn Provider>>,
    /// What commands of a local sandbox see of the environment, name and value.
    pub env: Vec<(String, String)>,
    /// Where a local sandbox makes its temporary directory.
    pub temporary: PathBuf,
    /// Watches what they do.
    pub observer: Arc<dyn Observer>,
    /// Takes secrets out of what is kept.
    pub redactor: Redactor,
    /// Prompts of one session are worked on one after the other, each as it was given.
    pub turns: Turns,
    /// What commands of a virtual sandbox run on.
    pub threads: Threads,
}

impl Hob {
    /// Sessions in memory, without keys; nobody watches. Every field may be set otherwise.
    pub fn new(workspace: impl Into<PathBuf>) -> Self {
        Self {
            store: Store::memory(Failpoints::default()),
            workspace: workspace.into(),
            access: Access::default(),
            provider: None,
            env: Vec::new(),
            temporary: PathBuf::from("/tmp"),
            observer: Arc::new(()),
            redactor: Redactor::default(),
            turns: Turns::default(),
            threads: Threads::default(),
        }
    }

    /// A conversation with an agent, by its name: it goes on where it was left, in this process or another.
    ///
    /// # Errors
    /// When the name is empty, longer than a line, or more than 200 bytes.
    pub fn session(&self, agent: Agent, name: &str) -> Result<Session, Error> {
        let request = Request { id: Some(name.to_owned()), ..Request::default() };
        let instance = request.instance(&agent.name).map_err(Error::Name)?;
        Ok(Session::new(self.clone(), agent, instance, name.to_owned()))
    }

    /// Gives an event to an agent: its session is that of the event's thread, and the same event is
    /// answered once, however often it comes. What the agent proposes stands in the answer; nothing is
    /// sent.
    ///
    /// # Errors
    /// As for [`Session::prompt`].
    pub async fn dispatch(&self, agent: Agent, event: Event) -> Result<Answer, Error> {
        let (instance, label) = (event.instance(&agent.name), event.reference());
        Session::new(self.clone(), agent, instance, label).hear(event).await
    }

    /// An agent as its file describes it, with its subagents, whose files stand beside it in a folder `agents`.
    ///
    /// # Errors
    /// When it cannot be read, or [`Library::check`] finds a fault in it.
    pub fn agent(&self, path: &Path) -> Result<Agent, Error> {
        let source = std::fs::read_to_string(path)
            .map_err(|source| Error::File { path: path.to_owned(), reason: source.to_string() })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let skills = crate::skill::library::Library::open(&self.workspace).names();
        let known = Known { skills: &skills, providers: &crate::provider::WORDS, ..Known::default() };
        let project = path.parent().and_then(Path::parent).map(Path::to_owned);
        let checked = Library::new(project).check(&stem, &source, &known);
        checked.agent.ok_or_else(|| {
            let reasons = checked.problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>();
            Error::File { path: path.to_owned(), reason: reasons.join("; ") }
        })
    }
}
