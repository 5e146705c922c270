//! From octocrab's requests to our HTTP client, and back.
//!
//! octocrab's own client is not used: it waits for ever by default, repeats writes, follows
//! redirects with any method, knows no proxy, and takes no certificate of the operator's.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, Uri};
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use tower_service::Service;

/// octocrab over `client`, sending `authorization` to the host of `base` and to no other. octocrab
/// starts a task that ends when the last copy of it is dropped: call this inside a tokio runtime.
pub(super) fn octocrab(client: reqwest::Client, base: &Uri, authorization: HeaderValue) -> Octocrab {
    let layer = AuthHeaderLayer::new(Some(authorization), base.clone(), base.clone());
    let built = OctocrabBuilder::new_empty().with_service(Wire(client)).with_layer(&layer).with_auth(AuthState::None);
    match built.build() {
        Ok(crab) => crab,
        Err(never) => match never {},
    }
}

#[derive(Clone)]
struct Wire(reqwest::Client);

impl Service<Request<OctoBody>> for Wire {
    type Response = Response<reqwest::Body>;
    type Error = reqwest::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let mut request: reqwest::Request = request.map(reqwest::Body::wrap).try_into()?;
            if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
                authorization.set_sensitive(true);
            }
            Ok(client.execute(request).await?.into())
        })
    }
}
