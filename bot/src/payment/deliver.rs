//! After a payment was checked: the person gets what was bought, once, and everybody who asked is told.

use chrono::Utc;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::i18n::Value;
use geobot_shared::i18n::{self, Language};
use geobot_shared::route_token::RouteToken;
use geobot_shared::topics::lk_sync_tg::{
    DeliveryFailed, PaymentRefused, PaymentRouted, is_unreachable,
};
use geobot_shared::topics::states::Delivery;
use geobot_shared::topics::tg_robokassa::{Granted, read_delivery};
use geobot_shared::topics::tg_send::{Markup, Priority};
use geobot_shared::topics::{ArmSyncTg, LkSyncTg};
use tracing::{info, warn};

use super::check::Refusal;
use super::{links, webhook};
use crate::app::App;
use crate::store::route::Step;
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::{Content, FileSource, SendError, unless_unreachable};
use crate::texts::escape;

/// Routes the person of a checked payment and delivers. Every copy of a payment that was already routed is answered
/// and does nothing else. The order matters: goods, then our mark, then the answers; a repeat after any of them goes
/// on where it broke off, because each sending is remembered by the invoice.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn route(app: &App, token: RouteToken, granted: &Granted, cause: &Cause) -> Handled {
    if let Some(at) = app.store.routed_at(token.invoice).await? {
        info!(invoice_id = %token.invoice, "payment_copy_answered");
        return answer(app, token, at, cause).await;
    }
    let delivery = match read_delivery(&granted.delivery) {
        Ok(delivery) => delivery,
        Err(error) => {
            let why = format!("this bot does not know how to deliver that: {error}");
            return hold(app, token, granted, why, cause).await;
        }
    };
    let language = app.language_of(token.user).await?;
    match give(app, token, granted, &delivery, language, cause).await {
        Ok(()) => {}
        Err(Gift::Undeliverable(why)) => return hold(app, token, granted, why, cause).await,
        Err(Gift::Later(error)) => return Err(error),
    }
    let at = Utc::now();
    app.store.mark_routed(token.invoice, at).await?;
    app.store
        .step(token.user, Step::Paid(token.invoice, token.product))
        .await?;
    info!(invoice_id = %token.invoice, user_id = %token.user, "payment_routed");
    metrics::counter!("geobot_payments_routed_total").increment(1);
    answer(app, token, at, cause).await?;
    take_button_away(app, token, language).await;
    Ok(())
}

/// Tells LK and ARM that the payment record is not believed. The record is done with that: LK holds the invoice.
///
/// # Errors
/// What the bus is to do with the record.
pub async fn refuse(app: &App, granted: &Granted, refusal: &Refusal, cause: &Cause) -> Handled {
    warn!(invoice_id = %granted.invoice_id, user_id = %granted.user_id, reason = %refusal, "payment_refused");
    metrics::counter!("geobot_payments_refused_total").increment(1);
    let refused = PaymentRefused {
        invoice_id: granted.invoice_id,
        user_id: granted.user_id,
        reason: refusal.to_string(),
    };
    app.producer
        .publish_caused::<LkSyncTg>(refused.clone(), cause, 0)
        .await?;
    app.producer
        .publish_caused::<ArmSyncTg>(refused, cause, 0)
        .await?;
    Err(HandleError::Refused(refusal.to_string()))
}

async fn answer(app: &App, token: RouteToken, at: chrono::DateTime<Utc>, cause: &Cause) -> Handled {
    let routed = PaymentRouted {
        invoice_id: token.invoice,
        user_id: token.user,
        at,
    };
    app.producer
        .publish_caused::<LkSyncTg>(routed.clone(), cause, 0)
        .await?;
    app.producer
        .publish_caused::<ArmSyncTg>(routed, cause, 0)
        .await?;
    Ok(())
}

/// The person can't get it now: LK holds the invoice and shows the cause to staff. Whoever can be written to is told,
/// once, so that nobody waits in the dark or pays again.
async fn hold(
    app: &App,
    token: RouteToken,
    granted: &Granted,
    why: String,
    cause: &Cause,
) -> Handled {
    let unreachable = is_unreachable(&why);
    warn!(invoice_id = %token.invoice, user_id = %token.user, reason = why, "delivery_failed");
    metrics::counter!("geobot_deliveries_failed_total").increment(1);
    let failed = DeliveryFailed {
        invoice_id: token.invoice,
        user_id: token.user,
        cause: why,
    };
    app.producer
        .publish_caused::<LkSyncTg>(failed, cause, 0)
        .await?;
    if unreachable {
        return Ok(());
    }
    let language = app.language_of(token.user).await?;
    let title = [("title", Value::from(escape(&granted.title)))];
    let delayed = Content::html(app.texts.format(language, "delivery-delayed", &title));
    let request = format!("invoice-{}-delayed", token.invoice);
    let (chat, priority) = (token.user.get(), Priority::Interactive);
    let sent = app.sender.send(&request, chat, &delayed, priority).await;
    Ok(unless_unreachable(sent)?)
}

