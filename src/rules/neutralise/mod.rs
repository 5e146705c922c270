//! Makes a text harmless before it is written to a forge under our name: it calls nobody who is not
//! there already, gives other bots and the forge no commands, closes nothing, loads nothing.
//!
//! The text is parsed as Markdown; whatever would act is turned into something that only shows. The
//! result is parsed again until a parse finds nothing more, so what is returned is what was looked
//! at. A text that will not come to rest is shown as code.

mod html;
mod pass;
mod place;
mod token;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use url::Url;

pub use place::Place;

use crate::domain::event::Forge;
use crate::domain::invisible::without_invisible;

/// People who may be called by one text.
pub const MENTIONS_MAX: usize = 3;

/// Parses before a text is shown as code. Two are usual: one that changes, one that finds nothing.
const PASSES_MAX: usize = 8;

/// Characters kept free for what is put around a text: the marker, a link to the rest.
const RESERVE: usize = 1024;

/// A text that acts on nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neutral {
    /// Markdown.
    pub text: String,
    /// What had to be changed, for the model.
    pub changes: BTreeSet<Change>,
}

/// One kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// `@somebody`.
    Mention,
    /// `/close`, `bors r+`.
    Command,
    /// `fixes #1`.
    Closing,
    /// A link or image to another host.
    Link,
    /// A tag or a comment.
    Html,
    /// Characters that nobody sees.
    Invisible,
    /// More than the forge takes.
    Cut,
    /// It did not come to rest.
    Code,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mention => "mentions of people who are not on the thread, or of more than 3, are shown as text",
            Self::Command => "lines that would be commands are shown as text",
            Self::Closing => "keywords that would close an issue are shown as text",
            Self::Link => "links and images to other hosts are shown as text",
            Self::Html => "HTML comments are left out, and tags other than the simplest are shown as text",
            Self::Invisible => "invisible characters are left out",
            Self::Cut => "the end is cut off, because the forge takes no more",
            Self::Code => "all of it is shown as code, because parts of it kept forming commands or links",
        })
    }
}

/// Makes `body` harmless at `place`. A neutral text comes back as it is.
pub fn neutralise(body: &str, place: &Place) -> Neutral {
    let mut changes = BTreeSet::new();
    let (mut text, dropped) = without_invisible(&with_plain_line_ends(body));
    if dropped > 0 {
        changes.insert(Change::Invisible);
    }
    for _ in 0..PASSES_MAX {
        if let Some(cut) = cut(&text, place.forge) {
            changes.insert(Change::Cut);
            text = cut;
        }
        match pass::pass(&text, place, &mut changes) {
            Some(next) => text = next,
            None => return Neutral { text, changes },
        }
    }
    changes.insert(Change::Code);
    Neutral { text: as_code(&text, place.forge), changes }
}

fn with_plain_line_ends(text: &str) -> Cow<'_, str> {
    if text.contains(['\r', '\u{2028}', '\u{2029}']) {
        text.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n").into()
    } else {
        text.into()
    }
}

/// Characters of a comment that the forge takes, less what is kept free.
fn most(forge: Forge) -> usize {
    let limit = match forge {
        Forge::Github => 65_536,
        Forge::Gitlab => 1_000_000,
    };
    limit - RESERVE
}

const CUT: &str = "\n\n[the rest is cut off: it was longer than a comment may be]\n";

/// The text with its end cut off and a line that says so, if the forge would not take it with a
/// marker below; `None` when it is short enough.
fn cut(text: &str, forge: Forge) -> Option<String> {
    let most = most(forge);
    text.char_indices().nth(most)?;
    let (end, _) = text.char_indices().nth(most - CUT.len())?;
    Some(format!("{}{CUT}", &text[..end]))
}

/// All of it in one fenced block, whose fence is longer than any in the text.
fn as_code(text: &str, forge: Forge) -> String {
    let (mut longest, mut length) = (0, 0);
    for c in text.chars() {
        length = if c == '`' { length + 1 } else { 0 };
        longest = longest.max(length);
    }
    let fence = "`".repeat(3.max(longest + 1));
    let room = most(forge).saturating_sub(2 * fence.len() + 3);
    let mut code = String::new();
    for line in text.split_inclusive('\n') {
        if pass::is_command_in_code(line, forge) {
            code.push('\\');
            code.push_str(line.trim_start());
        } else {
            code.push_str(line);
        }
    }
    let end = code.char_indices().nth(room).map_or(code.len(), |(end, _)| end);
    format!("{fence}\n{}\n{fence}\n", &code[..end].trim_end_matches('\n'))
}

/// Whether a link may point there.
fn may_link(target: &str, place: &Place) -> bool {
    place.hosts.iter().any(|host| {
        Url::parse(&format!("https://{host}/")).and_then(|base| base.join(target)).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.host_str().is_some_and(|to| place.hosts.iter().any(|h| h == to))
                && url.username().is_empty()
                && url.password().is_none()
        })
    })
}

#[cfg(test)]
mod tests;
