//! Reads typed values out of a tree, and tells everything that does not fit.
//!
//! Each reader returns what could be read and appends what could not to `problems`, so that one
//! pass over a file finds all of it.

use std::fmt::Display;

use super::node::{Member, Node, Scalar, Shape};
use crate::domain::name::Name;
use crate::domain::problem::{Problem, nearest};

/// A key or word that is planned, and refused until then: what is missing, and what to do now.
#[derive(Clone, Copy, Debug)]
pub struct NotYet {
    /// As it will be written.
    pub word: &'static str,
    /// What is missing, as a sentence without its end.
    pub why: &'static str,
    /// The next move.
    pub instead: &'static str,
}

impl NotYet {
    /// The problem at these bytes.
    pub fn problem(&self, span: std::ops::Range<usize>) -> Problem {
        Problem::error("not-yet", format!("`{}` is not there yet ({})", self.word, self.why))
            .at(span)
            .help(self.instead)
    }
}

/// One mapping, from which each key is taken once; what nobody took is unknown.
pub struct Fields<'a> {
    /// What the mapping is, for people: `an agent`, or the key before it.
    what: String,
    members: Vec<Option<&'a Member>>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// `what` is for people: `an agent`, or a key in backticks. `None`, with a problem, when the node is no mapping. Nothing at all is an empty mapping.
    pub fn of(node: &'a Node, what: impl Into<String>, problems: &mut Vec<Problem>) -> Option<Self> {
        let what = what.into();
        match &node.shape {
            Shape::Map(members) => Some(Self { what, members: members.iter().map(Some).collect(), known: Vec::new() }),
            _ if node.is_null() => Some(Self { what, members: Vec::new(), known: Vec::new() }),
            _ => {
                wrong_type(&what, "a mapping of keys to values", node, problems);
                None
            }
        }
    }

    /// The member of this key.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Member> {
        self.known.push(key);
        self.members.iter_mut().find(|slot| slot.is_some_and(|member| member.key == key))?.take()
    }

    /// The value of this key.
    pub fn value(&mut self, key: &'static str) -> Option<&'a Node> {
        self.take(key).map(|member| &member.value)
    }

    /// Refuses keys that are planned.
    pub fn not_yet(&mut self, planned: &[NotYet], problems: &mut Vec<Problem>) {
        for key in planned {
            let slot = self.members.iter_mut().find(|slot| slot.is_some_and(|member| member.key == key.word));
            if let Some(member) = slot.and_then(Option::take) {
                problems.push(key.problem(member.key_span.clone()));
            }
        }
    }

    /// Refuses what is left.
    pub fn finish(self, problems: &mut Vec<Problem>) {
        for member in self.members.into_iter().flatten() {
            let problem = Problem::error("unknown-key", format!("{} has no key `{}`", self.what, member.key))
                .at(member.key_span.clone());
            problems.push(match nearest(&member.key, self.known.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("known keys: {}", join(&self.known))),
            });
        }
    }
}

/// A text that is not empty. Numbers must be quoted to be texts.
pub fn text(key: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    match node.scalar() {
        Some(Scalar::Text(text)) if !text.trim().is_empty() => Some(text.to_owned()),
        _ => {
            wrong_type(&format!("`{key}`"), "a text", node, problems);
            None
        }
    }
}

/// `true` or `false`.
pub fn flag(key: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<bool> {
    match node.scalar() {
        Some(Scalar::Bool(value)) => Some(value),
        _ => {
            wrong_type(&format!("`{key}`"), "true or false", node, problems);
            None
        }
    }
}

/// The items of a list; nothing, with a problem, when it is none.
pub fn list<'a>(key: &str, node: &'a Node, problems: &mut Vec<Problem>) -> &'a [Node] {
    if let Shape::List(items) = &node.shape {
        return items;
    }
    wrong_type(&format!("`{key}`"), "a list such as [a, b]", node, problems);
    &[]
}

/// The items of a list, each read by `read`; one that stands there twice is refused.
pub fn items<T: PartialEq + Display>(
    key: &str,
    node: &Node,
    problems: &mut Vec<Problem>,
    mut read: impl FnMut(&Node, &mut Vec<Problem>) -> Option<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    for item in list(key, node, problems) {
        match read(item, problems) {
            Some(value) if found.contains(&value) => problems.push(
                Problem::error("duplicate-item", format!("`{value}` is in `{key}` twice"))
                    .at(item.span.clone())
                    .help("keep one of the two"),
            ),
            Some(value) => found.push(value),
            None => {}
        }
    }
    found
}

