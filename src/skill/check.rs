//! Reads the head of a `SKILL.md`, and tells everything that is wrong with it at once.

use std::collections::BTreeMap;

use super::Skill;
use crate::domain::front_matter::{self, Fields, Node, Shape, name};
use crate::domain::name::Name;
use crate::domain::problem::{Problem, Severity};

/// The specification's limits, in characters.
const DESCRIPTION_MAX: usize = 1024;
const COMPATIBILITY_MAX: usize = 500;

/// What came of reading a `SKILL.md`.
#[derive(Debug)]
pub struct Checked {
    /// The skill; `None` when a problem is an error.
    pub skill: Option<Skill>,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

/// Reads a `SKILL.md`; `directory` is the name of the directory it is in.
pub fn check(directory: &str, source: &str) -> Checked {
    let mut problems = Vec::new();
    let skill = read(directory, source, &mut problems);
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    let fatal = problems.iter().any(|problem| problem.severity == Severity::Error);
    Checked { skill: skill.filter(|_| !fatal), problems }
}

fn read(directory: &str, source: &str, problems: &mut Vec<Problem>) -> Option<Skill> {
    let parts = front_matter::split(source).map_err(|problem| problems.push(problem)).ok()?;
    let root = front_matter::parse(source, parts.head, problems)?;
    let mut head = Fields::of(&root, "a skill", problems)?;
    let given = head.value("name");
    let description = head.value("description");
    for (key, node, help) in [
        ("name", given, format!("write `name: {directory}`, the name of its directory")),
        (
            "description",
            description,
            "say what it does and when to use it: it is all that a model sees at first".to_owned(),
        ),
    ] {
        if node.is_none() {
            problems.push(Problem::error("missing-key", format!("a skill needs a `{key}`")).help(help));
        }
    }
    let own = given.and_then(|node| own_name(node, directory, problems));
    let description = description.and_then(|node| words("description", node, DESCRIPTION_MAX, problems));
    let license = head.value("license").and_then(|node| words("license", node, usize::MAX, problems));
    let compatibility =
        head.value("compatibility").and_then(|node| words("compatibility", node, COMPATIBILITY_MAX, problems));
    let metadata = head.value("metadata").map_or_else(BTreeMap::new, |node| metadata(node, problems));
    let allowed_tools = head.value("allowed-tools").and_then(|node| words("allowed-tools", node, usize::MAX, problems));
    head.finish(problems);
    Some(Skill { name: own?, description: description?, license, compatibility, metadata, allowed_tools })
}

fn own_name(node: &Node, directory: &str, problems: &mut Vec<Problem>) -> Option<Name> {
    let given = name("name", node, problems)?;
    if given.as_str() != directory {
        problems.push(
            Problem::error(
                "name-mismatch",
                format!("the skill calls itself `{given}`, but its directory is `{directory}`"),
            )
            .at(node.span.clone())
            .help("make them equal"),
        );
    }
    Some(given)
}

/// A text. In a skill every single value is one, also `1.0` and `true`: the specification's own
/// tools read it so.
fn words(key: &str, node: &Node, most: usize, problems: &mut Vec<Problem>) -> Option<String> {
    let text = match &node.shape {
        Shape::Scalar { text, .. } if !text.trim().is_empty() => text,
        Shape::Refused => return None,
        _ => {
            problems.push(
                Problem::error("wrong-type", format!("`{key}` must be a text that is not empty")).at(node.span.clone()),
            );
            return None;
        }
    };
    let length = text.chars().count();
    if length > most {
        problems.push(
            Problem::error("too-long", format!("`{key}` is {length} characters, at most {most}"))
                .at(node.span.clone())
                .help("say the rest in the text below the second `---`"),
        );
        return None;
    }
    Some(text.trim().to_owned())
}

fn metadata(node: &Node, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Shape::Map(members) = &node.shape else {
        problems
            .push(Problem::error("wrong-type", "`metadata` must be a mapping of keys to texts").at(node.span.clone()));
        return found;
    };
    for member in members {
        match &member.value.shape {
            Shape::Scalar { text, .. } => {
                found.insert(member.key.clone(), text.clone());
            }
            Shape::Refused => {}
            _ => problems.push(
                Problem::error("wrong-type", format!("`{}` in `metadata` must be a text", member.key))
                    .at(member.value.span.clone()),
            ),
        }
    }
    found
}
