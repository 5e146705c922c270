//! What may be stored. Nothing here can be made without a redactor, so nobody can forget it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Bill, Error};
use crate::domain::entry::Body;
use crate::domain::id::{Seq, SessionId};
use crate::domain::run::Run;
use crate::telemetry::redact::Redactor;

/// An entry that has no place in the log yet.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) session: SessionId,
    pub(super) parent: Seq,
    pub(super) body: Body,
    pub(super) json: String,
    pub(super) bill: Option<Bill>,
}

impl Draft {
    /// Says `body` after the entry `parent`, without the secrets that were in it.
    ///
    /// # Errors
    /// When it could not be read back as it would be written: JSON nested deeper than a reader
    /// takes, or a secret that equals a word of the format.
    pub fn new(session: SessionId, parent: Seq, body: Body, redactor: &Redactor) -> Result<Self, Error> {
        let kind = body.kind().to_owned();
        let unstorable = |source| Error::Unstorable { kind: kind.clone(), source };
        let json = body.write().map_err(unstorable)?;
        // JSON that came from outside may be nested deeper, one level down, than a reader takes.
        let foreign = matches!(body, Body::Input(_) | Body::RunJoined(_) | Body::Settled(_));
        let (json, body) = match one_line(redactor.redact_json(&json)) {
            Cow::Borrowed(_) if !foreign => (json, body),
            stored => {
                let stored = RawValue::from_string(stored.into_owned()).map_err(unstorable)?;
                let body = Body::read(&kind, &stored).map_err(unstorable)?;
                (Box::<str>::from(stored).into(), body)
            }
        };
        Ok(Self { session, parent, body, json, bill: None })
    }

    /// The same, of a model call that cost something.
    #[must_use]
    pub fn billed(self, bill: Bill) -> Self {
        Self { bill: Some(bill), ..self }
    }
}

/// A run on its way into the inbox.
#[derive(Clone, Debug)]
pub struct Admission {
    pub(super) run: Run,
    pub(super) json: String,
}

impl Admission {
    /// The run without the secrets that were in its texts.
    ///
    /// # Errors
    /// As for [`Draft::new`].
    pub fn new(run: &Run, redactor: &Redactor) -> Result<Self, Error> {
        let unstorable = |source| Error::Unstorable { kind: "admitted".to_owned(), source };
        let json = serde_json::to_string(run).map_err(unstorable)?;
        let stored = match one_line(redactor.redact_json(&json)) {
            // Only what came from outside may be nested deeper than a reader takes.
            Cow::Borrowed(_) if run.task.input.is_none() => return Ok(Self { run: run.clone(), json }),
            stored => stored.into_owned(),
        };
        Ok(Self { run: serde_json::from_str(&stored).map_err(unstorable)?, json: stored })
    }
}

/// Content on its way into a blob.
#[derive(Clone, Debug)]
pub struct Blob<'a>(pub(super) Cow<'a, [u8]>);

impl<'a> Blob<'a> {
    /// The content without the secrets that were in it.
    pub fn new(content: &'a [u8], redactor: &Redactor) -> Self {
        Self(redactor.redact_bytes(content))
    }
}

/// A record is one line. In JSON a bare line end can only be blank space, and a blank is one too.
fn one_line(json: Cow<'_, str>) -> Cow<'_, str> {
    if json.contains('\n') { Cow::Owned(json.replace('\n', " ")) } else { json }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::entry::{Note, State};
    use crate::domain::secret::Secret;

    fn draft(body: Body, redactor: &Redactor) -> Result<Draft, Error> {
        Draft::new(SessionId::default(), Seq(0), body, redactor)
    }

    #[test]
    fn what_is_kept_in_memory_is_what_is_stored() {
        let redactor = Redactor::new(&[Secret::new("a \"long\" secret".to_owned())]);
        let note = Note { text: "before a \"long\" secret after".into() };
        let draft = draft(Body::Note(note), &redactor).unwrap();
        assert_eq!(draft.json, r#"{"text":"before *** after"}"#);
        assert!(matches!(draft.body, Body::Note(Note { text }) if text == "before *** after"));
    }

    #[test]
    fn a_value_of_several_lines_becomes_one_line() {
        let value: Box<RawValue> = serde_json::from_str("{\n \"a\": \"x\\ny\"\n}").unwrap();
        let state = State { name: "n".into(), value: Arc::from(value) };
        let draft = draft(Body::State(state), &Redactor::default()).unwrap();
        assert_eq!(draft.json, r#"{"name":"n","value":{  "a": "x\ny" }}"#);
    }

    #[test]
    fn a_secret_that_is_a_word_of_the_format_is_an_error_and_never_an_unreadable_log() {
        let redactor = Redactor::new(&[Secret::new("assistant".to_owned())]);
        let message: Box<RawValue> = serde_json::from_str(
            r#"{"role":"assistant","blocks":[],"stop":"end","model":"m","usage":{"input":1,"output":1},"request":""}"#,
        )
        .unwrap();
        let body = Body::read("message", &message).unwrap();
        insta::assert_snapshot!(draft(body, &redactor).unwrap_err(), @"a `message` entry cannot be stored: unknown variant `***`, expected `user` or `assistant` at line 1 column 13 (JSON nested too deeply, or a secret that is a common word)");
    }
}
