//! Shows what is wrong with a file the way compilers do: the place, the line, the next move.

use std::borrow::Cow;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::output::{Paint, defuse, one_line};
use crate::domain::problem::{Problem, Report, Severity};

/// Columns that are used where there are enough; longer lines are cut around the marked bytes.
const WIDTH: usize = 120;

/// Columns of one text beside the source; what a file quotes into a message can be long.
const TEXT: usize = 400;

/// The problems of one file, each followed by an empty line. What a stranger may have written into
/// the file is harmless in a terminal and in a job's log.
pub(super) fn render(report: &Report, paint: Paint) -> String {
    let renderer = match paint {
        Paint::Colour => Renderer::styled(),
        Paint::Plain => Renderer::plain(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH);
    let path = one_line(&report.path, TEXT);
    let source = mask(&report.source);
    report.problems.iter().fold(String::new(), |shown, problem| {
        let (message, label, help) = (
            one_line(&problem.message, TEXT),
            problem.label.as_deref().map(|text| one_line(text, TEXT)),
            problem.help.as_deref().map(|text| one_line(text, TEXT)),
        );
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

/// What [`defuse`] would change is replaced byte for byte, so that places stay where they are.
fn mask(source: &str) -> String {
    let mut masked = String::with_capacity(source.len());
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = character == '\r' && characters.peek() == Some(&'\n');
        if ends_line || matches!(defuse(character.encode_utf8(&mut [0; 4])), Cow::Borrowed(_)) {
            masked.push(character);
        } else {
            masked.push_str(match character.len_utf8() {
                1 => "?",
                2 => "\u{b7}",
                3 => "\u{fffd}",
                _ => "\u{b7}\u{b7}",
            });
        }
    }
    masked
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
        insta::assert_snapshot!(render(&report, Paint::Plain), @r"
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
        let shown = render(&report, Paint::Plain);
        assert!(
            !shown.chars().any(|c| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{e0041}".contains(c))),
            "{shown:?}"
        );
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        assert!(render(&report, Paint::Colour).contains("\u{1b}["));
    }
}
