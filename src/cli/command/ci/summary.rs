//! The page that a job leaves for people: GitHub's step summary, and the file `hob-summary.md` of a
//! GitLab job. Pure. Written by hob: what a model, a tool or a stranger wrote is quoted in it.

use std::fmt::Write as _;
use std::time::Duration;

use super::ending::{Ending, Fate, Mark, WithoutRun, Written};
use super::markdown::{block, code, quote};
use crate::cli::live::words;
use crate::domain::event::{Event, Forge, ThreadKind};
use crate::domain::message::{Block, Call, ToolResult, Usage};
use crate::session::history::Turn;

/// Longest page, in bytes. GitHub's runner refuses a larger one as a whole.
const PAGE_MAX: usize = 1 << 20;

/// Columns of a reason, a note, a sentence.
const SENTENCE: usize = 400;

/// Columns of what a call was about.
const GIST: usize = 100;

/// Largest structured result that is shown, in bytes.
const RESULT_MAX: usize = 64 << 10;

/// Rows of refusals and of notes, each.
const ROWS_MAX: usize = 50;

/// Ends a page that is too long. Closes the fold that the cut may have left open.
const CUT: &str = "\n\n</details>\n\n*The rest is left out: a page holds 1 MiB. The whole session is in the bundle.*\n";

/// The page of a run.
pub(super) fn render(ending: &Ending<'_>) -> String {
    let mut page = format!("### {}\n\n", headline(ending));
    facts(ending, &mut page);
    answer(ending, &mut page);
    writes(ending, &mut page);
    notes(ending.notes, &mut page);
    trust(ending, &mut page);
    timeline(ending, &mut page);
    cut(page)
}

/// The page of a job that brought no run to its end, and why.
pub(super) fn without_run(outcome: WithoutRun, reason: &str) -> String {
    let title = match outcome {
        WithoutRun::Skipped => "⚪ hob · nothing to do",
        WithoutRun::Refused => "🚫 hob · refused",
        WithoutRun::Failed => "❌ hob · failed",
        WithoutRun::Interrupted => "⏸️ hob · interrupted",
    };
    format!("### {title}\n\n{}\n", code(reason, SENTENCE))
}

fn headline(ending: &Ending<'_>) -> String {
    let sign = match ending.mark() {
        Mark::Good => "✅",
        Mark::Limited => "⚠️",
        Mark::Bad => "❌",
        Mark::Ended => "⏹️",
        Mark::Open => "⏸️",
    };
    let thread = match &ending.run.task.event {
        Some(event) => thread(event, ending.server),
        None => code(&ending.run.instance.key, 80),
    };
    // The rest of the sentence may be foreign, and has a place of its own.
    let outcome = match ending.settled() {
        Some(settled) => settled.outcome.as_str(),
        None => "interrupted",
    };
    format!("{sign} {} · {thread} · {outcome}", ending.run.instance.agent)
}

/// The thread by the name people call it, as a link where its address is certain.
fn thread(event: &Event, server: &str) -> String {
    let path = event.repository.path.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_certain = !path.is_empty() && path.chars().all(plain) && server.starts_with("http") && !server.contains(')');
    if !is_certain {
        return code(&event.reference(), 80);
    }
    let place = match (event.forge, event.thread.kind) {
        (Forge::Github, ThreadKind::Issue) => "issues",
        (Forge::Github, ThreadKind::Pull) => "pull",
        (Forge::Gitlab, ThreadKind::Issue) => "-/issues",
        (Forge::Gitlab, ThreadKind::Pull) => "-/merge_requests",
    };
    let reference = event.reference().replace('_', "\\_");
    format!("[{reference}]({server}/{path}/{place}/{})", event.thread.number)
}

fn facts(ending: &Ending<'_>, page: &mut String) {
    let Some(known) = ending.known() else { return };
    let usage = ending.settled().map_or(known.spent.usage, |settled| settled.usage);
    let earlier = ending.history.ordinal(&ending.run.id);
    let session = match earlier {
        0 => "new".to_owned(),
        1 => "continues 1 earlier run".to_owned(),
        _ => format!("continues {earlier} earlier runs"),
    };
    page.push_str("| model | cost | tokens | turns | time | attempt | session |\n|---|--:|--:|--:|--:|--:|---|\n");
    let _ = writeln!(
        page,
        "| {} | {} | {} | {} | {} | {} | {session} |\n",
        code(ending.model, 80),
        ending.cost_nano_usd().map_or_else(|| "–".to_owned(), money),
        tokens(usage),
        known.spent.turns,
        duration(known.spent.time),
        known.attempts,
    );
    if ending.mark() != Mark::Good {
        let _ = writeln!(page, "{}\n", code(&ending.sentence(), SENTENCE));
    }
}

