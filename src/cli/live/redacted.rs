//! A view that is shown no secret: the log has them taken out before it stores anything, and what
//! is shown while a run happens comes before the log.

use std::sync::{Mutex, PoisonError};

use crate::domain::effect::Write;
use crate::domain::message::{Call, ToolResult};
use crate::domain::name::Name;
use crate::telemetry::progress::{Observer, Progress};
use crate::telemetry::redact::Redactor;

/// Longest word of streamed text, in bytes; the rest of a longer one is not shown.
const WORD_MAX: usize = 4096;

/// Takes secrets out of whatever a view is shown.
pub(crate) struct Redacted<V> {
    redactor: Redactor,
    view: V,
    /// The word that streams: shown when it is whole, because half a secret is not recognised.
    word: Mutex<String>,
}

impl<V: Observer> Redacted<V> {
    /// Stands before `view`.
    pub(crate) fn new(redactor: Redactor, view: V) -> Self {
        Self { redactor, view, word: Mutex::default() }
    }

    fn call(&self, call: &Call) -> Call {
        let Call { id, name, arguments } = call;
        Call {
            id: id.clone(),
            name: self.redactor.redact(name).into_owned(),
            arguments: self.redactor.redact_json(arguments).into_owned(),
        }
    }

    /// What may be shown of streamed text, now that `piece` came: everything up to its last white space.
    fn words(&self, piece: &str) -> String {
        let mut word = self.word.lock().unwrap_or_else(PoisonError::into_inner);
        word.push_str(piece);
        let whole = word.rfind(char::is_whitespace).map_or(0, |at| word.ceil_char_boundary(at + 1));
        let shown = self.redactor.redact(&word[..whole]).into_owned();
        word.drain(..whole);
        let most = word.floor_char_boundary(WORD_MAX);
        word.truncate(most);
        shown
    }
}

impl<V: Observer> Redacted<V> {
    fn show(&self, progress: Progress<'_>, view: &dyn Observer) {
        let clean = |text| self.redactor.redact(text);
        match progress {
            Progress::Text(piece) => view.see(Progress::Text(&self.words(piece))),
            Progress::Reasoning(piece) => view.see(Progress::Reasoning(&self.words(piece))),
            Progress::Asked { .. } | Progress::Answered { .. } => {
                self.word.lock().unwrap_or_else(PoisonError::into_inner).clear();
                view.see(progress);
            }
            Progress::Retrying { reason, wait } => view.see(Progress::Retrying { reason: &clean(reason), wait }),
            Progress::ToolStarted(call) => view.see(Progress::ToolStarted(&self.call(call))),
            Progress::ToolEnded { call, result, took } => {
                let result = ToolResult { content: clean(&result.content).into_owned(), ..result.clone() };
                view.see(Progress::ToolEnded { call: &self.call(call), result: &result, took });
            }
            Progress::Proposed(effect) => {
                let mut effect = effect.clone();
                if let Write::Label { add, remove } = &mut effect.write {
                    for label in add.iter_mut().chain(remove) {
                        *label = self.redactor.redact(label).into_owned();
                    }
                }
                view.see(Progress::Proposed(&effect));
            }
            Progress::Refused { kind, reason } => view.see(Progress::Refused { kind, reason: &clean(reason) }),
            // Several may stream at once: nobody could read it.
            Progress::Delegated { progress: Progress::Text(_) | Progress::Reasoning(_), .. } => {}
            Progress::Delegated { agent, progress } => self.show(progress.clone(), &Within { view, agent }),
            Progress::Note(note) => view.see(Progress::Note(&clean(note))),
            // Names that hob and its operator gave.
            Progress::Started { .. } => view.see(progress),
        }
    }
}

impl<V: Observer> Observer for Redacted<V> {
    fn see(&self, progress: Progress<'_>) {
        self.show(progress, &self.view);
    }
}

/// A view of what a subagent does.
struct Within<'a> {
    view: &'a dyn Observer,
    agent: &'a Name,
}

impl Observer for Within<'_> {
    fn see(&self, progress: Progress<'_>) {
        self.view.see(Progress::Delegated { agent: self.agent, progress: &progress });
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::cli::live::{Plain, script};
    use crate::domain::secret::Secret;

    /// Remembers what streamed.
    #[derive(Default)]
    struct Stream(Mutex<String>);

    impl Observer for Stream {
        fn see(&self, progress: Progress<'_>) {
            if let Progress::Text(piece) = progress {
                self.0.lock().unwrap().push_str(piece);
            }
        }
    }

    fn redactor() -> Redactor {
        Redactor::new(&[Secret::new("hunter2hunter2".to_owned())])
    }

    #[test]
    fn a_secret_that_streams_in_pieces_is_not_shown() {
        for size in 1..20 {
            let stream = Redacted::new(redactor(), Stream::default());
            let text: Vec<char> = "The key is \"hunter2hunter2\", \u{e4}\u{2003}or so. End".chars().collect();
            for piece in text.chunks(size) {
                stream.see(Progress::Text(&piece.iter().collect::<String>()));
            }
            assert_eq!(
                *stream.view.0.lock().unwrap(),
                "The key is \"***\", \u{e4}\u{2003}or so. ",
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn a_word_without_end_is_not_kept() {
        let stream = Redacted::new(redactor(), Stream::default());
        for _ in 0..100 {
            stream.see(Progress::Text(&"\u{e4}".repeat(500)));
        }
        assert!(stream.word.lock().unwrap().len() <= WORD_MAX);
    }

    /// What was written, for the test and for the view.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_line_of_a_view_holds_a_secret() {
        let lines = Shared::default();
        let view = Redacted::new(redactor(), Plain::new(lines.clone()));
        let secret = "hunter2hunter2";
        let call = script::call("1", secret, &format!("{{\"command\":\"echo {secret}\"}}"));
        view.see(Progress::ToolStarted(&call));
        script::ended(&view, &call, &format!("no {secret} here"), true);
        view.see(Progress::Note(secret));
        view.see(Progress::Retrying { reason: secret, wait: Duration::ZERO });
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(lines, @r"
          ***: echo *** (error: no *** here)
        ***
          model is asked again: ***
        ");
    }
}
