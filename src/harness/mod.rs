//! Puts agent, skills, tools, sandbox and log together and opens sessions.

mod finish;
mod prompt;
pub mod room;
mod skills;
pub mod subagents;
pub mod surroundings;
mod task;
mod writes;

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agent::project::Notes;
use crate::agent::{Agent, trigger};
use crate::domain::entry::{AttemptStarted, Body, Input, Prompt};
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::run::{Run, Task};
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::session::delegation::{Begun, Delegates, Desk};
use crate::session::history::History;
use crate::session::journal::Journal;
use crate::session::purse::Purse;
use crate::session::{self, Parts, Session};
use crate::skill::library::Library;
use crate::store;
use crate::telemetry::failpoint;
use crate::telemetry::progress::{Observer, Progress};
use crate::tool::delegate::Delegation;
use crate::tool::{Place, Tool, Toolbox, dispatch};
use crate::trust::frame::Marker;
use room::Done;
use subagents::{Beneath, Team};

/// Everything an agent works with, whatever it works on.
pub struct Harness {
    /// What it is.
    pub agent: Agent,
    /// What it may look up.
    pub skills: Arc<Library>,
    /// What the repository says to every agent.
    pub project: Vec<Notes>,
    /// Who answers.
    pub provider: Arc<dyn Provider>,
    /// Who answers when that one does not, one after the other.
    pub fallback: Vec<Arc<dyn Provider>>,
    /// Who writes summaries, if not who answers.
    pub summariser: Option<Arc<dyn Provider>>,
    /// Who works on the tasks that it hands out, in the same sandbox.
    pub subagents: Vec<Arc<Harness>>,
    /// What it may ask for beside the tools of its file: those of the program that embeds hob.
    pub tools: Vec<Arc<dyn Tool>>,
    /// Where its tools work; none for an agent without files and shell.
    pub sandbox: Option<Arc<dyn Sandbox>>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Whether the log never left this machine. Of any other the prompt is evidence and no more: what
    /// stands there is taken only where it is what the agent's file says.
    pub is_own_log: bool,
    /// Whether a conversation keeps the prompt that it has: of calls by hand nobody reads it.
    pub keeps_prompt: bool,
    /// The operator's secret under which effect keys are made; may be empty where nothing is sent.
    pub effect_secret: Vec<u8>,
}

/// What is given to one attempt.
pub struct Moment {
    /// A fresh frame marker, used when the run's input is not recorded yet.
    pub marker: Marker,
    /// When the attempt began, for people.
    pub now: Timestamp,
    /// When the attempt began, for its deadline.
    pub started: Instant,
    /// When it must end, whatever its run may still use.
    pub ends: Option<Instant>,
    /// Ends it early.
    pub cancel: CancellationToken,
    /// A fresh number from 0 up to 1 for each wait.
    pub jitter: fn() -> f64,
}

/// Why a session could not be opened or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Log, sandbox or conversation.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// A skill that the agent names cannot be read.
    #[error("agent `{agent}`: {reason}")]
    Skill {
        /// Which agent.
        agent: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The log's own marker is none.
    #[error("the log holds a frame marker that hob does not write; move the session away to begin anew")]
    Marker,
    /// The schema of a tool cannot be sent.
    #[error("agent `{agent}`: the schema of a tool cannot be written as JSON: {source}")]
    Schema {
        /// Which agent.
        agent: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Session(error.into())
    }
}

/// What all sessions of one attempt are given.
#[derive(Clone)]
struct Given {
    /// As in [`Moment`].
    marker: Marker,
    /// As in [`Moment`].
    now: Timestamp,
    /// As in [`Moment`].
    ends: Option<Instant>,
    /// As in [`Moment`].
    jitter: fn() -> f64,
    /// What the tools of all of them share.
    place: Option<Arc<Place>>,
    /// As in [`Parts`].
    desk: Arc<Desk>,
    /// As in [`Parts`].
    asking: Arc<Semaphore>,
}

/// What is told of one session.
struct Opening<'a> {
    run: &'a Run,
    /// What it works on where that is a task of another one.
    task: Option<&'a Delegation>,
    started: Instant,
    cancel: CancellationToken,
    /// What those above may still use.
    above: Option<Arc<Purse>>,
    observer: Arc<dyn Observer>,
}

