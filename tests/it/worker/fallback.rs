//! A model that does not answer, and those that are named for then.

use hob::provider::{Conversation, Delta, Error, ErrorKind, Opening, Place as At, Provider, Said};

use super::hung::With;
use super::*;

/// A model whose service is overloaded.
struct Overloaded(&'static str);

impl Provider for Overloaded {
    fn model(&self) -> &str {
        self.0
    }

    fn open(&self, _: Opening<'_>) -> Box<dyn Conversation> {
        Box::new(Overloaded(self.0))
    }
}

impl Conversation for Overloaded {
    fn push(&mut self, _: Said<'_>) {}

    fn ask<'a>(
        &'a mut self,
        _: At,
        _: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> BoxFuture<'a, Result<hob::domain::message::Answer, Error>> {
        let error = Error { kind: ErrorKind::Transient { after: None }, message: "529: overloaded".to_owned() };
        futures::future::ready(Err(error)).boxed()
    }
}

#[tokio::test]
async fn after_six_tries_the_next_model_goes_on_with_the_same_conversation() {
    let place = Place::memory();
    let run = place.admit("1/handy", "steps 1 done").await;
    let desk = With(place.desk(), |harness: Harness| {
        let fallback: Vec<Arc<dyn Provider>> = vec![Arc::new(Overloaded("scripted/second")), harness.provider];
        Harness { provider: Arc::new(Overloaded("scripted/first")), fallback, ..harness }
    });
    assert_eq!(place.worker("one", 1).work(&desk, &circumstances(), Until::Empty).await.unwrap(), []);
    assert_eq!(place.outcome(&run).await, "completed");
    let kinds = place.kinds(&run).await;
    assert_eq!(kinds.matches("message_interrupted").count(), 12, "{kinds}");
    // The one that answers is asked from then on.
    assert!(kinds.ends_with("message tool_result message settled"), "{kinds}");
}

#[tokio::test]
async fn when_no_model_answers_the_run_waits_for_another_time() {
    let place = Place::memory();
    let run = place.admit("1/ready", "say nothing").await;
    let desk = With(place.desk(), |harness: Harness| {
        let fallback: Vec<Arc<dyn Provider>> = vec![Arc::new(Overloaded("scripted/second"))];
        Harness { provider: Arc::new(Overloaded("scripted/first")), fallback, ..harness }
    });
    let left = place.worker("one", 1).work(&desk, &circumstances(), Until::Empty).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(place.state(&run).await, State::Running);
}
