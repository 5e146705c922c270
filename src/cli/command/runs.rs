//! `hob runs`: what is kept, newest first.

use crate::cli::env::Environment;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::{kept, timeline};
use crate::domain::run::State;
use crate::session::history::History;
use crate::store::Store;
use crate::telemetry::failpoint::Failpoints;

/// List the runs that are kept, newest first
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Directory where sessions are kept [env: HOB_STATE] [default: the user's state directory]
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// One run as the table shows it.
struct Row {
    admitted: jiff::Timestamp,
    run: String,
    state: String,
    label: String,
    instance: String,
    tokens: u64,
}

/// Prints the table.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(print(args, environment))
}

async fn print(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let root = kept::place(args.store.as_deref(), environment)?;
    let mut rows = Vec::new();
    let mut exit = Exit::Completed;
    let store = Store::bundles(&root, Failpoints::default());
    for listed in store.list().await? {
        let peeked = match &listed.manifest {
            Ok(manifest) => store.peek(&manifest.instance).await,
            Err(_) => listed.manifest.map(|_| None),
        };
        match peeked {
            // Removed a moment ago.
            Ok(None) => {}
            Ok(Some(mut peeked)) => {
                let history = History::of(std::mem::take(&mut peeked.entries));
                rows.extend(peeked.runs().map(|(run, state)| Row {
                    admitted: run.admitted_at,
                    run: run.id.to_string(),
                    state: word(&state),
                    label: peeked.manifest.label.clone(),
                    instance: run.instance.to_string(),
                    tokens: history.find(&run.id).map_or(0, |known| known.spent.usage.total()),
                }));
            }
            // One damaged bundle must not hide the others.
            Err(error) => exit = Refusal::from(error).show(),
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.admitted));
    if args.json {
        for row in &rows {
            let Row { admitted, run, state, label, instance, tokens } = row;
            let line = serde_json::json!({
                "run": run, "state": state, "label": label, "id": instance, "admitted_at": admitted, "tokens": tokens,
            });
            output::print_json(&line.to_string())?;
        }
    } else if rows.is_empty() && exit == Exit::Completed {
        output::tell(&output::defuse(&format!("nothing is kept in `{}`", root.display())));
    } else if !rows.is_empty() {
        output::print(&table(&rows))?;
    }
    Ok(exit)
}

fn word(state: &State) -> String {
    match state {
        State::Queued => "queued".to_owned(),
        State::Running => "unfinished".to_owned(),
        State::Settled(outcome) => outcome.as_str().to_owned(),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<16}  {:<28}  {:<10}  {:>8}  {}\n", "admitted (UTC)", "run", "state", "tokens", "what");
    for row in rows {
        let admitted = row.admitted.strftime("%Y-%m-%d %H:%M");
        let what = timeline::line(&row.label);
        text.push_str(&format!("{admitted:<16}  {:<28}  {:<10}  {:>8}  {what}\n", row.run, row.state, row.tokens));
    }
    text
}
