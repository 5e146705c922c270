//! What a run leaves on standard output: the answer and the plan, or one JSON object.

use serde::Serialize;
use serde_json::Value;

use super::output::{self, Exit, Paint};
use super::plan::{self, Plan};
use super::refusal::Refusal;
use crate::domain::budget::Limited;
use crate::domain::effect::{Effect, Write};
use crate::domain::entry::{Body, Entry, Settled};
use crate::domain::event::Event;
use crate::domain::id::{InstanceId, RunId};
use crate::domain::message::Usage;
use crate::domain::outcome::Outcome;
use crate::domain::run::Run;
use crate::session::history::{History, RunHistory};

/// A settled run, with what its report needs to know.
pub(super) struct Report<'a> {
    instance: &'a InstanceId,
    run: &'a RunId,
    event: Option<&'a Event>,
    history: &'a History,
}

/// A run that was settled before this command: its report, and when that was.
pub(super) fn settled_before(entries: Vec<Entry>, run: &Run, json: bool) -> Result<Exit, Refusal> {
    let is_it = |entry: &&Entry| matches!(&entry.body, Body::Settled(settled) if settled.run == run.id);
    if let Some(entry) = entries.iter().find(is_it) {
        let at = entry.at.strftime("%Y-%m-%d %H:%M UTC");
        output::tell(&format!("{} was settled at {at}; `--again` runs it anew", run.id));
    }
    Report::new(run, &History::of(entries)).print(json)
}

/// The runs that this command found unfinished and finished on its way, as far as it did.
pub(super) fn left_behind(entries: Vec<Entry>, runs: &[Run], json: bool) -> Result<(), Refusal> {
    let history = History::of(entries);
    for run in runs {
        if history.find(&run.id).is_some_and(|known| known.settled.is_some()) {
            output::tell(&format!("{} was left unfinished; this is its report:", run.id));
            Report::new(run, &history).print(json)?;
        }
    }
    Ok(())
}

/// The envelope of `--json`.
#[derive(Serialize)]
struct Envelope<'a> {
    id: String,
    agent: &'a str,
    run: &'a RunId,
    session: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited: Option<&'static str>,
    message: &'a str,
    result: Option<&'a Value>,
    effects: &'a [Effect],
    usage: Used,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Used {
    turns: u32,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    /// Null when the model has no sourced price.
    cost_usd: Option<f64>,
}

impl<'a> Report<'a> {
    /// Of a run that the history holds.
    pub(super) fn new(run: &'a Run, history: &'a History) -> Self {
        Self { instance: &run.instance, run: &run.id, event: run.task.event.as_ref(), history }
    }

    /// Prints it, and says how the process should end.
    pub(super) fn print(&self, json: bool) -> Result<Exit, Refusal> {
        let settled = self.history.find(self.run).and_then(|known| Some((known, known.settled.as_ref()?)));
        let Some((known, settled)) = settled else {
            return Err(Refusal::failed(format!(
                "{} has no outcome in its log: this is a bug of hob, please report it",
                self.run
            )));
        };
        if json {
            output::print_json(&self.envelope(known, settled)?)?;
        } else {
            let mut parts = vec![output::defuse(settled.message.trim()).into_owned()];
            parts.extend(
                settled.result.as_ref().map(|result| format!("result: {}", output::defuse(&format!("{result:#}")))),
            );
            parts.push(self.plan(known));
            parts.retain(|part| !part.trim().is_empty());
            output::print(&parts.join("\n\n"))?;
            if settled.outcome != (Outcome::Completed { limited: None }) {
                output::tell(&output::defuse(&format!("{}; `--again` runs it anew", settled.outcome)));
            }
        }
        Ok(Exit::from(&settled.outcome))
    }

    fn envelope(&self, known: &RunHistory, settled: &Settled) -> Result<String, Refusal> {
        let (limited, error) = match &settled.outcome {
            Outcome::Completed { limited } => (limited.map(Limited::as_str), None),
            Outcome::Failed { reason } => (None, Some(reason.as_str())),
            Outcome::Aborted { .. } | Outcome::Superseded { .. } | Outcome::Joined { .. } => (None, None),
        };
        let Usage { input, output, cache_read, cache_write } = settled.usage;
        let envelope = Envelope {
            id: self.instance.to_string(),
            agent: self.instance.agent.as_str(),
            run: self.run,
            session: "default",
            outcome: settled.outcome.as_str(),
            limited,
            message: &settled.message,
            result: settled.result.as_ref(),
            effects: &known.proposed,
            usage: Used {
                turns: known.spent.turns,
                input,
                output,
                cache_read,
                cache_write,
                cost_usd: settled.cost_nano_usd.map(|nano| nano as f64 / 1e9),
            },
            error,
        };
        serde_json::to_string(&envelope).map_err(|error| Refusal::failed(format!("the result is no JSON: {error}")))
    }

    fn plan(&self, known: &RunHistory) -> String {
        let thread = self.event.map_or_else(|| self.instance.key.clone(), Event::reference);
        let refused: Vec<_> = known.refused.iter().map(|refused| (refused.kind, refused.reason.clone())).collect();
        let plan = Plan {
            thread: &thread,
            labels: self.event.map_or(&[], |event| event.thread.labels.as_slice()),
            status: self.earlier_status(),
            effects: &known.proposed,
            refused: &refused,
        };
        plan::render(&plan, Paint::Colour)
    }

    /// The status comment as the runs before this one left it.
    fn earlier_status(&self) -> Option<&str> {
        let earlier = self.history.runs.iter().take_while(|earlier| earlier.run != *self.run);
        let bodies = earlier.flat_map(|earlier| &earlier.proposed).filter_map(|effect| match &effect.write {
            Write::Status { body } => Some(body.as_str()),
            _ => None,
        });
        bodies.last()
    }
}
