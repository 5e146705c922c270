//! The tools through which an agent proposes writes, as its head and the thread allow them.

use std::sync::Arc;

use crate::agent::Agent;
use crate::domain::run::Run;
use crate::rules::neutralise::Place;
use crate::session::history::History;
use crate::tool::Tool;
use crate::tool::propose::{self, Proposals};

/// One tool for each kind that the head declares. What the run proposed before it was interrupted
/// counts.
pub(super) fn tools(agent: &Agent, run: &Run, history: &History, secret: &[u8]) -> Vec<Arc<dyn Tool>> {
    propose::tools(Proposals {
        instance: run.instance.clone(),
        run: run.id.clone(),
        secret: secret.to_vec(),
        allowances: agent.effects.clone(),
        place: run.task.event.as_ref().map_or_else(Place::nowhere, Place::of),
        earlier: history.find(&run.id).map(|known| known.proposed.clone()).unwrap_or_default(),
    })
}
