//! What is counted, in the format of Prometheus.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

use crate::app::App;

pub(super) async fn get(State(app): State<Arc<App>>) -> Response {
    let text = app.telemetry.publish();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text).into_response()
}
