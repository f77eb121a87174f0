//! tg_robokassa: invoices and payments from LK.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::i18n::{self, Value};
use geobot_shared::topics::TgRobokassa;
use geobot_shared::topics::tg_robokassa::{
    AccessRevoked, InvoiceExpired, InvoiceReady, InvoiceRefused, PaymentCallback, PaymentConfirmed,
    RefundDone,
};
use geobot_shared::topics::tg_send::{Markup, Priority};
use tracing::info;

use crate::app::App;
use crate::dialog::keyboard::{self, Click};
use crate::payment::{check, deliver, links, offer};
use crate::store::payments::PayButton;
use crate::store::route::Step;
use crate::telegram::alert;
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::{Content, SendError, unless_unreachable};
use crate::texts::escape;

/// The reason of a right whose time is over.
const ENDED: &str = "ended";

/// The handlers.
pub fn handlers() -> Inbox<App, TgRobokassa> {
    Inbox::new()
        .on(invoice_ready)
        .on(invoice_refused)
        .on(invoice_expired)
        .on(payment_callback)
        .on(payment_confirmed)
        .on(refund_done)
        .on(access_revoked)
}

async fn invoice_ready(app: Arc<App>, event: Event<InvoiceReady>) -> Handled {
    let invoice = event.data;
    // A record that comes late must not offer what is already paid.
    if app.store.routed_at(invoice.invoice_id).await?.is_some() {
        return Ok(());
    }
    let language = app.language_of(invoice.user_id).await?;
    let content = offer::content(&app.texts, language, &invoice);
    let message_id = app
        .sender
        .send(
            &event.cause.message_id,
            invoice.chat_id.get(),
            &content,
            Priority::Interactive,
        )
        .await?;
    let button = PayButton {
        chat_id: invoice.chat_id,
        message_id,
        title: invoice.title,
    };
    app.store.keep_button(invoice.invoice_id, &button).await?;
    app.store
        .step(invoice.user_id, Step::InvoiceReady(invoice.invoice_id))
        .await?;
    Ok(())
}

async fn invoice_refused(app: Arc<App>, event: Event<InvoiceRefused>) -> Handled {
    let refused = event.data;
    let language = app.language_of(refused.user_id).await?;
    let content = offer::refusal(&app.texts, language, &refused);
    app.sender
        .send(
            &event.cause.message_id,
            refused.chat_id.get(),
            &content,
            Priority::Interactive,
        )
        .await?;
    app.store
        .step(refused.user_id, Step::InvoiceGone(None))
        .await?;
    Ok(())
}

async fn invoice_expired(app: Arc<App>, event: Event<InvoiceExpired>) -> Handled {
    let expired = event.data;
    app.store
        .step(expired.user_id, Step::InvoiceGone(Some(expired.invoice_id)))
        .await?;
    if app.store.routed_at(expired.invoice_id).await?.is_some() {
        return Ok(());
    }
    let Some(button) = app.store.button(expired.invoice_id).await? else {
        return Ok(());
    };
    let language = app.language_of(expired.user_id).await?;
    let title = [("title", Value::from(escape(&button.title)))];
    let buy = keyboard::button(&app.texts, language, "button-buy", &Click::Products);
    let edit = Content::Edit {
        message_id: button.message_id,
        text: app.texts.format(language, "invoice-expired", &title),
        markup: Some(Markup::Html),
        buttons: vec![vec![buy]],
    };
    let edited = app
        .sender
        .send(
            &event.cause.message_id,
            button.chat_id.get(),
            &edit,
            Priority::Notify,
        )
        .await;
    match edited {
        // The person has deleted the message, or the bot: there is no button left to press.
        Err(SendError::Telegram(SendFailure::Refused(why) | SendFailure::Unreachable(why))) => {
            info!(invoice_id = %expired.invoice_id, why, "expired_button_not_taken_away");
            Ok(())
        }
        other => other.map(|_| ()).map_err(Into::into),
    }
}

async fn payment_callback(app: Arc<App>, event: Event<PaymentCallback>) -> Handled {
    let payment = event.data;
    match check::callback(&payment, &app.shop, &app.keys) {
        Ok(token) => deliver::route(&app, token, &payment.granted, &event.cause).await,
        Err(refusal) => deliver::refuse(&app, &payment.granted, &refusal, &event.cause).await,
    }
}

async fn payment_confirmed(app: Arc<App>, event: Event<PaymentConfirmed>) -> Handled {
    let payment = event.data;
    match check::confirmed(&payment, &app.keys) {
        Ok(token) => deliver::route(&app, token, &payment.granted, &event.cause).await,
        Err(refusal) => deliver::refuse(&app, &payment.granted, &refusal, &event.cause).await,
    }
}

async fn refund_done(app: Arc<App>, event: Event<RefundDone>) -> Handled {
    let refund = event.data;
    let language = app.language_of(refund.user_id).await?;
    let text = app.texts.format(
        language,
        "refund-done",
        &[
            ("invoice", refund.invoice_id.to_string().into()),
            ("amount", i18n::rubles(language, refund.amount).into()),
        ],
    );
    app.sender
        .send(
            &event.cause.message_id,
            refund.user_id.get(),
            &Content::html(text),
            Priority::Notify,
        )
        .await?;
    Ok(())
}

async fn access_revoked(app: Arc<App>, event: Event<AccessRevoked>) -> Handled {
    let revoked = event.data;
    if let Some(chat) = revoked.chat_id {
        // Before the person is out: a link that still works leads back in.
        links::withdraw(&app, revoked.user_id, chat).await?;
        match app.sender.remove_member(chat.get(), revoked.user_id).await {
            Ok(()) => info!(chat_id = %chat, user_id = %revoked.user_id, "member_removed"),
            // The right to remove people is missing or the chat is gone: staff must act, repeating does not help.
            Err(SendFailure::Refused(why) | SendFailure::Unreachable(why)) => {
                alert::member_not_removed(&app.producer, &revoked, &why, &event.cause).await?;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    if revoked.reason == ENDED {
        // The person is told by `subscription_ended`.
        return Ok(());
    }
    let language = app.language_of(revoked.user_id).await?;
    let invoice = [("invoice", revoked.invoice_id.to_string().into())];
    let content = Content::html(app.texts.format(language, "access-revoked", &invoice));
    let sent = app
        .sender
        .send(
            &event.cause.message_id,
            revoked.user_id.get(),
            &content,
            Priority::Notify,
        )
        .await;
    // Whoever blocked the bot has lost the access all the same.
    Ok(unless_unreachable(sent)?)
}
