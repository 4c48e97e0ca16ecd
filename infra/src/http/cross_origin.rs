//! CORS for those who need it. Browsers name the origin of a page that asks; who asks with a token and names none is no page, and of such an
//! answer no cache keeps a copy for others (RFC 9111, 3.5). The headers and the copying of their values were a fortieth of a home page.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use futures_util::future::Either;
use http::header::{AUTHORIZATION, ORIGIN};
use tower::{Layer, Service};
use tower_http::cors::{Cors, CorsLayer};

/// Puts CORS around a service, for those who need it.
#[derive(Clone)]
pub(super) struct CrossOrigin(Arc<CorsLayer>);

impl CrossOrigin {
    pub(super) fn new(cors: CorsLayer) -> Self {
        Self(Arc::new(cors))
    }
}

impl<S> Layer<S> for CrossOrigin {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, cors: self.0.clone() }
    }
}

/// A service with CORS around it.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    cors: Arc<CorsLayer>,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response> + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, <Cors<S> as Service<Request>>::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let headers = request.headers();
        match headers.contains_key(AUTHORIZATION) && !headers.contains_key(ORIGIN) {
            true => Either::Left(self.inner.call(request)),
            // The service that is ready is used up; its copy takes the next call.
            false => {
                let copy = self.inner.clone();
                Either::Right(self.cors.layer(std::mem::replace(&mut self.inner, copy)).call(request))
            }
        }
    }
}
