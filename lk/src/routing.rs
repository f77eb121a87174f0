//! What the bot answers for a paid invoice: routed, refused, not delivered. Copies of an answer change nothing.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, HandleError, Handled, dedupe};
use geobot_shared::envelope::Level;
use geobot_shared::ids::{InvoiceId, TelegramUserId};
use geobot_shared::sql;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::lk_sync_tg::{DeliveryFailed, PaymentRefused, PaymentRouted};
use geobot_shared::topics::states::Routing;
use serde_json::json;
use tracing::{error, info, warn};

use crate::app::App;
use crate::invoices::announce;
use crate::invoices::transitions::{AnswerRefused, BotAnswer, route};
use crate::store::{entitlements, invoices};

/// Longer causes are cut: they are for people.
const LONGEST_CAUSE_CHARS: usize = 500;

/// One answer of the bot.
struct Answer {
    invoice: InvoiceId,
    user: TelegramUserId,
    kind: BotAnswer,
    /// The log's name of it.
    event: &'static str,
    cause: Option<String>,
    at: DateTime<Utc>,
}

/// The person has what was paid for.
///
/// # Errors
/// The database's; [`HandleError::Refused`] for an invoice that can't have been routed, after an alert.
pub async fn payment_routed(
    app: &App,
    it: PaymentRouted,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let answer = Answer {
        invoice: it.invoice_id,
        user: it.user_id,
        kind: BotAnswer::Routed,
        event: "payment_routed",
        cause: None,
        at: it.at,
    };
    take(app, answer, cause, now).await
}

/// The bot does not believe the payment record: the invoice is held and staff alerted.
///
/// # Errors
/// As [`payment_routed`].
pub async fn payment_refused(
    app: &App,
    it: PaymentRefused,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let answer = Answer {
        invoice: it.invoice_id,
        user: it.user_id,
        kind: BotAnswer::Failed,
        event: "payment_refused",
        cause: Some(it.reason),
        at: now,
    };
    take(app, answer, cause, now).await
}

/// The person could not get it: the invoice is held and staff alerted.
///
/// # Errors
/// As [`payment_routed`].
pub async fn delivery_failed(
    app: &App,
    it: DeliveryFailed,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let answer = Answer {
        invoice: it.invoice_id,
        user: it.user_id,
        kind: BotAnswer::Failed,
        event: "delivery_failed",
        cause: Some(it.cause),
        at: now,
    };
    take(app, answer, cause, now).await
}

/// What a repeat of an answer is recognised by. Every copy of a payment record has one message-id, and so has the
/// bot's answer to each of them; an answer to a delivery that was begun anew is nevertheless a new one.
fn identity(cause: &Cause, round: i64) -> String {
    match round {
        0 => cause.message_id.clone(),
        round => format!("{}#{round}", cause.message_id),
    }
}

async fn take(app: &App, answer: Answer, cause: &Cause, now: DateTime<Utc>) -> Handled {
    let txn = sql::begin(&app.db).await?;
    let known = invoices::lock(&txn, answer.invoice).await?;
    let round = known.as_ref().map_or(0, |invoice| invoice.delivery_round);
    if !dedupe::first_time(&txn, &identity(cause, round), now).await? {
        return Ok(txn.rollback().await?);
    }
    let held_because = answer
        .cause
        .map(|text| text.chars().take(LONGEST_CAUSE_CHARS).collect::<String>());
    let alert = |message: &str| {
        InfoIn::new(
            answer.event,
            message,
            json!({"invoice_id": answer.invoice, "user_id": answer.user, "cause": held_because}),
        )
        .at(Level::Error)
    };
    let Some(invoice) = known.filter(|invoice| invoice.user == answer.user) else {
        let event = alert("The bot speaks of an invoice that LK does not know for this person");
        announce::log(&app.outbox, &txn, event, cause, now).await?;
        app.commit(txn).await?;
        error!(invoice_id = %answer.invoice, user_id = %answer.user, event = answer.event, "invoice_unknown");
        return Err(HandleError::Refused("the invoice is not known".to_owned()));
    };
    let granted = invoice.source.is_some();
    let routing = match route(granted, invoice.status, invoice.routing, answer.kind) {
        Ok(routing) => routing,
        Err(AnswerRefused::AlreadyDelivered) => {
            if answer.kind == BotAnswer::Failed {
                let event = alert("The bot failed with an invoice that was delivered before");
                announce::log(&app.outbox, &txn, event, cause, now).await?;
                warn!(invoice_id = %invoice.id, event = answer.event, "failure_after_delivery");
            }
            return Ok(app.commit(txn).await?);
        }
        Err(refused @ AnswerRefused::NotPaid(_)) => {
            let event = alert("The bot answered for an invoice that is not paid here");
            announce::log(&app.outbox, &txn, event, cause, now).await?;
            app.commit(txn).await?;
            error!(invoice_id = %invoice.id, event = answer.event, %refused, "answer_refused");
            return Err(HandleError::Refused(refused.to_string()));
        }
    };
    let Some(changed) =
        invoices::set_routing(&txn, &invoice, routing, held_because.as_deref()).await?
    else {
        return Err(HandleError::transient("the invoice changed meanwhile"));
    };
    announce::changed(&app.outbox, &txn, &changed, cause, now).await?;
    match routing {
        Routing::Delivered => {
            entitlements::mark_delivered(&txn, changed.id, answer.at).await?;
            info!(invoice_id = %changed.id, user_id = %changed.user, "payment_delivered");
        }
        Routing::Held | Routing::Waiting => {
            error!(invoice_id = %changed.id, user_id = %changed.user, cause = held_because, event = answer.event, "payment_held");
            metrics::counter!("geobot_payments_held_total", "event" => answer.event).increment(1);
            let event = alert("A paid invoice is held");
            announce::log(&app.outbox, &txn, event, cause, now).await?;
        }
    }
    Ok(app.commit(txn).await?)
}