impl Harness {
    /// Opens the session of `run`: records what is not recorded yet, puts the sandbox's files back,
    /// and serialises the conversation so far.
    ///
    /// # Errors
    /// When a skill is missing, or log or sandbox fail.
    pub async fn open(
        &self,
        mut journal: Journal,
        history: History,
        run: &Run,
        moment: Moment,
    ) -> Result<Session, Error> {
        self.restore(&mut journal, &history).await?;
        let Moment { marker, now, started, ends, cancel, jitter } = moment;
        let recorded = history.find(&run.id).and_then(|known| known.input.as_ref());
        // The marker that stands in recorded frames is the run's marker for good.
        let recorded = recorded.map(|input| input.marker.parse()).transpose().map_err(|_| Error::Marker)?;
        let given = Given {
            marker: recorded.unwrap_or(marker),
            now,
            ends,
            jitter,
            place: self.sandbox.as_ref().map(Place::new),
            desk: Arc::default(),
            asking: Arc::new(Semaphore::new(dispatch::PARALLEL)),
        };
        let opening = Opening { run, task: None, started, cancel, above: None, observer: self.observer.clone() };
        self.begin(journal, history, opening, &given).await
    }

    /// Opens the session of a task that was given within `run`.
    async fn open_task(&self, run: &Run, task: &Delegation, begun: Begun, given: &Given) -> Result<Session, Error> {
        let Begun { journal, history, above, cancel } = begun;
        let observer = Arc::new(Beneath { watcher: self.observer.clone(), agent: self.agent.name.clone() });
        let started = Instant::now();
        let opening = Opening { run, task: Some(task), started, cancel, above: Some(above), observer };
        self.begin(journal, history, opening, given).await
    }

    async fn begin(
        &self,
        mut journal: Journal,
        mut history: History,
        opening: Opening<'_>,
        given: &Given,
    ) -> Result<Session, Error> {
        let Opening { run, task, started, cancel, above, observer } = opening;
        let known = history.find(&run.id);
        let resumed = known.is_some_and(|known| known.asked);
        let spent = known.map(|known| known.spent).unwrap_or_default();
        let attempt = self.attempt(&history, run);
        let kind = |sandbox: &str| sandbox.split(':').next().map(str::to_owned);
        let before = known.map(|known| &known.sandbox).filter(|before| !before.is_empty());
        let moved = before.is_some_and(|before| kind(before) != kind(&attempt.sandbox));
        let toolbox = self.toolbox(&history, run, task.is_some(), given)?;
        let prompt = self.prompt(&toolbox)?;
        let mut begun = self.beginning(&history, run, task, &prompt, given)?;
        observer.see(Progress::Started {
            run: &run.id,
            attempt: attempt.attempt,
            model: &attempt.model,
            sandbox: &attempt.sandbox,
            resumed,
        });
        begun.insert(0, Body::AttemptStarted(attempt));
        for entry in journal.append(begun).await? {
            history.add(entry);
        }
        journal.failpoints.hit(failpoint::BEGUN);
        let compacts = task.is_none() && room::is_asked(&run.task);
        let (provider, fallback, summariser) = match compacts {
            true => {
                let mut makers: VecDeque<_> = self.summariser.iter().chain([&self.provider]).cloned().collect();
                let maker = makers.pop_front();
                (Arc::new(Done) as Arc<dyn Provider>, makers, maker)
            }
            false => (self.provider.clone(), self.fallback.iter().cloned().collect(), self.summariser.clone()),
        };
        let parts = Parts {
            provider,
            fallback,
            summariser,
            compacts,
            window: self.agent.compaction.window,
            prompt: history.prompt.as_ref().is_some_and(|frozen| !frozen.reads_as(&prompt)).then_some(prompt),
            toolbox,
            sandbox: self.sandbox.clone(),
            observer,
            purse: Purse::new(above, self.agent.limits, started, spent),
            desk: given.desk.clone(),
            asking: given.asking.clone(),
            delegates: self.team(run, given),
            moved,
            needs_result: self.needs_result(run),
            cancel,
            started,
            ends: given.ends,
            jitter: given.jitter,
        };
        Ok(Session::open(journal, history, &run.id, parts).await?)
    }

    /// Those that work on its tasks, if anybody does.
    fn team(&self, run: &Run, given: &Given) -> Option<Arc<dyn Delegates>> {
        let subagents = Some(self.subagents.clone()).filter(|subagents| !subagents.is_empty())?;
        Some(Arc::new(Team { subagents, run: run.clone(), given: given.clone() }))
    }

    /// Whether a run must end through `finish`.
    pub fn needs_result(&self, run: &Run) -> bool {
        self.agent.result.is_some() && !room::is_asked(&run.task)
    }

    /// This attempt, as the log tells it.
    fn attempt(&self, history: &History, run: &Run) -> AttemptStarted {
        let sandbox = self.sandbox.as_ref().map(|sandbox| sandbox.capabilities());
        AttemptStarted {
            run: run.id.clone(),
            attempt: history.find(&run.id).map_or(0, |known| known.attempts) + 1,
            hob: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.provider.model().to_owned(),
            sandbox: sandbox.map_or("none".to_owned(), |is| format!("{}: {}", is.kind, is.confinement)),
        }
    }

