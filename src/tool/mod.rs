//! What a model can do, each tool in a file of its own.
//!
//! A tool never fails towards its caller: a wrong call, a missing file or a refused write is a
//! [`Reply`] that the model can read.

mod edit;
mod files;
mod glob;
mod grep;
mod kind;
#[cfg(test)]
mod scene;
pub mod schema;
mod shell;
mod walk;

pub mod command;
pub mod delegate;
pub mod dispatch;
pub mod function;
pub mod output;
pub mod propose;
pub mod typed;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::domain::entry::Body;
use crate::domain::image::{Image, Sight};
use crate::domain::message::ToolSpec;
use crate::domain::name::ToolKind;
use delegate::Delegation;
pub use files::Place;
use schema::Compiled;
use typed::Told;

/// One thing a model can ask for.
pub trait Tool: Send + Sync {
    /// How the model is told about it.
    fn spec(&self) -> &ToolSpec;

    /// The schema of [`Tool::spec`], compiled. A tool that lives longer than a session gives each the same.
    fn compiled(&self) -> Compiled {
        Compiled::default()
    }

    /// What running it means for order and for recovery.
    fn nature(&self) -> Nature;

    /// Whether it may change files of the sandbox: sessions that share one do that one after the other.
    fn changes_files(&self) -> bool {
        false
    }

    /// Runs it. The arguments have passed the schema of [`Tool::spec`].
    fn run<'a>(&'a self, arguments: Map<String, Value>, scope: &'a Scope) -> BoxFuture<'a, Reply>;
}

/// What running a tool means for order and for recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Changes nothing: runs beside others of its kind, and again if its result was not recorded.
    ReadOnly,
    /// Changes only what the log carries (virtual files, proposed effects): in order, and again
    /// if its result was not recorded, because then it left nothing behind.
    Contained,
    /// Changes the world: in order, and never again once it may have begun.
    Outside,
    /// Asks for a conversation of its own: beside others of its kind, and goes on from what that one
    /// recorded if its result was not.
    Delegated,
}

/// What a tool is given beside its arguments.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Ends it early.
    pub cancel: CancellationToken,
    /// The provider's id of the call.
    pub call: String,
    /// When the run's time is over.
    pub deadline: tokio::time::Instant,
    /// What of images the model can be shown.
    pub sight: Sight,
}

/// What a tool answers.
#[derive(Debug, Default)]
pub struct Reply {
    /// What the model reads.
    pub content: String,
    /// It did not do what it was asked.
    pub is_error: bool,
    /// Appended to the log before the result, in the same transaction.
    pub entries: Vec<Body>,
    /// Work for somebody else, whose words take the place of `content`.
    pub delegation: Option<Box<Delegation>>,
    /// What the model is shown behind the results, as far as there is room for it.
    pub images: Vec<Image>,
}

impl Reply {
    /// It worked.
    pub fn ok(content: impl Into<String>) -> Self {
        Self { content: content.into(), ..Self::default() }
    }

    /// It did not, for a reason that the model can read and act on.
    pub fn error(content: impl Into<String>) -> Self {
        Self { content: content.into(), is_error: true, ..Self::default() }
    }
}

/// The tools of one session, in the order they are shown to the model.
#[derive(Clone, Default)]
pub struct Toolbox {
    slots: Vec<Slot>,
}

#[derive(Clone)]
struct Slot {
    tool: Arc<dyn Tool>,
    schema: Compiled,
}

impl Toolbox {
    /// Names are unique: a later tool of the same name is a bug of the caller, and is left out.
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        let mut toolbox = Self::default();
        for tool in tools {
            if toolbox.get(&tool.spec().name).is_none() {
                toolbox.slots.push(Slot { schema: tool.compiled(), tool });
            }
        }
        toolbox
    }

    /// The tool of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.slot(name).map(|slot| &slot.tool)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.slots.iter().map(|slot| &slot.tool)
    }

    /// How the model is told about them.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.iter().map(|tool| tool.spec().clone()).collect()
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.tool.spec().name == name)
    }
}

static READ: Told<files::Read> = Told::new();
static WRITE: Told<files::Write> = Told::new();
static EDIT: Told<edit::Edit> = Told::new();
static BASH: Told<shell::Bash> = Told::new();
static GREP: Told<grep::Grep> = Told::new();
static GLOB: Told<glob::Glob> = Told::new();

