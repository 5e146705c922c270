//! `hob run`: one run now, on this machine; its writes are printed, not sent.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agent::{Agent, trigger};
use crate::channel::{self, DELIVERY_MAX, Delivery, Heard, Request, Verified};
use crate::cli::env::Environment;
use crate::cli::kept::{self, Where};
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::report::{self, Report};
use crate::cli::runtime::block_on;
use crate::cli::wish::{self, Again, Wish};
use crate::cli::work::{Given, Watch};
use crate::cli::{live, parts};
use crate::domain::event::Event;
use crate::domain::run::Authority;
use crate::embed::machine::fresh;
use crate::skill::library::Library;
use crate::telemetry::progress::Progress;
use crate::telemetry::redact::Redactor;
use crate::worker::Worked;

/// Run an agent on one event, now
///
/// Prints the agent's answer and a plan of what it would write; sends nothing. The same command
/// again goes on where an interrupted run stopped; so does `hob run AGENT` alone. The same event
/// again shows what a finished run answered.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 completed, 1 failed or not answered, 2 usage or configuration (a key that is refused, a \
                  model that is unknown), 4 limited by a budget, 130 or 143 interrupted. Where a run has no outcome, \
                  the same command goes on. Runs that were left unfinished go first, and their answers are printed first."
)]
pub(in crate::cli) struct Args {
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

    /// Model, as `provider/NAME` (docs/models.md lists the providers) or `replay/FILE` [env: HOB_MODEL]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    #[command(flatten)]
    place: Where,

    /// Run again though this event is settled
    #[arg(long, requires = "event", conflicts_with_all = ["message", "input"])]
    again: bool,

    /// Write the model's answers to a file that `--model replay/FILE` plays
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Print one JSON object a run instead of text, the run that was asked for last
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(Box::pin(go(args, environment)))
}

async fn go(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let workspace = parts::workspace()?;
    let skills = Arc::new(Library::open(&workspace));
    let found = parts::agent(&args.agent, &workspace, &skills, args.place.is_uncounted(environment))?;
    let redactor = Redactor::new(environment.secrets().chain(&args.place.password()));
    let observer = live::on_stderr(redactor.clone());
    for note in parts::replaced(&found, &skills) {
        observer.see(Progress::Note(&note));
    }
    let agent = found.agent;
    let request = request(args)?;
    let notes = notes(request.event.as_ref(), &agent);
    let instance = request.instance(&agent.name).map_err(Refusal::usage)?;
    let label = wish::label(&instance, request.event.as_ref());
    let kept = args.place.to_work(environment, &workspace).await?;
    let (store, failpoints) = (&kept.store, kept::failpoints(environment)?);
    let again = if args.again { Again::Anew } else { Again::Shown };
    let wish = Wish::new(request.ask(&agent.name, fresh()), again, &redactor);

    if let Some((run, entries)) = wish.settled(store, &instance).await? {
        drop(observer);
        return report::settled_before(entries, &run, args.json);
    }
    let order = parts::Order {
        agent,
        skills,
        model: args.model.as_deref(),
        record: args.record.as_deref(),
        redactor: &redactor,
        workspace: &workspace,
        forbidden: kept.paths(),
        environment,
        observer,
        is_own_log: true,
    };
    let harness = order.harness()?;
    // Only here: until now a signal ends the process where it is, also while it reads standard input.
    let mut watch = Watch::new()?;
    let mut log = kept::open("run", store, &instance, &label, &*harness.observer).await?;
    let run = wish.admit(Authority::Operator, store, &mut log, &redactor).await?;
    let first = wish::left_before(&run, &log);
    for note in &notes {
        harness.observer.see(Progress::Note(note));
    }
    let given = Given { refused: BTreeMap::new(), ends: None, redactor: redactor.clone(), failpoints };
    let worked = watch.until_settled(&run.id, &harness, log, given).await;
    // The live view ends before the answer is printed.
    drop(harness);
    if !first.is_empty()
        && let Some(peeked) = kept::look(store, &instance, |_| true).await?
    {
        report::left_behind(peeked.entries, &first, args.json)?;
    }
    match worked? {
        Worked::Settled { history, .. } => Report::new(&run, &history).print(args.json),
        Worked::Interrupted | Worked::OutOfTime => {
            output::tell("stopped: what was done is kept, the same command goes on");
            Ok(watch.exit())
        }
        Worked::Lost => Err(Refusal::failed(goes_on(LOST))),
        Worked::Unanswered(reason) => Err(Refusal::failed(goes_on(&redactor.redact(&reason)))),
        Worked::Misconfigured(reason) => Err(Refusal::usage(goes_on(&redactor.redact(&reason)))),
    }
}

/// Another process took over, or the store could not be asked for too long.
const LOST: &str = "the right to write to this session was lost";

/// Why a run stopped without an outcome, and what to do next.
fn goes_on(reason: &str) -> String {
    format!("{reason}; what was done is kept, the same command goes on")
}

/// What the command line asks for.
fn request(args: &Args) -> Result<Request, Refusal> {
    let event = args.event.as_deref().map(|path| heard(path, args)).transpose()?;
    let input = args.input.as_deref().map(serde_json::from_str).transpose();
    let input = input.map_err(|error| Refusal::usage(format!("`--input` is not valid JSON: {error}")))?;
    Ok(Request { event, message: args.message.clone(), input, id: args.id.clone() })
}

/// What a person who names agent and event by hand should know: nobody asked whether they belong together.
fn notes(event: Option<&Event>, agent: &Agent) -> Vec<String> {
    let Some(event) = event else { return Vec::new() };
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
