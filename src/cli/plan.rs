//! What a run would write to the outside, printed the way `git diff` prints a change.

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::output::{Paint, defuse, one_line};
use crate::domain::effect::{Effect, Write};
use crate::domain::name::EffectKind;

/// Longest reason of a refusal, in columns.
const REASON_MAX: usize = 400;

/// Most lines that are compared, before and after together: comparing takes time that grows with
/// their square. Longer texts are shown as replaced.
const COMPARED_MAX: usize = 4000;

/// Everything the plan of one run is made of. Its texts are foreign; [`render`] defuses them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    /// What the effects are for, as people name it: `acme/widgets#42`.
    pub thread: &'a str,
    /// Labels on the thread now.
    pub labels: &'a [String],
    /// The status comment of earlier runs, as the log knows it.
    pub status: Option<&'a str>,
    /// In the order in which they were proposed.
    pub effects: &'a [Effect],
    /// What was asked for and not allowed, and why.
    pub refused: &'a [(EffectKind, String)],
}

/// The whole plan, ending with a line end. Each effect is compared with what the ones before it leave.
pub(super) fn render(plan: &Plan<'_>, paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    page.line(BOLD, &headline(plan));
    let mut labels = plan.labels.to_vec();
    let mut status = plan.status;
    for effect in plan.effects {
        page.gap();
        match &effect.write {
            Write::Status { body } => page.status(status.replace(body), body),
            Write::Comment { body } => page.created("comment (new)", "comment", body),
            Write::Label { add, remove } => labels = page.labels(&labels, add, remove),
        }
    }
    if !plan.refused.is_empty() {
        page.gap();
    }
    for (kind, reason) in plan.refused {
        page.line(REFUSED, &format!("! {kind} refused: {}", one_line(reason, REASON_MAX)));
    }
    page.text
}

fn headline(plan: &Plan<'_>) -> String {
    let thread = one_line(plan.thread, 200);
    let refused = match plan.refused.len() {
        0 => String::new(),
        count => format!(", {count} refused"),
    };
    match plan.effects.len() {
        0 => format!("plan: no effects on {thread}{refused}"),
        1 => format!("plan: 1 effect on {thread}{refused}, nothing sent"),
        count => format!("plan: {count} effects on {thread}{refused}, nothing sent"),
    }
}

const BOLD: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Cyan.on_default();
const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const REFUSED: Style = AnsiColor::Yellow.on_default();
const KEPT: Style = Style::new();

struct Page {
    text: String,
    paint: Paint,
}

impl Page {
    fn status(&mut self, before: Option<&str>, after: &str) {
        match before {
            None => self.created("status comment (none yet)", "status comment", after),
            Some(before) if before == after => self.line(BOLD, "=== status comment: stays as it is"),
            Some(before) => {
                self.heads("status comment (as planned before)", "status comment");
                self.compared(&defuse(before), &defuse(after));
            }
        }
    }

    fn created(&mut self, before: &str, after: &str, body: &str) {
        self.heads(before, after);
        for line in defuse(body).lines() {
            self.change(ADDED, '+', line);
        }
    }

    fn labels(&mut self, before: &[String], add: &[String], remove: &[String]) -> Vec<String> {
        let mut after = before.to_vec();
        after.retain(|label| !remove.contains(label));
        for label in add {
            if !after.contains(label) {
                after.push(label.clone());
            }
        }
        if after == before {
            self.line(BOLD, "=== labels: stay as they are");
            return after;
        }
        self.heads("labels", "labels");
        for label in before {
            let (style, mark) = if after.contains(label) { (KEPT, ' ') } else { (REMOVED, '-') };
            self.change(style, mark, &one_line(label, REASON_MAX));
        }
        for label in after.iter().filter(|label| !before.contains(label)) {
            self.change(ADDED, '+', &one_line(label, REASON_MAX));
        }
        after
    }

