//! ResultURL2: a live payment is told once more, as a token under the stand-in's RSA key, up to five times until any 2xx.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::attempt;
use super::jws;
use super::payments::{Key, Payment};
use crate::app::App;
use crate::clock;
use crate::settings::Settings;

/// Robokassa: up to five delivery attempts.
const ATTEMPTS: u32 = 5;

/// Where it is told: the link's own address, or the one of the shop's settings; nothing for a test payment.
pub(crate) fn address(payment: &Payment, settings: &Settings) -> Option<url::Url> {
    // The link's address was checked when it was opened.
    let own = payment.result_url2.as_deref();
    let own = own.and_then(|text| url::Url::parse(text).ok());
    own.or_else(|| settings.result2_url.clone())
        .filter(|_| !payment.is_test)
}

/// Tells ResultURL2 in the background, if that is due.
pub(crate) fn start(app: &Arc<App>, payment: &Payment) {
    if !payment.notice_due {
        return;
    }
    let Some(address) = address(payment, &app.settings) else {
        return;
    };
    let Some(token) = jws::sign(&notification(
        payment,
        &app.settings.robokassa_login,
        clock::unix_now(),
    )) else {
        tracing::error!(inv_id = payment.inv_id, "result_url2_not_signed");
        return;
    };
    app.tasks
        .spawn(tell(app.clone(), payment.key(), address, token));
}

/// Goes on with what an earlier run had not delivered.
pub(crate) fn resume(app: &Arc<App>) {
    let owing: Vec<Payment> = app
        .payments
        .lock()
        .all()
        .filter(|payment| payment.notice_due)
        .cloned()
        .collect();
    for payment in owing {
        start(app, &payment);
    }
}

async fn tell(app: Arc<App>, key: Key, address: url::Url, token: String) {
    for number in 1..=ATTEMPTS {
        // Robokassa: the body is the bare token, whatever the content type says.
        let request = app
            .outside
            .post(address.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(token.clone());
        let attempt = attempt::make(&app, request, |status, _| (200..300).contains(&status)).await;
        let accepted = attempt.accepted;
        match accepted {
            true => app.counters.notices_accepted.add(1),
            false => app.counters.notices_failed.add(1),
        }
        let last = number == ATTEMPTS && !app.stopping.is_cancelled();
        let noted = app.payments.lock().note_notice(key, attempt, last);
        let Some(payment) = noted else {
            return;
        };
        app.events
            .publish(json!({"kind": "payment", "payment": payment.view()}));
        if accepted {
            return;
        }
        let wait = Duration::from_millis(u64::from(number) * app.settings.retry_unit_ms);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.stopping.cancelled() => return,
        }
    }
    tracing::warn!(inv_id = key.0, attempts = ATTEMPTS, "result_url2_given_up");
}

/// Robokassa: all values are texts; there is no OutSum and no `Shp_`.
fn notification(payment: &Payment, login: &str, now: i64) -> Value {
    json!({
        "header": {"type": "PaymentStateNotification", "version": "1.0.0", "timestamp": now.to_string()},
        "data": {
            "shop": login,
            "opKey": payment.op_key.as_deref().unwrap_or_default(),
            "invId": payment.inv_id.to_string(),
            "paymentMethod": "BankCard",
            "incSum": payment.result_sum(),
            "state": "OK",
        },
    })
}
