//! Reads `commands:`: tools that are programs, each an argument vector with places for what the
//! model gives. No shell reads any of it.

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::json_schema::{self, Of};
use super::script::runs_script;
use super::{DESCRIPTION_MAX, SandboxSpec};
use crate::domain::command::{Command, NAME_MAX, RESERVED, RESERVED_PREFIXES, TIMEOUT_DEFAULT, TIMEOUT_MAX, Word};
use crate::domain::front_matter::{Fields, Member, Node, Shape, flag, list, seconds, text};
use crate::domain::name::{SandboxKind, ToolKind};
use crate::domain::problem::{Problem, nearest};

/// Commands of one agent: each costs the model its schema on every turn.
const COMMANDS_MAX: usize = 32;

/// Arguments of one command, the program counted.
const WORDS_MAX: usize = 64;

/// Longest argument that stands in a head, in bytes.
const WORD_MAX: usize = 4096;

/// The commands of a head, without those that something is wrong with.
pub(super) fn commands(member: &Member, sandbox: Option<&SandboxSpec>, problems: &mut Vec<Problem>) -> Vec<Command> {
    let node = &member.value;
    if Fields::of(node, "`commands`", problems).is_none() {
        return Vec::new();
    }
    let Shape::Map(members) = &node.shape else { return Vec::new() };
    if members.len() > COMMANDS_MAX {
        problems.push(
            Problem::error("too-long", format!("`commands` has {}, at most {COMMANDS_MAX}", members.len()))
                .at(member.key_span.clone())
                .help("let one command do what several do, by an input"),
        );
    }
    if sandbox.is_some_and(|sandbox| sandbox.kind == SandboxKind::None) && !members.is_empty() {
        problems.push(
            Problem::error("tool-without-sandbox", "commands run in a sandbox, and sandbox `none` runs none")
                .at(member.key_span.clone())
                .help("remove `commands`, or use `sandbox: virtual` or `sandbox: local`"),
        );
    }
    members.iter().filter_map(|member| command(member, problems)).collect()
}

fn command(member: &Member, problems: &mut Vec<Problem>) -> Option<Command> {
    let name = own_name(member, problems);
    let shown: String = member.key.chars().take(NAME_MAX).collect();
    let mut fields = Fields::of(&member.value, format!("command `{shown}`"), problems)?;
    let description = match fields.value("description") {
        Some(node) => description(node, problems),
        None => missing(member, "description", "say in one sentence what it does, for the model", problems),
    };
    let inputs = match fields.value("input") {
        Some(node) => Inputs::read(&shown, node, problems),
        None => Inputs::none(),
    };
    let run = match fields.value("run") {
        Some(node) => words(&shown, node, inputs.as_ref(), problems),
        None => missing(member, "run", "write the program and its arguments: `run: [cargo, check]`", problems),
    };
    let timeout = fields.value("timeout").map(|node| seconds("timeout", node, TIMEOUT_MAX, problems));
    let read_only = fields.value("read_only").map(|node| flag("read_only", node, problems));
    fields.finish(problems);
    let (inputs, run) = (inputs?, run?);
    inputs.are_used(&shown, &run, problems);
    Some(Command {
        name: name?,
        description: description?,
        run,
        input: inputs.schema,
        timeout: timeout.unwrap_or(Some(TIMEOUT_DEFAULT))?,
        read_only: read_only.unwrap_or(Some(false))?,
    })
}

fn missing<T>(member: &Member, key: &str, help: &str, problems: &mut Vec<Problem>) -> Option<T> {
    problems.push(
        Problem::error("missing-key", format!("a command needs a `{key}`")).at(member.key_span.clone()).help(help),
    );
    None
}

fn description(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let given = text("description", node, problems)?;
    let length = given.chars().count();
    if length > DESCRIPTION_MAX {
        problems.push(
            Problem::error("too-long", format!("`description` is {length} characters, at most {DESCRIPTION_MAX}"))
                .at(node.span.clone())
                .help("the model reads it on every turn: be brief"),
        );
        return None;
    }
    Some(given)
}

/// The key is what the model calls the tool, so it may be nobody else's name.
fn own_name(member: &Member, problems: &mut Vec<Problem>) -> Option<String> {
    let name = member.key.as_str();
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
    let reason = if name.len() > NAME_MAX {
        "it is longer than 64 bytes"
    } else if !name.bytes().all(plain) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "use lower-case letters, digits, `_` and `-`, a letter first"
    } else if name.parse::<ToolKind>().is_ok()
        || RESERVED.contains(&name)
        || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    {
        "it is the name of a tool of hob's own"
    } else {
        return Some(name.to_owned());
    };
    let shown: String = name.chars().take(80).collect();
    problems.push(
        Problem::error("bad-name", format!("`{shown}` cannot be the name of a command: {reason}"))
            .at(member.key_span.clone()),
    );
    None
}

