//! The two files of the GitHub Action, run by the Node that is here, with a program in hob's place.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use crate::scene::running::passed;
use crate::scene::{Ran, Scene, tool};

/// Stands in hob's place: says what it was started with, and ends as it is told.
const RECORDER: &str =
    "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$RECORD.args\"\nenv -0 > \"$RECORD.env\"\nexit \"${CODE:-0}\"\n";

/// Waits for a signal, and says how often one came.
const WAITER: &str = "#!/bin/sh\n\
    came() { echo \"$1\" >> \"$RECORD.signals\"; kill -KILL \"$sleeper\"; }\n\
    trap 'came INT' INT\ntrap 'came TERM' TERM\n\
    sleep 60 & sleeper=$!\necho ready > \"$GATE\"\nwait \"$sleeper\"\nwait\nexit 130\n";

/// A scene with a program in it; `None`, and a line that says why, without the Node of the action.
fn scene(program: &str) -> Option<Scene> {
    tool::node24()?;
    let scene = Scene::empty().file("hob", program);
    executable(&scene.workspace().join("hob"));
    Some(scene)
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn action() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("action")
}

/// What the runner starts: a file of the action, with the variables of a step.
fn step(scene: &Scene, file: &Path, variables: &[(&str, &str)]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests start the real program")]
    let mut command = Command::new("node");
    command.arg(file).env_clear().env("PATH", tool::path()).current_dir(scene.workspace());
    command.env("GITHUB_WORKSPACE", scene.workspace()).env("RUNNER_TEMP", scene.beside(""));
    command.env("GITHUB_STATE", scene.beside("saved")).env("RECORD", scene.beside("record"));
    command.envs(variables.iter().copied()).stdin(std::process::Stdio::null());
    command
}

fn main_step(scene: &Scene, variables: &[(&str, &str)]) -> Ran {
    scene.end(step(scene, &action().join("main.mjs"), variables))
}

fn recorded(scene: &Scene, what: &str) -> String {
    std::fs::read_to_string(scene.beside(&format!("record.{what}"))).unwrap_or_default()
}

#[test]
fn inputs_become_variables_and_no_shell_reads_them() {
    let Some(scene) = scene(RECORDER) else { return };
    let message = "$(touch pwned) `id` \"; exit 7 #\n::error::x ${{ github.token }}";
    let ran = main_step(
        &scene,
        &[
            ("INPUT_BINARY", "hob"),
            ("INPUT_AGENT", "triage"),
            ("INPUT_MESSAGE", message),
            ("INPUT_MODEL", ""),
            ("INPUT_PHASE", "run"),
            ("INPUT_GITHUB-TOKEN", "ghs_1"),
            ("INPUT_ANTHROPIC-API-KEY", "sk-input"),
            ("INPUT_OPENAI-API-KEY", ""),
            ("INPUT_TIMEOUT", "30m"),
            ("INPUT_ARTIFACT-RETENTION-DAYS", "7"),
            ("ANTHROPIC_API_KEY", "sk-job"),
            ("OPENAI_API_KEY", "sk-openai"),
            ("HOB_MODEL", "anthropic/job"),
            ("ACTIONS_RUNTIME_TOKEN", "jwt"),
        ],
    );
    assert_eq!(ran.transcript(), "exit 0\n--- stdout\n--- stderr\n");
    assert_eq!(recorded(&scene, "args"), "ci\n--phase\nrun\n");
    let variables = recorded(&scene, "env");
    let mut variables: Vec<&str> = variables.split('\0').filter(|pair| !pair.is_empty()).collect();
    let runners = ["PATH=", "PWD=", "GITHUB_", "RUNNER_TEMP=", "RECORD=", "_=", "SHLVL=", "OLDPWD="];
    variables.retain(|pair| !runners.iter().any(|runner| pair.starts_with(runner)));
    variables.sort_unstable();
    assert_eq!(
        variables,
        [
            "ACTIONS_RUNTIME_TOKEN=jwt",
            "ANTHROPIC_API_KEY=sk-input",
            "HOB_AGENT=triage",
            "HOB_GITHUB_TOKEN=ghs_1",
            &format!("HOB_MESSAGE={message}"),
            "HOB_MODEL=anthropic/job",
            "HOB_RETENTION_DAYS=7",
            "HOB_TIMEOUT=30m",
            "OPENAI_API_KEY=sk-openai",
        ]
    );
    assert!(!scene.workspace().join("pwned").exists());
}

