//! `hob abort`: writes down that somebody wants runs to end.

use crate::cli::env::Environment;
use crate::cli::find::{self, Found};
use crate::cli::kept::Where;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::timeline::line;
use crate::domain::id::RunId;
use crate::domain::run::State;
use crate::embed::machine::{self, clock};
use crate::store::{Error, Peek, Store};

/// End a run that has no outcome yet, or every such run of a session
///
/// What is wanted is written down at once, and whoever works on the session ends the run as
/// aborted: a process that is at it now within seconds, else the next one. Asking again changes
/// nothing.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A run (`run-…`), or a session: an instance or what people call it (`acme/widgets#42`)
    id: String,

    #[command(flatten)]
    place: Where,

    /// Print one JSON object a run that it concerns
    #[arg(long)]
    json: bool,
}

/// Writes it down and says what it concerns.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(abort(args, environment))
}

async fn abort(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let kept = args.place.to_look(environment).await?;
    let found = find::find(&kept, &args.id).await?;
    let by = format!("the operator on {}", machine::host());
    let concerned = kept.store.abort(&found.instance, found.run.as_ref(), &by, clock().now()).await?;
    let mut peeked = peek(&kept.store, &found).await?;
    if args.json {
        for run in &concerned {
            let by = peeked.abort_asked(run);
            let line = serde_json::json!({ "run": run, "id": found.instance.to_string(), "abort_asked_by": by });
            output::print_json(&line.to_string())?;
        }
        return Ok(Exit::Completed);
    }
    if concerned.is_empty() {
        output::tell(&nothing(&found, &peeked));
        return Ok(Exit::Completed);
    }
    let states: Vec<String> = concerned.iter().map(|run| stands(run, &peeked)).collect();
    output::print(&states.concat())?;
    output::tell(&output::defuse(&ends(peeked.held().await?.as_deref(), &found)));
    Ok(Exit::Completed)
}

async fn peek(store: &Store, found: &Found) -> Result<Peek, Refusal> {
    let gone = || Error::Gone { instance: Box::new(found.instance.clone()) };
    Ok(store.peek(&found.instance).await?.ok_or_else(gone)?)
}

/// What one run is ended in the middle of.
fn stands(run: &RunId, peeked: &Peek) -> String {
    let state = peeked.runs().find(|(known, _)| known.id == *run).map(|(_, state)| state);
    let state = match state {
        Some(State::Running) => "begun",
        _ => "queued",
    };
    format!("{run}  {state}, to be aborted  {}\n", line(&peeked.manifest.label))
}

/// When they end.
fn ends(held: Option<&str>, found: &Found) -> String {
    match held {
        Some(by) => format!("{by} works on it, and ends it within seconds"),
        None => format!(
            "nobody works on it now: the next process that does ends it, such as the same `hob run {}` again",
            found.instance.agent
        ),
    }
}

/// Why there is nothing to do.
fn nothing(found: &Found, peeked: &Peek) -> String {
    let named = found.run.as_ref().and_then(|id| peeked.runs().find(|(run, _)| run.id == *id));
    let reason = match named {
        Some((run, State::Settled(outcome))) => format!("nothing to abort: {} has its outcome, {outcome}", run.id),
        _ => format!("nothing to abort: every run of `{}` has its outcome", line(&found.label)),
    };
    output::defuse(&reason).into_owned()
}