/// A whole number, `k` and `M` allowed, from 1 to `most`.
pub fn number(key: &str, node: &Node, most: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let given = match node.scalar() {
        Some(Scalar::Integer(value)) => u64::try_from(value).ok(),
        Some(Scalar::Text(text)) => [("k", 1_000), ("M", 1_000_000)]
            .into_iter()
            .find_map(|(unit, factor)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(factor)),
        _ => None,
    };
    match given {
        Some(value) if (1..=most).contains(&value) => Some(value),
        Some(value) => {
            problems.push(
                Problem::error("out-of-range", format!("`{key}` is {value}, it can be 1 to {most}"))
                    .at(node.span.clone()),
            );
            None
        }
        None if node.is_refused() => None,
        None => {
            problems.push(
                Problem::error("bad-unit", format!("`{key}` wants a whole number"))
                    .at(node.span.clone())
                    .help("write it plain, in thousands, or in millions: `900`, `400k`, `2M`"),
            );
            None
        }
    }
}

/// A length of time in whole seconds, minutes or hours, from one second to `most` seconds.
pub fn seconds(key: &str, node: &Node, most: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let given = match node.scalar() {
        Some(Scalar::Text(text)) => length(text),
        _ => None,
    };
    match given {
        Some(value) if (1..=most).contains(&value) => Some(value),
        Some(_) => {
            let most = if most < 3600 { format!("{}m", most / 60) } else { format!("{}h", most / 3600) };
            problems.push(Problem::error("out-of-range", format!("`{key}` can be 1s to {most}")).at(node.span.clone()));
            None
        }
        None if node.is_refused() => None,
        None => {
            problems.push(
                Problem::error("bad-unit", format!("`{key}` wants a length of time"))
                    .at(node.span.clone())
                    .help("write whole seconds, minutes or hours: `90s`, `20m`, `1h`"),
            );
            None
        }
    }
}

/// Seconds in a length of time as people write it: `90s`, `20m`, `1h`.
pub fn length(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    // `+5` would be a number to Rust.
    let is_plain = number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(factor)
}

/// Dollars as `2 USD` or `0.50 USD`, from one cent to `most` dollars, in nano-dollars.
pub fn dollars(key: &str, node: &Node, most: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    const CENT: u64 = 10_000_000;
    let given = match node.scalar() {
        Some(Scalar::Text(text)) => cents(text),
        _ => None,
    };
    match given {
        Some(cents) if (1..=most * 100).contains(&cents) => Some(cents * CENT),
        Some(_) => {
            let problem = Problem::error("out-of-range", format!("`{key}` can be 0.01 USD to {most} USD"));
            problems.push(problem.at(node.span.clone()));
            None
        }
        None if node.is_refused() => None,
        None => {
            problems.push(
                Problem::error("bad-unit", format!("`{key}` wants dollars"))
                    .at(node.span.clone())
                    .help("write dollars with their unit: `2.00 USD`, `0.50 USD`"),
            );
            None
        }
    }
}

/// Cents in an amount of dollars.
fn cents(text: &str) -> Option<u64> {
    let amount = text.strip_suffix(" USD")?;
    let (whole, part) = amount.split_once('.').unwrap_or((amount, "00"));
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_plain(whole) || !is_plain(part) || part.len() > 2 {
        return None;
    }
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part)
}

/// A [`Name`].
pub fn name(key: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Name> {
    match text(key, node, problems)?.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: crate::domain::name::InvalidName = error;
            problems.push(Problem::error("bad-name", error.to_string()).at(node.span.clone()));
            None
        }
    }
}

/// A member of a closed set.
pub fn word<T: Copy + Display>(
    key: &str,
    node: &Node,
    all: &[T],
    planned: &[NotYet],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let given = text(key, node, problems)?;
    if let Some(found) = all.iter().find(|word| word.to_string() == given) {
        return Some(*found);
    }
    if let Some(planned) = planned.iter().find(|planned| planned.word == given) {
        problems.push(planned.problem(node.span.clone()));
        return None;
    }
    let known: Vec<String> = all.iter().map(T::to_string).collect();
    let problem = Problem::error("unknown-value", format!("`{key}` cannot be `{given}`")).at(node.span.clone());
    problems.push(match nearest(&given, known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("it can be {}", join(&known))),
    });
    None
}