#[test]
fn every_input_of_the_action_is_known_to_it_and_every_output_to_hob() {
    let file = std::fs::read_to_string(action().join("../action.yml")).unwrap();
    let scripts = ["binary.mjs", "main.mjs", "start.mjs"]
        .map(|name| std::fs::read_to_string(action().join(name)).unwrap())
        .concat();
    let part = |from: &str, to: &str| file.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap();
    let names = |part: &str| -> Vec<String> {
        let lines = part.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        lines.map(|line| line.trim().trim_end_matches(':').to_owned()).collect()
    };
    let inputs = names(part("\ninputs:\n", "\noutputs:\n"));
    assert!(inputs.len() > 10, "{inputs:?}");
    for input in inputs {
        let known = [format!("'{input}'"), format!("\n  {input}: ")].iter().any(|spelled| scripts.contains(spelled));
        assert!(known, "nothing reads the input `{input}`");
    }
    let outputs = std::fs::read_to_string(action().join("../src/cli/command/ci/outputs.rs")).unwrap();
    for output in names(part("\noutputs:\n", "\nruns:\n")) {
        assert!(outputs.contains(&format!("\"{output}\"")), "nothing sets the output `{output}`");
    }
}

#[test]
fn the_step_ends_as_hob_does() {
    let Some(scene) = scene(RECORDER) else { return };
    for code in ["0", "1", "2", "3", "4", "130", "143"] {
        let ran = main_step(&scene, &[("INPUT_BINARY", "hob"), ("CODE", code)]);
        assert_eq!(ran.code().map(|code| code.to_string()).as_deref(), Some(code));
    }
}

#[test]
fn a_signal_reaches_hob_once_and_the_step_waits_for_its_end() {
    use std::os::unix::process::CommandExt;
    for (signal, name) in [(Signal::INT, "INT\n"), (Signal::TERM, "TERM\n")] {
        let Some(scene) = scene(WAITER) else { return };
        let gate = scene.gate("gate");
        let mut command = step(&scene, &action().join("main.mjs"), &[("INPUT_BINARY", "hob")]);
        // A runner asks the process, a terminal its whole group.
        command.env("GATE", &gate).process_group(0);
        let running = scene.start(command);
        assert_eq!(passed(gate), "ready");
        let group = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
        rustix::process::kill_process_group(group, signal).unwrap();
        assert_eq!(running.wait().0.code(), Some(130));
        assert_eq!(recorded(&scene, "signals"), name);
    }
}

#[test]
fn a_binary_that_cannot_be_started_is_told_with_the_next_move() {
    let Some(scene) = scene(RECORDER) else { return };
    let scene = scene.file("plain", "text\n");
    let told = |binary| main_step(&scene, &[("INPUT_BINARY", binary)]).transcript();
    insta::assert_snapshot!(told("no/hob"), @"
    exit 2
    --- stdout
    --- stderr
    ::error title=hob::cannot start the binary `[SCENE]/work/no/hob`: there is no such file; `binary:` is a path on the runner, from the workspace on
    ");
    insta::assert_snapshot!(told("plain"), @"
    exit 2
    --- stdout
    --- stderr
    ::error title=hob::cannot start the binary `[SCENE]/work/plain`: it is no program that may be run; `chmod +x` makes it one
    ");
}

#[test]
fn post_keeps_what_main_left_and_says_nothing_where_there_was_no_main() {
    let Some(scene) = scene(RECORDER) else { return };
    let post = |variables: &[(&str, &str)]| scene.end(step(&scene, &action().join("post.mjs"), variables)).transcript();
    assert_eq!(post(&[]), "exit 0\n--- stdout\n--- stderr\n");
    main_step(&scene, &[("INPUT_BINARY", "hob"), ("CODE", "1")]);
    assert_eq!(std::fs::read_to_string(scene.beside("saved")).unwrap(), "started=true\n");
    post(&[("STATE_started", "true"), ("INPUT_BINARY", "hob"), ("INPUT_GITHUB-TOKEN", "ghs_1")]);
    assert_eq!(recorded(&scene, "args"), "ci\n--phase\nsave\n");
    assert!(recorded(&scene, "env").contains("HOB_GITHUB_TOKEN=ghs_1\0"));
}

/// A server of releases that answers each request with the next of `answers`, and tells what was asked.
fn releases(answers: Vec<Vec<u8>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (say, hear) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut asked).unwrap();
            // Up to the empty line, so that closing does not cut the answer.
            while reader.read_line(&mut String::new()).unwrap() > 2 {}
            stream.write_all(&answer).unwrap();
            say.send(asked.trim().to_owned()).ok();
        }
    });
    (url, hear)
}