fn answer(ending: &Ending<'_>, page: &mut String) {
    let Some(settled) = ending.settled() else { return };
    if !settled.message.trim().is_empty() {
        page.push_str(&quote(settled.message.trim(), ending.run.instance.agent.as_str(), ending.forge()));
        page.push('\n');
    }
    if let Some(result) = &settled.result {
        let json = format!("{result:#}");
        let shown = if json.len() > RESULT_MAX {
            format!("The result is {} and not shown here.\n", size(json.len()))
        } else {
            block(&json, "json")
        };
        let _ = writeln!(page, "#### Result\n\n{shown}");
    }
}

fn writes(ending: &Ending<'_>, page: &mut String) {
    let refused = ending.known().map_or(&[][..], |known| known.refused.as_slice());
    if ending.writes.is_empty() && refused.is_empty() {
        return;
    }
    page.push_str("#### Writes\n\n| write | what became of it |\n|---|---|\n");
    for written in ending.writes {
        let _ =
            writeln!(page, "| {} | {} |", code(&words::proposed(written.effect, GIST), GIST), fate(ending, written));
    }
    for refused in refused.iter().take(ROWS_MAX) {
        let _ =
            writeln!(page, "| {} | refused: {} |", code(refused.kind.as_str(), GIST), code(&refused.reason, SENTENCE));
    }
    more(refused.len(), "refusals", page);
    page.push('\n');
}

fn fate(ending: &Ending<'_>, written: &Written<'_>) -> String {
    match written.fate {
        Fate::Applied { url } => linked("✅ written", url),
        Fate::Found { url } => linked("✅ was there already", url),
        Fate::Superseded => "a newer one stands there".to_owned(),
        Fate::Dropped { reason } => format!("❌ dropped: {}", code(reason, SENTENCE)),
        Fate::Waiting { reason } => format!("⏳ {}: {}", ending.waiting(), code(reason, SENTENCE)),
    }
}

/// A forge's own address as a link; nothing that could end the link or the cell early.
fn linked(text: &str, url: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~:/?#&=%+,@!".contains(c);
    let is_address = url.starts_with("https://") || url.starts_with("http://");
    if is_address && url.chars().all(plain) { format!("[{text}]({url})") } else { text.to_owned() }
}

fn notes(notes: &[String], page: &mut String) {
    if notes.is_empty() {
        return;
    }
    page.push_str("#### Notes\n\n");
    for note in notes.iter().take(ROWS_MAX) {
        let _ = writeln!(page, "- {}", code(note, SENTENCE));
    }
    more(notes.len(), "notes", page);
    page.push('\n');
}

fn more(count: usize, what: &str, page: &mut String) {
    if let Some(left) = count.checked_sub(ROWS_MAX + 1) {
        let _ = writeln!(page, "\n{} more {what} are left out.", left + 1);
    }
}

fn trust(ending: &Ending<'_>, page: &mut String) {
    let trust = &ending.trust;
    let sandbox = ending.known().map_or("", |known| known.sandbox.as_str());
    page.push_str("#### Trust\n\n");
    for (what, words) in [
        ("started by", trust.actor),
        ("allowed by", trust.authority),
        ("sandbox", sandbox),
        ("session", trust.session),
        ("state", trust.state),
    ] {
        if !words.is_empty() {
            let _ = writeln!(page, "- {what}: {}", code(words, SENTENCE));
        }
    }
    page.push('\n');
}

/// One answer of the model, and what came of its calls.
struct Step<'a> {
    turn: usize,
    blocks: &'a [Block],
    results: &'a [ToolResult],
}

