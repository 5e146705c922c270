//! Who holds a claim, told from all others: only what is certain counts.

use std::fs;
use std::process::{Child, Command};

use hob::store::Process;

use super::*;

/// State and beginning of a process.
fn stat(pid: u32) -> (String, u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[0].to_owned(), fields[19].parse().unwrap())
}

/// A process that does nothing, as a holder.
#[expect(clippy::disallowed_methods, reason = "what is tested is the end of a process")]
fn sleeper() -> (Child, Holder) {
    let child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
    let process = Process { started: stat(child.id()).1, ..Process::this().unwrap() };
    let holder = Holder { pid: child.id(), process: Some(process), ..holder() };
    (child, holder)
}

#[test]
fn a_process_is_gone_from_its_death_on_also_before_anybody_asked_how_it_ended() {
    let (mut child, holder) = sleeper();
    assert!(!holder.is_gone());
    child.kill().unwrap();
    while stat(child.id()).0 != "Z" {
        std::thread::yield_now();
    }
    assert!(holder.is_gone(), "a zombie");
    child.wait().unwrap();
    assert!(holder.is_gone());
}

#[test]
fn of_another_machine_container_or_start_nothing_is_known() {
    let (mut child, holder) = sleeper();
    child.kill().unwrap();
    child.wait().unwrap();
    let process = holder.process.clone().unwrap();
    for other in [
        Some(Process { boot: "another".to_owned(), ..process.clone() }),
        Some(Process { pid_namespace: 1, ..process }),
        None,
    ] {
        assert!(!Holder { process: other.clone(), ..holder.clone() }.is_gone(), "{other:?}");
    }
    for pid in [0, u32::MAX] {
        assert!(!Holder { pid, ..holder.clone() }.is_gone(), "{pid}");
    }
}