fn ok(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), body]
        .concat()
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// The action as a released commit holds it, and the archive that it names.
fn released(scene: &Scene) -> (PathBuf, Vec<u8>) {
    let folder = scene.beside("action");
    std::fs::create_dir(&folder).unwrap();
    for file in std::fs::read_dir(action()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let archive = scene.beside("archive.tar.gz");
    #[expect(clippy::disallowed_methods, reason = "tests make an archive as a release does")]
    let tar = Command::new("tar").args(["-czf"]).arg(&archive).args(["-C"]).arg(scene.workspace()).arg("hob").status();
    assert!(tar.unwrap().success());
    let mut bytes = Vec::new();
    std::fs::File::open(archive).unwrap().read_to_end(&mut bytes).unwrap();
    let digest = hex::encode(Sha256::digest(&bytes));
    let line = |digest: &str, version: &str| {
        format!("{digest}  hob-{version}-{}-unknown-linux-musl.tar.gz\n", std::env::consts::ARCH)
    };
    let lines = [line(&"0".repeat(64), "v0.1.0"), line(&digest, "v0.2.0")].concat();
    std::fs::write(folder.join("checksums.txt"), format!("# a line that names nothing\n{lines}")).unwrap();
    (folder.join("main.mjs"), bytes)
}

#[test]
fn a_release_is_fetched_once_and_its_digest_is_asked_each_time() {
    let Some(scene) = scene(RECORDER) else { return };
    let (file, archive) = released(&scene);
    let name = format!("v0.2.0/hob-v0.2.0-{}-unknown-linux-musl.tar.gz", std::env::consts::ARCH);
    let (url, asked) = releases(vec![redirect("/elsewhere"), ok(&archive), ok(&archive)]);
    let cache = scene.beside("cache");
    let run = || {
        let variables = [("HOB_RELEASES_URL", url.as_str()), ("RUNNER_TOOL_CACHE", cache.to_str().unwrap())];
        let ran = scene.end(step(&scene, &file, &variables));
        assert_eq!(ran.transcript(), "exit 0\n--- stdout\n--- stderr\n");
        assert_eq!(recorded(&scene, "args"), "ci\n--phase\nrun\n");
    };
    run();
    let requests: Vec<String> = asked.try_iter().collect();
    assert_eq!(requests, [format!("GET /{name} HTTP/1.1"), "GET /elsewhere HTTP/1.1".to_owned()]);
    run();
    assert_eq!(asked.try_iter().count(), 0, "it was not kept");
    // Whoever may write to the cache of a runner does not choose what it runs.
    let kept = cache.join("hob").join(name.trim_start_matches("v0.2.0/"));
    std::fs::write(&kept, b"poisoned").unwrap();
    run();
    assert_eq!(asked.try_iter().count(), 1);
    assert_eq!(std::fs::read(&kept).unwrap(), archive);
}

#[test]
fn what_is_not_the_release_is_not_started() {
    let Some(scene) = scene(RECORDER) else { return };
    let (file, archive) = released(&scene);
    let (url, _) = releases(vec![ok(&archive), b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()]);
    let told = |version| {
        let variables = [("HOB_RELEASES_URL", url.as_str()), ("INPUT_VERSION", version)];
        let ran = scene.end(step(&scene, &file, &variables)).transcript();
        let digest = hex::encode(Sha256::digest(&archive));
        ran.replace(&url, "[URL]").replace(&digest, "[SHA-256]").replace(std::env::consts::ARCH, "[ARCH]")
    };
    insta::assert_snapshot!(told("v0.1.0"), @"
    exit 2
    --- stdout
    --- stderr
    ::error title=hob::cannot get the hob binary from [URL]/v0.1.0/hob-v0.1.0-[ARCH]-unknown-linux-musl.tar.gz: what was found there has the SHA-256 [SHA-256], and this action was made for 0000000000000000000000000000000000000000000000000000000000000000; behind a proxy set HTTPS_PROXY, without a network give a binary with `binary:`
    ");
    insta::assert_snapshot!(told("v0.2.0"), @"
    exit 2
    --- stdout
    --- stderr
    ::error title=hob::cannot get the hob binary from [URL]/v0.2.0/hob-v0.2.0-[ARCH]-unknown-linux-musl.tar.gz: the answer is 404; behind a proxy set HTTPS_PROXY, without a network give a binary with `binary:`
    ");
    assert!(told("v9").contains("names no hob v9 for linux-"), "{}", told("v9"));
    assert!(told("v9").contains("(it knows v0.1.0, v0.2.0)"), "{}", told("v9"));
    assert_eq!(recorded(&scene, "args"), "");
}

#[test]
fn a_proxy_of_the_runner_is_asked() {
    let Some(scene) = scene(RECORDER) else { return };
    let (file, archive) = released(&scene);
    let (proxy, asked) = releases(vec![ok(&archive)]);
    let variables = [("HOB_RELEASES_URL", "http://releases.example"), ("HTTP_PROXY", proxy.as_str())];
    let ran = scene.end(step(&scene, &file, &variables));
    assert_eq!(ran.transcript(), "exit 0\n--- stdout\n--- stderr\n");
    let line = asked.recv().unwrap();
    assert!(line.starts_with("GET http://releases.example/v0.2.0/hob-v0.2.0-"), "{line}");
}
