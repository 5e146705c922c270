//! The bytes of a request that ends with the list of what was said: its head once, each item once.

use bytes::Bytes;
use serde::Serialize;

use crate::provider::body::{Body, Hashed, json};

const END: &[u8] = b"]}";

/// A request that grows.
pub(super) struct List {
    /// Everything up to the items.
    head: Bytes,
    /// Each with the comma before it, but the first.
    items: Vec<Bytes>,
    hashed: Hashed,
}

impl List {
    /// Begins with an object whose last field is an empty list.
    pub(super) fn open(head: &impl Serialize) -> Self {
        let mut head = json(head);
        head.truncate(head.len().saturating_sub(END.len()));
        // Kept as long as the conversation.
        Self { head: head.into_boxed_slice().into(), items: Vec::new(), hashed: Hashed::default() }
    }

    pub(super) fn append(&mut self, item: &impl Serialize) {
        let mut bytes = if self.items.is_empty() { Vec::new() } else { vec![b','] };
        bytes.extend(json(item));
        self.items.push(bytes.into());
    }

    /// The request for everything so far, and its SHA-256.
    pub(super) fn send(&mut self) -> (Body, String) {
        let mut body = Body::with_capacity(self.items.len() + 2);
        body.push(self.head.clone());
        self.items.iter().for_each(|item| body.push(item.clone()));
        body.settle();
        body.push(Bytes::from_static(END));
        let digest = self.hashed.digest(&body);
        (body, digest)
    }
}
