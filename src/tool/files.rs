//! Whole files: read and write.

use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};

use super::typed::Typed;
use super::{Nature, Reply, Scope, kind, output};
use crate::domain::image::{self, Image, ImageKind, Sight, Still};
use crate::sandbox::{Error, Sandbox};

/// Bytes of what a sandbox said.
const SAID_MAX: usize = 1000;

/// What the file and shell tools of one sandbox share.
pub struct Place {
    pub(super) sandbox: Arc<dyn Sandbox>,
    /// One for all paths: two names may be one file.
    writing: Mutex<()>,
}

impl Place {
    /// Of one sandbox, for every session that works in it.
    pub fn new(sandbox: &Arc<dyn Sandbox>) -> Arc<Self> {
        Arc::new(Self { sandbox: Arc::clone(sandbox), writing: Mutex::new(()) })
    }

    /// Held from reading a file to writing it back.
    pub(super) async fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Of the tools that change files.
    pub(super) fn nature(&self) -> Nature {
        if self.sandbox.capabilities().contained { Nature::Contained } else { Nature::Outside }
    }
}

/// A file, or a part of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    /// The file, relative to the workspace or absolute.
    path: String,
    /// First line to show, counted from 1.
    #[schemars(range(min = 1))]
    offset: Option<u64>,
    /// How many lines to show.
    #[schemars(range(min = 1))]
    limit: Option<u64>,
}

impl Typed for Read {
    const NAME: &'static str = "read";
    const DESCRIPTION: &'static str = "\
        Reads a text file. Shows at most 2000 lines or 50 KiB, in whole lines; the last line of the reply then names \
        the offset to go on with. Shows an image (PNG, JPEG, WebP, GIF) to a model that sees.";
    type Shared = Place;

    fn nature(_: &Place) -> Nature {
        Nature::ReadOnly
    }

    async fn run(self, place: &Place, scope: &Scope) -> Reply {
        match place.sandbox.read(&self.path).await {
            Ok(bytes) => show(&self, &bytes, scope.sight),
            Err(Error::IsDirectory(path)) => {
                Reply::error(format!("`{path}` is a directory. Use `glob` to see the files in it."))
            }
            Err(error) => failed(&*place.sandbox, &error),
        }
    }
}

/// What a sandbox said no to, as a sentence. What does not exist may only not be shown.
pub(super) fn failed(sandbox: &dyn Sandbox, error: &Error) -> Reply {
    let left_out = sandbox.left_out().filter(|_| matches!(error, Error::NotFound(_)));
    // The path that was asked for stands in it, and may be of any length.
    let said = output::both_ends(&format!("{error}."), SAID_MAX);
    Reply::error(output::with_notes(said, &output::bracketed(left_out.as_slice())))
}

fn show(asked: &Read, bytes: &Bytes, sight: Sight) -> Reply {
    let path = &asked.path;
    if let Some(kind) = ImageKind::of(bytes).filter(|kind| sight.kinds.contains(kind)) {
        return picture(path, kind, bytes);
    }
    if let Some(kind) = kind::not_text(bytes) {
        return Reply::error(format!("`{path}` is {kind} of {} bytes and is not shown.", bytes.len()));
    }
    match output::page(path, bytes, asked.offset, asked.limit) {
        Ok(page) => Reply::ok(page),
        Err(reason) => Reply::error(reason),
    }
}

/// An image as a model sees it, or why it cannot be shown.
fn picture(path: &str, kind: ImageKind, bytes: &Bytes) -> Reply {
    let (words, size) = (kind.words(), bytes.len());
    match image::still(kind, bytes) {
        Ok(Still { width, height }) => Reply {
            images: vec![Image { name: path.to_owned(), kind, bytes: bytes.clone() }],
            ..Reply::ok(format!("`{path}` is {words} of {width} x {height} pixels, {size} bytes."))
        },
        Err(unfit) => Reply::error(format!("`{path}` is {words} of {size} bytes and is not shown: {unfit}.")),
    }
}

/// A whole file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    /// The file, relative to the workspace or absolute.
    path: String,
    /// All of the file.
    content: String,
}

