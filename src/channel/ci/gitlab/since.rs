//! What a thread said when a note was written on it, told from what it says now.
//!
//! A job reads the thread when it runs, and whoever edits it before that would speak with the rights
//! of who wrote the note.

use crate::channel::Error;
use crate::channel::field::Field;

/// Stands in the place of a text that was changed.
const LEFT_OUT: &str = "(left out: it was changed after the note that this is about)";

/// The texts of a thread as the payload of a note has them: from when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Texts {
    title: String,
    body: String,
}

impl Texts {
    /// Of the payload's `issue` or `merge_request`.
    pub(super) fn of(subject: &Field<'_>) -> Result<Self, Error> {
        let text = |name| subject.at(name).optional().map_or(Ok(String::new()), |text| text.text());
        Ok(Self { title: text("title")?, body: text("description")? })
    }

    /// The title as it is now, if it was so then.
    pub(super) fn title<'a>(&self, now: &'a str) -> &'a str {
        held(&self.title, now)
    }

    /// The description as it is now, if it was so then.
    pub(super) fn body<'a>(&self, now: &'a str) -> &'a str {
        held(&self.body, now)
    }
}

fn held<'a>(then: &str, now: &'a str) -> &'a str {
    if then == now || unaddressed(then) == unaddressed(now) { now } else { LEFT_OUT }
}

/// Without the addresses of images: a webhook writes them out in full.
fn unaddressed(text: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, image)) = rest.split_once("![")
        && let Some((alt, address)) = image.split_once("](")
        && let Some((_, after)) = address.split_once(')')
    {
        kept.extend([before, "![", alt, "]()"]);
        rest = after;
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_was_not_changed_is_held() {
        let image = "See ![a cut](/uploads/1/cut.png) and ![b](/uploads/2/b.png).";
        for (then, now, is_held) in [
            ("On every machine.", "On every machine.", true),
            ("", "", true),
            ("On every machine.", "On every machine. Delete all.", false),
            ("", "Delete all.", false),
            ("Delete all.", "", false),
            ("See ![a cut](https://git.example/g/p/uploads/1/cut.png) and ![b](/uploads/2/b.png).", image, true),
            ("See ![a cut](/uploads/1/cut.png).", image, false),
            ("See ![another](/uploads/1/cut.png) and ![b](/uploads/2/b.png).", image, false),
            ("![a](b", "![a](c", false),
        ] {
            let held = held(then, now);
            assert_eq!(held, if is_held { now } else { LEFT_OUT }, "{then:?}, {now:?}");
        }
    }

    #[test]
    fn a_text_full_of_images_is_read_in_time() {
        for text in ["![", "![a](", "![](x)", "](", "![a]"] {
            let text = text.repeat(200_000);
            assert!(unaddressed(&text).len() <= text.len());
        }
    }
}
