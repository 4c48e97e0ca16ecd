//! The builder of a service's routes: an operation is mounted by its name, behind its gate, or not at all.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, on};
use http::Method;
use schemas::api::operation;

use super::Edge;
use super::gate::{Gate, pass};

/// The routes of a service whose handlers share the state `S`.
pub struct Routes<S> {
    edge: Arc<Edge>,
    router: Router<S>,
    mounted: Vec<&'static str>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn new(edge: Arc<Edge>) -> Self {
        Self { edge, router: Router::new(), mounted: Vec::new() }
    }

    /// Mounts an operation of [`schemas::api::OPERATIONS`] at its method and path, behind its rules of access.
    ///
    /// # Panics
    /// At start, if there is no such operation or it is mounted already.
    #[must_use]
    pub fn on<H: Handler<T, S>, T: 'static>(mut self, id: &str, handler: H) -> Self {
        let operation = operation(id).unwrap_or_else(|| panic!("`{id}` is no operation: add it to schemas::api::OPERATIONS"));
        let method = Method::from_bytes(operation.method.as_bytes()).ok().and_then(|method| MethodFilter::try_from(method).ok());
        let filter = method.unwrap_or_else(|| panic!("`{id}` has no method that can be routed: {}", operation.method));
        let gate = from_fn_with_state(Gate { edge: self.edge.clone(), operation }, pass);
        let route = on(filter, handler).route_layer(gate);
        // Rails takes a slash at the end for none, and clients (Mastodon.py asks for `/api/v1/instance/`) have come to rely on it.
        self.router = self.router.route(&format!("{}/", operation.path), route.clone()).route(operation.path, route);
        self.mounted.push(operation.id);
        self
    }

    /// The names of what is mounted.
    pub fn mounted(&self) -> &[&'static str] {
        &self.mounted
    }

    /// The router; [`super::finish`] goes around it.
    pub fn into_router(self, state: S) -> Router {
        self.router.with_state(state)
    }
}

#[cfg(test)]
mod tests;
