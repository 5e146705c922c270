//! The async runtime that a command runs in: one thread, which ends with the command.

use super::refusal::Refusal;

/// Does something asynchronous to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::failed(format!("the async runtime could not start: {error}")))?;
    runtime.block_on(work)
}
