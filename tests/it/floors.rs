//! The plan of the house, checked: who may use whom, how long a file may be, what nothing is
//! called, and where the doors are. Each rule is a function from files to findings, with a test
//! that it can fail.

mod tokens;

use std::fs;
use std::path::Path;

use tokens::{Token, tokens};

/// Rooms from the ground up. A room may use rooms of lower floors only; rooms of one floor do not
/// know each other. `telemetry` stands on `domain`, both are words.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["telemetry"],
    &["rules", "store", "sandbox", "provider", "forge", "git"],
    &["agent", "skill", "tool", "queue", "trust", "workflow"],
    &["channel", "session", "mcp", "effect"],
    &["harness"],
    &["worker", "server"],
    &["embed"],
    &["cli"],
];

/// How often each room may pass a door that `clippy.toml` closes: environment, wall clock, random
/// ids, processes. All other rooms never do.
const DOORS: &[(&str, usize)] = &[("cli", 3), ("embed", 2), ("sandbox", 4)];

/// Words that say nothing, as a part of a type's name.
const EMPTY_WORDS: &[&str] = &["Manager", "Helper", "Helpers", "Util", "Utils", "Common", "Impl"];

/// Files that would be about everything.
const NO_FILES: &[&str] = &["agent.rs", "session.rs", "config.rs", "helper.rs", "utils.rs", "common.rs"];

/// Longest file: more says that a noun is missing.
const LINES_MAX: usize = 400;

/// A file of `src`, by its path below it.
struct File {
    path: String,
    source: String,
}

