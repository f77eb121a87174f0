//! The Refund API. What its one call answers is sorted into taken, refused, not sent and unknown; when in doubt,
//! unknown.

use geobot_shared::robokassa::refund::{self, RefundAnswer, RefundRequest};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::Robokassa;
use super::client::{Answer, CallFailed};
use crate::payment::gateway::{RefundOrder, RefundProgress, RefundReport, RefundStart, Unanswered};

/// Longer texts of theirs are cut: they are for people.
const LONGEST_TEXT_CHARS: usize = 200;

pub(super) fn possible(shop: &Robokassa) -> Result<(), String> {
    let probe = RefundRequest {
        op_key: String::new(),
        sum: None,
        items: Vec::new(),
    };
    match probe.token(&shop.shop) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error}: set ROBOKASSA_PASSWORD3")),
    }
}

pub(super) async fn start(shop: &Robokassa, order: RefundOrder) -> RefundStart {
    let request = RefundRequest {
        op_key: order.op_key,
        sum: order.sum,
        items: Vec::new(),
    };
    let token = match request.token(&shop.shop) {
        Ok(token) => token,
        Err(error) => return RefundStart::NotSent(error.to_string()),
    };
    // Robokassa: the body is the token as a JSON string.
    let body = Value::String(token).to_string();
    match shop.client.post_json(&shop.refund_create, body).await {
        Ok(answer) => sort(&answer),
        Err(CallFailed::NotSent(why)) => RefundStart::NotSent(why),
        Err(CallFailed::NoAnswer(why)) => RefundStart::Unknown(why),
    }
}

fn sort(answer: &Answer) -> RefundStart {
    let status = answer.status;
    // A time-out of theirs says nothing about what became of the call.
    let turned_down = status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
    match RefundAnswer::parse(&answer.body) {
        Ok(RefundAnswer::Accepted { request_id }) if status.is_success() => {
            RefundStart::Accepted { request_id }
        }
        Ok(RefundAnswer::Refused { message }) if status.is_success() || turned_down => {
            RefundStart::Refused(named(status, &message))
        }
        Err(_) if turned_down => RefundStart::Refused(named(status, &message_of(&answer.body))),
        Ok(_) | Err(_) => {
            RefundStart::Unknown(format!("an answer of HTTP {status} that says nothing"))
        }
    }
}

fn named(status: StatusCode, message: &str) -> String {
    if message.is_empty() {
        return format!("Robokassa refused with HTTP {status}");
    }
    let short: String = message.chars().take(LONGEST_TEXT_CHARS).collect();
    format!("Robokassa refused: {short}")
}

fn message_of(body: &str) -> String {
    #[derive(Deserialize)]
    struct Failure {
        message: String,
    }
    serde_json::from_str::<Failure>(body).map_or_else(|_| String::new(), |failure| failure.message)
}

pub(super) async fn ask(shop: &Robokassa, request_id: String) -> Result<RefundReport, Unanswered> {
    let mut url = shop.refund_state.clone();
    url.query_pairs_mut().append_pair("id", &request_id);
    let answer = shop
        .client
        .get(url)
        .await
        .map_err(|failed| Unanswered::Later(failed.into_text()))?;
    if !answer.status.is_success() {
        return Err(Unanswered::Later(format!("HTTP {}", answer.status)));
    }
    let state = refund::RefundState::parse(&answer.body)
        .map_err(|error| Unanswered::Later(error.to_string()))?;
    Ok(RefundReport {
        progress: match state.progress {
            refund::RefundProgress::Finished => RefundProgress::Finished,
            refund::RefundProgress::Processing => RefundProgress::Processing,
            refund::RefundProgress::Cancelled => RefundProgress::Cancelled,
        },
        amount: state.amount,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> RefundStart {
        sort(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: body.to_owned(),
        })
    }

    #[test]
    fn only_a_clear_answer_is_accepted_or_refused() {
        let accepted = r#"{"success":true,"message":null,"requestId":"g"}"#;
        let refused = r#"{"success":false,"message":"NotEnoughOperationFunds","requestId":null}"#;
        assert_eq!(
            of(200, accepted),
            RefundStart::Accepted {
                request_id: "g".into()
            }
        );
        for status in [200, 400, 401] {
            assert_eq!(
                of(status, refused),
                RefundStart::Refused("Robokassa refused: NotEnoughOperationFunds".into())
            );
        }
        assert!(matches!(of(415, ""), RefundStart::Refused(_)));
        assert_eq!(
            of(400, r#"{"message":"bad token"}"#),
            RefundStart::Refused("Robokassa refused: bad token".into())
        );
    }

    #[test]
    fn whatever_may_have_been_taken_is_unknown() {
        let accepted = r#"{"success":true,"message":null,"requestId":"g"}"#;
        let refused = r#"{"success":false,"message":"x","requestId":null}"#;
        for (status, body) in [
            (200, ""),
            (200, "<html>"),
            (200, r#"{"success":true}"#),
            (302, ""),
            (408, refused),
            (500, accepted),
            (502, refused),
            (504, ""),
        ] {
            assert!(
                matches!(of(status, body), RefundStart::Unknown(_)),
                "{status} {body}"
            );
        }
        // An acceptance behind a client error contradicts itself.
        assert!(matches!(of(400, accepted), RefundStart::Unknown(_)));
    }
}
