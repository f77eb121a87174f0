//! The ResultURL call: a POST form signed with Password#2, repeated until the shop answers exactly `OK{InvId}`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::amount::Amount;
use super::attempt::{self, Attempt};
use super::payments::{Key, Payment};
use super::shop::keys;
use super::signature::notice_base;
use crate::app::App;
use crate::settings::Settings;

/// Longest wait between two calls, in units of the back-off setting.
const LONGEST_BACK_OFF: u64 = 60;

/// Calls ResultURL `copies` times at once, each until it is taken.
pub(crate) fn start(app: &Arc<App>, payment: &Payment, copies: u32) {
    for _ in 0..copies {
        app.tasks
            .spawn(call_until_taken(app.clone(), payment.key()));
    }
}

/// Goes on with what an earlier run had not delivered.
pub(crate) fn resume(app: &Arc<App>) {
    let owing: Vec<Payment> = app
        .payments
        .lock()
        .all()
        .filter(|payment| payment.due > 0)
        .cloned()
        .collect();
    for payment in owing {
        start(app, &payment, payment.due);
    }
}

async fn call_until_taken(app: Arc<App>, key: Key) {
    let mut back_off = 1;
    for _ in 0..app.settings.callback_attempts {
        let Some(payment) = app.payments.lock().get(key).cloned() else {
            return;
        };
        let attempt = call(&app, &payment).await;
        let accepted = attempt.accepted;
        match accepted {
            true => app.counters.callbacks_accepted.add(1),
            false => app.counters.callbacks_failed.add(1),
        }
        let Some(payment) = app.payments.lock().note(key, attempt) else {
            return;
        };
        app.events
            .publish(json!({"kind": "payment", "payment": payment.view()}));
        if accepted {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(back_off * app.settings.retry_unit_ms)) => {}
            () = app.stopping.cancelled() => return,
        }
        back_off = (back_off * 2).min(LONGEST_BACK_OFF);
    }
    app.payments.lock().give_up(key);
    tracing::warn!(
        inv_id = key.0,
        attempts = app.settings.callback_attempts,
        "callback_given_up"
    );
}

async fn call(app: &App, payment: &Payment) -> Attempt {
    let request = app
        .outside
        .post(app.settings.result_url.clone())
        .form(&fields(payment, &app.settings));
    let wanted = format!("OK{}", payment.inv_id);
    attempt::make(app, request, |status, body| {
        status == 200 && body == wanted.as_bytes()
    })
    .await
}

/// What ResultURL is told. Robokassa: upper-case hex; Fee, EMail, PaymentMethod and IncCurrLabel are not signed.
fn fields(payment: &Payment, settings: &Settings) -> Vec<(String, String)> {
    let keys = keys(settings, payment.is_test);
    let out_sum = payment.result_sum();
    let inv_id = payment.inv_id.to_string();
    let base = notice_base(&out_sum, &inv_id, keys.password2, &payment.shp);
    let signature = keys.algorithm.hex(&base).to_ascii_uppercase();
    let fee = Amount::parse(&payment.out_sum)
        .map(|amount| amount.fee().text(payment.is_test))
        .unwrap_or_default();
    // Robokassa: EMail is empty in test mode.
    let email = match (payment.is_test, payment.email.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "buyer@example.com".to_owned(),
        (false, false) => payment.email.clone(),
    };
    let mut fields: Vec<(String, String)> = [
        ("OutSum", out_sum),
        ("InvId", inv_id),
        ("Fee", fee),
        ("EMail", email),
        ("SignatureValue", signature),
        ("PaymentMethod", "BankCard".to_owned()),
        ("IncCurrLabel", "BankCardPSR".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    if payment.is_test {
        fields.push(("IsTest".to_owned(), "1".to_owned()));
    }
    fields.extend(payment.shp.iter().cloned());
    fields
}