/// The file and shell tools of these kinds, over one place, in the order of `kinds`.
pub fn files_and_shell(place: &Arc<Place>, kinds: &[ToolKind]) -> Vec<Arc<dyn Tool>> {
    kinds
        .iter()
        .map(|kind| match kind {
            ToolKind::Read => READ.over(place),
            ToolKind::Write => WRITE.over(place),
            ToolKind::Edit => EDIT.over(place),
            ToolKind::Bash => BASH.over(place),
            ToolKind::Grep => GREP.over(place),
            ToolKind::Glob => GLOB.over(place),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::scene::Scene;

    /// Whole, because the model pays for every byte of it on every turn.
    #[test]
    fn the_model_is_told_this_about_the_tools() {
        let scene = Scene::new(&[]);
        let told: Vec<String> = scene
            .toolbox()
            .specs()
            .iter()
            .map(|spec| {
                let parameters: Value = serde_json::from_str(spec.parameters.get()).unwrap();
                format!("{}: {}\n{parameters:#}", spec.name, spec.description)
            })
            .collect();
        insta::assert_snapshot!(told.join("\n\n"), @r#"
        read: Reads a text file. Shows at most 2000 lines or 50 KiB, in whole lines; the last line of the reply then names the offset to go on with. Shows an image (PNG, JPEG, WebP, GIF) to a model that sees.
        {
          "additionalProperties": false,
          "properties": {
            "limit": {
              "description": "How many lines to show.",
              "minimum": 1,
              "type": [
                "integer",
                "null"
              ]
            },
            "offset": {
              "description": "First line to show, counted from 1.",
              "minimum": 1,
              "type": [
                "integer",
                "null"
              ]
            },
            "path": {
              "description": "The file, relative to the workspace or absolute.",
              "type": "string"
            }
          },
          "required": [
            "path"
          ],
          "type": "object"
        }

        write: Creates a file, or replaces all of it; directories above it are created. Use `edit` to change a part.
        {
          "additionalProperties": false,
          "properties": {
            "content": {
              "description": "All of the file.",
              "type": "string"
            },
            "path": {
              "description": "The file, relative to the workspace or absolute.",
              "type": "string"
            }
          },
          "required": [
            "path",
            "content"
          ],
          "type": "object"
        }

        edit: Replaces exact text in a file. Read the file first; give enough of the lines around the place to make old_text unique.
        {
          "additionalProperties": false,
          "properties": {
            "new_text": {
              "description": "What shall stand there.",
              "type": "string"
            },
            "old_text": {
              "description": "What stands there now, to the letter: no pattern. Must be found exactly once, unless replace_all is set.",
              "minLength": 1,
              "type": "string"
            },
            "path": {
              "description": "The file, relative to the workspace or absolute.",
              "type": "string"
            },
            "replace_all": {
              "description": "Replace every match.",
              "type": [
                "boolean",
                "null"
              ]
            }
          },
          "required": [
            "path",
            "old_text",
            "new_text"
          ],
          "type": "object"
        }

        bash: Runs a command line in the workspace and shows what it printed: the last 2000 lines or 50 KiB. Longer output is also in a file that the reply names. Each call starts a new shell in the workspace; nothing keeps running after it.
        {
          "additionalProperties": false,
          "properties": {
            "command": {
              "description": "The command line.",
              "minLength": 1,
              "type": "string"
            },
            "timeout": {
              "description": "Seconds after which it is killed; 120 when absent.",
              "maximum": 600,
              "minimum": 1,
              "type": [
                "integer",
                "null"
              ]
            }
          },
          "required": [
            "command"
          ],
          "type": "object"
        }

        grep: Searches files for lines that match and shows them as path:line:text, at most 100. Leaves out binary files and what .gitignore names.
        {
          "additionalProperties": false,
          "properties": {
            "ignore_case": {
              "description": "Take upper and lower case as the same.",
              "type": [
                "boolean",
                "null"
              ]
            },
            "include": {
              "description": "Only files that match this glob: `*.rs` in every directory, `src/**/*.rs` below `path`.",
              "maxLength": 1000,
              "minLength": 1,
              "type": [
                "string",
                "null"
              ]
            },
            "literal": {
              "description": "Take the pattern as plain text.",
              "type": [
                "boolean",
                "null"
              ]
            },
            "path": {
              "description": "The file or directory to search; the workspace when absent.",
              "type": [
                "string",
                "null"
              ]
            },
            "pattern": {
              "description": "A regular expression in Rust's syntax, matched line by line.",
              "maxLength": 2000,
              "minLength": 1,
              "type": "string"
            }
          },
          "required": [
            "pattern"
          ],
          "type": "object"
        }

        glob: Lists the files whose path matches a glob, sorted, at most 1000. Leaves out what .gitignore names.
        {
          "additionalProperties": false,
          "properties": {
            "path": {
              "description": "The directory to look in; the workspace when absent.",
              "type": [
                "string",
                "null"
              ]
            },
            "pattern": {
              "description": "Matched against the whole path below `path`: `*` stays within a directory, `**` crosses directories, as in `src/**/*.rs`. Also `?`, `[a-z]` and `{a,b}`.",
              "maxLength": 1000,
              "minLength": 1,
              "type": "string"
            }
          },
          "required": [
            "pattern"
          ],
          "type": "object"
        }
        "#);
    }
}
