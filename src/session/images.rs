//! What tools show: kept as blobs beside the log, and put before the model behind the results.
//!
//! The live conversation reads them back from the store as a resumed one does, so that both send the
//! same bytes.

use super::Error;
use super::history::Turn;
use super::journal::Journal;
use super::{History, Session};
use crate::domain::image::{ALL_BYTES_MAX, BYTES_MAX, Image, KeptImage, Sight, still};
use crate::domain::message::ToolResult;
use crate::provider::{self, Conversation, Said};
use crate::tool::{Reply, output};

/// Bytes of a name.
const NAME_MAX: usize = 200;

/// How there will be room: what is read is compacted.
const LATER: &str = "say what you saw of the others, then read it again";

/// What stands in the result of an image that a vendor refused.
const REFUSED: &str = "[not shown: the model's service refused the request that held it]";

impl Session {
    /// Keeps what a tool shows, as far as there is room; the reply says what is not shown and why. What was
    /// shown before stays: nothing that was sent changes before the next compaction.
    pub(super) async fn keep_images(&mut self, reply: &mut Reply) -> Result<Vec<KeptImage>, Error> {
        let sight = self.parts.provider.sight();
        let mut kept: Vec<KeptImage> = Vec::new();
        for image in std::mem::take(&mut reply.images) {
            let name = output::one_line(&image.name, NAME_MAX).replace('`', "'");
            let shown = self.history.images().chain(&kept);
            match unfit(&image, sight, shown, &self.journal) {
                None => {
                    let blob = self.journal.put_blob(&image.bytes).await?;
                    kept.push(KeptImage { name, kind: image.kind, size: image.bytes.len() as u64, blob });
                }
                Some(why) => {
                    let note = format!("[`{name}` is not shown: {why}]");
                    reply.content = output::with_notes(std::mem::take(&mut reply.content), &[note]);
                    reply.is_error = true;
                }
            }
        }
        Ok(kept)
    }

    /// Whether another image may not be shown any more.
    pub(super) fn is_full_of_images(&self) -> bool {
        let most = self.parts.provider.sight().most;
        if most == 0 {
            return false;
        }
        let (count, size) = sum(self.history.images());
        count >= most || size + BYTES_MAX as u64 > ALL_BYTES_MAX
    }
}

/// How many they are, and their bytes.
fn sum<'a>(images: impl Iterator<Item = &'a KeptImage>) -> (usize, u64) {
    images.fold((0, 0), |(count, size), image| (count + 1, size + image.size))
}

/// Why an image cannot be shown beside those that are.
fn unfit<'a>(
    image: &Image,
    sight: Sight,
    shown: impl Iterator<Item = &'a KeptImage>,
    journal: &Journal,
) -> Option<String> {
    let (count, size) = sum(shown);
    if !sight.kinds.contains(&image.kind) {
        return Some(format!("you are not known to see {}", image.kind.words()));
    }
    if let Err(unfit) = still(image.kind, &image.bytes) {
        return Some(unfit.to_string());
    }
    if count >= sight.most {
        return Some(format!("no more than {} images can be shown at once; {LATER}", sight.most));
    }
    if size + image.bytes.len() as u64 > ALL_BYTES_MAX {
        return Some(format!(
            "images of more than {ALL_BYTES_MAX} bytes together cannot be shown at once, and those that are have {size}; {LATER}"
        ));
    }
    // What is kept would be another file.
    journal.holds_secret(&image.bytes).then(|| "a secret stands in it".to_owned())
}

/// Puts the images of these results before the model, behind all of them.
pub(super) async fn show(
    journal: &mut Journal,
    conversation: &mut dyn Conversation,
    results: &[ToolResult],
) -> Result<(), Error> {
    let mut shown = Vec::new();
    for image in results.iter().flat_map(|result| &result.images) {
        shown.push((image, journal.blob(&image.blob).await?));
    }
    if shown.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = shown.iter().map(|(image, _)| format!("`{}`", image.name)).collect();
    let what = if names.len() == 1 { "image" } else { "images, in their order," };
    let text = format!("The {what} of the results above: {}.", names.join(", "));
    let images: Vec<provider::Image<'_>> =
        shown.iter().map(|(image, bytes)| provider::Image { kind: image.kind, bytes }).collect();
    conversation.push(Said::Shown { text: &text, images: &images });
    Ok(())
}

impl History {
    /// The images that the conversation shows.
    pub fn images(&self) -> impl Iterator<Item = &KeptImage> {
        let results = self.turns.iter().filter_map(|turn| match turn {
            Turn::Results(results) => Some(results),
            _ => None,
        });
        results.flatten().flat_map(|result| &result.images)
    }

    /// Whether the model is shown images that it has not read yet.
    pub fn has_unread_images(&self) -> bool {
        let unread = self.turns.iter().rev().take_while(|turn| !matches!(turn, Turn::Answer(_)));
        unread.into_iter().any(|turn| matches!(turn, Turn::Results(results) if results.iter().any(shows)))
    }

    /// Takes the images that the model has not read yet out of the conversation, and says so in their place.
    pub(super) fn drop_unread_images(&mut self) {
        let unread = self.turns.iter_mut().rev().take_while(|turn| !matches!(turn, Turn::Answer(_)));
        for turn in unread {
            let Turn::Results(results) = turn else { continue };
            for result in results.iter_mut().filter(|result| shows(result)) {
                result.images.clear();
                result.content = output::with_notes(std::mem::take(&mut result.content), &[REFUSED.to_owned()]);
            }
        }
    }
}

fn shows(result: &ToolResult) -> bool {
    !result.images.is_empty()
}
