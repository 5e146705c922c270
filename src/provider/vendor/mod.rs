//! The vendors of models, and servers of one's own: one row each. What differs between two of them
//! stands here and nowhere else.

mod rows;

use super::base_url::Base;
use super::openai::chat::Dialect;

pub use rows::{VENDORS, WORDS};

/// Whoever answers for a word before the slash of a model's name.
#[derive(Debug)]
pub struct Vendor {
    /// The word before the slash, which messages name too.
    pub word: &'static str,
    /// Who it is, for the reference page.
    pub title: &'static str,
    pub(super) wire: Wire,
    pub(super) base: Base,
    pub(super) key: Key,
    /// Where all of this stands.
    pub source: &'static str,
    /// When it was read there.
    pub seen: &'static str,
}

/// The protocols.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    /// Anthropic Messages.
    Messages,
    /// OpenAI Responses, which its own models are made for.
    Responses,
    /// OpenAI Chat Completions, which nearly everybody speaks, each in a dialect.
    Chat(Dialect),
}

/// From a variable to a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Where it is looked for.
    pub(super) variable: &'static str,
    /// What it is sent in, lower case.
    pub(super) header: &'static str,
    /// What stands before it there.
    pub(super) prefix: &'static str,
    pub(super) needed: Needed,
}

/// Whether there must be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    Always,
    /// Not at a server of one's own.
    AtTheVendor,
    /// It is a server of one's own.
    Never,
}

impl Vendor {
    /// The variable that holds its base URL.
    pub fn base_url(&self) -> &'static str {
        self.base.variable
    }

    /// The variable that holds its key.
    pub fn key(&self) -> &'static str {
        self.key.variable
    }

    /// The vendor of this word.
    pub fn find(word: &str) -> Option<&'static Self> {
        VENDORS.iter().find(|vendor| vendor.word == word)
    }
}

impl PartialEq for Vendor {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for Vendor {}

impl Wire {
    /// Below the version, without slashes at its ends.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Chat(_) => "chat/completions",
        }
    }

    /// What every request carries beside the key, names in lower case.
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Messages => &[("anthropic-version", "2023-06-01")],
            Self::Responses | Self::Chat(_) => &[],
        }
    }

    /// Its name, for the reference page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Messages => "Messages",
            Self::Responses => "Responses",
            Self::Chat(_) => "Chat Completions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret;

    #[test]
    fn every_row_is_whole() {
        for vendor in VENDORS {
            let word = vendor.word;
            assert_eq!(VENDORS.iter().filter(|other| other.word == word).count(), 1, "{word}");
            assert!(vendor.source.starts_with("https://") && vendor.seen.len() == 10, "{word}");
            assert!(secret::VARIABLES.contains(&vendor.key.variable), "{word}: its key is no secret");
            let example = vendor.base.default.unwrap_or(vendor.base.example);
            assert!(vendor.base.url(vendor.wire.path(), example).is_ok(), "{word}: {example}");
            let version = vendor.base.version;
            assert!(version.is_empty() || version.starts_with('/') && !version.ends_with('/'), "{word}");
            assert_eq!(Vendor::find(word), Some(vendor));
            assert!(WORDS.contains(&word));
        }
        assert!(Vendor::find("").is_none() && Vendor::find("replay").is_none());
    }

    /// Two rows may share a key and an address, but not one of them alone: a key must not go to another's address.
    #[test]
    fn a_key_belongs_to_one_address() {
        for one in VENDORS {
            for other in VENDORS {
                assert_eq!(one.key() == other.key(), one.base_url() == other.base_url(), "{} {}", one.word, other.word);
            }
        }
    }
}
