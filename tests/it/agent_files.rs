//! Agent files and skills as their authors meet them: what is said about bad ones, what good ones
//! become, and that reader, schema, documentation and the public validator agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hob::agent::{self, Known, fields, library};
use hob::domain::name::Name;
use hob::skill;
use serde_json::Value;

use crate::scene::{Ran, Scene, tool};

const PROVIDERS: &[&str] = &["anthropic", "openai", "openai-chat", "replay"];

/// `hob check` in this project's own folder.
fn check_path(path: &str) -> Ran {
    let scene = Scene::empty();
    let mut command = scene.command(["check", path]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    scene.end(command)
}

fn names(words: &[&str]) -> Vec<Name> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn every_bad_file_is_told_with_its_place_and_the_next_move() {
    let ran = check_path("tests/fixtures/agents/bad");
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    insta::assert_snapshot!(ran.stdout());
}

#[test]
fn a_single_file_a_skill_and_a_directory_can_be_checked() {
    for (path, last) in [
        ("agents/triage.md", "1 agent: no problems"),
        ("skills/triage", "1 skill: no problems"),
        ("skills/triage/SKILL.md", "1 skill: no problems"),
        ("agents", "2 agents: no problems"),
        ("skills", "2 skills: no problems"),
        (".", "2 agents, 2 skills: no problems"),
        ("tests/fixtures/agents/bad/agents/anyone.md", "2 errors, 1 warning in 1 file"),
        ("tests/fixtures/agents/every-key.md", "2 warnings in 1 file"),
    ] {
        assert_eq!(check_path(path).stdout().lines().last(), Some(last), "{path}");
    }
    for (path, message) in [("src", "there is nothing to check in `src`"), ("no/such", "`no/such` cannot be read")] {
        let ran = check_path(path);
        assert_eq!(ran.code(), Some(2), "{path}");
        assert!(ran.stderr().starts_with(&format!("error: {message}")), "{}", ran.stderr());
    }
}

#[test]
fn every_key_becomes_what_it_says() {
    let source = fs::read_to_string("tests/fixtures/agents/every-key.md").unwrap();
    let skills = names(&["triage"]);
    let known = Known { skills: &skills, providers: PROVIDERS, ..Known::default() };
    let checked = library::Library::new([]).check("every-key", &source, &known);
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    let agent = checked.agent.unwrap();
    let lines: Vec<String> = [
        format!("{:?}", agent.model),
        format!("{} {} {:?}", agent.thinking, agent.who, agent.sandbox),
        format!("{:?}", agent.tools),
        format!("{:?}", agent.commands),
        format!("{:?}", agent.subagents.iter().map(|agent| agent.name.to_string()).collect::<Vec<_>>()),
        format!("{:?}", agent.limits),
        agent.result.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
    .into_iter()
    .chain(agent.triggers.iter().map(|trigger| format!("{trigger:?}")))
    .chain(agent.effects.iter().map(|rule| format!("{rule:?}")))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_schema_is_the_one_in_docs() {
    let made = serde_json::to_string_pretty(&agent::schema::schema()).unwrap() + "\n";
    let path = Path::new("docs/agent.schema.json");
    if bless() {
        fs::write(path, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), made, "run this test again with HOB_BLESS=1");
}

/// The reader's words are its own, so the schema is held to it by example.
#[test]
fn schema_and_reader_agree() {
    let schema = agent::schema::schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let head = |path: &Path| {
        let source = fs::read_to_string(path).ok()?;
        let parts = hob::domain::front_matter::split(&source).ok()?;
        Some(hob::domain::front_matter::parse(&source, parts.head, &mut Vec::new())?.to_json())
    };

    let full = head(Path::new("tests/fixtures/agents/every-key.md")).unwrap();
    let errors: Vec<String> = validator.iter_errors(&full).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(unused(&schema, &schema, &full, "").join(" "), "", "the example lacks keys of the schema");

    for shipped in ["agents/triage.md", "agents/assist.md"] {
        assert!(validator.is_valid(&head(Path::new(shipped)).unwrap()), "{shipped}");
    }
    for bad in ["keys", "types", "planned"] {
        let head = head(&PathBuf::from(format!("tests/fixtures/agents/bad/agents/{bad}.md"))).unwrap();
        assert!(!validator.is_valid(&head), "{bad}");
    }
}

/// Keys that the schema has and the example does not.
fn unused(root: &Value, schema: &Value, example: &Value, path: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return unused(root, root.pointer(&target[1..]).unwrap(), example, path);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().flat_map(|choice| unused(root, choice, example, path)).collect();
    }
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    properties
        .iter()
        .flat_map(|(key, below)| match example.get(key) {
            // Which of the two stands for both.
            None if matches!(key.as_str(), "command" | "mention") => Vec::new(),
            None => vec![format!("{path}/{key}")],
            Some(example) => unused(root, below, example, &format!("{path}/{key}")),
        })
        .collect()
}

#[test]
fn the_documentation_names_every_code_key_and_path() {
    let docs = fs::read_to_string("docs/agents.md").unwrap() + &fs::read_to_string("docs/skills.md").unwrap();
    let seen = check_path("tests/fixtures/agents/bad").stdout();
    for code in codes() {
        assert!(docs.contains(&format!("| `{code}` |")), "the table of codes lacks `{code}`");
        assert!(seen.contains(&format!("[{code}]")), "no bad file shows `{code}`");
    }
    for path in fields::paths() {
        assert!(docs.contains(&format!("`{path}`")), "docs lack the path `{path}`");
    }
    for key in keys(&agent::schema::schema()) {
        assert!(docs.contains(&format!("`{key}`")) || docs.contains(&format!(" {key}:")), "docs lack the key `{key}`");
    }
}

/// Every code that the sources spell.
fn codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let mut directories: Vec<PathBuf> = ["src/agent", "src/skill", "src/domain/front_matter"].map(PathBuf::from).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let source = fs::read_to_string(path).unwrap();
            for made in ["Problem::error(", "Problem::warning("] {
                let calls = source.split(made).skip(1).filter_map(|call| call.trim_start().strip_prefix('"'));
                codes.extend(calls.filter_map(|call| Some(call.split_once('"')?.0.to_owned())));
            }
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    codes
}

fn keys(schema: &Value) -> BTreeSet<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| {
                let own: Vec<String> = match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => properties.keys().cloned().collect(),
                    _ => Vec::new(),
                };
                own.into_iter().chain(keys(value))
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn shipped_agents_find_their_skills_from_any_directory() {
    let empty = tempfile::tempdir().unwrap();
    let skills = skill::library::Library::open(empty.path());
    let names = skills.names();
    let library = library::Library::new([empty.path().to_owned()]);
    for (name, _) in library::SHIPPED {
        let found = library.find(name, &Known { skills: &names, providers: PROVIDERS, ..Known::default() }).unwrap();
        assert!(found.report.problems.is_empty());
        for skill in &found.agent.skills {
            assert_eq!(&skills.get(skill.as_str()).unwrap().name, skill);
        }
    }
}

#[test]
fn the_first_agent_of_a_name_counts_and_a_wrong_name_gets_help() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("agents")).unwrap();
    fs::write(root.path().join("agents/triage.md"), "---\ndescription: mine\n---\nbody").unwrap();
    fs::write(root.path().join("agents/broken.md"), "---\n---\nbody").unwrap();
    let library = library::Library::new([root.path().to_owned()]);
    let known = Known { skills: &[], providers: PROVIDERS, ..Known::default() };
    assert_eq!(library.find("triage", &known).unwrap().agent.description, "mine");
    for (name, message) in [
        ("traige", "there is no agent `traige`: did you mean `triage`?"),
        ("xyz", "there is no agent `xyz`: known are assist, broken, triage"),
        ("../../etc/passwd", "there is no agent `../../etc/passwd`: known are assist, broken, triage"),
    ] {
        assert_eq!(library.find(name, &known).unwrap_err().to_string(), message);
    }
    assert!(matches!(library.find("broken", &known), Err(library::Error::Faulty(report)) if report.is_fatal()));
}