    /// What else must stand in the log before the model is asked, and does not yet.
    fn beginning(
        &self,
        history: &History,
        run: &Run,
        task: Option<&Delegation>,
        prompt: &Prompt,
        given: &Given,
    ) -> Result<Vec<Body>, Error> {
        let known = history.find(&run.id);
        let mut bodies = Vec::new();
        let marker = &given.marker;
        let recorded = known.and_then(|known| known.input.as_ref());
        if recorded.is_none() {
            let asked = |task: &Delegation| Task { message: Some(task.prompt.clone()), ..Task::default() };
            bodies.push(Body::Input(Input {
                run: run.id.clone(),
                event_key: run.event_key.clone(),
                task: task.map_or_else(|| run.task.clone(), asked),
                marker: marker.to_string(),
            }));
        }
        // Frozen within a run: what was sent stays the head of what is sent. A new run takes what changed.
        let asked = known.is_some_and(|known| known.asked);
        let is_frozen = self.keeps_prompt || (asked && self.is_own_log);
        if history.prompt.as_ref().is_none_or(|frozen| !is_frozen && !frozen.reads_as(prompt)) {
            bodies.push(Body::Prompt(prompt.clone()));
        }
        if !asked {
            let instructions =
                (!self.agent.instructions.is_plain()).then(|| task::instructions(&self.agent, &run.task, marker));
            let setting = task::Setting {
                marker,
                now: given.now,
                authority: run.authority,
                lost_files: !history.files.is_empty() && !self.is_contained(),
                knows_thread: history.runs.iter().any(|earlier| earlier.run != run.id && earlier.asked),
                command: run.task.event.as_ref().and_then(|event| self.command(event)),
                instructions: instructions.as_deref(),
            };
            let text = match task {
                Some(task) => task::delegated(&task.prompt, setting),
                None => task::words(&run.task, setting),
            };
            bodies.push(Body::Message(Message::User { text }));
        }
        Ok(bodies)
    }

    /// What stands before everything that is said, as the agent's file has it now.
    fn prompt(&self, toolbox: &Toolbox) -> Result<Prompt, Error> {
        Ok(Prompt {
            system: prompt::system(&prompt::Told {
                agent: &self.agent,
                project: &self.project,
                toolbox,
                skills: &skills::roster(&self.agent, &self.skills)?,
                subagents: &subagents::roster(&self.subagents),
            }),
            environment: prompt::environment(self.sandbox.as_deref()),
            tools: toolbox.specs(),
            agent_digest: self.agent.digest.clone(),
            thinking: self.agent.thinking,
        })
    }

    /// What the model reads of a run that joins the one under way.
    pub fn joining(&self, late: &Run, marker: &Marker) -> String {
        let instructions =
            (!self.agent.instructions.is_plain()).then(|| task::instructions(&self.agent, &late.task, marker));
        let setting = task::Setting {
            marker,
            now: late.admitted_at,
            authority: late.authority,
            lost_files: false,
            knows_thread: true,
            command: late.task.event.as_ref().and_then(|event| self.command(event)),
            instructions: instructions.as_deref(),
        };
        format!("{}\n\n{}", task::JOINED, task::words(&late.task, setting))
    }

    fn is_contained(&self) -> bool {
        self.sandbox.as_ref().is_some_and(|sandbox| sandbox.capabilities().contained)
    }

    /// The words behind `/hob`, when the event starts the agent through a command in its text.
    fn command<'a>(&self, event: &'a Event) -> Option<&'a str> {
        let trigger = trigger::fires(&self.agent.triggers, event).ok()?;
        trigger::command(trigger, event)
    }

    /// Only the agent that was started writes: who works on a task says what it found.
    fn toolbox(&self, history: &History, run: &Run, is_task: bool, given: &Given) -> Result<Toolbox, Error> {
        let schema_error = |source| Error::Schema { agent: self.agent.name.to_string(), source };
        let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
        if let (Some(_), Some(place)) = (&self.sandbox, &given.place) {
            tools.extend(crate::tool::files_and_shell(place, &self.agent.tools));
            tools.extend(crate::tool::command::tools(place, &self.agent.commands));
        }
        tools.extend(self.tools.iter().cloned());
        tools.extend(skills::tools(&self.agent, &self.skills));
        tools.extend(subagents::tool(&self.subagents).map_err(schema_error)?);
        if !is_task {
            tools.extend(writes::tools(&self.agent, run, history, &self.effect_secret));
        }
        if let Some(schema) = &self.agent.result {
            tools.extend(finish::tools(schema).map_err(schema_error)?);
        }
        Ok(Toolbox::new(tools))
    }

    /// Puts back the files that the log says a contained sandbox holds.
    async fn restore(&self, journal: &mut Journal, history: &History) -> Result<(), Error> {
        let Some(sandbox) = &self.sandbox else { return Ok(()) };
        Ok(history.files.restore(&**sandbox, journal).await?)
    }
}
