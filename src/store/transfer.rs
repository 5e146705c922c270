//! From one store into another, to the byte.

use std::path::Path;

use super::chain::{Lines, Tail};
use super::directory::Store;
use super::manifest::{self, Manifest};
use super::medium::{Medium, Part, Whole, Written};
use super::read::{self, Read, Verify};
use super::record::Sum;
use super::{Error, log};
use crate::domain::id::InstanceId;

/// How often somebody may write while an instance is copied.
const TRIES: usize = 8;

impl Store {
    /// Copies an instance into another store, all of it verified before, to the byte: its cover, its
    /// lines, its blobs. Nothing here changes, and what is worked on meanwhile is copied as it stood at
    /// one moment. `false` when it is not here.
    ///
    /// # Errors
    /// [`Error::Exists`] when the other store has one of that name already.
    pub async fn copy(&self, instance: &InstanceId, to: &Self) -> Result<bool, Error> {
        let Some(mut medium) = self.backend.find(instance).await? else { return Ok(false) };
        for _ in 0..TRIES {
            let before = medium.cover().await?;
            let read = read::read(&mut *medium, Verify::All).await?;
            let copied = lines(&mut *medium, &read).await?;
            let blobs = blobs(&mut *medium).await?;
            // An epoch that began in between would not be on this cover.
            let after = medium.cover().await?;
            if before != after {
                continue;
            }
            let Manifest { epoch, .. } = read.manifest;
            let whole = Whole {
                instance,
                epoch,
                cover: text(&medium.place().join(manifest::NAME), &before)?,
                chains: copied,
                blobs,
                runs: read.runs.all().iter().map(|run| run.id.clone()).collect(),
                unsettled: u32::try_from(read.runs.unsettled()).unwrap_or(u32::MAX),
            };
            return match to.backend.make(&whole).await? {
                Written::Done => Ok(true),
                Written::Moved => Err(Error::Exists { instance: Box::new(instance.clone()) }),
            };
        }
        Err(Error::Held { by: "a writer that begins one attempt after the other".to_owned() })
    }
}

/// The chains up to the ends that were verified.
async fn lines(medium: &mut dyn Medium, read: &Read) -> Result<Vec<(Part, Lines)>, Error> {
    let mut copied = Vec::new();
    for (part, tail) in [(Part::Log, read.log), (Part::Inbox, read.inbox), (Part::Applied, read.applied)] {
        let path = medium.path(part);
        let mut lines = Lines::up_to(tail);
        let is_there = medium
            .lines(part, &Tail::START, &mut |line, _| {
                lines.push(text(&path, line)?);
                Ok(())
            })
            .await?;
        if is_there {
            copied.push((part, lines));
        }
    }
    Ok(copied)
}

/// JSON is text; a reader that skips what it does not know may not have looked at all of it.
fn text<'a>(path: &Path, line: &'a [u8]) -> Result<&'a str, Error> {
    str::from_utf8(line).map_err(|error| {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        Error::Io { path: path.to_owned(), doing: "copy", source }
    })
}

async fn blobs(medium: &mut dyn Medium) -> Result<Vec<(Sum, bytes::Bytes)>, Error> {
    let mut blobs = Vec::new();
    for digest in medium.digests().await? {
        blobs.push((digest, log::blob(medium, digest.as_str()).await?));
    }
    Ok(blobs)
}
