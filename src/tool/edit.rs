//! A part of a file, replaced by exact text.

use schemars::JsonSchema;
use serde::Deserialize;

use super::files::{Place, failed};
use super::typed::Typed;
use super::{Nature, Reply, Scope, output};

/// Line numbers named in one reply.
const LINES_NAMED: usize = 10;

/// A part of a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The file, relative to the workspace or absolute.
    path: String,
    /// What stands there now, to the letter: no pattern. Must be found exactly once, unless replace_all is set.
    #[schemars(length(min = 1))]
    old_text: String,
    /// What shall stand there.
    new_text: String,
    /// Replace every match.
    replace_all: Option<bool>,
}

impl Typed for Edit {
    const NAME: &'static str = "edit";
    const CHANGES_FILES: bool = true;
    const DESCRIPTION: &'static str = "\
        Replaces exact text in a file. Read the file first; give enough of the lines around the place to make \
        old_text unique.";
    type Shared = Place;

    fn nature(place: &Place) -> Nature {
        place.nature()
    }

    async fn run(self, place: &Place, _: &Scope) -> Reply {
        let path = &self.path;
        let _writing = place.writing().await;
        let bytes = match place.sandbox.read(path).await {
            Ok(bytes) => bytes,
            Err(error) => return failed(&*place.sandbox, &error),
        };
        let Ok(file) = std::str::from_utf8(&bytes) else {
            return Reply::error(format!("`{path}` is not UTF-8 text; change it with a command instead."));
        };
        let all = self.replace_all.unwrap_or(false);
        let replaced = match replace(file, &self.old_text, &self.new_text, all) {
            Ok(replaced) => replaced,
            Err(refusal) => return Reply::error(format!("`{path}` was not changed: {refusal}.")),
        };
        match place.sandbox.write(path, replaced.file.as_bytes()).await {
            Ok(()) => {
                let count = if all { format!("{} matches", replaced.lines.len()) } else { "1 match".to_owned() };
                Reply::ok(format!("Replaced {count} in `{path}` ({}).", lines_named(&replaced.lines)))
            }
            Err(error) => failed(&*place.sandbox, &error),
        }
    }
}

/// A changed file.
#[derive(Debug, PartialEq, Eq)]
struct Replaced {
    file: String,
    /// Where each match began, before the change.
    lines: Vec<usize>,
}

/// Why a file was not changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("old_text is empty; use `write` to fill an empty file")]
    Empty,
    #[error("old_text and new_text are the same")]
    Same,
    #[error("old_text was not found{0}; read the file and copy the text exactly")]
    NotFound(String),
    #[error("old_text was found {} times ({}); add lines around it until it is unique, or set replace_all",
        .0.len(), lines_named(.0))]
    Ambiguous(Vec<usize>),
}