/// The program and its arguments. What is wrong leaves an empty one, so that the others keep their places.
fn words(command: &str, node: &Node, inputs: Option<&Inputs>, problems: &mut Vec<Problem>) -> Option<Vec<Word>> {
    let before = problems.len();
    let items = list("run", node, problems);
    let mut words = Vec::new();
    for item in items.iter().take(WORDS_MAX) {
        let word = match (&item.shape, inputs) {
            (Shape::Map(_), _) => Err("braces without quotes are a mapping to YAML; write `\"{name}\"`".to_owned()),
            (_, None) => text("run", item, problems).map_or(Ok(None), |given| Ok(Some(Word::Fixed(given)))),
            (_, Some(inputs)) => text("run", item, problems).map(|given| word(given, &words, inputs)).transpose(),
        };
        words.push(match word {
            Ok(Some(word)) => word,
            Ok(None) => Word::Fixed(String::new()),
            Err(reason) => {
                problems.push(bad(command, item, reason));
                Word::Fixed(String::new())
            }
        });
    }
    if items.len() > WORDS_MAX {
        problems.push(bad(command, node, format!("{} arguments, at most {WORDS_MAX}", items.len())));
    } else if items.is_empty() && problems.len() == before {
        problems.push(bad(command, node, "no program is named").help("write for example `run: [cargo, check]`"));
    }
    (problems.len() == before).then_some(words)
}

fn bad(command: &str, node: &Node, reason: impl std::fmt::Display) -> Problem {
    Problem::error("bad-command", format!("`run` of `{command}`: {reason}")).at(node.span.clone())
}

/// One argument, behind those of `before`.
fn word(given: String, before: &[Word], inputs: &Inputs) -> Result<Word, String> {
    if given.len() > WORD_MAX || given.contains('\0') {
        return Err(format!("an argument is at most {WORD_MAX} bytes, without NUL characters"));
    }
    let place = given.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).filter(|name| is_input(name));
    let Some(name) = place else {
        return match inputs.each.iter().find(|input| given.contains(&format!("{{{}}}", input.name))) {
            Some(input) => Err(format!(
                "`{{{}}}` must be an argument of its own, so that what the model gives is one and never a part of one",
                input.name
            )),
            None => Ok(Word::Fixed(given)),
        };
    };
    let Some(input) = inputs.find(name) else {
        return Err(match nearest(name, inputs.each.iter().map(|input| input.name.as_str())) {
            Some(near) => format!("`input` has no `{name}`; did you mean `{{{near}}}`?"),
            None => format!("`input` has no `{name}`; describe it there, under `properties`"),
        });
    };
    if before.is_empty() {
        return Err(format!("`{given}` would leave the program to the model; name it here"));
    }
    if runs_script(before) {
        return Err(format!(
            "`{given}` stands where its program takes what it runs, and the model would choose that; name it here, or give \
             the agent the tool `bash`"
        ));
    }
    Ok(Word::Input { name: name.to_owned(), default: input.default.clone() })
}

/// What may stand in the braces of a place.
fn is_input(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    name.len() <= NAME_MAX && name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// What a model gives to one command.
struct Inputs<'a> {
    schema: Arc<RawValue>,
    each: Vec<Input<'a>>,
}

struct Input<'a> {
    name: String,
    default: Option<String>,
    at: &'a Node,
}

impl<'a> Inputs<'a> {
    fn none() -> Option<Self> {
        let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
        Some(Self { schema: to_raw_value(&schema).ok()?.into(), each: Vec::new() })
    }

    fn read(command: &str, node: &'a Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let of = Of::Input(command);
        let before = problems.len();
        let mut schema = json_schema::read(of, node, problems)?;
        match schema.get("additionalProperties") {
            None => schema["additionalProperties"] = false.into(),
            Some(Value::Bool(false)) => {}
            Some(_) => {
                let at = node.at_pointer("/additionalProperties");
                problems.push(of.bad(at, "a command is given what `properties` names, and nothing more"));
            }
        }
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut each = Vec::new();
        for (name, property) in properties {
            let at = node.at_pointer(&format!("/properties/{}", name.replace('~', "~0").replace('/', "~1")));
            let default = property.get("default").map(scalar);
            let shown: String = name.chars().take(NAME_MAX).collect();
            if !is_input(name) {
                problems.push(of.bad(at, format!("`{shown}` is not letters, digits and `_`, a letter first")));
            } else if !is_scalar(property) || default == Some(None) {
                let reason = format!("`{shown}` fills one argument, so it must be one value");
                problems.push(
                    of.bad(at, reason)
                        .help("give it a `type` of string, integer, number or boolean, or an `enum` of such"),
                );
            } else if default.is_none() && !required.contains(&name.as_str()) {
                let reason = format!("`{shown}` may be left out, and `run` would have a hole");
                problems.push(of.bad(at, reason).help(format!("write `required: [{shown}]`, or give it a `default`")));
            }
            each.push(Input { name: name.clone(), default: default.flatten(), at });
        }
        let schema = to_raw_value(&schema).ok()?.into();
        (problems.len() == before).then_some(Self { schema, each })
    }

