//! `hob sessions`: which instances are kept, newest first.

use unicode_width::UnicodeWidthStr;

use crate::cli::env::Environment;
use crate::cli::find;
use crate::cli::kept::{Kept, Where};
use crate::cli::output::{self, Exit, one_line};
use crate::cli::refusal::Refusal;
use crate::cli::runtime::block_on;
use crate::cli::table::{self, Column};
use crate::domain::id::InstanceId;
use crate::domain::run::State;
use crate::session::history::History;
use crate::store::Error;

/// Columns of a label beside the id.
const LABEL: usize = 48;

/// List the sessions that are kept, newest first
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Where,

    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

/// One instance as the table shows it.
#[derive(Clone, Debug)]
struct Row {
    changed: jiff::Timestamp,
    label: String,
    instance: String,
    /// Who works on it now.
    held: Option<String>,
    runs: usize,
    /// Runs without an outcome.
    open: usize,
    tokens: u64,
    bytes: u64,
}

/// Prints the table.
pub(super) fn run(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    block_on(print(args, environment))
}

async fn print(args: &Args, environment: &Environment) -> Result<Exit, Refusal> {
    let kept = args.place.to_look(environment).await?;
    let (covers, mut exit) = find::all(&kept).await?;
    let mut rows = Vec::new();
    for cover in covers {
        match look(&kept, &cover.instance).await {
            // Removed a moment ago, where there is none.
            Ok(row) => rows.extend(row),
            Err(error) => exit = Refusal::from(error).show(),
        }
    }
    if args.json {
        for row in &rows {
            output::print_json(&row.json())?;
        }
    } else if rows.is_empty() && exit == Exit::Completed {
        output::tell(&format!("nothing is kept in `{kept}`"));
    } else if !rows.is_empty() {
        output::print(&table(&rows, table::terminal()))?;
    }
    Ok(exit)
}

async fn look(kept: &Kept, instance: &InstanceId) -> Result<Option<Row>, Error> {
    let Some(mut peeked) = kept.store.peek(instance).await? else { return Ok(None) };
    let held = peeked.held().await?;
    let history = History::of(std::mem::take(&mut peeked.entries));
    Ok(Some(Row {
        changed: peeked.manifest.updated_at,
        label: peeked.manifest.label.clone(),
        instance: instance.to_string(),
        held,
        runs: peeked.runs().count(),
        open: peeked.runs().filter(|(_, state)| !matches!(state, State::Settled(_))).count(),
        tokens: history.runs.iter().map(|run| run.spent.usage.total()).fold(0, u64::saturating_add),
        bytes: peeked.bytes,
    }))
}

impl Row {
    fn with_id(&self) -> [String; 7] {
        let [changed, state, runs, tokens, log] = self.figures();
        let id = format!("{}{}", self.instance, self.by());
        [changed, state, runs, tokens, log, one_line(&self.label, LABEL), id]
    }

    fn without_id(&self) -> [String; 6] {
        let [changed, state, runs, tokens, log] = self.figures();
        [changed, state, runs, tokens, log, format!("{}{}", one_line(&self.label, LABEL), self.by())]
    }

    fn figures(&self) -> [String; 5] {
        let changed = self.changed.strftime("%Y-%m-%d %H:%M").to_string();
        [changed, self.state(), self.runs.to_string(), self.tokens.to_string(), size(self.bytes)]
    }

    /// Who works on it, after a name.
    fn by(&self) -> String {
        self.held.as_ref().map(|by| format!(", {by}")).unwrap_or_default()
    }

    /// What goes on in it.
    fn state(&self) -> String {
        match (&self.held, self.open) {
            (Some(_), _) => "working".to_owned(),
            (None, 0) => "idle".to_owned(),
            (None, open) => format!("{open} waiting"),
        }
    }

    fn json(&self) -> String {
        let Self { changed, label, instance, held, runs, open, tokens, bytes } = self;
        let state = match (held, open) {
            (Some(_), _) => "working",
            (None, 0) => "idle",
            (None, _) => "waiting",
        };
        let line = serde_json::json!({
            "id": instance, "label": label, "state": state, "held_by": held, "runs": runs, "open": open,
            "tokens": tokens, "log_bytes": bytes, "changed_at": changed,
        });
        line.to_string()
    }
}

/// With ids where they fit; a label is a name as well.
fn table(rows: &[Row], terminal: Option<usize>) -> String {
    let (changed, state) = (Column::words("changed (UTC)", 16), Column::words("state", 7));
    let (runs, tokens, log) = (Column::numbers("runs", 4), Column::numbers("tokens", 8), Column::numbers("log", 7));
    let (what, id) = (Column::words("what", 0), Column::words("id", 0));
    let with_ids: Vec<_> = rows.iter().map(Row::with_id).collect();
    let wide = table::render([changed, state, runs, tokens, log, what, id], &with_ids, None);
    if terminal.is_none_or(|terminal| wide.lines().all(|line| line.width() <= terminal)) {
        return wide;
    }
    let without: Vec<_> = rows.iter().map(Row::without_id).collect();
    table::render([changed, state, runs, tokens, log, what], &without, terminal)
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_a_line_each_in_a_terminal_and_in_a_pipe() {
        let idle = Row {
            changed: "2026-03-01T09:00:00Z".parse().unwrap(),
            label: "acme/widgets#42 (triage)".to_owned(),
            instance: "github.com/700100/issue/42/triage".to_owned(),
            held: None,
            runs: 3,
            open: 0,
            tokens: 41_250,
            bytes: 53_001,
        };
        let held = Some("process 71 on desk since 2026-03-01T09:05:00Z (hob run triage)".to_owned());
        let rows = [
            Row { held, open: 1, bytes: 20 << 20, ..idle.clone() },
            Row { open: 12, bytes: 7, label: "a\u{202e}\nb\u{1b}[2J (triage)".to_owned(), ..idle.clone() },
            idle,
        ];
        insta::assert_snapshot!(table(&rows, Some(100)), @"
        changed (UTC)     state       runs    tokens       log  what
        2026-03-01 09:00  working        3     41250  20.0 MiB  acme/widgets#42 (triage), process 71 on des…
        2026-03-01 09:00  12 waiting     3     41250       7 B  a<U+202E> b (triage)
        2026-03-01 09:00  idle           3     41250    51 KiB  acme/widgets#42 (triage)
        ");
        insta::assert_snapshot!(table(&rows, None), @"
        changed (UTC)     state       runs    tokens       log  what                      id
        2026-03-01 09:00  working        3     41250  20.0 MiB  acme/widgets#42 (triage)  github.com/700100/issue/42/triage, process 71 on desk since 2026-03-01T09:05:00Z (hob run triage)
        2026-03-01 09:00  12 waiting     3     41250       7 B  a<U+202E> b (triage)      github.com/700100/issue/42/triage
        2026-03-01 09:00  idle           3     41250    51 KiB  acme/widgets#42 (triage)  github.com/700100/issue/42/triage
        ");
    }
}
