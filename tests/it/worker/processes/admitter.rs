//! A process that admits runs, and may be killed as any other: what it did not acknowledge is asked of the
//! next one.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

/// What it says of a run, once that is durable.
const ACKNOWLEDGED: &str = "acknowledged";

/// Admits what it reads, a line each, until its input ends. Does nothing unless a test here starts it.
#[test]
#[ignore = "started by the tests beside it"]
fn child() {
    block_on(async {
        let Some((store, _)) = told(Failpoints::default()).await else { return };
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let (instance, message) = line.split_once(' ').unwrap();
            queue::admit(&store, &run(instance, message), instance, &Redactor::default()).await.unwrap();
            println!("{ACKNOWLEDGED}");
        }
    });
}

/// One process after the other.
pub(super) struct Admitter<'a> {
    ground: &'a Ground,
    now: RefCell<Option<Process>>,
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    said: Option<UnboundedReceiver<()>>,
    is_killed: bool,
}

impl<'a> Admitter<'a> {
    pub(super) fn new(ground: &'a Ground) -> Self {
        Self { ground, now: RefCell::new(None) }
    }

    /// Returns when a process has acknowledged this run; the ones before it may be dead.
    pub(super) async fn admit(&self, instance: &str, message: &str) -> Run {
        loop {
            let mut said = {
                let mut now = self.now.borrow_mut();
                let process = now.get_or_insert_with(|| start(self.ground));
                let _ = writeln!(process.stdin, "{instance} {message}");
                process.said.take().unwrap()
            };
            let is_acknowledged = said.recv().await.is_some();
            let mut now = self.now.borrow_mut();
            if is_acknowledged {
                if let Some(process) = now.as_mut() {
                    process.said = Some(said);
                }
                return run(instance, message);
            }
            if let Some(mut dead) = now.take() {
                let _ = dead.child.kill();
                dead.child.wait().unwrap();
            }
        }
    }

    /// Kills the process of now, if there is one; whoever waits for it asks the next one.
    pub(super) fn kill(&self) -> bool {
        let mut now = self.now.borrow_mut();
        let Some(process) = now.as_mut().filter(|process| !process.is_killed) else { return false };
        process.child.kill().unwrap();
        process.is_killed = true;
        true
    }
}

impl Drop for Admitter<'_> {
    fn drop(&mut self) {
        if let Some(mut process) = self.now.borrow_mut().take() {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

fn start(ground: &Ground) -> Process {
    let mut command = ground.process("worker::processes::admitter::child");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (tell, said) = unbounded_channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        for _ in lines.filter(|line| line.ends_with(ACKNOWLEDGED)) {
            let _ = tell.send(());
        }
    });
    Process { child, stdin, said: Some(said), is_killed: false }
}
