//! One chain of an instance as a file.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::super::Error;
use super::super::chain::{CHAIN_MAX, Lines, Tail, Verifier};
use super::super::disk::{self, failed};
use super::super::medium::{Each, Written};
use super::super::record::LINE_MAX;

/// A file of chained lines. What follows its last line end is torn: it is not looked at.
#[derive(Debug)]
pub(super) struct ChainFile {
    path: PathBuf,
    /// Open from the first use on.
    file: Option<File>,
}

impl ChainFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The open file; `None` when it is not there.
    fn file(&mut self) -> Result<Option<&File>, Error> {
        if self.file.is_none() {
            match disk::open(&self.path, true) {
                Ok(file) => self.file = Some(file),
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                // Who only looks need not be able to write.
                Err(Error::Io { source, .. })
                    if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
                {
                    self.file = Some(disk::open(&self.path, false)?);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.file.as_ref())
    }

    /// Gives every line after `from`, one in memory at a time; `false` when there is no file.
    pub(super) fn lines(&mut self, from: &Tail, each: Each<'_>) -> Result<bool, Error> {
        let path = self.path.clone();
        let Some(file) = self.file()? else { return Ok(false) };
        let size = file.metadata().map_err(|source| failed(&path, "look at", source))?.len();
        if size > CHAIN_MAX {
            return Err(Error::TooLarge { what: path.display().to_string(), most: CHAIN_MAX });
        }
        let mut reader = BufReader::with_capacity(256 << 10, file);
        reader.seek(SeekFrom::Start(from.len)).map_err(|source| failed(&path, "read", source))?;
        let (mut place, mut offset) = (from.next.0, from.len);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader
                .by_ref()
                .take(LINE_MAX as u64)
                .read_until(b'\n', &mut line)
                .map_err(|source| failed(&path, "read", source))?;
            if line.pop_if(|end| *end == b'\n').is_none() {
                if length == LINE_MAX {
                    let what = "is longer than any line hob writes".to_owned();
                    return Err(Error::Damaged { path, line: place + 1, offset, what });
                }
                return Ok(true);
            }
            each(&line, length)?;
            (place, offset) = (place + 1, offset.saturating_add(length as u64));
        }
    }

    /// Appends lines as one write, durable when it returns, if nobody wrote since they were made. On an
    /// error nothing of it stays, as far as the disk lets us.
    pub(super) fn append(&mut self, lines: &Lines) -> Result<Written, Error> {
        if self.file()?.is_none() {
            disk::create(&self.path)?;
        }
        let _one = self.one_at_a_time()?;
        if self.has_more(&lines.from)? {
            return Ok(Written::Moved);
        }
        let path = self.path.clone();
        let Some(file) = self.file()? else { return Ok(Written::Moved) };
        let len = lines.from.len;
        let written = file.write_all_at(lines.text.as_bytes(), len).and_then(|()| file.sync_data());
        if let Err(source) = written {
            let _ = file.set_len(len).and_then(|()| file.sync_data());
            return Err(failed(&path, "append to", source));
        }
        Ok(Written::Done)
    }

    /// Cuts off what a writer that died left of its last transaction; the note says so.
    pub(super) fn cut(&mut self, end: &Tail) -> Result<Option<String>, Error> {
        if self.file()?.is_none() {
            return Ok(None);
        }
        let _one = self.one_at_a_time()?;
        if self.has_more(end)? {
            return Ok(None);
        }
        let path = self.path.clone();
        let Some(file) = self.file()? else { return Ok(None) };
        let size = file.metadata().map_err(|source| failed(&path, "look at", source))?.len();
        let torn = size.saturating_sub(end.len);
        if torn == 0 {
            return Ok(None);
        }
        file.set_len(end.len)
            .and_then(|()| file.sync_data())
            .map_err(|source| failed(&path, "cut the torn end off", source))?;
        let path = path.display();
        Ok(Some(format!("`{path}` ended in the middle of a write: cut {torn} bytes off after line {}", end.next)))
    }

    /// Whether a whole transaction follows `end`.
    pub(super) fn has_more(&mut self, end: &Tail) -> Result<bool, Error> {
        let path = self.path.clone();
        let size = match self.file()? {
            Some(file) => file.metadata().map_err(|source| failed(&path, "look at", source))?.len(),
            None => 0,
        };
        if size <= end.len {
            return Ok(false);
        }
        let mut verifier = Verifier::new(&path, *end, &[]);
        self.lines(end, &mut |line, length| verifier.line(line, length, |_| Ok(())))?;
        Ok(verifier.end()? != *end)
    }

    /// Others that append to this file wait until this is dropped.
    fn one_at_a_time(&mut self) -> Result<OneAtATime, Error> {
        let path = self.path.clone();
        // A lock belongs to an open file: one of its own keeps two of this process apart, too.
        let file = disk::open(&path, true)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| failed(&path, "lock", errno.into()))?;
        Ok(OneAtATime { file })
    }
}

/// Held for one write; ends with its process.
#[derive(Debug)]
struct OneAtATime {
    file: File,
}

impl Drop for OneAtATime {
    fn drop(&mut self) {
        // Closing would do, but for a child that was just forked and still has the file open.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}