/// Models write `\n`. Where a file's lines end in `\r\n`, the texts are taken to mean that, and the
/// file keeps its line ends.
fn replace(file: &str, old: &str, new: &str, all: bool) -> Result<Replaced, Refusal> {
    if old.is_empty() {
        return Err(Refusal::Empty);
    }
    if old == new {
        return Err(Refusal::Same);
    }
    let (old, new) = if !file.contains("\r\n") {
        (old.to_owned(), new.to_owned())
    } else if !file.contains(old) {
        (with_crlf(old), with_crlf(new))
    } else if old.contains("\r\n") || file.matches('\n').count() == file.matches("\r\n").count() {
        (old.to_owned(), with_crlf(new))
    } else {
        (old.to_owned(), new.to_owned())
    };
    let lines = match_lines(file, &old);
    match lines.len() {
        0 => Err(Refusal::NotFound(near(file, &old))),
        2.. if !all => Err(Refusal::Ambiguous(lines)),
        _ => Ok(Replaced { file: file.replace(&old, &new), lines }),
    }
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// The line, counted from 1, of each match.
fn match_lines(file: &str, old: &str) -> Vec<usize> {
    let (mut line, mut counted) = (1, 0);
    file.match_indices(old)
        .map(|(at, _)| {
            line += file[counted..at].matches('\n').count();
            counted = at;
            line
        })
        .collect()
}

/// Where the first line with something in it stands, if only the space around it differs.
fn near(file: &str, old: &str) -> String {
    let Some(wanted) = old.lines().map(str::trim).find(|line| !line.is_empty()) else { return String::new() };
    match file.lines().position(|line| line.trim() == wanted) {
        Some(at) => {
            format!(" (its first line is line {}, but the space around it or the lines after it differ)", at + 1)
        }
        None => match file.lines().position(|line| line.contains(wanted)) {
            Some(at) => format!(" (its first line is in line {}, but what follows differs)", at + 1),
            None => format!(" (no line is `{}`)", output::one_line(wanted, 120)),
        },
    }
}

fn lines_named(lines: &[usize]) -> String {
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let named: Vec<String> = lines.iter().take(LINES_NAMED).map(usize::to_string).collect();
    let more = if lines.len() > LINES_NAMED { ", …" } else { "" };
    format!("{word} {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::scene::Scene;
    use super::*;

    #[tokio::test]
    async fn what_the_model_reads_of_an_edit() {
        let scene = Scene::new(&[("a.txt", b"one\r\ntwo\r\ntwo\r\n"), ("bin", b"\xff\xfe")]);
        let said = scene
            .read_aloud(&[
                ("edit", json!({"path": "a.txt", "old_text": "one\ntwo", "new_text": "1\n2"})),
                ("edit", json!({"path": "a.txt", "old_text": "1", "new_text": "one"})),
                ("edit", json!({"path": "a.txt", "old_text": "o", "new_text": "0", "replace_all": true})),
                ("edit", json!({"path": "a.txt", "old_text": "", "new_text": "0"})),
                ("edit", json!({"path": "bin", "old_text": "a", "new_text": "b"})),
                ("edit", json!({"path": "gone", "old_text": "a", "new_text": "b"})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        edit {"new_text":"1\n2","old_text":"one\ntwo","path":"a.txt"}
        > Replaced 1 match in `a.txt` (line 1).
        edit {"new_text":"one","old_text":"1","path":"a.txt"}
        > Replaced 1 match in `a.txt` (line 1).
        edit {"new_text":"0","old_text":"o","path":"a.txt","replace_all":true}
        > Replaced 2 matches in `a.txt` (lines 1, 3).
        edit {"new_text":"0","old_text":"","path":"a.txt"}
        ! `edit` did not run: `old_text`: "" is shorter than 1 character.
        edit {"new_text":"b","old_text":"a","path":"bin"}
        ! `bin` is not UTF-8 text; change it with a command instead.
        edit {"new_text":"b","old_text":"a","path":"gone"}
        ! `gone` does not exist.
        "#);
        assert_eq!(scene.file("a.txt").await, b"0ne\r\n2\r\ntw0\r\n");
    }

    #[tokio::test]
    async fn edits_of_one_file_at_the_same_time_all_stand() {
        let scene = Scene::new(&[("a.txt", b"a b c d")]);
        let edit = |from: &str| {
            let arguments = json!({"path": "a.txt", "old_text": from, "new_text": from.to_uppercase()});
            scene.call("edit", arguments)
        };
        futures::future::join_all(["a", "b", "c", "d"].map(edit)).await;
        assert_eq!(scene.file("a.txt").await, b"A B C D");
    }

    fn edited(file: &str, old: &str, new: &str, all: bool) -> Result<String, String> {
        replace(file, old, new, all).map(|replaced| replaced.file).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn exact_text_is_replaced_and_line_ends_are_kept() {
        for (file, old, new, all, expected) in [
            ("a b a", "b", "c", false, "a c a"),
            ("a b a", "a", "x", true, "x b x"),
            ("cost", "cost", "$1 $& \\0", false, "$1 $& \\0"),
            ("a.c abc", "a.c", "x", false, "x abc"),
            ("one\r\ntwo\r\n", "one\ntwo", "1\n2", false, "1\r\n2\r\n"),
            ("one\r\ntwo\r\n", "one\r\ntwo", "1\r\n2", false, "1\r\n2\r\n"),
            ("one\r\ntwo\r\n", "two", "2\n3", false, "one\r\n2\r\n3\r\n"),
            ("one\r\ntwo\nthree\n", "two\nthree", "2\n3", false, "one\r\n2\n3\n"),
            ("a\nb\n", "a\n", "", false, "b\n"),
        ] {
            assert_eq!(edited(file, old, new, all).as_deref(), Ok(expected), "{file:?} {old:?} {new:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_lines() {
        let file = "fn a() {\n    one();\n}\nfn b() {\n    one();\n}\n";
        let said: Vec<String> =
            [("", "x"), ("a", "a"), ("one();", "two();"), ("one();\n\n}", "x"), ("\tone();\n}", "x"), ("three", "x")]
                .into_iter()
                .map(|(old, new)| edited(file, old, new, false).unwrap_err())
                .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        old_text is empty; use `write` to fill an empty file
        old_text and new_text are the same
        old_text was found 2 times (lines 2, 5); add lines around it until it is unique, or set replace_all
        old_text was not found (its first line is line 2, but the space around it or the lines after it differ); read the file and copy the text exactly
        old_text was not found (its first line is line 2, but the space around it or the lines after it differ); read the file and copy the text exactly
        old_text was not found (no line is `three`); read the file and copy the text exactly
        ");
    }

    proptest! {
        #[test]
        fn what_stands_there_is_replaced_to_the_letter(
            before in "[^x]{0,20}", old in "x[a-z$.*\\\\]{0,5}", new in "\\PC{0,20}", after in "[^x]{0,20}",
        ) {
            prop_assume!(old != new);
            let file = format!("{before}{old}{after}");
            prop_assert_eq!(edited(&file, &old, &new, false), Ok(format!("{before}{new}{after}")));
        }
    }
}
