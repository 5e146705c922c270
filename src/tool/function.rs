//! A tool that is a function of the program that embeds hob.

use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema::{self, Compiled};
use super::{Nature, Reply, Scope, Tool};
use crate::domain::message::ToolSpec;

/// A tool whose arguments are a `T`; the model reads the doc comments of its fields. The function says
/// what the model reads, or why it could not do what it was asked. What it does to the world is done
/// once: a call that may have begun before a crash is not made again.
pub fn function<T, F, Fut>(name: &str, description: &str, run: F) -> Arc<dyn Tool>
where
    T: DeserializeOwned + JsonSchema + Send + Sync + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    of(Nature::Outside, name, description, run)
}

/// The same for a function that changes nothing: it runs beside others of its kind, and again where
/// nobody knows whether it ran.
pub fn lookup<T, F, Fut>(name: &str, description: &str, run: F) -> Arc<dyn Tool>
where
    T: DeserializeOwned + JsonSchema + Send + Sync + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    of(Nature::ReadOnly, name, description, run)
}

fn of<T, F, Fut>(nature: Nature, name: &str, description: &str, run: F) -> Arc<dyn Tool>
where
    T: DeserializeOwned + JsonSchema + Send + Sync + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    let (spec, compiled) = (schema::spec::<T>(name, description), Compiled::default());
    Arc::new(Function { spec, compiled, nature, run, of: PhantomData::<fn(T) -> Fut> })
}

struct Function<T, F, Fut> {
    spec: ToolSpec,
    compiled: Compiled,
    nature: Nature,
    run: F,
    of: PhantomData<fn(T) -> Fut>,
}

impl<T, F, Fut> Tool for Function<T, F, Fut>
where
    T: DeserializeOwned + JsonSchema + Send + Sync + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, String>> + Send + 'static,
{
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn compiled(&self) -> Compiled {
        self.compiled.clone()
    }

    fn nature(&self) -> Nature {
        self.nature
    }

    fn run<'a>(&'a self, arguments: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match schema::parse::<T>(arguments) {
                Ok(asked) => (self.run)(asked).await.map_or_else(Reply::error, Reply::ok),
                Err(reply) => reply,
            }
        })
    }
}
