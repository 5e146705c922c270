use std::time::Instant;

use hob::sandbox::{Command, DirEntry, Error, FileKind, Stat};
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn a_file_written_is_read_listed_described_and_removed() {
    let host = Host::new();
    for sandbox in host.all() {
        assert_eq!(sandbox.read("README.md").await.unwrap(), "# read me\n");
        let absolute = format!("{}/new/deep/file", sandbox.workspace());
        sandbox.write(&absolute, b"one").await.unwrap();
        assert_eq!(sandbox.read("new/deep/file").await.unwrap(), "one");
        sandbox.write("new/deep/file", b"\xff\0two").await.unwrap();
        assert_eq!(sandbox.read("./new//deep/../deep/file").await.unwrap(), &b"\xff\0two"[..]);
        let stat = sandbox.stat("new/deep/file").await.unwrap();
        assert_eq!((stat.kind, stat.size), (FileKind::File, 5));
        assert_eq!(sandbox.stat("new").await.unwrap().kind, FileKind::Directory);

        let names = |entries: Vec<DirEntry>| entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        let listed = names(sandbox.list(".").await.unwrap());
        let expected: Vec<_> = ["README.md", "new", "src"].map(String::from).into();
        assert_eq!(listed.into_iter().filter(|name| name != ".git").collect::<Vec<_>>(), expected);

        sandbox.remove("new/deep/file").await.unwrap();
        assert!(matches!(sandbox.read("new/deep/file").await, Err(Error::NotFound(_))));
        sandbox.remove("new").await.unwrap();
        assert!(matches!(sandbox.stat("new").await, Err(Error::NotFound(_))));
        assert!(matches!(sandbox.remove("new").await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn a_command_and_the_file_calls_see_the_same_files() {
    let host = Host::new();
    for sandbox in host.all() {
        sandbox.write("in.txt", b"from a call\n").await.unwrap();
        assert_eq!(printed(&*sandbox, "cat in.txt; echo from a command > out.txt").await, "from a call\n");
        assert_eq!(sandbox.read("out.txt").await.unwrap(), "from a command\n");
        assert_eq!(printed(&*sandbox, "pwd").await.trim(), sandbox.workspace());
        assert_eq!(printed(&*sandbox, "cat src/main.rs").await, "fn main() {}\n");
    }
}

#[tokio::test]
async fn a_mode_survives_a_write() {
    let host = Host::new();
    for sandbox in host.all() {
        printed(&*sandbox, "printf 'echo old' > run.sh; chmod 755 run.sh").await;
        sandbox.write("run.sh", b"echo new\n").await.unwrap();
        assert_eq!(sandbox.stat("run.sh").await.unwrap(), Stat { kind: FileKind::File, size: 9, mode: 0o755 });
        assert_eq!(printed(&*sandbox, "./run.sh").await, "new\n");
    }
}

#[tokio::test]
async fn the_wrong_kind_of_thing_is_named() {
    let host = Host::new();
    for sandbox in host.all() {
        assert!(matches!(sandbox.read("src").await, Err(Error::IsDirectory(_))));
        assert!(matches!(sandbox.write("src", b"").await, Err(Error::IsDirectory(_))));
        assert!(matches!(sandbox.list("README.md").await, Err(Error::NotDirectory(_))));
        assert!(matches!(sandbox.read("README.md/x").await, Err(Error::NotDirectory(_))));
        assert!(sandbox.write("README.md/x", b"").await.is_err());
        assert!(matches!(sandbox.read("nothing").await, Err(Error::NotFound(_))));
        assert!(matches!(sandbox.list("nothing").await, Err(Error::NotFound(_))));
        let nowhere = Exec { cwd: Some("nothing".into()), ..exec("pwd") };
        assert!(matches!(sandbox.exec(nowhere).await, Err(Error::NotFound(_))));
        let file = Exec { cwd: Some("README.md".into()), ..exec("pwd") };
        assert!(matches!(sandbox.exec(file).await, Err(Error::NotDirectory(_))));
    }
}

#[tokio::test]
async fn exit_codes_and_both_streams_come_back_in_order() {
    let host = Host::new();
    for sandbox in host.all() {
        for (command, exit, tail) in [
            ("true", 0, &b""[..]),
            ("exit 7", 7, b""),
            ("echo a; echo b >&2; echo c", 0, b"a\nb\nc\n"),
            ("for i in 1 2; do echo $i; echo e$i >&2; done; false", 1, b"1\ne1\n2\ne2\n"),
            ("printf 'no newline'", 0, b"no newline"),
            ("printf '\\377\\376\\001'", 0, b"\xff\xfe\x01"),
            ("cat <<EOF\nhere\nEOF", 0, b"here\n"),
            ("kill -9 $$", 137, b""),
        ] {
            let output = run(&*sandbox, command).await;
            let shown = (output.exit, output.end, output.tail.escape_ascii().to_string());
            assert_eq!(shown, (exit, End::Exited, tail.escape_ascii().to_string()), "`{command}`");
            assert_eq!((output.bytes, output.spill), (tail.len() as u64, None));
            assert!(output.notes.is_empty());
        }
        let output =
            run(&*sandbox, "cat nothing; rmdir src 2>&1 | grep -o 'not empty'; mkdir src || ls README.md/x").await;
        let said = output.tail.escape_ascii().to_string();
        for words in ["nothing: No such file or directory", "not empty", "File exists", "Not a directory"] {
            assert!(said.contains(words), "{said}");
        }
        let output = run(&*sandbox, "no-such-command").await;
        assert_eq!(output.exit, 127);
        assert!(output.tail.escape_ascii().to_string().contains("command not found"));
        let output = run(&*sandbox, "if true").await;
        assert_eq!(output.exit, 2, "a syntax error");
        assert!(output.tail.escape_ascii().to_string().contains("syntax error"));
    }
}

#[tokio::test]
async fn a_command_reads_its_input_and_starts_where_it_is_told() {
    let host = Host::new();
    for sandbox in host.all() {
        let big = "x".repeat(300_000);
        let output = sandbox.exec(Exec { stdin: big.into(), ..exec("wc -c") }).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.tail).trim(), "300000");
        assert_eq!(printed(&*sandbox, "cat").await, "", "no input is an empty one");
        let output = sandbox.exec(Exec { cwd: Some("src".into()), ..exec("pwd; ls") }).await.unwrap();
        assert_eq!(output.tail, format!("{}/src\nmain.rs\n", sandbox.workspace()));
        let unread = Exec { stdin: vec![b'x'; 1 << 20].into(), ..exec("exit 3") };
        assert_eq!(sandbox.exec(unread).await.unwrap().exit, 3);
    }
}

#[tokio::test]
async fn a_command_sees_only_the_environment_it_was_given() {
    let host = Host::new();
    for sandbox in host.all() {
        let output = sandbox.exec(Exec { env: vec![("GIVEN".into(), "a b".into())], ..exec("env") }).await.unwrap();
        let env = String::from_utf8(output.tail.to_vec()).unwrap();
        assert!(env.contains("GIVEN=a b\n") && env.contains("CI=true\n"), "{env}");
        // Set by cargo for the test itself.
        assert!(!env.contains("CARGO") && !env.contains("USER=root"), "{env}");
        assert_eq!(printed(&*sandbox, "echo ${GIVEN-none}; cd ~ && pwd > /dev/null && touch here").await, "none\n");
        assert_eq!(printed(&*sandbox, "x=1; export x; cd src; alias ll=ls").await, "");
        assert_eq!(printed(&*sandbox, "echo ${x-unset}").await, "unset\n", "variables do not last");
    }
}

#[tokio::test]
async fn a_deadline_ends_a_command_and_keeps_what_it_printed() {
    let host = Host::new();
    for sandbox in host.all() {
        let timed = Exec { timeout: Duration::from_millis(300), ..exec("echo before; sleep 50; echo after") };
        let (started, output) = (Instant::now(), sandbox.exec(timed).await.unwrap());
        assert_eq!((output.exit, output.end, &output.tail[..]), (124, End::TimedOut, &b"before\n"[..]));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_deadline_may_be_as_far_as_it_can_be() {
    let host = Host::new();
    for sandbox in host.all() {
        let output = sandbox.exec(Exec { timeout: Duration::MAX, ..exec("echo done") }).await.unwrap();
        assert_eq!(output.tail, "done\n");
    }
}

#[tokio::test]
async fn a_cancelled_command_ends_at_once() {
    let host = Host::new();
    for sandbox in host.all() {
        let cancel = CancellationToken::new();
        let command = sandbox.exec(Exec { cancel: cancel.clone(), ..exec("echo before; sleep 50; echo after") });
        tokio::pin!(command);
        let started = Instant::now();
        let output = tokio::select! {
            _ = &mut command => panic!("it ended by itself"),
            () = tokio::time::sleep(Duration::from_millis(200)) => { cancel.cancel(); command.await.unwrap() }
        };
        assert_eq!((output.end, &output.tail[..]), (End::Cancelled, &b"before\n"[..]));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn paths_do_not_leave_the_workspace() {
    let host = Host::new();
    let secret = host.path("secret").display().to_string();
    for sandbox in host.all() {
        printed(&*sandbox, "rm -rf a root loop; mkdir -p a; ln -s ../../secret a/up; ln -s / root; ln -s ../src a/src; ln -s loop loop")
            .await;
        for path in
            ["../secret", "/secret", "a/up", "/proc/self/environ", "/etc/passwd", "loop", "a/../../secret", &secret]
        {
            let read = sandbox.read(path).await;
            assert!(read.is_err(), "`{path}` was read: {read:?}");
        }
        assert!(sandbox.read(&format!("root{secret}")).await.is_err());
        for path in ["../new", "/new", "a/up", "root/tmp-new", "/tmp-new", "/proc/self/comm", "loop"] {
            let written = sandbox.write(path, b"x").await;
            // A virtual link to outside is a link to elsewhere in the same tree.
            assert!(written.is_err(), "`{path}` was written");
            assert!(sandbox.remove("../secret").await.is_err());
        }
        assert!(sandbox.remove(".").await.is_err() && sandbox.remove("/").await.is_err());
        assert_eq!(
            sandbox.read("a/src/main.rs").await.unwrap(),
            "fn main() {}\n",
            "a link that stays inside is followed"
        );
        assert_eq!(sandbox.stat("a/up").await.unwrap().kind, FileKind::Link);
        sandbox.remove("a").await.unwrap();
        assert_eq!(sandbox.read("src/main.rs").await.unwrap(), "fn main() {}\n", "links are removed, not followed");
    }
    assert_eq!(std::fs::read_to_string(host.path("secret")).unwrap(), "s3cret");
}

#[tokio::test]
async fn git_is_not_written() {
    let host = Host::new();
    for sandbox in host.all() {
        printed(&*sandbox, "rm -f x; ln -s .git x").await;
        for path in [".git/config", ".git", "src/../.git/hooks/post-checkout", "x/config", "x/hooks/new", "src/.git"] {
            assert!(sandbox.write(path, b"evil").await.is_err(), "`{path}` was written");
        }
        let refused = sandbox.write("src/.git", b"evil").await.unwrap_err();
        assert!(refused.to_string().starts_with("`src/.git` cannot be reached: .git "), "{refused}");
        assert!(sandbox.remove(".git").await.is_err());
        assert!(sandbox.remove("x/config").await.is_err());
        sandbox.remove("x").await.unwrap();
    }
    assert_eq!(std::fs::read_to_string(host.path("work/.git/config")).unwrap(), "[core]\n");
}

#[tokio::test]
async fn a_file_too_large_is_refused() {
    let host = Host::new();
    let most = usize::try_from(hob::sandbox::READ_MAX).unwrap();
    let content = vec![b'x'; most + 1];
    for sandbox in host.all() {
        let refused = sandbox.write("large", &content).await.unwrap_err();
        assert_eq!(refused.to_string(), "`large` is too large: 67108865 bytes, at most 67108864");
    }
}

#[tokio::test]
async fn no_shell_reads_the_arguments_of_a_program() {
    let host = Host::new();
    let hostile = [
        "",
        " ",
        "a b",
        "'",
        "\"",
        "\\",
        "$HOME",
        "${HOME}",
        "$(touch owned)",
        "`touch owned`",
        "; touch owned",
        "& touch owned",
        "| touch owned",
        "> owned",
        "< README.md",
        "*",
        "?",
        "[a-z]*",
        "~",
        "{a,b}",
        "!!",
        "#",
        "\n",
        "a\ntouch owned",
        "\t",
        "-n",
        "--",
        "$@",
        "$1",
        "\u{7}",
        "\u{202e}ä",
        "%s",
        "\\n",
        "owned=1",
    ];
    for sandbox in host.all() {
        sandbox.write("show.sh", b"for word in \"$@\"; do printf '<%s>' \"$word\"; done").await.unwrap();
        let fixed = ["bash", "show.sh"].map(str::to_owned).into_iter();
        let vector = fixed.chain(hostile.map(str::to_owned)).collect();
        let output = sandbox.exec(Exec { command: Command::Vector(vector), ..exec("") }).await.unwrap();
        let expected: String = hostile.iter().map(|word| format!("<{word}>")).collect();
        assert_eq!(output.tail.escape_ascii().to_string(), expected.as_bytes().escape_ascii().to_string());
        assert_eq!((output.exit, output.end), (0, End::Exited));
        assert!(matches!(sandbox.stat("owned").await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn a_program_is_found_on_the_path_or_beneath_its_directory_and_nowhere_else() {
    let host = Host::new();
    for sandbox in host.all() {
        sandbox.write("src/own.sh", b"#!/bin/sh\necho own $1\n").await.unwrap();
        printed(&*sandbox, "chmod 755 src/own.sh").await;
        let run = async |words: &[&str], cwd: Option<&str>| {
            let vector = words.iter().map(|word| (*word).to_owned()).collect();
            let cwd = cwd.map(str::to_owned);
            let output = sandbox.exec(Exec { command: Command::Vector(vector), cwd, ..exec("") }).await;
            output.map(|output| (output.exit, String::from_utf8_lossy(&output.tail).into_owned()))
        };
        assert_eq!(run(&["src/own.sh", "a"], None).await.unwrap(), (0, "own a\n".to_owned()));
        assert_eq!(run(&["./own.sh", "b"], Some("src")).await.unwrap(), (0, "own b\n".to_owned()));
        assert_eq!(run(&["cat", "README.md"], None).await.unwrap(), (0, "# read me\n".to_owned()));
        for nothing in [&["own.sh"][..], &["no-such-program"], &["echo hi; touch owned"], &[""], &[], &["e\0cho"]] {
            let ran = run(nothing, None).await;
            assert!(!matches!(ran, Ok((0, _))), "{nothing:?}: {ran:?}");
        }
        assert!(matches!(sandbox.stat("owned").await, Err(Error::NotFound(_))));
    }
}