impl Typed for Write {
    const NAME: &'static str = "write";
    const CHANGES_FILES: bool = true;
    const DESCRIPTION: &'static str =
        "Creates a file, or replaces all of it; directories above it are created. Use `edit` to change a part.";
    type Shared = Place;

    fn nature(place: &Place) -> Nature {
        place.nature()
    }

    async fn run(self, place: &Place, _: &Scope) -> Reply {
        let Self { path, content } = self;
        let _writing = place.writing().await;
        let dos = has_only_crlf(&place.sandbox.read(&path).await.unwrap_or_default()) && !content.contains('\r');
        let (content, kept) = match dos {
            true => (content.replace('\n', "\r\n"), ", with the line ends \\r\\n that it had"),
            false => (content, ""),
        };
        match place.sandbox.write(&path, content.as_bytes()).await {
            Ok(()) => Reply::ok(format!("Wrote {} bytes to `{path}`{kept}.", content.len())),
            Err(error) => failed(&*place.sandbox, &error),
        }
    }
}

/// Whether every line of a file ends as DOS ends them: what is written over it then does too, since
/// models write `\n` and mean the end of a line.
fn has_only_crlf(bytes: &[u8]) -> bool {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').peekable();
    ends.peek().is_some() && ends.all(|(at, _)| at > 0 && bytes.get(at - 1) == Some(&b'\r'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scene::Scene;

    #[tokio::test]
    async fn what_the_model_reads_of_a_file() {
        let scene = Scene::new(&[
            ("poem.txt", b"one\ntwo\nthree\n"),
            ("dos.txt", b"a\r\nb\r\n"),
            ("empty", b""),
            ("logo.png", b"\x89PNG\0\0"),
            ("latin1", b"caf\xe9\n"),
            ("colour", b"\x1b[1mbold\x1b[0m\n"),
        ]);
        let said = scene
            .read_aloud(&[
                ("read", json!({"path": "poem.txt"})),
                ("read", json!({"path": "poem.txt", "offset": 2, "limit": 1})),
                ("read", json!({"path": "poem.txt", "offset": 4})),
                ("read", json!({"path": "empty"})),
                ("read", json!({"path": "logo.png"})),
                ("read", json!({"path": "latin1"})),
                ("read", json!({"path": "colour"})),
                ("read", json!({"path": "."})),
                ("read", json!({"path": "gone"})),
                ("read", json!({"path": "poem.txt", "offset": 0})),
                ("write", json!({"path": "new/deep/file", "content": "hi"})),
                ("read", json!({"path": "new/deep/file"})),
            ])
            .await;
        insta::assert_snapshot!(said, @r#"
        read {"path":"poem.txt"}
        > one
          two
          three
        read {"limit":1,"offset":2,"path":"poem.txt"}
        > two
          [lines 2 to 2 of 3; go on with offset 3]
        read {"offset":4,"path":"poem.txt"}
        ! `poem.txt` has 3 lines; offset 4 is past its end.
        read {"path":"empty"}
        > [`empty` is empty]
        read {"path":"logo.png"}
        ! `logo.png` is a binary file of 6 bytes and is not shown.
        read {"path":"latin1"}
        > caf�
        read {"path":"colour"}
        > bold
          [8 control characters are not shown]
        read {"path":"."}
        ! `.` is a directory. Use `glob` to see the files in it.
        read {"path":"gone"}
        ! `gone` does not exist.
        read {"offset":0,"path":"poem.txt"}
        ! `read` did not run: `offset`: 0 is less than the minimum of 1.
        write {"content":"hi","path":"new/deep/file"}
        > Wrote 2 bytes to `new/deep/file`.
        read {"path":"new/deep/file"}
        > hi
        "#);
        assert_eq!(scene.call("read", json!({"path": "dos.txt"})).await.content, "a\r\nb\r\n");
    }

    #[tokio::test]
    async fn an_image_is_read_as_one_in_every_sandbox() {
        let gif = [&b"GIF89a\x04\0\x03\0\0\0\0"[..], &[0x2c, 0, 0, 0, 0, 4, 0, 3, 0, 0, 2, 1, 9, 0], b";"].concat();
        let scene = Scene::new(&[("a.txt", &gif), ("cut.gif", &gif[..20])]);
        let reply = scene.call("read", json!({"path": "a.txt"})).await;
        assert_eq!(reply.content, "`a.txt` is a GIF image of 4 x 3 pixels, 28 bytes.");
        let [image] = reply.images.as_slice() else { panic!("{:?}", reply.images) };
        assert_eq!((image.name.as_str(), image.kind.media_type(), &image.bytes[..]), ("a.txt", "image/gif", &gif[..]));
        let reply = scene.call("read", json!({"path": "cut.gif"})).await;
        assert_eq!(reply.content, "`cut.gif` is a GIF image of 20 bytes and is not shown: it is cut off or damaged.");
        assert!(reply.is_error && reply.images.is_empty());
    }

    #[tokio::test]
    async fn what_is_written_over_a_file_keeps_its_line_ends() {
        for (before, content, expected) in [
            (&b"a\r\nb\r\n"[..], "1\n2\n", &b"1\r\n2\r\n"[..]),
            (b"a\r\nb\r\n", "1\r\n2\n", b"1\r\n2\n"),
            (b"a\r\nb\r\n", "", b""),
            (b"a\r\nb\n", "1\n2\n", b"1\n2\n"),
            (b"a\nb\n", "1\r\n2", b"1\r\n2"),
            (b"no line", "1\n2\n", b"1\n2\n"),
        ] {
            let scene = Scene::new(&[("file", before)]);
            let reply = scene.call("write", json!({"path": "file", "content": content})).await;
            assert!(!reply.is_error, "{}", reply.content);
            assert_eq!(scene.file("file").await, expected, "{} over {}", content.escape_debug(), before.escape_ascii());
        }
        let scene = Scene::new(&[("file", b"a\r\n")]);
        let said = scene.call("write", json!({"path": "file", "content": "1\n2\n"})).await.content;
        assert_eq!(said, r"Wrote 6 bytes to `file`, with the line ends \r\n that it had.");
    }

    #[tokio::test]
    async fn what_is_said_about_a_path_is_short_however_long_the_path() {
        let scene = Scene::new(&[]);
        let path = "x/".repeat(500_000);
        let calls = [
            ("read", json!({"path": path})),
            ("write", json!({"path": path, "content": ""})),
            ("edit", json!({"path": path, "old_text": "a", "new_text": "b"})),
            ("grep", json!({"pattern": "a", "path": path})),
            ("glob", json!({"pattern": "a", "path": path})),
            ("glob", json!({"pattern": path})),
            ("read", json!({"path": 7, "offset": path})),
        ];
        for (name, arguments) in calls {
            for (_, toolbox) in scene.each() {
                let call = crate::domain::message::Call {
                    id: "1".into(),
                    name: name.into(),
                    arguments: arguments.to_string(),
                };
                let step = super::super::dispatch::Step { call: &call, repeated: false };
                let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
                let reply = super::super::dispatch::run(
                    toolbox,
                    step,
                    &Default::default(),
                    deadline,
                    crate::domain::image::Sight::FULL,
                )
                .await;
                assert!(reply.is_error && reply.content.len() < 2000, "{name}: {}", reply.content.len());
                assert!(reply.content.ends_with('.') || reply.content.ends_with(']'), "{name}: {}", reply.content);
            }
        }
    }

    #[tokio::test]
    async fn a_long_file_is_read_in_parts_that_miss_nothing() {
        let file: String = (1..=4321).map(|n| format!("line {n}\n")).collect();
        let scene = Scene::new(&[("long", file.as_bytes())]);
        let (mut read, mut offset) = (String::new(), 1);
        loop {
            let reply = scene.call("read", json!({"path": "long", "offset": offset})).await.content;
            let Some((text, note)) = reply.split_once("[lines ") else {
                read.push_str(&reply);
                break;
            };
            read.push_str(text);
            offset = note.trim_end_matches(']').rsplit(' ').next().unwrap().parse().unwrap();
        }
        assert_eq!((read == file, offset), (true, 4001));
    }
}
