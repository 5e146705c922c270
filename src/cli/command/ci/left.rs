//! Runs that an earlier job left without an outcome.
//!
//! They came back with a session, and a session carries no rights: each is judged as if its event
//! came today, and its words must be the operator's of today.

use std::collections::BTreeMap;

use super::gate::{Gate, Judged};
use crate::agent::library::Found;
use crate::agent::trigger::named;
use crate::cli::refusal::Refusal;
use crate::domain::id::RunId;
use crate::domain::run::{Run, State};
use crate::store::Log;

/// Those that must not be worked on, each with the reason.
pub(super) async fn refused(
    log: &Log,
    found: &Found,
    message: Option<&str>,
    gate: &Gate<'_>,
) -> Result<BTreeMap<RunId, String>, Refusal> {
    let is_left = |run: &&Run| !matches!(log.state(&run.id), None | Some(State::Settled(_)));
    let mut refused = BTreeMap::new();
    for run in log.runs().iter().filter(is_left) {
        if let Err(reason) = judged(run, found, message, gate).await? {
            refused.insert(run.id.clone(), reason);
        }
    }
    Ok(refused)
}

async fn judged(
    run: &Run,
    found: &Found,
    message: Option<&str>,
    gate: &Gate<'_>,
) -> Result<Result<(), String>, Refusal> {
    let refused = |reason: &str| Ok(Err(reason.to_owned()));
    let Some(event) = &run.task.event else { return refused("it answers no event, and jobs answer events") };
    if event.instance(&found.agent.name) != run.instance {
        return refused("its event is of another thread");
    }
    if run.task.message.as_deref() != message || run.task.input.is_some() {
        return refused("its words are not those that the operator gives this job");
    }
    let who = match named(&found.agent, event) {
        Ok(chosen) => chosen.who(),
        Err(nobody) => return Ok(Err(nobody.to_string())),
    };
    Ok(match gate.judge(found, event, who, None).await? {
        Judged::Allowed(_) => Ok(()),
        Judged::Own => Err("hob wrote its event itself".to_owned()),
        Judged::Refused(reason) | Judged::TooFar(reason) => Err(reason),
    })
}
