//! A tool of ours: a struct that is what the model asks for, and does it.

use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema::{self, Compiled};
use super::{Nature, Reply, Scope, Tool};
use crate::domain::message::ToolSpec;

/// One call as the model asked for it. Its fields are the arguments; the model reads their doc comments.
pub trait Typed: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What the model calls it.
    const NAME: &'static str;

    /// What the model reads about it.
    const DESCRIPTION: &'static str;

    /// As [`Tool::changes_files`].
    const CHANGES_FILES: bool = false;

    /// What all calls of a session work on.
    type Shared: Send + Sync;

    /// As [`Tool::nature`].
    fn nature(shared: &Self::Shared) -> Nature;

    /// As [`Tool::run`].
    fn run(self, shared: &Self::Shared, scope: &Scope) -> impl Future<Output = Reply> + Send;
}

/// The tool as the loop calls it.
pub fn typed<T: Typed>(shared: &Arc<T::Shared>) -> Arc<dyn Tool> {
    Told::<T>::new().over(shared)
}

/// What models are told about a tool and its arguments are checked against: the same in every session, so
/// that one in a `static` is made once for all of them.
pub struct Told<T>(LazyLock<(Arc<ToolSpec>, Compiled)>, PhantomData<fn() -> T>);

impl<T: Typed> Told<T> {
    /// Made when it is needed.
    #[expect(clippy::new_without_default, reason = "only `new` can stand in a static")]
    pub const fn new() -> Self {
        let make = || (Arc::new(schema::spec::<T>(T::NAME, T::DESCRIPTION)), Compiled::default());
        Self(LazyLock::new(make), PhantomData)
    }

    /// The tool as the loop of one session calls it.
    pub fn over(&self, shared: &Arc<T::Shared>) -> Arc<dyn Tool> {
        let (spec, compiled) = (*self.0).clone();
        Arc::new(Described { spec, compiled, shared: Arc::clone(shared), of: PhantomData::<T> })
    }
}

struct Described<T: Typed> {
    spec: Arc<ToolSpec>,
    compiled: Compiled,
    shared: Arc<T::Shared>,
    of: PhantomData<T>,
}

impl<T: Typed> Tool for Described<T> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn compiled(&self) -> Compiled {
        self.compiled.clone()
    }

    fn nature(&self) -> Nature {
        T::nature(&self.shared)
    }

    fn changes_files(&self) -> bool {
        T::CHANGES_FILES
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
