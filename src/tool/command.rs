//! A command that an agent's head declares: its program, with what the model gives as whole
//! arguments. No shell reads any of it, and a value becomes no option by how it begins.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::files::Place;
use super::{Nature, Reply, Scope, Tool, output, shell};
use crate::domain::command::{Command, Word};
use crate::domain::message::ToolSpec;
use crate::sandbox;

/// Bytes of one value: many of them still fit into what an operating system takes.
const VALUE_MAX: usize = 16 << 10;

/// Behind this argument a program takes no options, by convention.
const END_OF_OPTIONS: &str = "--";

/// One tool for each of these commands, in their order.
pub fn tools(place: &Arc<Place>, commands: &[Command]) -> Vec<Arc<dyn Tool>> {
    let tool = |command: &Command| -> Arc<dyn Tool> {
        let spec = ToolSpec {
            name: command.name.clone(),
            description: command.description.clone(),
            parameters: command.input.clone(),
        };
        Arc::new(Declared { spec, command: command.clone(), place: Arc::clone(place) })
    };
    commands.iter().map(tool).collect()
}

struct Declared {
    spec: ToolSpec,
    command: Command,
    place: Arc<Place>,
}

impl Tool for Declared {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        if self.command.read_only { Nature::ReadOnly } else { self.place.nature() }
    }

    fn changes_files(&self) -> bool {
        !self.command.read_only
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, scope: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match vector(&self.command.run, &arguments) {
                Ok(vector) => {
                    let command = sandbox::Command::Vector(vector);
                    shell::run(&self.place, command, Some(self.command.timeout), scope).await
                }
                Err(refusal) => Reply::error(format!("`{}` did not run: {refusal}.", self.command.name)),
            }
        })
    }
}

/// Why a value cannot be an argument.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("`{0}` is missing")]
    Missing(String),
    #[error("`{0}` is not one value")]
    NotOne(String),
    #[error("`{0}` holds a NUL character, which no argument can")]
    Nul(String),
    #[error("`{name}` is {size} bytes, at most {VALUE_MAX}")]
    TooLong { name: String, size: usize },
    #[error("`{name}` is `{shown}`, which the program would take as an option; it may not begin with `-` here")]
    Option { name: String, shown: String },
}

/// The arguments, each place filled.
fn vector(run: &[Word], given: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let mut vector = Vec::with_capacity(run.len());
    let mut options = true;
    for word in run {
        vector.push(match word {
            Word::Fixed(text) => {
                options &= text != END_OF_OPTIONS;
                text.clone()
            }
            Word::Input { name, default } => match (given.get(name), default) {
                (Some(value), _) => argument(name, value, options)?,
                (None, Some(default)) => default.clone(),
                (None, None) => return Err(Refusal::Missing(name.clone())),
            },
        });
    }
    Ok(vector)
}