impl Step<'_> {
    fn result(&self, call: &Call) -> Option<&ToolResult> {
        self.results.iter().find(|result| result.call == call.id)
    }

    fn calls(&self) -> impl Iterator<Item = &Call> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Call(call) => Some(call),
            Block::Text { .. } | Block::Reasoning { .. } => None,
        })
    }
}

/// The answers of this run alone: a session holds those of the runs before it as well.
fn steps<'a>(ending: &Ending<'a>) -> Vec<Step<'a>> {
    let history = ending.history;
    let turns = |runs: &mut dyn Iterator<Item = u32>| runs.fold(0, |sum, turns| sum + turns as usize);
    let before = turns(&mut history.runs.iter().take_while(|run| run.run != ending.run.id).map(|run| run.spent.turns));
    let own = ending.known().map_or(0, |known| known.spent.turns as usize);
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut answers = 0;
    for turn in &history.turns {
        match turn {
            Turn::Answer(answer) => {
                answers += 1;
                steps.push(Step { turn: answers - before.min(answers), blocks: &answer.blocks, results: &[] });
            }
            Turn::Results(results) => {
                if let Some(step) = steps.last_mut() {
                    step.results = results;
                }
            }
            Turn::User(_) => {}
        }
    }
    steps.into_iter().skip(before).take(own).collect()
}

fn timeline(ending: &Ending<'_>, page: &mut String) {
    let steps = steps(ending);
    if steps.is_empty() {
        return;
    }
    let calls = steps.iter().flat_map(Step::calls).count();
    let failed = steps.iter().flat_map(|step| step.results).filter(|result| result.is_error).count();
    let counted = |count, one| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let _ = writeln!(
        page,
        "<details><summary>Timeline: {}, {}{failed}</summary>\n\n| turn | tool | about | result |\n|--:|---|---|---|",
        counted(steps.len(), "turn"),
        counted(calls, "call")
    );
    // The last words stand above already.
    let answer = ending.settled().map_or("", |settled| settled.message.trim());
    let is_answer = |step: &Step<'_>, text: &str| step.turn == steps.len() && text.trim() == answer;
    for step in &steps {
        for block in step.blocks {
            match block {
                Block::Text { text } if is_answer(step, text) => {}
                Block::Text { text } if !text.trim().is_empty() => {
                    let _ = writeln!(page, "| {} | | {} | |", step.turn, code(text, GIST));
                }
                Block::Call(call) => {
                    let came = step.result(call).map_or_else(|| "not run".to_owned(), result);
                    let (name, gist) = (code(&words::name(call), GIST), code(&words::gist(call, GIST), GIST));
                    let _ = writeln!(page, "| {} | {name} | {gist} | {came} |", step.turn);
                }
                Block::Text { .. } | Block::Reasoning { .. } => {}
            }
        }
    }
    page.push_str("\n</details>\n");
}

fn result(result: &ToolResult) -> String {
    match result.is_error {
        false => size(result.content.len()),
        true => format!("⚠️ {}", code(&words::complaint(result, GIST), GIST)),
    }
}

/// `$0.0123`; never rounded down to nothing.
fn money(nano_usd: u64) -> String {
    match nano_usd {
        0 => "$0".to_owned(),
        1..=99_999 => "< $0.0001".to_owned(),
        _ => format!("${:.4}", nano_usd as f64 / 1e9),
    }
}

fn tokens(usage: Usage) -> String {
    let read = usage.total().saturating_sub(usage.output);
    let cached =
        if usage.cache_read > 0 { format!(" ({} cached)", words::count(usage.cache_read)) } else { String::new() };
    format!("{} in{cached}, {} out", words::count(read), words::count(usage.output))
}

/// `850 ms`, `12.4 s`, `3 min 20 s`.
fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..=59 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `950 B`, `12.4 kB`.
fn size(bytes: usize) -> String {
    match bytes {
        0 => "nothing".to_owned(),
        1..=999 => format!("{bytes} B"),
        1_000..=999_949 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// At most [`PAGE_MAX`] bytes, cut between two lines.
fn cut(mut page: String) -> String {
    if page.len() > PAGE_MAX {
        let room = page.floor_char_boundary(PAGE_MAX - CUT.len());
        let end = page[..room].rfind('\n').unwrap_or(0);
        page.truncate(end);
        page.push_str(CUT);
    }
    page
}

#[cfg(test)]
mod tests;