    fn find(&self, name: &str) -> Option<&Input<'a>> {
        self.each.iter().find(|input| input.name == name)
    }

    fn are_used(&self, command: &str, run: &[Word], problems: &mut Vec<Problem>) {
        for input in &self.each {
            if !run.iter().any(|word| matches!(word, Word::Input { name, .. } if *name == input.name)) {
                let reason = format!("`{}` stands nowhere in `run`", input.name);
                let help = format!("add the argument `\"{{{}}}\"`, or remove it", input.name);
                problems.push(Of::Input(command).bad(input.at, reason).help(help));
            }
        }
    }
}

/// Whether all that fits is one value that has one spelling.
fn is_scalar(property: &Value) -> bool {
    match (property.get("type"), property.get("enum"), property.get("const")) {
        (Some(kind), _, _) => matches!(kind.as_str(), Some("string" | "integer" | "number" | "boolean")),
        (None, Some(Value::Array(choices)), _) => choices.iter().all(|choice| scalar(choice).is_some()),
        (None, None, Some(only)) => scalar(only).is_some(),
        _ => false,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::agent::{Known, check};

    /// The commands of a head as they are understood, and what is said about the others.
    fn read(commands: &str) -> String {
        let source = format!("---\ndescription: x\ncommands:\n{commands}\n---\nDo it.\n");
        let checked = check("a", &source, &Known::default());
        let told = checked.problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message));
        let command = |agent: crate::agent::Agent| agent.commands.into_iter().map(|command| format!("{command:?}"));
        told.chain(checked.agent.into_iter().flat_map(command)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_declared_is_understood_to_the_letter() {
        insta::assert_snapshot!(
            read(
                "  plain: { description: p, run: [ls] }\n\
                 \x20 braces: { description: b, run: [awk, '{print $1}', '{ print }', '{}', '{{x}}', a.txt] }\n\
                 \x20 filled: { description: f, run: [head, -n, '{n}', --, '{file}'], timeout: 9s, read_only: true, input: {\n\
                 \x20   type: object, required: [file], properties: {\n\
                 \x20     file: { enum: [a.txt, b.txt] }, n: { type: integer, maximum: 9, default: 3 } } } }"
            ),
            @r#"
        Command { name: "plain", description: "p", run: [Fixed("ls")], input: RawValue({"additionalProperties":false,"properties":{},"type":"object"}), timeout: 120, read_only: false }
        Command { name: "braces", description: "b", run: [Fixed("awk"), Fixed("{print $1}"), Fixed("{ print }"), Fixed("{}"), Fixed("{{x}}"), Fixed("a.txt")], input: RawValue({"additionalProperties":false,"properties":{},"type":"object"}), timeout: 120, read_only: false }
        Command { name: "filled", description: "f", run: [Fixed("head"), Fixed("-n"), Input { name: "n", default: Some("3") }, Fixed("--"), Input { name: "file", default: None }], input: RawValue({"additionalProperties":false,"properties":{"file":{"enum":["a.txt","b.txt"]},"n":{"default":3,"maximum":9,"type":"integer"}},"required":["file"],"type":"object"}), timeout: 9, read_only: true }
        "#
        );
    }

    #[test]
    fn a_shell_never_runs_what_a_model_gives() {
        let input = "input: { type: object, required: [x], properties: { x: { type: string } } }";
        for (run, fine) in [
            ("[sh, -c, '{x}']", false),
            ("[/usr/bin/bash, -lc, '{x}']", false),
            ("[bash, -o, pipefail, -c, '{x}']", false),
            ("[sh, -c, -e, '{x}']", false),
            ("[bash, -co, pipefail, '{x}']", false),
            ("[bash, -c, --, '{x}']", false),
            ("[bash, '{x}']", false),
            ("[bash, --rcfile, rc, '{x}']", false),
            ("[env, -i, bash, -c, '{x}']", false),
            ("[busybox, sh, -c, '{x}']", false),
            ("[eval, '{x}']", false),
            ("[eval, echo, '{x}']", false),
            ("[bash, -c, 'echo \"$1\"', --, '{x}']", true),
            ("[bash, script.sh, '{x}']", true),
            ("[bash, -e, -o, pipefail, script.sh, '{x}']", true),
            ("[env, A=b, '{x}']", false),
            ("[timeout, 5s, '{x}']", false),
            ("[env, A=b, cargo, test, '{x}']", true),
            ("[grep, bash, '{x}']", true),
            ("[grep, -c, '{x}']", true),
        ] {
            let told = read(&format!("  a: {{ description: x, run: {run}, {input} }}"));
            assert_eq!(!told.contains("bad-command"), fine, "{run}: {told}");
        }
    }
}
