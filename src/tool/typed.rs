//! A tool of ours: a struct that is what the model asks for, and does it.

use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Nature, Reply, Scope, Tool, schema};
use crate::domain::message::ToolSpec;

/// One call as the model asked for it. Its fields are the arguments; the model reads their doc comments.
pub trait Typed: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What the model calls it.
    const NAME: &'static str;

    /// What the model reads about it.
    const DESCRIPTION: &'static str;

    /// What all calls of a session work on.
    type Shared: Send + Sync;

    /// As [`Tool::nature`].
    fn nature(shared: &Self::Shared) -> Nature;

    /// As [`Tool::run`].
    fn run(self, shared: &Self::Shared, scope: &Scope) -> impl Future<Output = Reply> + Send;
}

/// The tool as the loop calls it.
pub fn typed<T: Typed>(shared: &Arc<T::Shared>) -> Arc<dyn Tool> {
    let spec = schema::spec::<T>(T::NAME, T::DESCRIPTION);
    Arc::new(Described { spec, shared: Arc::clone(shared), of: PhantomData::<T> })
}

struct Described<T: Typed> {
    spec: ToolSpec,
    shared: Arc<T::Shared>,
    of: PhantomData<T>,
}

impl<T: Typed> Tool for Described<T> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn nature(&self) -> Nature {
        T::nature(&self.shared)
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, scope: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match schema::parse::<T>(arguments) {
                Ok(asked) => asked.run(&self.shared, scope).await,
                Err(reply) => reply,
            }
        })
    }
}
