//! How long a job waits for a forge that asks it to, before anything was done.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::sleep;

use crate::forge::Error;

/// All waits of a job for what it reads.
const WHOLE: Duration = Duration::from_secs(60);

/// A wait where the forge does not say how long: it was asked a few times already.
const UNTOLD: Duration = Duration::from_secs(20);

/// Shortest wait, whatever a forge asks for.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// What is left of the job's patience.
pub(super) struct Patience {
    left: Cell<Duration>,
}

impl Patience {
    /// All of it.
    pub(super) fn new() -> Self {
        Self { left: Cell::new(WHOLE) }
    }

    /// Asks, and asks again after each wait that the forge wants, while there is patience for it.
    ///
    /// # Errors
    /// The forge's last word; [`Error::Later`] when patience is at its end.
    pub(super) async fn read<T>(&self, ask: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        loop {
            let error = match ask().await {
                Err(error @ Error::Later { .. }) => error,
                done => return done,
            };
            let asked = if let Error::Later { after, .. } = &error { *after } else { None };
            let wait = asked.unwrap_or(UNTOLD).max(WAIT_MIN);
            let Some(left) = self.left.get().checked_sub(wait) else { return Err(error) };
            self.left.set(left);
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn later(after: Option<u64>) -> Error {
        let after = after.map(Duration::from_secs);
        Error::Later { doing: "look".to_owned(), after, said: "wait".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_waited_out_and_all_waits_together_have_an_end() {
        let (patience, asked, start) = (Patience::new(), Cell::new(0), Instant::now());
        let ask = async || {
            asked.set(asked.get() + 1);
            if asked.get() < 3 { Err(later(Some(25))) } else { Ok(asked.get()) }
        };
        assert_eq!(patience.read(ask).await, Ok(3));
        assert_eq!(start.elapsed(), Duration::from_secs(50));
        // Ten seconds are left.
        assert_eq!(patience.read(async || Err::<(), _>(later(Some(11)))).await, Err(later(Some(11))));
        assert_eq!(patience.read(async || Err::<(), _>(later(Some(0)))).await, Err(later(Some(0))));
        assert_eq!(start.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_limit_is_not_asked_again() {
        let asked = Cell::new(0);
        let unreadable = Error::Unreadable { doing: "look".to_owned(), said: "no JSON".to_owned() };
        let ask = async || {
            asked.set(asked.get() + 1);
            Err::<(), _>(unreadable.clone())
        };
        assert_eq!(Patience::new().read(ask).await, Err(unreadable.clone()));
        assert_eq!(asked.get(), 1);
    }
}