/// A value as one argument; `options` is whether its program may still take it for an option.
fn argument(name: &str, value: &Value, options: bool) -> Result<String, Refusal> {
    let name = name.to_owned();
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(Refusal::NotOne(name)),
    };
    if text.contains('\0') {
        return Err(Refusal::Nul(name));
    }
    if text.len() > VALUE_MAX {
        return Err(Refusal::TooLong { name, size: text.len() });
    }
    if options && text.starts_with('-') {
        return Err(Refusal::Option { name, shown: output::one_line(&text, 80) });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::super::Toolbox;
    use super::super::dispatch::{self, Step};
    use super::super::scene::Scene;
    use super::*;
    use crate::domain::message::Call;

    fn words(run: &[&str]) -> Vec<Word> {
        let word = |text: &&str| match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => Word::Input { name: name.to_owned(), default: (name == "d").then(|| "-default".to_owned()) },
            None => Word::Fixed((*text).to_owned()),
        };
        run.iter().map(word).collect()
    }

    fn declared(run: &[&str], input: Value) -> Command {
        Command {
            name: "show".to_owned(),
            description: "Shows it.".to_owned(),
            run: words(run),
            input: serde_json::value::to_raw_value(&input).unwrap().into(),
            timeout: 20,
            read_only: false,
        }
    }

    #[test]
    fn each_place_becomes_one_argument() {
        for (run, given, expected) in [
            (&["a", "{x}", "b"][..], json!({"x": "1 2"}), Ok(vec!["a", "1 2", "b"])),
            (&["a", "{x}", "{x}"], json!({"x": 7}), Ok(vec!["a", "7", "7"])),
            (&["a", "{x}"], json!({"x": true}), Ok(vec!["a", "true"])),
            (&["a", "{x}"], json!({"x": "{y}", "y": "z"}), Ok(vec!["a", "{y}"])),
            (&["a", "{d}"], json!({}), Ok(vec!["a", "-default"])),
            (&["a", "--", "{x}"], json!({"x": "-rf"}), Ok(vec!["a", "--", "-rf"])),
            (&["a", "{d}", "{x}"], json!({"d": "--", "x": "-rf"}), Err("`d` is `--`")),
            (&["a", "{x}", "--"], json!({"x": "-rf"}), Err("`x` is `-rf`, which the program would take as an option")),
            (&["a", "{x}"], json!({"x": -5}), Err("`x` is `-5`")),
            (&["a", "{x}"], json!({"x": "-"}), Err("`x` is `-`")),
            (&["a", "--", "{x}"], json!({"x": "a\0b"}), Err("`x` holds a NUL character")),
            (&["a", "{x}"], json!({"x": "é".repeat(9000)}), Err("`x` is 18000 bytes, at most 16384")),
            (&["a", "{x}"], json!({"x": ["b", "c"]}), Err("`x` is not one value")),
            (&["a", "{x}"], json!({}), Err("`x` is missing")),
        ] {
            let filled = vector(&words(run), given.as_object().unwrap());
            match expected {
                Ok(expected) => assert_eq!(filled.unwrap(), expected),
                Err(reason) => assert!(filled.as_ref().unwrap_err().to_string().starts_with(reason), "{filled:?}"),
            }
        }
    }

    /// What a model may try: it stands in the argument to the letter, or the call is refused; in no
    /// case does it do anything.
    #[tokio::test]
    async fn hostile_values_stay_values() {
        let input = json!({"type": "object", "required": ["x"], "additionalProperties": false,
                           "properties": {"x": {"type": "string"}}});
        let script: &[u8] = b"printf '%s|' \"$#\" \"$1\" \"$2\"";
        let scene = Scene::new(&[("show.sh", script), ("secret", b"s3cret\n")]);
        for behind in [false, true] {
            let run: &[&str] = if behind { &["bash", "show.sh", "--", "{x}"] } else { &["bash", "show.sh", "{x}"] };
            for value in [
                "",
                " ",
                "a b",
                "'",
                "''",
                "\"",
                "\\",
                "\\'; touch owned; '",
                "$(touch owned)",
                "`touch owned`",
                "$HOME",
                "${IFS}touch${IFS}owned",
                "; touch owned",
                "&& touch owned",
                "| tee owned",
                "> owned",
                "<secret",
                "*",
                "?ecret",
                "[s]ecret",
                "~root",
                "{a,b}",
                "!!",
                "# nothing",
                "a\nb",
                "a\ntouch owned\n",
                "\t",
                "\r",
                "\u{1b}[31m",
                "\u{202e}gnp.exe",
                "%s%n",
                "@secret",
                "=",
                "X=1",
                "{x}",
                "{{x}}",
                "../../etc/passwd",
                "/etc/passwd",
                "-",
                "-n",
                "-rf",
                "--",
                "--help",
                "--exec=touch owned",
                "-\ntouch owned",
                "a\0touch owned",
                "\u{feff}-x",
                "−x",
            ] {
                for (sandbox, _) in scene.each() {
                    let toolbox = Toolbox::new(tools(&Place::new(sandbox), &[declared(run, input.clone())]));
                    let call = Call { id: "1".into(), name: "show".into(), arguments: json!({"x": value}).to_string() };
                    let deadline = Instant::now() + Duration::from_secs(60);
                    let step = Step { call: &call, repeated: false };
                    let reply = dispatch::run(
                        &toolbox,
                        step,
                        &CancellationToken::new(),
                        deadline,
                        crate::domain::image::Sight::FULL,
                    )
                    .await;
                    let refused = value.contains('\0') || !behind && value.starts_with('-');
                    assert_eq!(reply.is_error, refused, "{value:?}: {}", reply.content);
                    let printed = if behind { format!("2|--|{value}|") } else { format!("1|{value}||") };
                    let shown = output::of_terminal(printed.as_bytes());
                    assert!(refused || reply.content == shown, "{value:?}: {:?} is not {shown:?}", reply.content);
                    assert!(sandbox.stat("owned").await.is_err(), "{value:?} did something");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_the_model_reads_of_a_command() {
        let scene = Scene::new(&[("a.txt", b"one\ntwo\n")]);
        let string = json!({"type": "object", "required": ["x"], "additionalProperties": false,
                            "properties": {"x": {"type": "string", "pattern": "^[a-z.]+$"}}});
        let mut said = String::new();
        for (run, arguments) in [
            (&["grep", "-c", "-e", "{x}", "--", "a.txt"][..], json!({"x": "o"})),
            (&["grep", "-e", "{x}", "--", "a.txt"], json!({"x": "nothing"})),
            (&["cat", "--", "{x}"], json!({"x": "a; id"})),
            (&["cat", "--", "{x}"], json!({"x": "a.txt", "y": "b"})),
            (&["cat", "--", "{x}"], json!({})),
        ] {
            let mut replies = Vec::new();
            for (sandbox, _) in scene.each() {
                let toolbox = Toolbox::new(tools(&Place::new(sandbox), &[declared(run, string.clone())]));
                let call = Call { id: "1".into(), name: "show".into(), arguments: arguments.to_string() };
                let deadline = Instant::now() + Duration::from_secs(60);
                let step = Step { call: &call, repeated: false };
                replies.push(
                    dispatch::run(
                        &toolbox,
                        step,
                        &CancellationToken::new(),
                        deadline,
                        crate::domain::image::Sight::FULL,
                    )
                    .await
                    .content,
                );
            }
            assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:?}");
            said.push_str(&format!("{} {arguments}\n    {}\n", run.join(" "), replies[0]));
        }
        insta::assert_snapshot!(said, @r#"
        grep -c -e {x} -- a.txt {"x":"o"}
            2
        grep -e {x} -- a.txt {"x":"nothing"}
            (no output)
        [exit code 1]
        cat -- {x} {"x":"a; id"}
            `show` did not run: `x`: "a; id" does not match "^[a-z.]+$".
        cat -- {x} {"x":"a.txt","y":"b"}
            `show` did not run: Additional properties are not allowed ('y' was unexpected).
        cat -- {x} {}
            `show` did not run: "x" is a required property.
        "#);
    }
}