/// A list of members of a closed set.
pub fn words<T: Copy + Display + PartialEq>(
    key: &str,
    node: &Node,
    all: &[T],
    planned: &[NotYet],
    problems: &mut Vec<Problem>,
) -> Vec<T> {
    items(key, node, problems, |item, problems| word(key, item, all, planned, problems))
}

fn wrong_type(what: &str, wanted: &str, node: &Node, problems: &mut Vec<Problem>) {
    if node.is_refused() {
        return;
    }
    let given = match node.scalar() {
        Some(Scalar::Text(text)) if text.trim().is_empty() => "nothing",
        _ => node.describe(),
    };
    let problem = Problem::error("wrong-type", format!("{what} must be {wanted}, not {given}")).at(node.span.clone());
    let quotable = wanted == "a text" && matches!(given, "a number" | "true or false");
    problems.push(if quotable { problem.help("put it in quotes") } else { problem });
}

fn join<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn read<T>(yaml: &str, read: impl Fn(&Node, &mut Vec<Problem>) -> T) -> (T, Vec<String>) {
        let mut problems = Vec::new();
        let node = parse(yaml, 0..yaml.len(), &mut problems).unwrap();
        let value = read(&node, &mut problems);
        (value, problems.into_iter().map(|p| format!("{}: {}", p.code, p.message)).collect())
    }

    #[test]
    fn money_is_dollars_and_cents() {
        for (text, expected) in [
            ("2.00 USD", Some(200)),
            ("2 USD", Some(200)),
            ("0.5 USD", Some(50)),
            ("0.01 USD", Some(1)),
            ("2.005 USD", None),
            ("2. USD", None),
            (".5 USD", None),
            ("-1 USD", None),
            ("+1 USD", None),
            ("1e3 USD", None),
            ("2.00", None),
            ("2.00 EUR", None),
            ("2.00USD", None),
            ("99999999999999999999 USD", None),
        ] {
            assert_eq!(cents(text), expected, "`{text}`");
        }
    }

    #[test]
    fn numbers_know_k_and_m() {
        for (given, expected) in [("7", Some(7)), ("400k", Some(400_000)), ("2M", Some(2_000_000)), ("1", Some(1))] {
            assert_eq!(read(given, |node, problems| number("n", node, 9_000_000, problems)), (expected, vec![]));
        }
        for (given, code) in [
            ("0", "out-of-range"),
            ("99M", "out-of-range"),
            ("-1", "bad-unit"),
            ("1.5", "bad-unit"),
            ("1.5k", "bad-unit"),
            ("4K", "bad-unit"),
            ("99999999999999999999M", "bad-unit"),
            ("~", "bad-unit"),
            ("[]", "bad-unit"),
        ] {
            let (value, problems) = read(given, |node, problems| number("n", node, 9_000_000, problems));
            assert_eq!(value, None);
            assert!(problems[0].starts_with(code), "{given}: {problems:?}");
        }
    }

    #[test]
    fn times_know_seconds_minutes_and_hours() {
        for (given, expected) in [("90s", Some(90)), ("20m", Some(1200)), ("2h", Some(7200))] {
            assert_eq!(read(given, |node, problems| seconds("t", node, 7200, problems)), (expected, vec![]));
        }
        for (given, code) in [("0s", "out-of-range"), ("3h", "out-of-range"), ("20", "bad-unit"), ("1.5h", "bad-unit")]
        {
            let (value, problems) = read(given, |node, problems| seconds("t", node, 7200, problems));
            assert_eq!(value, None);
            assert!(problems[0].starts_with(code), "{given}: {problems:?}");
        }
    }

    #[test]
    fn what_is_not_taken_is_unknown() {
        let (_, problems) = read("{ alhpa: 1, zulu: 2, beta: 3, later: 4 }", |node, problems| {
            let mut fields = Fields::of(node, "a test", problems).unwrap();
            assert!(fields.take("alpha").is_none());
            assert!(fields.take("beta").is_some());
            fields.not_yet(&[NotYet { word: "later", why: "it comes later", instead: "wait" }], problems);
            fields.finish(problems);
        });
        insta::assert_debug_snapshot!(problems, @r#"
        [
            "not-yet: `later` is not there yet (it comes later)",
            "unknown-key: a test has no key `alhpa`",
            "unknown-key: a test has no key `zulu`",
        ]
        "#);
    }
}
