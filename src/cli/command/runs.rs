//! `hob runs`: what is kept, newest first.

use crate::cli::env::Environment;
use crate::cli::find;
use crate::cli::kept::Where;
use crate::cli::output::{self, Exit};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::table::{self, Column};
use crate::domain::run::{Run, State};
use crate::session::history::History;
use crate::store::Peek;

/// List the runs that are kept, newest first
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those of this session: an instance, or what people call it (`acme/widgets#42`)
    #[arg(long, value_name = "ID")]
    session: Option<String>,

    #[command(flatten)]
    place: Where,

    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// One run as the table shows it.
struct Row {
    admitted: jiff::Timestamp,
    run: String,
    state: &'static str,
    /// Who wants it to end.
    abort: Option<String>,
    label: String,
    instance: String,
    tokens: u64,
}

/// Prints the table.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(print(args, environment))
}

async fn print(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let kept = args.place.to_look(environment).await?;
    let (instances, mut exit) = match &args.session {
        Some(name) => (vec![find::find(&kept, name).await?.instance], Exit::Completed),
        None => {
            let (covers, exit) = find::all(&kept).await?;
            (covers.into_iter().map(|cover| cover.instance).collect(), exit)
        }
    };
    let mut rows = Vec::new();
    for instance in &instances {
        match kept.store.peek(instance).await {
            // Removed a moment ago, where there is none.
            Ok(peeked) => rows.extend(peeked.map(of).unwrap_or_default()),
            Err(error) => exit = Refusal::from(error).show(),
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.admitted));
    if args.json {
        for Row { admitted, run, state, abort, label, instance, tokens } in &rows {
            let mut line = serde_json::json!({
                "run": run, "state": state, "label": label, "id": instance, "admitted_at": admitted, "tokens": tokens,
            });
            if let (Some(by), Some(line)) = (abort, line.as_object_mut()) {
                line.insert("abort_asked_by".to_owned(), by.as_str().into());
            }
            output::print_json(&line.to_string())?;
        }
    } else if rows.is_empty() && exit == Exit::Completed {
        output::tell(&format!("nothing is kept in `{kept}`"));
    } else if !rows.is_empty() {
        output::print(&table(&rows, table::terminal()))?;
    }
    Ok(exit)
}

/// The runs of an instance.
fn of(mut peeked: Peek) -> Vec<Row> {
    let history = History::of(std::mem::take(&mut peeked.entries));
    let row = |(run, state): (&Run, State)| Row {
        admitted: run.admitted_at,
        run: run.id.to_string(),
        state: word(&state),
        abort: peeked.abort_asked(&run.id).map(str::to_owned),
        label: peeked.manifest.label.clone(),
        instance: run.instance.to_string(),
        tokens: history.find(&run.id).map_or(0, |known| known.spent.usage.total()),
    };
    peeked.runs().map(row).collect()
}

fn word(state: &State) -> &'static str {
    match state {
        State::Queued => "queued",
        State::Running => "unfinished",
        State::Settled(outcome) => outcome.as_str(),
    }
}

fn table(rows: &[Row], terminal: Option<usize>) -> String {
    const COLUMNS: [Column; 5] = [
        Column::words("admitted (UTC)", 16),
        Column::words("run", 28),
        Column::words("state", 10),
        Column::numbers("tokens", 8),
        Column::words("what", 0),
    ];
    let cells = |row: &Row| {
        let ending = if row.abort.is_some() { ", to be aborted" } else { "" };
        let what = format!("{}{ending}", row.label);
        let admitted = row.admitted.strftime("%Y-%m-%d %H:%M").to_string();
        [admitted, row.run.clone(), row.state.to_owned(), row.tokens.to_string(), what]
    };
    let cells: Vec<_> = rows.iter().map(cells).collect();
    table::render(COLUMNS, &cells, terminal)
}
