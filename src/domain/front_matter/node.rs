//! YAML as a tree in which every node knows its bytes.
//!
//! A tree of our own, because a typed reader stops at the first thing it does not like, and a
//! person wants to hear everything at once.

use std::ops::Range;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Bytes of the file. Of a block of several lines, its first key or item.
    pub span: Range<usize>,
    /// What it is.
    pub shape: Shape,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// One value; `quoted` values are always text.
    Scalar {
        /// After the escapes.
        text: String,
        /// In quotes, or a block of text.
        quoted: bool,
    },
    /// `[…]` or lines with hyphens.
    List(Vec<Node>),
    /// `{…}` or lines with colons.
    Map(Vec<Member>),
    /// Something YAML has and we refuse; the problem is told already.
    Refused,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The key, after the escapes.
    pub key: String,
    /// Bytes of the key.
    pub key_span: Range<usize>,
    /// What is behind the colon.
    pub value: Node,
}

/// A scalar by the rules of YAML 1.2: `on`, `yes` and `off` are texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Everything else.
    Text(&'a str),
}

impl Node {
    /// The value, if this is a single one.
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.shape {
            Shape::Scalar { text, quoted: true } => Some(Scalar::Text(text)),
            Shape::Scalar { text, quoted: false } => Some(resolve(text)),
            _ => None,
        }
    }

    /// Whether nothing is written here.
    pub fn is_null(&self) -> bool {
        self.scalar() == Some(Scalar::Null)
    }

    /// Whether what is wrong here was told already.
    pub fn is_refused(&self) -> bool {
        self.shape == Shape::Refused
    }

    /// What it is, for people.
    pub fn describe(&self) -> &'static str {
        match (&self.shape, self.scalar()) {
            (Shape::List(_), _) => "a list",
            (Shape::Map(_), _) => "a mapping",
            (_, Some(Scalar::Null)) => "nothing",
            (_, Some(Scalar::Bool(_))) => "true or false",
            (_, Some(Scalar::Integer(_) | Scalar::Float(_))) => "a number",
            (_, Some(Scalar::Text(_))) => "a text",
            (_, None) => "something else",
        }
    }

    /// The same as JSON. What was refused becomes null.
    pub fn to_json(&self) -> serde_json::Value {
        match (&self.shape, self.scalar()) {
            (Shape::List(items), _) => items.iter().map(Self::to_json).collect(),
            (Shape::Map(members), _) => members.iter().map(|m| (m.key.clone(), m.value.to_json())).collect(),
            (_, Some(Scalar::Bool(value))) => value.into(),
            (_, Some(Scalar::Integer(value))) => value.into(),
            (_, Some(Scalar::Float(value))) => value.into(),
            (_, Some(Scalar::Text(value))) => value.into(),
            (_, Some(Scalar::Null) | None) => serde_json::Value::Null,
        }
    }

    /// The node that a JSON pointer made from [`Node::to_json`] names; the nearest one above it if
    /// it names nothing.
    pub fn at_pointer(&self, pointer: &str) -> &Self {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let below = match &node.shape {
                Shape::List(items) => part.parse::<usize>().ok().and_then(|n| items.get(n)),
                Shape::Map(members) => members.iter().find(|m| m.key == part).map(|m| &m.value),
                _ => None,
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        node
    }
}

fn resolve(text: &str) -> Scalar<'_> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric =
        digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits.contains(|c: char| c.is_ascii_digit());
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ if numeric => match (text.parse(), text.parse::<f64>()) {
            (Ok(value), _) => Scalar::Integer(value),
            (_, Ok(value)) if value.is_finite() => Scalar::Float(value),
            _ => Scalar::Text(text),
        },
        _ => Scalar::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_yaml_1_2() {
        for (given, expected) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("true", Scalar::Bool(true)),
            ("on", Scalar::Text("on")),
            ("off", Scalar::Text("off")),
            ("no", Scalar::Text("no")),
            ("12", Scalar::Integer(12)),
            ("-3", Scalar::Integer(-3)),
            ("1.5", Scalar::Float(1.5)),
            ("1e400", Scalar::Text("1e400")),
            ("400k", Scalar::Text("400k")),
            (".inf", Scalar::Text(".inf")),
            ("nan", Scalar::Text("nan")),
        ] {
            assert_eq!(resolve(given), expected, "`{given}`");
        }
    }
}