/// Why a gift did not arrive.
pub(super) enum Gift {
    /// It can't be delivered as things are.
    Undeliverable(String),
    /// It may be delivered later.
    Later(HandleError),
}

impl From<SendError> for Gift {
    fn from(error: SendError) -> Gift {
        match error {
            // All that Telegram will refuse again: a record that is given up would never be held and seen by staff.
            SendError::Telegram(
                failure @ (SendFailure::Unreachable(_)
                | SendFailure::Refused(_)
                | SendFailure::BadEntities(_)
                | SendFailure::WrongFile(_)),
            ) => Gift::Undeliverable(failure.to_string()),
            SendError::NoFile(why) => Gift::Undeliverable(why.to_string()),
            other => Gift::Later(other.into()),
        }
    }
}

/// Sends the thanks and the goods. Requests are named by the invoice, so no copy of the record sends them again.
async fn give(
    app: &App,
    token: RouteToken,
    granted: &Granted,
    delivery: &Delivery,
    language: Language,
    cause: &Cause,
) -> Result<(), Gift> {
    let chat = token.user.get();
    let request = |what: &str| format!("invoice-{}-{what}", token.invoice);
    let thanks = app.texts.format(
        language,
        "payment-received",
        &[
            ("title", escape(&granted.title).into()),
            ("amount", i18n::rubles(language, token.amount).into()),
        ],
    );
    app.sender
        .send(
            &request("thanks"),
            chat,
            &Content::html(thanks),
            Priority::Interactive,
        )
        .await?;
    if app
        .store
        .is_sent(&request("goods"))
        .await
        .map_err(SendError::Store)?
    {
        // Looked up first, because making the goods again may cost something: an invite link, for example.
        return Ok(());
    }
    let goods = match delivery {
        Delivery::Text { text } => Content::Text {
            text: text.clone(),
            markup: None,
            buttons: Vec::new(),
        },
        Delivery::File { url, caption } => {
            Content::document(FileSource::Known(url.clone()), caption.clone())
        }
        Delivery::InviteLink { chat_id, days } => {
            let link = links::invite(app, token, *chat_id, *days).await?;
            let parameters = [("link", Value::from(escape(&link)))];
            Content::html(app.texts.format(language, "delivery-link", &parameters))
        }
        Delivery::StoredFile { file, caption } => {
            Content::document(FileSource::Stored(file.clone()), caption.clone())
        }
        Delivery::Webhook { url, text } => {
            webhook::order(app, &token, granted, url, cause)
                .await
                .map_err(Gift::Later)?;
            match text {
                Some(text) => Content::Text {
                    text: text.clone(),
                    markup: None,
                    buttons: Vec::new(),
                },
                None => Content::html(app.texts.get(language, "delivery-webhook")),
            }
        }
        // LK reserves the key and grants a text; a grant without it is a mistake of LK's that staff must see.
        Delivery::Key { .. } => {
            let why = "LK granted a key from the stock without reserving one";
            return Err(Gift::Undeliverable(why.to_owned()));
        }
    };
    app.sender
        .send(&request("goods"), chat, &goods, Priority::Interactive)
        .await?;
    Ok(())
}

/// The pay button has done its work. Cosmetic: a failure is logged and harms nothing.
async fn take_button_away(app: &App, token: RouteToken, language: Language) {
    let button = match app.store.button(token.invoice).await {
        Ok(Some(button)) => button,
        Ok(None) => return,
        Err(error) => {
            warn!(invoice_id = %token.invoice, %error, "pay_button_not_found");
            return;
        }
    };
    let parameters = [("title", Value::from(escape(&button.title)))];
    let edit = Content::Edit {
        message_id: button.message_id,
        text: app.texts.format(language, "invoice-paid", &parameters),
        markup: Some(Markup::Html),
        buttons: Vec::new(),
    };
    let request = format!("invoice-{}-button", token.invoice);
    if let Err(error) = app
        .sender
        .send(&request, button.chat_id.get(), &edit, Priority::Notify)
        .await
    {
        warn!(invoice_id = %token.invoice, %error, "pay_button_not_taken_away");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_telegram_will_refuse_again_is_held_and_what_may_pass_is_repeated() {
        let why = || "why".to_owned();
        for failure in [
            SendFailure::Unreachable(why()),
            SendFailure::Refused(why()),
            SendFailure::BadEntities(why()),
            SendFailure::WrongFile(why()),
        ] {
            let gift = Gift::from(SendError::Telegram(failure));
            assert!(matches!(gift, Gift::Undeliverable(cause) if cause.contains("why")));
        }
        for error in [
            SendError::Busy,
            SendError::Telegram(SendFailure::Down(why())),
            SendError::Telegram(SendFailure::Ambiguous(why())),
            SendError::Telegram(SendFailure::WrongToken),
        ] {
            let Gift::Later(error) = Gift::from(error) else {
                panic!("held");
            };
            // Neither given up nor answered: the record comes again.
            let gone = matches!(error, HandleError::BadData(_) | HandleError::Refused(_));
            assert!(!gone, "{error}");
        }
    }
}
