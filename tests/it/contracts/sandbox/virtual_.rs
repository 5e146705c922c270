use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use hob::sandbox::{Change, Now, SPILL_MAX, TAIL_MAX};

use super::*;

#[tokio::test]
async fn the_host_is_seen_without_its_secrets_and_never_written() {
    let host = Host::new();
    for (path, content) in [
        ("work/.env", "KEY=1"),
        ("work/.env.local", "KEY=2"),
        ("work/.gitignore", "target/\n*.log\n!keep.log\n"),
        ("work/target/big", "b"),
        ("work/a.log", "l"),
        ("work/keep.log", "k"),
        ("work/src/.gitignore", "/generated.rs\n"),
        ("work/src/generated.rs", "g"),
        ("work/src/deep/generated.rs", "d"),
    ] {
        std::fs::create_dir_all(host.path(path).parent().unwrap()).unwrap();
        std::fs::write(host.path(path), content).unwrap();
    }
    let before = files_below(&host.path("work"));
    let sandbox = host.virtual_();
    assert_eq!(
        printed(&*sandbox, "find . -type f | sort").await,
        "./.gitignore\n./README.md\n./keep.log\n./src/.gitignore\n./src/deep/generated.rs\n./src/main.rs\n"
    );
    for path in [".env", ".env.local", "target/big", ".git/config"] {
        assert!(sandbox.read(path).await.is_err(), "`{path}` was read");
    }
    printed(&*sandbox, "rm -rf src; echo x > README.md; mkdir n; echo y > n/y; mv keep.log n/; chmod 600 .gitignore")
        .await;
    sandbox.write("z", b"z").await.unwrap();
    assert_eq!(files_below(&host.path("work")), before);
}

