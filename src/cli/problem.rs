//! Shows what is wrong with a file the way compilers do: the place, the line, the next move.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::domain::problem::{Problem, Report, Severity};

/// Columns that are used where there are enough; longer lines are cut around the marked bytes.
const WIDTH: usize = 120;

/// The problems of one file, each followed by an empty line. What a stranger may have written into
/// the file is harmless in a terminal and in a job's log.
pub fn render(report: &Report, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let path = one_line(&report.path);
    let source = defuse(&report.source);
    report.problems.iter().fold(String::new(), |shown, problem| {
        let (message, label, help) =
            (one_line(&problem.message), problem.label.as_deref().map(one_line), problem.help.as_deref().map(one_line));
        let shown_problem = Shown { problem, path: &path, source: &source, message, label, help };
        shown + &renderer.render(&[shown_problem.group()]) + "\n\n"
    })
}

/// A problem whose texts are harmless.
struct Shown<'a> {
    problem: &'a Problem,
    path: &'a str,
    source: &'a str,
    message: String,
    label: Option<String>,
    help: Option<String>,
}

impl Shown<'_> {
    fn group(&self) -> Group<'_> {
        let level = match self.problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let group = Group::with_title(level.primary_title(self.message.as_str()).id(self.problem.code));
        let group = match self.problem.span.clone().filter(|span| self.source.get(span.clone()).is_some()) {
            Some(span) => {
                let marked = AnnotationKind::Primary.span(span).label(self.label.as_deref());
                group.element(Snippet::source(self.source).path(self.path).annotation(marked))
            }
            None => group.element(annotate_snippets::Origin::path(self.path)),
        };
        match &self.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }
}

/// Replaces characters that steer a terminal or turn text around, byte for byte, so that places
/// stay where they are. The renderer draws the remaining ASCII ones as pictures.
fn defuse(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => harmless.push(character),
            _ if character.is_control() || is_invisible(character) => {
                harmless.push_str(match character.len_utf8() {
                    1 => "?",
                    2 => "\u{b7}",
                    3 => "\u{fffd}",
                    _ => "\u{b7}\u{b7}",
                });
            }
            _ => harmless.push(character),
        }
    }
    harmless
}

fn one_line(text: &str) -> String {
    defuse(text).replace(['\n', '\r', '\t'], " ")
}

/// Marks that change the direction or hide text, and the tag letters nobody sees.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_like_a_compilers() {
        let source = "---\nname: x\ntolls: [read]\n---\n";
        let report = Report {
            path: "agents/x.md".to_owned(),
            source: source.to_owned(),
            problems: vec![
                Problem::error("unknown-key", "an agent has no key `tolls`").at(12..17).help("did you mean `tools`?"),
                Problem::warning("empty-body", "nothing below").help("write something"),
            ],
        };
        insta::assert_snapshot!(render(&report, false), @r"
        error[unknown-key]: an agent has no key `tolls`
         --> agents/x.md:3:1
          |
        3 | tolls: [read]
          | ^^^^^
          |
          = help: did you mean `tools`?

        warning[empty-body]: nothing below
        --> agents/x.md
         = help: write something
        ");
    }

    #[test]
    fn foreign_text_cannot_steer_a_terminal() {
        let foreign = "a\u{1b}[2J\u{9b}2J\u{202e}b\u{e0041}\u{200b}";
        let source = format!("{foreign}\r\n::error::x\n");
        let report = Report {
            path: format!("a\n::warning::{foreign}"),
            source: source.clone(),
            problems: vec![
                Problem::error("x", format!("{foreign}\n::error::y")).at(0..1).label(foreign).help(foreign),
                Problem::error("x", "at its end").at(source.len()..source.len()),
                Problem::error("x", "nowhere").at(5000..5001),
            ],
        };
        let shown = render(&report, false);
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || is_invisible(c)), "{shown:?}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        assert!(render(&report, true).contains("\u{1b}["));
    }
}
