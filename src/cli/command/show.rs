//! `hob show`: one session, in order.

use crate::cli::env::Environment;
use crate::cli::kept::Where;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::{find, timeline};
use crate::domain::budget::dollars;
use crate::embed::machine::clock;
use crate::store::Error;

/// Show a session: what happened in it, in order
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A run (`run-…`), an instance (`github.com/700100/issue/42/triage`), or what people call it (`acme/widgets#42`)
    id: String,

    #[command(flatten)]
    place: Where,

    /// Print the entries of the log, one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(print(args, environment))
}

async fn print(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let kept = args.place.to_look(environment).await?;
    let found = find::find(&kept, &args.id).await?;
    let gone = || Error::Gone { instance: Box::new(found.instance.clone()) };
    let mut peeked = kept.store.peek(&found.instance).await?.ok_or_else(gone)?;
    if args.json {
        for entry in &peeked.entries {
            let line = timeline::json(entry)
                .map_err(|error| Refusal::failed(format!("entry {} is no JSON: {error}", entry.seq)))?;
            output::print_json(&line)?;
        }
    } else {
        output::print(&timeline::render(&peeked.manifest.label, &peeked.entries))?;
        if let Some(spent @ 1..) = peeked.spent(clock().now()).await? {
            let (agent, spent) = (&found.instance.agent, dollars(spent));
            output::tell(&format!("today (UTC) the runs of `{agent}` in this repository have cost {spent}"));
        }
    }
    Ok(Exit::Completed)
}