#[cfg(unix)]
#[test]
fn an_agent_file_that_leads_out_of_the_directory_is_not_read() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "---\ndescription: secret\n---\nsecret").unwrap();
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("agents")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("agents/evil.md")).unwrap();
    let error = library::Library::new([root.path().to_owned()]).find("evil", &Known::default()).unwrap_err();
    assert!(matches!(&error, library::Error::Unreadable { .. }), "{error}");
}

/// The specification's own validator; it reads YAML more narrowly than we do (no flow style), so
/// the files here use what both read.
#[test]
fn our_verdict_on_skills_is_the_public_validators() {
    let Some(validator) = tool::find("agentskills", "pip install skills-ref==0.1.1") else { return };
    let root = tempfile::tempdir().unwrap();
    let long = "x".repeat(1025);
    let cases = [
        ("good", "---\nname: good\ndescription: Does it.\n---\nbody\n".to_owned()),
        (
            "full",
            "---\nname: full\ndescription: Does it.\nlicense: MIT\ncompatibility: needs git\nmetadata:\n  version: 1.0\n  author: me\nallowed-tools: Bash(git:*) Read\n---\n".to_owned(),
        ),
        ("number", "---\nname: number\ndescription: 5\n---\n".to_owned()),
        ("crlf", "---\r\nname: crlf\r\ndescription: x\r\n---\r\nbody\r\n".to_owned()),
        ("folded", "---\nname: folded\ndescription: >\n  Does\n  it.\n---\n".to_owned()),
        ("name-mismatch", "---\nname: other\ndescription: x\n---\n".to_owned()),
        ("Upper", "---\nname: Upper\ndescription: x\n---\n".to_owned()),
        ("two--hyphens", "---\nname: two--hyphens\ndescription: x\n---\n".to_owned()),
        ("under_score", "---\nname: under_score\ndescription: x\n---\n".to_owned()),
        ("no-name", "---\ndescription: x\n---\n".to_owned()),
        ("no-description", "---\nname: no-description\n---\n".to_owned()),
        ("empty-description", "---\nname: empty-description\ndescription: ''\n---\n".to_owned()),
        ("long-description", format!("---\nname: long-description\ndescription: {long}\n---\n")),
        ("long-compatibility", format!("---\nname: long-compatibility\ndescription: x\ncompatibility: {}\n---\n", &long[..501])),
        ("unknown-key", "---\nname: unknown-key\ndescription: x\nversion: 1\n---\n".to_owned()),
        ("twice", "---\nname: twice\ndescription: x\ndescription: y\n---\n".to_owned()),
        ("no-head", "# Title\n".to_owned()),
        ("unclosed", "---\nname: unclosed\ndescription: x\n".to_owned()),
        ("no-yaml", "---\nname: no-yaml\ndescription: [x\n---\n".to_owned()),
    ];
    let mut verdicts = Vec::new();
    for (name, source) in &cases {
        let directory = root.path().join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("SKILL.md"), source).unwrap();
        verdicts.push((*name, skill::check(name, source).skill.is_some(), passes(&validator, &directory)));
    }
    for (name, ours, theirs) in verdicts {
        assert_eq!(ours, theirs, "{name}: ours is {ours}, theirs is {theirs}");
    }
    for shipped in ["skills/triage", "skills/answer"] {
        assert!(passes(&validator, Path::new(shipped)), "{shipped}");
    }
}

#[expect(clippy::disallowed_methods, reason = "runs the validator, a program of somebody else")]
fn passes(validator: &Path, directory: &Path) -> bool {
    std::process::Command::new(validator).arg("validate").arg(directory).output().unwrap().status.success()
}

#[expect(clippy::disallowed_methods, reason = "a person asks for new golden files by it")]
fn bless() -> bool {
    std::env::var_os("HOB_BLESS").is_some()
}
