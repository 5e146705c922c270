//! Which of the runs that wait may be answered by the one a worker works on.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::attempt::Circumstances;
use super::shift::Harnesses;
use crate::domain::run::Run;
use crate::harness::Harness;
use crate::queue;
use crate::session::join::Joins;

/// Lets in what would be worked on in the same way.
pub(super) struct Company<'a> {
    /// The run under way.
    pub(super) run: &'a Run,
    pub(super) harness: &'a Harness,
    pub(super) harnesses: &'a dyn Harnesses,
    pub(super) with: &'a Circumstances,
}

impl Joins for Company<'_> {
    fn words<'a>(&'a self, late: &'a Run) -> BoxFuture<'a, Option<String>> {
        async move {
            if self.with.refused.contains_key(&late.id) || !queue::joins(self.run, late) {
                return None;
            }
            // Who has a part of the day's money pays from that, not from another one's.
            let parts = self.harness.agent.limits.per_actor_day_nano_usd.is_some();
            if parts && late.actor() != self.run.actor() {
                return None;
            }
            let digest = self.harnesses.digest(late).await?;
            let is_same_agent = digest == self.harness.agent.digest;
            // A marker of its own: who wrote this may have read what the run under way has said.
            is_same_agent.then(|| self.harness.joining(late, &(self.with.marker)()))
        }
        .boxed()
    }
}
