use std::time::Instant;

use hob::sandbox::{Error, SPILL_MAX, TAIL_MAX};
use tokio_util::sync::CancellationToken;

use super::*;

/// Whether a process exists and is not merely unreaped.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Resolves once the process has ended; a killed one takes the kernel a moment.
async fn ends(pid: &str) {
    while lives(pid) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_outlives_a_call() {
    let host = Host::new();
    let sandbox = host.local();
    for command in [
        "sleep 300 & echo $! > pid",
        "(sleep 300; true) & echo $! > pid; exit 3",
        "bash -c 'trap \"\" TERM; sleep 300; sleep 300' & echo $! > pid",
        "nohup sleep 300 > /dev/null 2>&1 & echo $! > pid",
        "setsid bash -c 'echo $$ > pid; exec sleep 300' & until [ -s pid ]; do :; done",
        "setsid bash -c 'setsid bash -c \"echo \\$\\$ > pid; exec sleep 300\" &' & until [ -s pid ]; do :; done",
    ] {
        let _ = sandbox.remove("pid").await;
        let started = Instant::now();
        run(&*sandbox, command).await;
        assert!(started.elapsed() < Duration::from_secs(3), "`{command}` hung");
        let pid = std::fs::read_to_string(host.path("work/pid")).unwrap();
        tokio::time::timeout(LONG, ends(&pid)).await.unwrap_or_else(|_| panic!("`{command}` left {pid}"));
    }
}

#[tokio::test]
async fn a_grandchild_that_ignores_the_polite_signal_ends_with_its_deadline() {
    let host = Host::new();
    let sandbox = host.local();
    let command =
        "trap '' TERM; bash -c 'trap \"\" TERM; echo $$ > pid; echo started; while :; do sleep 1; done'; echo never";
    let started = Instant::now();
    let output = sandbox.exec(Exec { timeout: Duration::from_millis(500), ..exec(command) }).await.unwrap();
    assert_eq!((output.exit, output.end, &output.tail[..]), (124, End::TimedOut, &b"started\n"[..]));
    assert!(started.elapsed() < Duration::from_secs(4));
    let pid = std::fs::read_to_string(host.path("work/pid")).unwrap();
    tokio::time::timeout(LONG, ends(&pid)).await.unwrap();
}

#[tokio::test]
async fn a_polite_program_may_clean_up() {
    let host = Host::new();
    let command = "trap 'echo cleaned; exit 0' TERM; echo ready; sleep 300 & wait";
    let output = host.local().exec(Exec { timeout: Duration::from_millis(500), ..exec(command) }).await.unwrap();
    assert_eq!((output.exit, &output.tail[..]), (124, &b"ready\ncleaned\n"[..]));
}

#[tokio::test]
async fn a_dropped_call_is_an_ended_one() {
    let host = Host::new();
    let sandbox = host.local();
    let (command, pid) = (exec("trap '' TERM; echo $$ > new; mv new pid; sleep 300; sleep 300"), host.path("work/pid"));
    tokio::select! {
        _ = sandbox.exec(command) => panic!("it ended by itself"),
        () = appears(&pid) => {}
    }
    let pid = std::fs::read_to_string(host.path("work/pid")).unwrap();
    tokio::time::timeout(LONG, ends(&pid)).await.unwrap();
}

/// Alone in a process, so that the peak measured is that of this call.
#[test]
#[expect(clippy::disallowed_methods, reason = "memory is that of a process, so the test needs one of its own")]
fn a_gibibyte_of_output_costs_little_memory_and_does_not_block() {
    let alone = ["--exact", "contracts::sandbox::local::print_a_gibibyte", "--ignored", "--nocapture"];
    let this = std::env::current_exe().unwrap();
    let output = std::process::Command::new(this).args(alone).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let grown = said.lines().find_map(|line| line.strip_prefix("grown by ")).expect("a figure");
    assert!(grown.parse::<u64>().unwrap() < 2 << 20, "{grown} bytes of memory");
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn print_a_gibibyte() {
    let host = Host::new();
    let sandbox = host.local();
    printed(&*sandbox, "true").await;
    let before = peak();
    let output = run(&*sandbox, "head -c 1073741824 /dev/zero; printf end").await;
    println!("\ngrown by {}", peak() - before);
    assert_eq!((output.exit, output.bytes, output.tail.len()), (0, (1 << 30) + 3, TAIL_MAX));
    assert!(output.tail.ends_with(b"\0end"));
    assert_eq!(output.notes, ["only the first 67108864 bytes of the output were kept in its file"]);
    let spill = output.spill.unwrap();
    assert_eq!(sandbox.stat(&spill).await.unwrap().size, SPILL_MAX);
    assert_eq!(sandbox.read(&spill).await.unwrap().len() as u64, SPILL_MAX);
}

/// Peak resident size of this process, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn special_files_are_refused_without_waiting() {
    let host = Host::new();
    let sandbox = host.local();
    printed(&*sandbox, "mkfifo pipe; ln -s pipe to-pipe").await;
    let _socket = std::os::unix::net::UnixListener::bind(host.path("work/socket")).unwrap();
    for path in ["pipe", "to-pipe", "socket"] {
        for refused in [sandbox.read(path).await.map(drop), sandbox.write(path, b"x").await] {
            assert!(matches!(refused, Err(Error::Denied { .. })), "`{path}`: {refused:?}");
        }
    }
    assert_eq!(sandbox.stat("pipe").await.unwrap().kind, hob::sandbox::FileKind::Other);
}

#[tokio::test]
async fn a_directory_swapped_for_a_link_leads_nowhere() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let host = Host::new();
    let sandbox = host.local();
    std::fs::create_dir(host.path("outside")).unwrap();
    std::fs::write(host.path("outside/file"), "s3cret").unwrap();
    printed(&*sandbox, "mkdir real; echo inside > real/file; ln -s ../outside swapped").await;
    let (real, swapped, done) = (host.path("work/real"), host.path("work/swapped"), CancellationToken::new());
    let stop = done.clone();
    let swapper = std::thread::spawn(move || {
        while !stop.is_cancelled() {
            renameat_with(CWD, &real, CWD, &swapped, RenameFlags::EXCHANGE).unwrap();
        }
    });
    let mut inside = 0;
    for _ in 0..2_000 {
        match sandbox.read("real/file").await {
            Ok(content) => {
                assert_ne!(content, "s3cret");
                inside += 1;
            }
            Err(refused) => assert!(!refused.to_string().is_empty()),
        }
        let _ = sandbox.write("real/file", b"inside").await;
    }
    done.cancel();
    swapper.join().unwrap();
    assert!(inside > 0, "it never worked at all");
    assert_eq!(std::fs::read_to_string(host.path("outside/file")).unwrap(), "s3cret");
    assert_eq!(std::fs::read_dir(host.path("outside")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_write_through_a_link_replaces_what_it_points_to() {
    let host = Host::new();
    let sandbox = host.local();
    printed(&*sandbox, "ln -s src/main.rs link; ln -s nowhere dangling").await;
    sandbox.write("link", b"new").await.unwrap();
    assert_eq!(sandbox.stat("link").await.unwrap().kind, hob::sandbox::FileKind::Link);
    assert_eq!(sandbox.read("src/main.rs").await.unwrap(), "new");
    assert!(matches!(sandbox.write("dangling", b"x").await, Err(Error::Denied { .. })));
    assert_eq!(printed(&*sandbox, "ls -A src").await, "main.rs\n", "no temporary file is left");
}

#[tokio::test]
async fn the_store_and_the_workspace_are_apart() {
    let host = Host::new();
    let open = |workspace: &str, forbidden: &str| {
        let options = local_on(host.path(workspace), host.path("tmp"), host.path(forbidden));
        hob::sandbox::open(Options::Local(options))
    };
    assert!(open("work", "store").is_ok());
    for (workspace, store) in [("work", "work/.hob"), ("work", "work"), ("work/src", "work"), ("work", "tmp")] {
        assert!(open(workspace, store).is_err(), "a store `{store}` beside `{workspace}`");
    }
    assert!(open("nothing", "store").is_err());
}

#[tokio::test]
async fn what_a_killed_writer_left_is_in_nobodys_way() {
    let host = Host::new();
    for number in 0..3 {
        std::fs::write(host.path(&format!("work/.hob-{}-{number}", std::process::id())), "half").unwrap();
    }
    let sandbox = host.local();
    sandbox.write("file", b"whole").await.unwrap();
    assert_eq!(sandbox.read("file").await.unwrap(), "whole");
}

#[tokio::test]
async fn home_is_fresh_and_goes_with_the_sandbox() {
    let host = Host::new();
    let sandbox = host.local();
    let home = printed(&*sandbox, "echo kept > ~/file; echo $HOME").await;
    assert_eq!(printed(&*sandbox, "cat ~/file; echo $EXPOSED $GIT_TERMINAL_PROMPT; mktemp").await.lines().count(), 3);
    assert_eq!(sandbox.read(&format!("{}/file", home.trim())).await.unwrap(), "kept\n");
    drop(sandbox);
    assert!(!std::path::Path::new(home.trim()).exists());
    assert_eq!(std::fs::read_dir(host.path("tmp")).unwrap().count(), 0);
}
