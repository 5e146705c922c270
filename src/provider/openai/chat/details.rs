//! What a gateway tells of a thought beside its text: signatures and ciphertexts of the vendor behind
//! it, which come in pieces and go back whole.
//! <https://openrouter.ai/docs/use-cases/reasoning-tokens>, seen 2026-11-23.

use serde_json::{Map, Value};

use crate::provider::blocks::{BLOCKS_MAX, Fault};

/// The fields that come in pieces; of every other one the last word holds.
const GROWING: [&str; 3] = ["text", "summary", "data"];

/// The details so far, in the order they came.
#[derive(Default)]
pub(super) struct Details(Vec<Map<String, Value>>);

impl Details {
    /// Takes a piece. It goes on with the detail before it when that is of the same type and number.
    pub(super) fn add(&mut self, piece: Map<String, Value>) -> Result<(), Fault> {
        let same =
            |known: &&mut Map<String, Value>| ["type", "index"].iter().all(|key| known.get(*key) == piece.get(*key));
        let Some(known) = self.0.last_mut().filter(same) else {
            if self.0.len() >= BLOCKS_MAX {
                return Err(Fault::TooMuch(format!("more than {BLOCKS_MAX} details of its thoughts")));
            }
            self.0.push(piece);
            return Ok(());
        };
        for (key, value) in piece {
            match (known.get_mut(&key), value) {
                (Some(Value::String(text)), Value::String(more)) if GROWING.contains(&key.as_str()) => {
                    text.push_str(&more);
                }
                (Some(_), Value::Null) => {}
                (_, value) => {
                    known.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// All of them as a JSON list, if there are any.
    pub(super) fn take(&mut self) -> Option<String> {
        let list: Value = std::mem::take(&mut self.0).into_iter().map(Value::Object).collect();
        list.as_array().is_some_and(|list| !list.is_empty()).then(|| list.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_of_one_detail_are_joined_and_others_stand_beside_each_other() {
        let mut details = Details::default();
        for piece in [
            json!({"type": "reasoning.text", "text": "Let ", "index": 0, "format": "anthropic-claude-v1"}),
            json!({"type": "reasoning.text", "text": "me see", "index": 0, "signature": null}),
            json!({"type": "reasoning.text", "index": 0, "signature": "c2ln"}),
            json!({"type": "reasoning.text", "text": "And", "index": 1}),
            json!({"type": "reasoning.encrypted", "data": "ab", "index": 1}),
            json!({"type": "reasoning.encrypted", "data": "cd", "index": 1, "id": "rs_1"}),
        ] {
            details.add(piece.as_object().unwrap().clone()).unwrap();
        }
        let told: Value = serde_json::from_str(&details.take().unwrap()).unwrap();
        insta::assert_json_snapshot!(told, @r#"
        [
          {
            "format": "anthropic-claude-v1",
            "index": 0,
            "signature": "c2ln",
            "text": "Let me see",
            "type": "reasoning.text"
          },
          {
            "index": 1,
            "text": "And",
            "type": "reasoning.text"
          },
          {
            "data": "abcd",
            "id": "rs_1",
            "index": 1,
            "type": "reasoning.encrypted"
          }
        ]
        "#);
        assert_eq!(details.take(), None);
    }

    #[test]
    fn details_without_an_end_are_given_up() {
        let mut details = Details::default();
        let mut add = |index: usize| details.add(json!({"index": index}).as_object().unwrap().clone());
        assert!((0..BLOCKS_MAX).all(|index| add(index).is_ok()));
        assert!(matches!(add(BLOCKS_MAX), Err(Fault::TooMuch(_))));
    }
}
