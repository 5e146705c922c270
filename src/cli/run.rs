//! `hob run`: one run now, on this machine; its writes are printed, not sent.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::env::Environment;
use super::output::{self, Exit};
use super::refusal::Refusal;
use super::report::Report;
use super::{kept, live, parts, work};
use crate::agent::{Agent, trigger};
use crate::channel::{self, Asked, DELIVERY_MAX, Delivery, Heard, Request, Verified};
use crate::domain::event::Event;
use crate::domain::id::RunId;
use crate::domain::run::{Run, State};
use crate::queue;
use crate::skill::library::Library;
use crate::store::Bundle;
use crate::telemetry::progress::Progress;
use crate::telemetry::redact::Redactor;
use crate::worker::Worked;

/// Run an agent on one event, now
///
/// Prints the agent's answer and a plan of what it would write; sends nothing. The same event
/// again goes on where an interrupted run stopped, or shows what a finished one answered.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 completed, 1 failed, 2 usage or configuration, 4 limited by a budget, 130 or 143 interrupted \
                        (the same command goes on)"
)]
pub(super) struct Args {
    /// Name of the agent: a file in `agents/`, or one that ships with hob
    agent: String,

    /// Webhook payload of GitHub or GitLab (JSON); `-` reads standard input
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,

    /// The payload's event, such as `issues` or `note`, when its shape does not tell
    #[arg(long, value_name = "NAME", requires = "event")]
    event_name: Option<String>,

    /// Host of the forge, when it is not the one the payload names
    #[arg(long, value_name = "HOST", requires = "event")]
    host: Option<String>,

    /// What you ask of the agent, beside an event or without one
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,

    /// Data for the agent, as JSON
    #[arg(long, value_name = "JSON")]
    input: Option<String>,

    /// Which conversation to continue when there is no event [default: default]
    #[arg(long, value_name = "ID", conflicts_with = "event")]
    id: Option<String>,

    /// Model, as `anthropic/NAME`, `openai-chat/NAME` or `replay/FILE` [env: HOB_MODEL]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Directory where sessions are kept [env: HOB_STATE] [default: the user's state directory]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    /// Run again though this event is settled
    #[arg(long)]
    again: bool,

    /// Write the model's answers to a file that `--model replay/FILE` plays
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::failed(format!("the async runtime could not start: {error}")))?;
    runtime.block_on(go(args, environment))
}

async fn go(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let workspace = parts::workspace()?;
    let skills = Arc::new(Library::open(&workspace));
    let agent = parts::agent(&args.agent, &workspace, &skills)?;
    let redactor = Redactor::new(environment.secrets());
    let observer = live::on_stderr(redactor.clone());
    let asked = asked(args, &agent)?;
    let notes = notes(&asked, &agent);
    let root = kept::root(args.store.as_deref(), environment, &workspace)?;
    let harness = parts::Order {
        agent,
        skills,
        model: args.model.as_deref(),
        record: args.record.as_deref(),
        redactor: &redactor,
        workspace: &workspace,
        root: &root,
        environment,
        observer,
    }
    .harness()?;

    let label = label(&asked);
    let failpoints = kept::failpoints(environment)?;
    let mut bundle = kept::open(&root, &asked.instance, &label, &failpoints, &*harness.observer)?;
    let run = admit(args.again, asked, &mut bundle, &redactor)?;
    for note in &notes {
        harness.observer.see(Progress::Note(note));
    }
    let worked = work::until_settled(&run.id, &harness, bundle, redactor.clone(), failpoints).await?;
    // The live view ends before the answer is printed.
    drop(harness);
    match worked {
        (Worked::Settled(history), _) => {
            let report =
                Report { instance: &run.instance, run: &run.id, event: run.task.event.as_ref(), history: &history };
            report.print(args.json)
        }
        (Worked::Interrupted, exit) => {
            output::tell("stopped: what was done is kept, the same command goes on");
            Ok(exit)
        }
        (Worked::Unanswered(reason), _) => {
            let reason = redactor.redact(&reason);
            Err(Refusal::failed(format!("{reason}; what was done is kept, the same command goes on")))
        }
    }
}

