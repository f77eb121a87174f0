//! The form that closes and opens the shop; it stands on the first page.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;

use super::Sent;
use crate::app::App;
use crate::maintenance;
use crate::web::failure::Failure;
use crate::web::posted::Posted;

pub(super) async fn change(State(app): State<Arc<App>>, Posted { visit, fields }: Posted) -> Sent {
    if !visit.staff.role.may_close_shop() {
        return Err(Failure::Forbidden);
    }
    let closed = match fields.get("closed") {
        "yes" => true,
        "no" => false,
        _ => return Err(Failure::BadForm),
    };
    maintenance::change(&app, &visit.staff.login, closed, Utc::now()).await?;
    Ok(Redirect::to("/").into_response())
}
