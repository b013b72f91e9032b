//! Whether the server can write, for load balancers and operators.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use engine::store::Health;
use serde_json::{Value, json};

use crate::app::App;

/// 200 while everything can be saved, else 503 with the reason.
pub(super) async fn get(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let health = app.store.health().borrow().clone();
    match health {
        Health::Ready => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        Health::Full(reason) => unwell("full", &reason),
        Health::Failed(reason) => unwell("failed", &reason),
    }
}

fn unwell(status: &str, reason: &str) -> (StatusCode, Json<Value>) {
    let body = json!({ "status": status, "reason": reason });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body))
}