/// What the command line asks for: whose work it is, and what to do.
fn asked(args: &Args, agent: &Agent) -> Result<Asked, Refusal> {
    let event = args.event.as_deref().map(|path| heard(path, args)).transpose()?;
    let input = args.input.as_deref().map(serde_json::from_str).transpose();
    let input = input.map_err(|error| Refusal::usage(format!("`--input` is not valid JSON: {error}")))?;
    let request = Request { event, message: args.message.clone(), input, id: args.id.clone() };
    request.ask(&agent.name, fresh()).map_err(Refusal::usage)
}

/// What a person who names agent and event by hand should know: nobody asked whether they belong together.
fn notes(asked: &Asked, agent: &Agent) -> Vec<String> {
    let Some(event) = &asked.task.event else { return Vec::new() };
    let fires = match trigger::fires(&agent.triggers, event) {
        Ok(trigger) => trigger::unasked(trigger),
        Err(why_not) => Some(format!("this event would not have started `{}`: {why_not}", agent.name)),
    };
    fires.into_iter().chain(["authority: not asked, you are the operator".to_owned()]).collect()
}

/// Reads the payload and hears the event in it.
fn heard(path: &Path, args: &Args) -> Result<Event, Refusal> {
    let place = if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) };
    let refused = |reason: String| Refusal::usage(format!("{place}: {reason}"));
    let body = read_bounded(path).map_err(|error| {
        refused(format!(
            "the event cannot be read: {error}; give the file of one webhook delivery, or `-` for standard input"
        ))
    })?;
    let delivery = Delivery { body, event_name: args.event_name.clone(), host: args.host.clone() };
    match channel::parse(&Verified::operator(delivery)) {
        Ok(Heard::Event(event)) => Ok(*event),
        Ok(Heard::Ignored { reason, .. }) => Err(refused(reason)),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// At most one byte more than a delivery may have, so that what is larger is noticed and not read.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let most = DELIVERY_MAX as u64 + 1;
    let mut body = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut body)?;
    } else {
        std::fs::File::open(path)?.take(most).read_to_end(&mut body)?;
    }
    Ok(body)
}

/// How people call what the instance continues on.
fn label(asked: &Asked) -> String {
    let thing = asked.task.event.as_ref().map_or_else(|| asked.instance.key.clone(), Event::reference);
    format!("{thing} ({})", asked.instance.agent)
}

/// Admits the run that was asked for, or finds the one that answers the same event already.
/// `again` asks for a new one, unless one is under way. Words and data make a new event each time;
/// while the run that got them is unfinished, the same ones go on with it.
fn admit(again: bool, asked: Asked, bundle: &mut Bundle, redactor: &Redactor) -> Result<Run, Refusal> {
    let Asked { instance, key, task } = asked;
    let settled = |run: &Run| matches!(bundle.state(&run.id), Some(State::Settled(_)));
    let is_same = |run: &&Run| run.event_key == key || (run.task == task && !settled(run));
    let same: Vec<&Run> = bundle.runs().iter().filter(is_same).collect();
    if let Some(last) = same.last()
        && (!again || !settled(last))
    {
        return Ok((*last).clone());
    }
    let attempt_tag = (!same.is_empty()).then(|| format!("again-{}", same.len()));
    let run = Run {
        id: RunId::derive(&instance, &key, attempt_tag.as_deref()),
        instance,
        event_key: key,
        attempt_tag,
        admitted_at: now(),
        task,
    };
    queue::admit(bundle, &run, redactor)?;
    Ok(run)
}

#[expect(clippy::disallowed_methods, reason = "the door reads the wall clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "the door makes fresh ids")]
fn fresh() -> Uuid {
    Uuid::new_v4()
}
