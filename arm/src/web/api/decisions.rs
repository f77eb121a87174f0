//! What can be done with a payment and with a person: `/api/invoices/{id}/…`, `/api/users/{id}/…`. LK carries it out,
//! so the answer is 202; `GET` shows what came of it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use chrono::Utc;
use geobot_shared::ids::{InvoiceId, TelegramUserId};
use geobot_shared::money::Money;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{ApiError, Price, STAFF};
use crate::app::App;
use crate::decisions::{self, Decision, DecisionError};
use crate::people::{self, Change, PersonError};

/// What a caller sends. Unknown fields are ignored.
#[derive(Default, Deserialize)]
struct Sent {
    /// Makes the call repeatable.
    #[serde(default)]
    request_id: Option<Uuid>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    amount: Option<Price>,
    #[serde(default)]
    refund_id: Option<Uuid>,
}

impl Sent {
    fn read(body: &[u8]) -> Result<Sent, ApiError> {
        if body.is_empty() {
            return Ok(Sent::default());
        }
        serde_json::from_slice(body)
            .map_err(|error| ApiError::Bad(format!("the body can't be read: {error}")))
    }

    fn amount(&mut self) -> Result<Money, ApiError> {
        let amount = self.amount.take();
        amount
            .ok_or_else(|| ApiError::Bad("amount is missing".to_owned()))?
            .money("amount")
    }

    fn decision(&mut self, deed: &str) -> Result<Decision, ApiError> {
        Ok(match deed {
            "check" => Decision::CheckNow,
            "accept" => Decision::AcceptMismatch,
            "reject" => Decision::RejectMismatch,
            "refund" => Decision::Refund(self.amount()?),
            "refund-recorded" => Decision::RecordRefund(self.amount()?),
            "refund-done" | "refund-not-done" => {
                let id = self.refund_id;
                let id = id.ok_or_else(|| ApiError::Bad("refund_id is missing".to_owned()))?;
                Decision::ResolveRefund(id, deed == "refund-done")
            }
            "deliver-again" => Decision::DeliverAgain,
            "delivered-by-hand" => Decision::DeliveredByHand,
            _ => return Err(ApiError::NotFound("call")),
        })
    }
}

fn accepted(request: Uuid) -> Response {
    let answer = json!({ "accepted": true, "request_id": request });
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

pub(super) async fn invoice(
    State(app): State<Arc<App>>,
    Path((id, deed)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut sent = Sent::read(&body)?;
    let id: InvoiceId = id.parse().map_err(|_| ApiError::NotFound("invoice"))?;
    let decision = sent.decision(&deed)?;
    let request = sent.request_id.unwrap_or_else(Uuid::now_v7);
    let why = &sent.reason;
    decisions::decide(&app, STAFF, id, decision, why, request, Utc::now()).await?;
    Ok(accepted(request))
}

pub(super) async fn user(
    State(app): State<Arc<App>>,
    Path((id, deed)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let sent = Sent::read(&body)?;
    let id = id.parse().map_err(|_| ApiError::NotFound("user"))?;
    let change = match (deed.as_str(), sent.amount) {
        ("block", _) => Change::Block,
        ("unblock", _) => Change::Unblock,
        ("balance", Some(Price::Kopecks(kopecks))) => Change::AdjustBalance(kopecks),
        ("balance", Some(Price::Rubles(text))) => {
            Change::AdjustBalance(people::signed_rubles(&text)?)
        }
        ("balance", None) => return Err(ApiError::Bad("amount is missing".to_owned())),
        _ => return Err(ApiError::NotFound("call")),
    };
    let request = sent.request_id.unwrap_or_else(Uuid::now_v7);
    let (user, why) = (TelegramUserId(id), &sent.reason);
    people::change(&app, STAFF, user, change, why, request, Utc::now()).await?;
    Ok(accepted(request))
}

impl From<DecisionError> for ApiError {
    fn from(error: DecisionError) -> ApiError {
        match error {
            DecisionError::NotFound => ApiError::NotFound("payment"),
            DecisionError::NotNow => ApiError::Conflict(error.to_string()),
            DecisionError::Amount(_) | DecisionError::Reason => ApiError::Bad(error.to_string()),
            DecisionError::Outbox(error) => error.into(),
        }
    }
}

impl From<PersonError> for ApiError {
    fn from(error: PersonError) -> ApiError {
        match error {
            PersonError::NotFound => ApiError::NotFound("user"),
            PersonError::Amount | PersonError::Reason => ApiError::Bad(error.to_string()),
            PersonError::Outbox(error) => error.into(),
        }
    }
}
