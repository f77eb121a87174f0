//! Faults, limits, and forgetting everything.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Body, Refused};
use crate::app::App;
use crate::faults::{Kind, LOSABLE_CALLS, REFUSING_METHODS, Rule, Target};
use crate::telegram::limits::{Limits, RateChange};

type Answer = Result<Json<Value>, Refused>;

pub(super) async fn faults(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"faults": app.faults.list()}))
}

pub(super) async fn add_fault(State(app): State<Arc<App>>, Body(rule): Body<Rule>) -> Answer {
    let bad = |reason| Err(Refused::new(StatusCode::BAD_REQUEST, reason));
    if rule.kind == Kind::LoseCallback && rule.target != Target::Robokassa {
        return bad("lose_callback is a fault of robokassa");
    }
    if rule.kind == Kind::LoseCallback
        && rule.method.is_some()
        && !LOSABLE_CALLS.iter().any(|call| rule.is_about(call))
    {
        return bad("lose_callback takes ResultURL, ResultURL2 or no method");
    }
    let can_refuse = rule.target == Target::Robokassa
        && rule.method.is_some()
        && REFUSING_METHODS.iter().any(|method| rule.is_about(method));
    if rule.kind == Kind::Refuse && !can_refuse {
        return bad(
            "refuse needs target robokassa and a method: refund_create, refund_state, op_state, receipt_attach or \
             receipt_status",
        );
    }
    if rule.times == Some(0) {
        return bad("times must be at least 1");
    }
    match app.faults.add(rule) {
        Some(id) => Ok(Json(json!({"id": id}))),
        None => Err(Refused::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "too many faults: DELETE /control/faults",
        )),
    }
}

pub(super) async fn clear_faults(State(app): State<Arc<App>>) -> Json<Value> {
    app.faults.clear();
    Json(json!({}))
}

pub(super) async fn limits(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!(app.world.lock().limits.rates))
}

/// Changed limits begin with nothing used up.
pub(super) async fn change_limits(
    State(app): State<Arc<App>>,
    Body(change): Body<RateChange>,
) -> Answer {
    let mut world = app.world.lock();
    let rates = world
        .limits
        .rates
        .changed(change)
        .map_err(|reason| Refused::new(StatusCode::BAD_REQUEST, reason))?;
    world.limits = Limits::new(rates.clone());
    Ok(Json(json!(rates)))
}

pub(super) async fn reset(State(app): State<Arc<App>>) -> Json<Value> {
    app.reset();
    Json(json!({}))
}
