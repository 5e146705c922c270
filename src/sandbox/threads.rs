//! Threads with deep stacks, for work that may recurse far and never yields. To make one costs more than
//! a small command, so one that is done waits a moment for the next.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Address space of a stack; memory is used only as deep as it goes. Debug builds need several times what
/// release builds do.
const STACK: usize = 64 << 20;

/// How long a thread waits for more work.
const IDLE: Duration = Duration::from_millis(200);

/// As many threads as there is work at a time. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Threads(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    /// Threads that wait; those that were woken for work in the line are counted until they took it.
    idle: usize,
}

impl Threads {
    /// Begins `work` at once, on a thread that nothing else is on. What panics ends its thread.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.idle > state.work.len() {
            state.work.push_back(Box::new(work));
            self.0.more.notify_one();
            return Ok(());
        }
        drop(state);
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("deep".into()).stack_size(STACK);
        let on_thread = move || {
            work();
            while let Some(work) = shared.next() {
                work();
            }
        };
        thread.spawn(on_thread).map(drop)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for more work; `None` when none comes.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        state.idle += 1;
        let nothing = |state: &mut State| state.work.is_empty();
        let waited = self.more.wait_timeout_while(state, IDLE, nothing);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.idle -= 1;
        state.work.pop_front()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("work", &self.work.len()).field("idle", &self.idle).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc::channel;
    use std::thread::{self, ThreadId};

    use super::*;

    /// Runs something and tells on which thread.
    fn ran(threads: &Threads) -> ThreadId {
        let (done, wait) = channel();
        threads.run(move || done.send(thread::current().id()).unwrap()).unwrap();
        wait.recv().unwrap()
    }

    /// Waits until that many threads wait for work.
    fn until_idle(threads: &Threads, count: usize) {
        while threads.0.lock().idle != count {
            thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_is_done_takes_what_comes_next() {
        let threads = Threads::default();
        let first = ran(&threads);
        until_idle(&threads, 1);
        assert_eq!(ran(&threads), first);
    }

    #[test]
    fn nothing_waits_for_what_runs_already() {
        let threads = Threads::default();
        let (here, done) = (Arc::new(Barrier::new(9)), channel());
        for _ in 0..8 {
            let (here, done) = (Arc::clone(&here), done.0.clone());
            threads.run(move || _ = (here.wait(), done.send(()))).unwrap();
        }
        here.wait();
        (0..8).for_each(|_| done.1.recv().unwrap());
        until_idle(&threads, 8);
    }

    #[test]
    fn what_panics_takes_nothing_with_it() {
        let threads = Threads::default();
        let (done, wait) = channel::<()>();
        threads
            .run(move || {
                let _done = done;
                panic!("on purpose");
            })
            .unwrap();
        assert!(wait.recv().is_err());
        ran(&threads);
    }

    #[test]
    fn a_thread_that_nobody_needs_ends() {
        let threads = Threads::default();
        ran(&threads);
        until_idle(&threads, 1);
        until_idle(&threads, 0);
    }
}
