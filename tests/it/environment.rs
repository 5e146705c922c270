//! What a process that took its environment shows to others, and hands to what it starts.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use hob::cli::env::Environment;

const KEY: &str = "sk-ant-do-not-show-3141592653589793";

/// Not a test by itself: the others start this binary again with it. It takes its environment, as
/// `hob run` does first of all, says what it found, and stays until its input ends.
#[test]
#[ignore = "started by the other tests of this file"]
fn a_process_that_takes_its_environment() {
    let environment = match Environment::take() {
        Ok(environment) => environment,
        Err(error) => return println!("error: {error}"),
    };
    println!("key: {}", environment.sites["anthropic"].key.as_ref().map_or("none", |key| key.expose()));
    println!("model: {}", environment.model.unwrap_or_default());
    #[expect(clippy::disallowed_methods, reason = "looks at what is left of the environment")]
    let mut variables: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
    variables.sort_unstable();
    println!("variables: {}", variables.join(" "));
    println!("name: {}", std::fs::read_to_string("/proc/self/comm").unwrap().trim());
    // Root may look; anybody else is refused even what is their own.
    let own = std::fs::read_to_string("/proc/self/environ").unwrap_or_else(|error| error.to_string());
    println!("own: {}", own.replace('\0', " "));
    #[expect(clippy::disallowed_methods, reason = "stands for a tool")]
    let tool = Command::new("/bin/sh").args(["-c", "env; ls /proc/self/fd"]).output().unwrap();
    println!("tool: {}", String::from_utf8(tool.stdout).unwrap().replace('\n', " "));
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

struct Stage {
    child: Child,
    output: BufReader<ChildStdout>,
    said: Vec<String>,
}

impl Stage {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut said = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "starts this test binary as the process to look at")]
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "environment::a_process_that_takes_its_environment", "--ignored", "--nocapture"])
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        for line in output.by_ref().lines() {
            let line = line.unwrap();
            let last = line == "ready" || line.starts_with("error: ");
            said.push(line);
            if last {
                break;
            }
        }
        Self { child, output, said }
    }

    fn said(&self, about: &str) -> &str {
        let line = self.said.iter().find_map(|line| line.strip_prefix(about)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("nothing about `{about}` in {:#?}", self.said))
    }

    /// What others may read of its environment: all of it for root, nothing for the same user.
    fn environ(&self) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/environ", self.child.id())).ok()
    }

    fn end(mut self) {
        // Gone already when it ended with an error.
        self.child.stdin.take().unwrap().write_all(b"\n").ok();
        self.output.read_to_end(&mut Vec::new()).unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_key_is_known_to_hob_and_to_nobody_else() {
    let stage = Stage::start(&[("ANTHROPIC_API_KEY", KEY)]);
    assert_eq!(stage.said("key"), KEY);
    assert!(!stage.said("own").contains(KEY));
    assert!(!stage.said("tool").contains(KEY));
    // From outside: root may read it and finds no key; others may not read it at all.
    let path = |file| format!("/proc/{}/{file}", stage.child.id());
    if let Ok(environ) = std::fs::read_to_string(path("environ")) {
        assert!(!environ.contains(KEY));
    }
    let arguments = std::fs::read_to_string(path("cmdline")).unwrap_or_default();
    assert!(!arguments.contains(KEY));
    stage.end();
}

#[test]
fn a_tool_inherits_no_descriptor() {
    let stage = Stage::start(&[("ANTHROPIC_API_KEY", KEY)]);
    // 0, 1, 2, and 3 for the directory that `ls` reads.
    assert!(stage.said("tool").ends_with(" 0 1 2 3 "), "{}", stage.said("tool"));
    stage.end();
}

#[test]
fn what_hob_hands_itself_is_emptied() {
    let stage = Stage::start(&[("ANTHROPIC_API_KEY", KEY)]);
    for entry in std::fs::read_dir(format!("/proc/{}/fd", stage.child.id())).into_iter().flatten().flatten() {
        if std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().contains("hob-secrets")) {
            assert_eq!(std::fs::read(entry.path()).unwrap(), b"");
        }
    }
    stage.end();
}

#[test]
fn the_process_keeps_its_name() {
    let stage = Stage::start(&[("ANTHROPIC_API_KEY", KEY)]);
    assert_eq!(stage.said("name"), "hob");
    stage.end();
}

#[test]
fn nothing_stays_in_the_environment_but_proxies_and_what_colours_depend_on() {
    let stays = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("no_proxy", "x"), ("NO_COLOR", "1"), ("TERM", "dumb")];
    let goes = [
        ("GITHUB_TOKEN", "ghs_0"),
        ("AWS_SECRET_ACCESS_KEY", "aws"),
        ("HOME", "/h"),
        ("HOB_MODEL", "a/b"),
        ("PATH", "/bin"),
    ];
    for key in [&[][..], &[("ANTHROPIC_API_KEY", KEY)]] {
        let stage = Stage::start(&[&stays[..], &goes, key].concat());
        assert_eq!(stage.said("key"), if key.is_empty() { "none" } else { KEY });
        assert_eq!(stage.said("model"), "a/b", "hob itself knows what it was told");
        let inside: Vec<&str> = stage.said("variables").split(' ').collect();
        assert_eq!(inside, ["HOB_SECRETS_FD", "HTTPS_PROXY", "NO_COLOR", "TERM", "no_proxy"]);
        for own in [stage.said("own").to_owned(), stage.environ().unwrap_or_default()] {
            for (name, _) in goes {
                assert!(!own.contains(&format!("{name}=")), "{own}");
            }
            assert!(!own.contains(KEY), "{own}");
        }
        stage.end();
    }
}

#[test]
fn a_descriptor_from_outside_is_refused() {
    for number in ["0", "99", "x", "-1", "../../1/environ"] {
        let stage = Stage::start(&[("HOB_SECRETS_FD", number)]);
        assert_eq!(
            stage.said("error"),
            "cannot empty the environment: \
             `HOB_SECRETS_FD` is hob's own and was set from outside; unset it",
        );
        stage.end();
    }
}