fn files_below(path: &std::path::Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path))
        } else {
            found.push((path.clone(), std::fs::read(path).unwrap()))
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn changes_are_handed_out_once_and_put_back_elsewhere() {
    let host = Host::new();
    let first = host.virtual_();
    assert_eq!(first.take_changes(), []);
    printed(&*first, "cat README.md src/main.rs; ls -R > /dev/null; echo temp > x; rm x").await;
    assert_eq!(first.take_changes(), [], "reading changes nothing, and what came and went is no change");
    printed(&*first, "echo more >> README.md; rm -r src; mkdir empty; ln -s README.md link; echo t > /tmp/t").await;
    let changes = first.take_changes();
    let file = |content: &'static str| Now::File { content: content.into(), mode: 0o644 };
    let expected = [
        ("/tmp/t", file("t\n")),
        ("/workspace/README.md", file("# read me\nmore\n")),
        ("/workspace/empty", Now::Directory),
        ("/workspace/link", Now::Link { target: "README.md".into() }),
        ("/workspace/src", Now::Gone),
    ];
    assert_eq!(changes, expected.map(|(path, now)| Change { path: path.into(), now }));
    assert_eq!(first.take_changes(), []);

    let second = host.virtual_();
    second.restore(&mut changes.into_iter()).unwrap();
    assert_eq!(second.take_changes(), [], "what was put back is recorded already");
    assert_eq!(printed(&*second, "ls; cat link /tmp/t").await, "README.md\nempty\nlink\n# read me\nmore\nt\n");
    second.write("empty/now", b"").await.unwrap();
    assert_eq!(second.take_changes().len(), 1);
}

#[tokio::test]
async fn changes_from_elsewhere_stay_inside() {
    let sandbox = virtual_on(None);
    for path in ["/etc/passwd", "/workspace/../x", "/workspace/.git/config", "x", ""] {
        let change = Change { path: path.into(), now: Now::File { content: "x".into(), mode: 0o644 } };
        assert!(sandbox.restore(&mut [change].into_iter()).is_err(), "`{path}` was accepted");
    }
}

#[tokio::test]
async fn hostile_scripts_end_within_their_deadline() {
    let scripts = [
        "while :; do :; done",
        "while true; do sleep 1; done",
        "echo {1..100000000}",
        "f() { f; }; f",
        "f() { echo $(f); }; f",
        ":(){ :|:& };:",
        "x=a; while :; do x=$x$x; done",
        "yes | head -c 50000000",
        "awk 'BEGIN { while (1) ; }'",
        "awk 'function f() { return f() } BEGIN { f() }'",
        "seq 1 100000000",
        "cat /dev/zero",
        "cat /dev/urandom > /tmp/r; while :; do cat /tmp/r /tmp/r > /tmp/s; mv /tmp/s /tmp/r; done",
        "while :; do echo x >> /tmp/grows; done",
        "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | grep -E '(a+)+$b'",
        "printf '%1000000000d' 1",
        "trap '' TERM INT; while :; do :; done",
        "(((((((((((((((((((((((((((((((((((echo deep)))))))))))))))))))))))))))))))))))",
        "eval eval eval eval 'while :; do eval :; done'",
        "i=0; while :; do i=$((i+1)); echo $i > /tmp/$i; done",
        "find / -name '*' -exec find / \\; ",
        "sleep 1000 & sleep 1000 & wait",
    ];
    let all = scripts.map(|script| async move {
        let sandbox = virtual_on(None);
        let started = std::time::Instant::now();
        let ended = sandbox.exec(Exec { timeout: Duration::from_millis(400), ..exec(script) }).await;
        assert!(started.elapsed() < Duration::from_secs(5), "`{script}` took {:?}", started.elapsed());
        let output = ended.unwrap();
        assert!(output.tail.len() <= TAIL_MAX && output.bytes <= SPILL_MAX);
    });
    futures::future::join_all(all).await;
}

/// The clock is asked when a file is written: one that does not answer is a shell that hangs.
#[tokio::test]
async fn a_shell_that_does_not_stop_is_left_behind_with_all_it_wrote() {
    let (hangs, asked) = (Arc::new((Mutex::new(false), Condvar::new())), Arc::new(AtomicUsize::new(0)));
    let hang = |on| {
        *hangs.0.lock().unwrap() = on;
        hangs.1.notify_all();
    };
    let (waits, asks) = (Arc::clone(&hangs), Arc::clone(&asked));
    let clock = Clock::new(move || {
        asks.fetch_add(1, Ordering::SeqCst);
        drop(waits.1.wait_while(waits.0.lock().unwrap(), |hangs| *hangs));
        "2026-01-02T03:04:05Z".parse().unwrap()
    });
    let sandbox = hob::sandbox::open(Options::Virtual(hob::sandbox::virtual_::Options {
        seed: None,
        clock,
        threads: Default::default(),
    }))
    .unwrap();
    hang(true);
    let cancel = CancellationToken::new();
    let before = asked.load(Ordering::SeqCst);
    let calls = (0..16).map(|n| sandbox.exec(Exec { cancel: cancel.clone(), ..exec(&format!("echo x > {n}")) }));
    let all_hang = async {
        while asked.load(Ordering::SeqCst) < before + 16 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (outputs, ()) = futures::future::join(futures::future::join_all(calls), all_hang).await;
    for output in outputs {
        let output = output.unwrap();
        assert_eq!((output.exit, output.end), (143, End::Cancelled));
        assert_eq!(output.notes, ["the command did not stop when told to, so nothing that it wrote was kept"]);
    }
    let refused = sandbox.exec(exec("echo one too many")).await.unwrap_err();
    insta::assert_snapshot!(refused, @"the virtual sandbox failed: 16 commands are still running in it; wait for them");
    hang(false);
    while sandbox.exec(exec("true")).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(printed(&*sandbox, "ls -A").await, "");
    assert_eq!(sandbox.take_changes(), []);
}

#[tokio::test]
async fn a_cut_is_never_silent() {
    let sandbox = virtual_on(None);
    let cut = "a command reached a limit of the virtual shell: its output is not complete";
    let ended = "the virtual shell ended the command: resource limit exceeded: maximum function depth exceeded (16)";
    for (command, exit, note) in [
        ("yes | head -c 50000000 | wc -c", 0, cut),
        ("seq 1 100000000 | tail -1", 0, cut),
        ("echo before; f() { f; }; f; echo after", 1, ended),
    ] {
        let output = run(&*sandbox, command).await;
        assert_eq!((output.exit, output.notes), (exit, vec![note.to_owned()]), "`{command}`");
    }
}

#[tokio::test]
async fn long_output_is_in_a_file_that_lasts() {
    let sandbox = virtual_on(None);
    let output = run(&*sandbox, "for i in {1..10}; do seq 1 10000; done").await;
    assert_eq!((output.exit, output.tail.len(), output.bytes), (0, TAIL_MAX, 488_940));
    let spill = output.spill.unwrap();
    let whole = sandbox.read(&spill).await.unwrap();
    assert_eq!(whole.len() as u64, output.bytes);
    assert_eq!(whole[whole.len() - TAIL_MAX..], output.tail);
    let again = virtual_on(None);
    again.restore(&mut sandbox.take_changes().into_iter()).unwrap();
    assert_eq!(again.read(&spill).await.unwrap(), whole);
}

#[tokio::test]
async fn memory_is_bounded_and_the_refusal_names_the_limit() {
    let sandbox = virtual_on(None);
    let piece = vec![0; 60 << 20];
    for name in ["a", "b", "c", "d"] {
        sandbox.write(name, &piece).await.unwrap();
    }
    let refused = sandbox.write("e", &piece).await.unwrap_err();
    insta::assert_snapshot!(refused, @"`e`: no space left: the virtual sandbox holds at most 268435456 written bytes");
    sandbox.remove("a").await.unwrap();
    sandbox.write("e", &piece).await.unwrap();
}

#[tokio::test]
async fn calls_at_the_same_time_keep_each_others_files() {
    let sandbox = virtual_on(None);
    let commands = (0..8).map(|n| exec(&format!("sleep 0.1; echo {n} > {n}")));
    let ended = futures::future::join_all(commands.map(|command| sandbox.exec(command))).await;
    assert!(ended.into_iter().all(|output| output.unwrap().exit == 0));
    assert_eq!(printed(&*sandbox, "cat ?").await, "0\n1\n2\n3\n4\n5\n6\n7\n");
}

#[tokio::test]
async fn git_is_missing_and_says_why() {
    let output = run(&*virtual_on(None), "git status").await;
    assert_eq!(output.exit, 127);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.tail), @"git: command not found: the virtual shell has no repository, only the files of one; compare files with `diff`");
}

#[tokio::test]
async fn files_of_the_host_that_are_too_large_are_named() {
    let host = Host::new();
    std::fs::File::create(host.path("work/large")).unwrap().set_len(9 << 20).unwrap();
    let sandbox = host.virtual_();
    assert_eq!(sandbox.stat("large").await.unwrap().size, 9 << 20);
    let output = run(&*sandbox, "cat large | wc -c").await;
    insta::assert_snapshot!(output.notes.join("\n"), @"files of the workspace larger than 8388608 bytes cannot be read here");
}
