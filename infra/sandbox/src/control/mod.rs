//! The control API: what tests and the pages do to the sandbox and see of it. Its contract is in the crate's README.

mod answer;
mod channels;
mod misbehaviour;
mod observing;
mod paying;
mod people;
mod updates;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::app::App;

/// A person's largest document, in base64.
const LARGEST_MESSAGE: usize = 70 * 1024 * 1024;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/control/people", get(people::list).post(people::put))
        .route(
            "/control/people/{id}/messages",
            post(people::write).layer(DefaultBodyLimit::max(LARGEST_MESSAGE)),
        )
        .route("/control/people/{id}/clicks", post(people::click))
        .route("/control/people/{id}/joins", post(people::join))
        .route(
            "/control/people/{id}/join_requests",
            post(people::request_to_join),
        )
        .route("/control/people/{id}/chat", get(people::chat))
        .route("/control/people/{id}/block", post(people::block))
        .route("/control/people/{id}/unblock", post(people::unblock))
        .route("/control/updates", post(updates::push))
        .route("/control/bot", get(people::bot))
        .route(
            "/control/channels",
            get(channels::list).post(channels::make),
        )
        .route(
            "/control/channels/{id}/admin",
            post(channels::set_rights).delete(channels::remove_bot),
        )
        .route("/control/files/{file_id}", get(people::file))
        .route("/control/calls", get(observing::calls))
        .route("/control/logs", get(observing::logs))
        .route("/control/events", get(observing::events))
        .route("/control/payments", get(paying::list))
        .route("/control/payments/{inv_id}", get(paying::one))
        .route("/control/payments/{inv_id}/pay", post(paying::pay))
        .route("/control/payments/{inv_id}/decline", post(paying::decline))
        .route("/control/payments/{inv_id}/confirm", post(paying::confirm))
        .route(
            "/control/payments/{inv_id}/callback",
            post(paying::call_again),
        )
        .route(
            "/control/payments/{inv_id}/result_url2",
            post(paying::notify_again),
        )
        .route("/control/refunds/{request_id}", post(paying::decide_refund))
        .route("/control/robokassa/certificate", get(paying::certificate))
        .route(
            "/control/faults",
            get(misbehaviour::faults)
                .post(misbehaviour::add_fault)
                .delete(misbehaviour::clear_faults),
        )
        .route(
            "/control/limits",
            get(misbehaviour::limits).post(misbehaviour::change_limits),
        )
        .route("/control/reset", post(misbehaviour::reset))
}
