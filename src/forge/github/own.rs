//! Whose the token is.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::api::{Api, Call, GRAPHQL};
use super::refusal::{self, Right};
use super::shapes::User;
use crate::forge::{Account, Error};

/// Whom a workflow's own token writes as.
const ACTIONS_BOT: &str = "github-actions[bot]";

const VIEWER: &str = "query { viewer { login databaseId } }";

/// The account that a token writes as. Tokens of an App, and a workflow's own is one, may not ask
/// the REST API; the other one tells them. A host that has no other one leaves the workflow's own.
pub(super) async fn own(api: &Api) -> Result<Account, Error> {
    let call = Call { method: Method::GET, path: "/user".to_owned(), ..asking() };
    let answer = api.ask(&call).await?;
    if answer.status == 403 && answer.message().starts_with("Resource not accessible by integration") {
        return Ok(viewer(api).await?.unwrap_or_else(actions_bot));
    }
    let User { id, login } = answer.read(&call)?;
    Ok(Account { id: Some(id), login })
}

/// `None` when the host does not tell; it is asked again only when it says that it could.
async fn viewer(api: &Api) -> Result<Option<Account>, Error> {
    let body = Some(json!({ "query": VIEWER }));
    let call = Call { method: Method::POST, path: GRAPHQL.to_owned(), body, ..asking() };
    let answer = api.ask(&call).await?;
    let told: Told = match answer.read(&call) {
        Ok(told) => told,
        Err(_) => return Ok(None),
    };
    if told.errors.iter().any(|error| error.kind == "RATE_LIMITED") {
        return Err(refusal::limited(&call, &answer));
    }
    let viewer = told.data.and_then(|data| data.viewer).filter(|viewer| !viewer.login.is_empty());
    Ok(viewer.map(|Viewer { login, database_id }| match login.as_str() {
        // All workflows of a repository share it: what it wrote is not ours by its number alone.
        ACTIONS_BOT => actions_bot(),
        _ => Account { id: database_id, login },
    }))
}

fn asking() -> Call {
    let (method, path) = (Method::GET, String::new());
    Call { doing: "ask whose the token is".to_owned(), method, path, body: None, right: Right::Metadata }
}

fn actions_bot() -> Account {
    Account { id: None, login: ACTIONS_BOT.to_owned() }
}

/// An answer of the GraphQL API.
#[derive(Deserialize)]
struct Told {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Deserialize)]
struct Data {
    viewer: Option<Viewer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Viewer {
    login: String,
    database_id: Option<u64>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default, rename = "type")]
    kind: String,
}