    fn compared(&mut self, before: &str, after: &str) {
        // Whether the last line has an end makes no difference in a comment.
        let lines = |text: &str| format!("{}\n", text.trim_end_matches('\n'));
        let (before, after) = (lines(before), lines(after));
        if before.lines().count() + after.lines().count() > COMPARED_MAX {
            before.lines().for_each(|line| self.change(REMOVED, '-', line));
            after.lines().for_each(|line| self.change(ADDED, '+', line));
            return;
        }
        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
        for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
            self.line(PLACE, &hunk.header().to_string());
            for change in hunk.iter_changes() {
                let (style, mark) = match change.tag() {
                    ChangeTag::Delete => (REMOVED, '-'),
                    ChangeTag::Insert => (ADDED, '+'),
                    ChangeTag::Equal => (KEPT, ' '),
                };
                self.change(style, mark, change.value().trim_end_matches('\n'));
            }
        }
    }

    fn heads(&mut self, before: &str, after: &str) {
        self.line(BOLD, &format!("--- {before}"));
        self.line(BOLD, &format!("+++ {after}"));
    }

    fn change(&mut self, style: Style, mark: char, line: &str) {
        self.line(style, format!("{mark} {line}").trim_end());
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn line(&mut self, style: Style, line: &str) {
        self.text.push_str(&self.paint.paint(style, line));
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::EffectKey;
    use crate::domain::id::{EventKey, InstanceId, InstanceKind, RunId};

    fn effects(writes: Vec<Write>) -> Vec<Effect> {
        let instance = InstanceId {
            host: "github.com".into(),
            repo: 1,
            kind: InstanceKind::Issue,
            key: "42".into(),
            agent: "triage".parse().unwrap(),
        };
        let run = RunId::derive(&instance, &EventKey::from_parts(["event"]), None);
        let effect = |(ordinal, write): (u32, Write)| Effect {
            key: EffectKey::derive(b"secret", &instance, &run, write.kind(), ordinal),
            run: run.clone(),
            ordinal,
            write,
        };
        (0..).zip(writes).map(effect).collect()
    }

    fn status(body: &str) -> Write {
        Write::Status { body: body.into() }
    }

    fn label(add: &[&str], remove: &[&str]) -> Write {
        let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        Write::Label { add: owned(add), remove: owned(remove) }
    }

    fn plan(labels: &[&str], before: Option<&str>, writes: Vec<Write>, refused: &[(EffectKind, String)]) -> String {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let effects = effects(writes);
        let plan = Plan { thread: "acme/widgets#42", labels: &labels, status: before, effects: &effects, refused };
        let coloured = render(&plan, Paint::Colour);
        let plain = render(&plan, Paint::Plain);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain, "colour changes no text");
        plain
    }

    #[test]
    fn a_first_status_and_a_label() {
        let body = "Thanks for the report.\n\nWhich **version** is it?\n";
        insta::assert_snapshot!(plan(&["bug"], None, vec![status(body), label(&["needs-info"], &[])], &[]), @r"
        plan: 2 effects on acme/widgets#42, nothing sent

        --- status comment (none yet)
        +++ status comment
        + Thanks for the report.
        +
        + Which **version** is it?

        --- labels
        +++ labels
          bug
        + needs-info
        ");
    }

    #[test]
    fn a_later_status_is_a_diff() {
        let before = "# Triage\n\n1\n2\n3\n4\n5\n6\nstate: waiting\n\nend";
        let after = "# Triage\n\n1\n2\n3\n4\n5\n6\nstate: confirmed\nseverity: high\n\nend\n";
        insta::assert_snapshot!(plan(&[], Some(before), vec![status(after)], &[]), @r"
        plan: 1 effect on acme/widgets#42, nothing sent

        --- status comment (as planned before)
        +++ status comment
        @@ -6,6 +6,7 @@
          4
          5
          6
        - state: waiting
        + state: confirmed
        + severity: high

          end
        ");
    }

    #[test]
    fn each_effect_is_compared_with_what_the_ones_before_leave() {
        let writes = vec![
            status("one\n"),
            status("two\n"),
            label(&["a"], &["bug"]),
            label(&["b"], &["a"]),
            Write::Comment { body: "done".into() },
        ];
        insta::assert_snapshot!(plan(&["bug", "ui"], None, writes, &[]), @r"
        plan: 5 effects on acme/widgets#42, nothing sent

        --- status comment (none yet)
        +++ status comment
        + one

        --- status comment (as planned before)
        +++ status comment
        @@ -1 +1 @@
        - one
        + two

        --- labels
        +++ labels
        - bug
          ui
        + a

        --- labels
        +++ labels
          ui
        - a
        + b

        --- comment (new)
        +++ comment
        + done
        ");
    }

    #[test]
    fn what_changes_nothing_says_so() {
        let writes = vec![status("same"), label(&["bug"], &["gone"])];
        insta::assert_snapshot!(plan(&["bug"], Some("same"), writes, &[]), @r"
        plan: 2 effects on acme/widgets#42, nothing sent

        === status comment: stays as it is

        === labels: stay as they are
        ");
    }

    #[test]
    fn no_effects_is_one_line_and_refusals_have_their_reasons() {
        insta::assert_snapshot!(plan(&["bug"], None, vec![], &[]), @"plan: no effects on acme/widgets#42");
        let refused = [
            (EffectKind::Label, "`urgent` is not in `allow: [bug, docs]`".to_owned()),
            (EffectKind::Comment, "the agent file declares no `comment`".to_owned()),
        ];
        insta::assert_snapshot!(plan(&[], None, vec![], &refused), @r"
        plan: no effects on acme/widgets#42, 2 refused

        ! label refused: `urgent` is not in `allow: [bug, docs]`
        ! comment refused: the agent file declares no `comment`
        ");
    }

    #[test]
    fn foreign_text_cannot_draw() {
        let body = "ok\u{1b}[2J\rplan: no effects\u{202e}\u{1b}]0;x\u{7}";
        let writes = vec![status(body), label(&["a\nplan: sent\u{1b}[31m"], &[])];
        insta::assert_snapshot!(plan(&[], None, writes, &[]), @r"
        plan: 2 effects on acme/widgets#42, nothing sent

        --- status comment (none yet)
        +++ status comment
        + ok␍plan: no effects<U+202E>

        --- labels
        +++ labels
        + a plan: sent
        ");
    }

    #[test]
    fn colours_are_those_of_git_diff() {
        let effects = effects(vec![status("new")]);
        let plan = Plan {
            thread: "t",
            labels: &[],
            status: Some("old"),
            effects: &effects,
            refused: &[(EffectKind::Label, "r".into())],
        };
        let coloured = render(&plan, Paint::Colour).replace('\u{1b}', "^");
        insta::assert_snapshot!(coloured, @r"
        ^[1mplan: 1 effect on t, 1 refused, nothing sent^[0m

        ^[1m--- status comment (as planned before)^[0m
        ^[1m+++ status comment^[0m
        ^[36m@@ -1 +1 @@^[0m
        ^[31m- old^[0m
        ^[32m+ new^[0m

        ^[33m! label refused: r^[0m
        ");
    }

    #[test]
    fn long_texts_are_replaced_rather_than_compared() {
        let text = |lines: usize| "same\n".repeat(lines);
        for (lines, removed) in [(COMPARED_MAX / 2, 0), (COMPARED_MAX / 2 + 1, COMPARED_MAX / 2 + 1)] {
            let page = plan(&[], Some(&text(lines)), vec![status(&(text(lines - 1) + "other\n"))], &[]);
            assert_eq!(page.lines().filter(|line| *line == "- same").count(), removed.max(1), "of {lines}");
        }
    }
}
