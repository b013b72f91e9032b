//! HTTP: which address is answered by whom, and the layers that every request passes. Knows nothing of live connections.

mod documents;
mod error;
mod extract;
mod headers;
mod health;
mod limits;
mod members;
mod metrics;
mod origin;
mod pages;
mod session;
mod signup;
mod site;
mod text;

use std::sync::Arc;

use self::{error::Error, site::Site};
use crate::{app::App, visitors::Visitor};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::{get, post, put},
};

/// Every route.
///
/// # Errors
/// A sentence for the operator: the folder of `--classic-site` cannot be served.
pub(crate) fn routes(app: &Arc<App>) -> Result<Router, String> {
    let routes = Router::new()
        .nest("/api", api(app))
        .route("/health", get(health::get))
        .route("/metrics", get(metrics::get))
        .route("/socket.io/{file}", get(pages::client));
    let routes = match &app.config.classic.site {
        None => routes.fallback(pages::serve),
        Some(folder) => {
            let site = Site::open(folder)?;
            routes.fallback(async move |request: Request| site.serve(request).await)
        }
    };
    Ok(routes.with_state(Arc::clone(app)))
}

/// What guards every route, Socket.IO included: it must be behind this.
pub(crate) fn guarded(app: &Arc<App>, routes: Router) -> Router {
    routes
        .layer(from_fn_with_state(Arc::clone(app), origin::guard))
        .layer(from_fn(headers::add))
        .layer(from_fn_with_state(Arc::clone(app), observe))
}

fn api(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/signup", post(signup::post))
        .route("/session", get(session::get).post(session::sign_in).delete(session::sign_out))
        .route("/documents", get(documents::list).post(documents::create))
        .route("/documents/{id}", get(documents::get).patch(documents::patch).delete(documents::delete))
        .route("/documents/{id}/restore", post(documents::restore))
        .route("/documents/{id}/members/{name}", put(members::put).delete(members::delete))
        .route("/documents/{id}/text", get(text::get).put(text::put))
        .fallback(async || Error::not_found())
        .method_not_allowed_fallback(async || {
            Error::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", "This cannot be done here.")
        })
        // The library's own limit is another one, and says nothing.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(app), limits::read_body))
}

/// Counts the request, and tells the connection's budget whether it is somebody's whom we know.
async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let _working = visitor.map(|visitor| visitor.request(&request, &app.sessions));
    let response = next.run(request).await;
    app.telemetry.answered(response.status());
    response
}
