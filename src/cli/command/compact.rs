//! `hob compact`: makes room in a session by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::channel::{Asked, Request};
use crate::cli::env::Environment;
use crate::cli::find::{self, Found};
use crate::cli::kept::{self, Where};
use crate::cli::live::words::count;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::timeline::line;
use crate::cli::wish::{Again, Wish};
use crate::cli::work::{Given, Watch};
use crate::cli::{live, parts};
use crate::domain::entry::{Body, Entry};
use crate::domain::id::RunId;
use crate::domain::outcome::Outcome;
use crate::domain::run::{Authority, Run, State, Task};
use crate::embed::machine::fresh;
use crate::harness::room;
use crate::session::history::History;
use crate::skill::library::Library;
use crate::telemetry::redact::Redactor;
use crate::worker::Worked;

/// Put what was said in a session into a summary, now
///
/// hob does so by itself before a conversation outgrows the model's window. By hand it saves what a
/// long conversation costs with each further event. Files, plans and outcomes stay as they are, and
/// `hob show` tells all that was said.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A session: an instance or what people call it (`acme/widgets#42`)
    id: String,

    /// Model that writes the summary [default: that of the agent's `compaction`, or its own] [env: HOB_MODEL]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    #[command(flatten)]
    place: Where,
}

/// Does it as a run of the session, once no other one waits in it.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(Box::pin(compact(args, environment)))
}

async fn compact(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let workspace = parts::workspace()?;
    let kept = args.place.to_work(environment, &workspace).await?;
    let Found { instance, label, .. } = find::find(&kept, &args.id).await?;
    let skills = Arc::new(Library::open(&workspace));
    let is_uncounted = args.place.is_uncounted(environment);
    let agent = parts::agent(instance.agent.as_str(), &workspace, &skills, is_uncounted)?.agent;
    if let Some(peeked) = kept::look(&kept.store, &instance, |_| true).await? {
        let is_other = |(run, state): &(&Run, State)| !matches!(state, State::Settled(_)) && !room::is_asked(&run.task);
        if let Some((run, _)) = peeked.runs().find(is_other) {
            return Err(Refusal::usage(format!(
                "{} has no outcome yet: finish it with `hob run {}`, or end it with `hob abort {}`",
                run.id, instance.agent, run.id
            )));
        }
    }
    let redactor = Redactor::new(environment.secrets().chain(&args.place.password()));
    let Task { message, input, .. } = room::task();
    let request = Request { message, input, ..Request::default() };
    let asked = request.ask(&agent.name, fresh()).map(|asked| Asked { instance: instance.clone(), ..asked });
    let wish = Wish::new(asked, Again::Shown, &redactor);
    let order = parts::Order {
        agent,
        skills,
        model: args.model.as_deref(),
        record: None,
        redactor: &redactor,
        workspace: &workspace,
        forbidden: kept.paths(),
        environment,
        observer: live::on_stderr(redactor.clone()),
        is_own_log: true,
    };
    let harness = order.harness()?;
    let mut watch = Watch::new()?;
    let mut log = kept::open("compact", &kept.store, &instance, &label, &*harness.observer).await?;
    let run = wish.admit(Authority::Operator, &kept.store, &mut log, &redactor).await?;
    let failpoints = kept::failpoints(environment)?;
    let given = Given { refused: BTreeMap::new(), ends: None, redactor: redactor.clone(), failpoints };
    let worked = watch.until_settled(&run.id, &harness, log, given).await;
    drop(harness);
    match worked? {
        Worked::Settled { history, .. } => {
            let settled = history.find(&run.id).and_then(|known| known.settled.as_ref());
            match settled.map(|settled| &settled.outcome) {
                Some(Outcome::Completed { limited: None }) => {
                    let entries = kept::look(&kept.store, &instance, |_| true).await?.map(|peeked| peeked.entries);
                    output::print(&told(&label, &run.id, &entries.unwrap_or_default(), &history))?;
                    Ok(Exit::Completed)
                }
                Some(Outcome::Completed { limited: Some(limit) }) => {
                    output::tell(&format!("limited by {}: all is as it was", limit.as_str()));
                    Ok(Exit::Limited)
                }
                Some(outcome) => Err(Refusal::failed(redactor.redact(&outcome.to_string()))),
                None => Err(Refusal::failed("the run has no outcome")),
            }
        }
        Worked::Interrupted | Worked::OutOfTime => {
            output::tell("stopped: what was done is kept, the same command goes on");
            Ok(watch.exit())
        }
        Worked::Lost => Err(Refusal::failed("the right to write to this session was lost; do it again")),
        Worked::Unanswered(reason) => Err(Refusal::failed(redactor.redact(&reason))),
        Worked::Misconfigured(reason) => Err(Refusal::usage(redactor.redact(&reason))),
    }
}

/// What the model reads of it from now on, beside what it read before.
fn told(label: &str, run: &RunId, entries: &[Entry], after: &History) -> String {
    let begun = entries.iter().position(|entry| matches!(&entry.body, Body::Input(input) if input.run == *run));
    let made = entries.iter().skip(begun.unwrap_or(entries.len())).find_map(|entry| match &entry.body {
        Body::Compaction(made) => Some(made.tokens_before),
        _ => None,
    });
    let label = line(label);
    match made {
        Some(before) => {
            format!("{label}: {} tokens of conversation are {} now\n", count(before), count(after.size.tokens()))
        }
        None => format!("{label}: there is nothing to put into a summary\n"),
    }
}
