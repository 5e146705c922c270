//! An agent's instructions: Markdown in which `{{ event.… }}` stands for a value of the event.
//!
//! Paths only, no logic. What people on the forge can write arrives framed, so that it reads as
//! something quoted and never as an instruction. `${{ … }}` is left alone: it is how workflow
//! files write expressions.

use std::ops::Range;

use super::fields;
use crate::domain::problem::{Problem, nearest};

/// Instructions whose paths all exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    places: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    span: Range<usize>,
    path: String,
}

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, or a word from a closed set: stands in the text as it is.
    Trusted(String),
    /// Written by somebody outside.
    Untrusted(Untrusted),
}

/// A text that must be framed before a model sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    /// What it is, for people and for the frame: `title of the issue`.
    pub what: String,
    /// Login of who wrote it, when known. Itself untrusted.
    pub author: Option<String>,
    /// As it was written.
    pub text: String,
}

impl Template {
    /// Words that stand for nothing else, whatever is in them.
    pub fn plain(text: &str) -> Self {
        Self { source: text.to_owned(), places: Vec::new() }
    }

    /// Reads `source[body]`. Problems name bytes of `source`; with any, there is no template.
    pub fn parse(source: &str, body: Range<usize>, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = source.get(body.clone())?;
        let before = problems.len();
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(start) = text.get(from..).and_then(|rest| rest.find("{{")).map(|at| from + at) {
            from = start + 2;
            if text.get(..start).is_some_and(|above| above.ends_with('$')) {
                continue;
            }
            let rest = text.get(from..).unwrap_or_default();
            let line = rest.get(..rest.find('\n').unwrap_or(rest.len())).unwrap_or_default();
            let Some(length) = line.find("}}") else {
                problems.push(
                    Problem::error("bad-template", "`{{` is not closed on its line")
                        .at(body.start + start..body.start + from)
                        .help("close it with `}}`, as in `{{ event.thread.number }}`"),
                );
                continue;
            };
            let span = start..from + length + 2;
            let path = line.get(..length).unwrap_or_default().trim();
            from = span.end;
            if fields::exists(path) {
                places.push(Place { span, path: path.to_owned() });
            } else {
                problems.push(unknown(path).at(body.start + span.start..body.start + span.end));
            }
        }
        (problems.len() == before).then(|| Self { source: text.to_owned(), places })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it is the same for every event.
    pub fn is_plain(&self) -> bool {
        self.places.is_empty()
    }

    /// The instructions with every path filled in; one the event does not have becomes `(none)`.
    pub fn render(&self, lookup: impl Fn(&str) -> Option<Value>, frame: impl Fn(&Untrusted) -> String) -> String {
        let mut out = String::with_capacity(self.source.len());
        let mut from = 0;
        for place in &self.places {
            out += self.source.get(from..place.span.start).unwrap_or_default();
            match lookup(&place.path) {
                None => out += "(none)",
                Some(Value::Trusted(text)) => out += &text,
                Some(Value::Untrusted(untrusted)) => out += &frame(&untrusted),
            }
            from = place.span.end;
        }
        out += self.source.get(from..).unwrap_or_default();
        out
    }
}

fn unknown(path: &str) -> Problem {
    let shown: String = path.chars().take(60).collect();
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')) || path.is_empty() {
        return Problem::error("bad-template", format!("`{shown}` is not a path"))
            .help("only paths such as `event.thread.number` are filled in; there is no logic");
    }
    let problem = Problem::error("unknown-path", format!("an event has no `{shown}`"));
    match nearest(path, fields::paths()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("docs/agents.md lists every path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, Vec<String>> {
        let mut problems = Vec::new();
        let template = Template::parse(text, 0..text.len(), &mut problems);
        template.ok_or_else(|| {
            problems.into_iter().map(|p| format!("{} `{}`", p.code, &text[p.span.unwrap_or(0..0)])).collect()
        })
    }

    #[test]
    fn trusted_values_stand_as_they_are_and_others_are_framed() {
        let template =
            parse("#{{event.thread.number}} {{ event.thread.title }} ${{ github.token }} {{ event.comment.body }}")
                .unwrap();
        let rendered = template.render(
            |path| match path {
                "event.thread.number" => Some(Value::Trusted("42".to_owned())),
                "event.thread.title" => Some(Value::Untrusted(Untrusted {
                    what: "title".to_owned(),
                    author: None,
                    text: "{{ event.thread.number }}".to_owned(),
                })),
                _ => None,
            },
            |untrusted| format!("<{}>{}</>", untrusted.what, untrusted.text),
        );
        assert_eq!(rendered, "#42 <title>{{ event.thread.number }}</> ${{ github.token }} (none)");
    }

    #[test]
    fn unknown_paths_and_logic_are_refused_with_their_place() {
        for (text, expected) in [
            ("a {{ event.thread.nubmer }}", "unknown-path `{{ event.thread.nubmer }}`"),
            ("{{ env.TOKEN }}", "unknown-path `{{ env.TOKEN }}`"),
            ("{{ event.thread.title | upper }}", "bad-template `{{ event.thread.title | upper }}`"),
            ("{{#if x}}", "bad-template `{{#if x}}`"),
            ("{{}}", "bad-template `{{}}`"),
            ("ä {{ event.thread.number\n}}", "bad-template `{{`"),
        ] {
            assert_eq!(parse(text), Err(vec![expected.to_owned()]), "{text:?}");
        }
    }
}