impl File {
    /// The room it is in; the file's own name for `lib` and `main`.
    fn room(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Its module's path from the crate's root.
    fn module(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        path.split('/').filter(|part| !["mod", "lib", "main"].contains(part)).collect()
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Uses of rooms that are not below the user's own.
fn floors(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.contains('/')) {
        let room = file.room();
        let Some(own) = floor(room) else {
            findings.push(format!("{} is in the room `{room}`, which has no floor", file.path));
            continue;
        };
        for Use { room: used, line } in uses(file) {
            match floor(used) {
                _ if used == room => {}
                Some(below) if below < own => {}
                Some(_) => findings.push(format!("{} uses {used} (line {line})", file.path)),
                None => findings.push(format!("{} uses `{used}`, which is no room (line {line})", file.path)),
            }
        }
    }
    findings
}

/// A path that leads to a room.
struct Use<'a> {
    room: &'a str,
    line: usize,
}

/// Every path of a file that goes through the crate's root, in imports and in code.
fn uses(file: &File) -> Vec<Use<'_>> {
    let tokens = tokens(&file.source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut found = Vec::new();
    let mut depth = 0;
    // Modules written inside the file, with the depth of braces they stand at.
    let mut inner: Vec<usize> = Vec::new();
    for at in 0..tokens.len() {
        match text(at) {
            "{" => {
                if at >= 2 && text(at - 2) == "mod" {
                    inner.push(depth);
                }
                depth += 1;
            }
            "}" => {
                depth = usize::saturating_sub(depth, 1);
                inner.pop_if(|outside| *outside == depth);
            }
            // The beginning of a path, not a part of one.
            "crate" | "super" | "self" if at == 0 || text(at - 1) != ":" => {
                let level = if text(at) == "crate" { 0 } else { file.module().len() + inner.len() };
                tree(&tokens, at, level, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// Walks one path, or a group of them; `level` counts the modules above the place it is at.
fn tree<'a>(tokens: &[Token<'a>], at: usize, level: usize, found: &mut Vec<Use<'a>>) {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let goes_on = text(at + 1) == ":" && text(at + 2) == ":";
    match text(at) {
        "crate" | "self" if goes_on => tree(tokens, at + 3, level, found),
        "super" if goes_on => tree(tokens, at + 3, level.saturating_sub(1), found),
        "crate" | "self" | "super" => {}
        "{" => {
            let (mut depth, mut next) = (0, at);
            loop {
                match text(next) {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                if depth == 0 || next >= tokens.len() {
                    break;
                }
                if depth == 1 && matches!(text(next), "{" | ",") {
                    tree(tokens, next + 1, level, found);
                }
                next += 1;
            }
        }
        "}" => {}
        room if level == 0 => found.extend(tokens.get(at).map(|token| Use { room, line: token.line })),
        _ => {}
    }
}

fn lengths(files: &[File]) -> Vec<String> {
    let long = |file: &File| Some(file.source.lines().count()).filter(|lines| *lines > LINES_MAX);
    files.iter().filter_map(|file| Some(format!("{} has {} lines, over {LINES_MAX}", file.path, long(file)?))).collect()
}

fn file_names(files: &[File]) -> Vec<String> {
    let name = |file: &File| file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let bad = files.iter().filter(|file| NO_FILES.contains(&name(file).as_str()));
    bad.map(|file| format!("{} is called {}, which could be anything", file.path, name(file))).collect()
}

fn first_lines(files: &[File]) -> Vec<String> {
    let bad = files.iter().filter(|file| !file.source.starts_with("//!") && !file.source.starts_with("#![doc"));
    bad.map(|file| format!("{} does not begin with what it is about", file.path)).collect()
}

fn type_names(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files {
        let tokens = tokens(&file.source);
        for pair in tokens.windows(2) {
            let [keyword, name] = pair else { continue };
            if ["struct", "enum", "trait", "type", "union"].contains(&keyword.text)
                && EMPTY_WORDS.iter().any(|word| camel_words(name.text).contains(word))
            {
                findings.push(format!("{} has a type called {} (line {})", file.path, name.text, name.line));
            }
        }
    }
    findings
}

/// `FooBar` as `Foo`, `Bar`.
fn camel_words(name: &str) -> Vec<&str> {
    let starts = name.match_indices(char::is_uppercase).map(|(at, _)| at).chain([name.len()]);
    let starts: Vec<usize> = starts.collect();
    starts.windows(2).filter_map(|pair| name.get(pair[0]..pair[1])).collect()
}

fn unsafe_code(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with("sandbox/local")) {
        let lines = tokens(&file.source).into_iter().filter(|token| token.text == "unsafe").map(|token| token.line);
        findings.extend(lines.map(|line| format!("{} is unsafe (line {line})", file.path)));
    }
    findings
}

fn doors(files: &[File], doors: &[(&str, usize)]) -> Vec<String> {
    let mut rooms: Vec<&str> = files.iter().map(File::room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let passes = |file: &File| tokens(&file.source).iter().filter(|token| token.text == "disallowed_methods").count();
    let count = |room: &str| files.iter().filter(|file| file.room() == room).map(passes).sum::<usize>();
    let may = |room: &str| doors.iter().find(|(door, _)| *door == room).map_or(0, |(_, most)| *most);
    let over = rooms.into_iter().filter(|room| count(room) > may(room));
    over.map(|room| format!("{room} passes {} doors, at most {}", count(room), may(room))).collect()
}

/// The binary may reach for the door alone.
fn binary(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path == "main.rs") {
        let tokens = tokens(&file.source);
        for four in tokens.windows(4) {
            if let [Token { text: "hob", .. }, Token { text: ":", .. }, _, used] = four
                && used.text != "cli"
            {
                findings.push(format!("main.rs uses {} (line {})", used.text, used.line));
            }
        }
    }
    findings
}

/// Every Rust file of `src`.
fn source() -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut rest) = (Vec::new(), vec![src.clone()]);
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(fs::read_dir(path).unwrap().map(|member| member.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            files.push(File { path: path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), source });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// One made-up file.
fn file(path: &str, source: &str) -> Vec<File> {
    vec![File { path: path.to_owned(), source: source.to_owned() }]
}

#[test]
fn the_house_stands_as_planned() {
    let files = source();
    assert!(files.len() > 20, "the source was not found");
    let mut findings = Vec::new();
    for rule in [floors, lengths, file_names, first_lines, type_names, unsafe_code, binary] {
        findings.extend(rule(&files));
    }
    findings.extend(doors(&files, DOORS));
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn a_room_that_reaches_up_or_sideways_is_found_however_it_is_spelled() {
    for (path, source, expected) in [
        ("domain/id.rs", "use crate::harness::Harness;", "domain/id.rs uses harness (line 1)"),
        ("domain/id.rs", "fn a() {\n crate::harness::open() }", "domain/id.rs uses harness (line 2)"),
        ("domain/id.rs", "use super::super::harness;", "domain/id.rs uses harness (line 1)"),
        ("domain/mod.rs", "use super::harness;", "domain/mod.rs uses harness (line 1)"),
        (
            "store/bundle/open.rs",
            "use self::super::super::super::queue::admit;",
            "store/bundle/open.rs uses queue (line 1)",
        ),
        (
            "store/mod.rs",
            "use crate::{domain::{id, run}, sandbox::{self, Sandbox}};",
            "store/mod.rs uses sandbox (line 1)",
        ),
        ("domain/id.rs", "use super::{run, super::{domain, cli}};", "domain/id.rs uses cli (line 1)"),
        ("domain/id.rs", "mod tests { use super::super::super::cli; }", "domain/id.rs uses cli (line 1)"),
        ("domain/id.rs", "use crate::{\n  self,\n  cli,\n};", "domain/id.rs uses cli (line 3)"),
        ("domain/id.rs", "use crate::*;", "domain/id.rs uses `*`, which is no room (line 1)"),
        ("attic/mod.rs", "", "attic/mod.rs is in the room `attic`, which has no floor"),
    ] {
        assert_eq!(floors(&file(path, source)), [expected], "{source}");
    }
}

#[test]
fn a_room_that_reaches_down_or_into_itself_is_left_alone() {
    for (path, source) in [
        ("cli/command/run.rs", "use crate::{domain::id, harness, store::{Bundle, Error}};"),
        ("store/bundle/open.rs", "use super::super::Error; mod tests { use super::super::super::Error; }"),
        (
            "store/mod.rs",
            "use crate::store::bundle; pub(crate) fn a() {} pub(super) fn b() {} pub(in crate::store) struct C;",
        ),
        ("domain/id.rs", "// crate::harness\nconst A: &str = \"crate::harness\";"),
        ("domain/id.rs", "mod a { mod b { use super::super::harness; } } use super::harness;"),
        ("telemetry/redact.rs", "use crate::domain::secret::Secret;"),
    ] {
        assert!(floors(&file(path, source)).is_empty(), "{source}");
    }
}

#[test]
fn every_other_rule_can_fail_too() {
    let long = "//!\n".repeat(LINES_MAX + 1);
    let door = "#[expect(\n    clippy::disallowed_methods,\n    reason = \"x\"\n)]";
    let doors = |files: &[File]| doors(files, &[("cli", 1)]);
    type Rule<'a> = &'a dyn Fn(&[File]) -> Vec<String>;
    for (rule, path, source, expected) in [
        (&lengths as Rule<'_>, "a/b.rs", long.as_str(), "a/b.rs has 401 lines, over 400"),
        (&file_names, "tool/config.rs", "", "tool/config.rs is called config.rs, which could be anything"),
        (&first_lines, "a/b.rs", "use x;", "a/b.rs does not begin with what it is about"),
        (&type_names, "a/b.rs", "pub struct RunManager<T>;", "a/b.rs has a type called RunManager (line 1)"),
        (&unsafe_code, "sandbox/virtual_.rs", "\nunsafe { x() }", "sandbox/virtual_.rs is unsafe (line 2)"),
        (&doors, "store/mod.rs", door, "store passes 1 doors, at most 0"),
        (&doors, "cli/env.rs", &format!("{door}{door}"), "cli passes 2 doors, at most 1"),
        (&binary, "main.rs", "fn main() { hob::harness::go() }", "main.rs uses harness (line 1)"),
    ] {
        assert_eq!(rule(&file(path, source)), [expected]);
    }
    for (rule, path, source) in [
        (&lengths as Rule<'_>, "a/b.rs", "//!\n"),
        (&file_names, "agent/mod.rs", ""),
        (&type_names, "a/b.rs", "struct Implicit; enum Utility {}"),
        (&unsafe_code, "sandbox/local/confine.rs", "unsafe { x() }"),
        (&doors, "cli/env.rs", door),
        (&binary, "main.rs", "fn main() -> ExitCode { hob::cli::main() }"),
    ] {
        assert!(rule(&file(path, source)).is_empty(), "{path}: {source}");
    }
}
