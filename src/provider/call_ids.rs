//! The ids under which a conversation's calls are sent.
//!
//! The log keeps what a vendor gave. Another vendor may refuse that form, and a model may give an
//! id that stood in the conversation before, which some refuse in every request from then on. Such
//! an id is replaced, in the call and in its result alike. The replacement follows from what was
//! pushed alone, so a conversation that is built again from its log sends the same bytes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

/// Length of a replacement. Nine letters and digits are what the strictest vendor takes.
const LENGTH: usize = 9;
const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The calls of one conversation.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    /// Every id that was sent.
    sent: HashSet<String>,
    /// By the id in the log.
    given: HashMap<String, Given>,
}

/// What was made of an id.
#[derive(Debug)]
struct Given {
    /// What its latest call was sent under.
    latest: String,
    /// How many replacements were tried for it.
    tried: u32,
}

impl CallIds {
    /// What a call is sent under: its own id when that `fits` and was not sent before.
    pub(super) fn of_call<'a>(&mut self, id: &'a str, fits: bool) -> Cow<'a, str> {
        let mut tried = self.given.get(id).map_or(0, |given| given.tried);
        let mut chosen = Cow::Borrowed(id);
        let mut free = fits && !self.sent.contains(id);
        while !free {
            chosen = Cow::Owned(replacement(id, tried));
            tried = tried.saturating_add(1);
            free = !self.sent.contains(&*chosen) || tried == u32::MAX;
        }
        self.sent.insert(chosen.clone().into_owned());
        self.given.insert(id.to_owned(), Given { latest: chosen.clone().into_owned(), tried });
        chosen
    }

    /// What the result of the latest call with this id is sent under.
    pub(super) fn of_result<'a>(&'a self, id: &'a str) -> &'a str {
        self.given.get(id).map_or(id, |given| &given.latest)
    }
}

fn replacement(id: &str, tried: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(tried.to_be_bytes());
    hash.update(id);
    let digit = |byte: u8| DIGITS.get(usize::from(byte) % DIGITS.len()).copied().map_or('0', char::from);
    hash.finalize().into_iter().take(LENGTH).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_fits_and_is_new_stays_and_every_other_one_is_replaced_in_the_same_way() {
        let mut twice = Vec::new();
        for _ in 0..2 {
            let mut ids = CallIds::default();
            let mut seen = HashSet::new();
            let mut sent = Vec::new();
            for (id, fits) in [("a", true), ("a", true), ("a", true), ("b", false), ("b", true), ("", false)] {
                let of_call = ids.of_call(id, fits).into_owned();
                assert_eq!(ids.of_result(id), of_call);
                assert!(seen.insert(of_call.clone()), "{of_call} is sent twice");
                sent.push(of_call);
            }
            // An id that is, by accident or not, the replacement of another one.
            let taken = sent[3].clone();
            assert_ne!(ids.of_call(&taken, true), taken);
            assert_eq!(ids.of_result("b"), sent[4]);
            twice.push(sent);
        }
        assert_eq!(twice[0], twice[1]);
        assert_eq!((twice[0][0].as_str(), twice[0][4].as_str()), ("a", "b"));
        assert!(twice[0][3].len() == LENGTH && twice[0][3].bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[test]
    fn ten_thousand_calls_with_one_id_are_told_apart_at_once() {
        let mut ids = CallIds::default();
        let sent: HashSet<String> = (0..10_000).map(|_| ids.of_call("call_0", true).into_owned()).collect();
        assert_eq!(sent.len(), 10_000);
    }
}
