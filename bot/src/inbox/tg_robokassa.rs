//! tg_robokassa: invoices and payments from LK.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::i18n::{self, Language, Texts, Value};
use geobot_shared::ids::Mode;
use geobot_shared::topics::TgRobokassa;
use geobot_shared::topics::tg_robokassa::{
    AccessRevoked, InvoiceExpired, InvoiceReady, InvoiceRefused, PaymentCallback, PaymentConfirmed,
    RefundDone, RefusalReason,
};
use geobot_shared::topics::tg_send::{Button, Markup, Priority};

use tracing::info;

use crate::app::App;
use crate::dialog::keyboard::{self, Click};
use crate::payment::{check, deliver};
use crate::store::payments::PayButton;
use crate::store::route::Step;
use crate::telegram::alert;
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::{Content, SendError};
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
    let amount = i18n::rubles(language, invoice.amount);
    let mut text = offer(&app.texts, language, &invoice);
    if invoice.mode == Mode::Test {
        text.push_str("\n\n");
        text.push_str(&app.texts.get(language, "invoice-test"));
    }
    let pay = Button {
        text: app
            .texts
            .format(language, "button-pay", &[("amount", amount.into())]),
        url: Some(invoice.pay_url.clone()),
        callback_data: None,
    };
    let check = keyboard::button(
        &app.texts,
        language,
        "button-check",
        &Click::Check(invoice.invoice_id),
    );
    let promo = keyboard::button(
        &app.texts,
        language,
        "button-promo",
        &Click::Promo(invoice.product_id),
    );
    let content = Content::html(text).with_buttons(vec![vec![pay], vec![check], vec![promo]]);
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

/// What is to be paid for what; with a promo code also the price without it.
fn offer(texts: &Texts, language: Language, invoice: &InvoiceReady) -> String {
    let mut parameters = vec![
        ("title", Value::from(escape(&invoice.title))),
        ("amount", i18n::rubles(language, invoice.amount).into()),
    ];
    let discount = invoice.full_price.filter(|full| *full > invoice.amount);
    let (Some(full), Some(code)) = (discount, &invoice.promo_code) else {
        return texts.format(language, "invoice", &parameters);
    };
    parameters.push(("full", i18n::rubles(language, full).into()));
    parameters.push(("code", escape(code).into()));
    texts.format(language, "invoice-discounted", &parameters)
}

async fn invoice_refused(app: Arc<App>, event: Event<InvoiceRefused>) -> Handled {
    let refused = event.data;
    let language = app.language_of(refused.user_id).await?;
    let key = match refused.reason {
        RefusalReason::ProductUnavailable => "invoice-refused-product",
        RefusalReason::UserBlocked => "invoice-refused-blocked",
        RefusalReason::PromoRefused => "invoice-refused-promo",
    };
    let content = Content::html(app.texts.get(language, key))
        .with_buttons(keyboard::menu(&app.texts, language));
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
    let edit = Content::Edit {
        message_id: button.message_id,
        text: app.texts.get(language, "invoice-expired"),
        markup: Some(Markup::Html),
        buttons: Vec::new(),
    };
    app.sender
        .send(
            &event.cause.message_id,
            button.chat_id.get(),
            &edit,
            Priority::Notify,
        )
        .await?;
    Ok(())
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
    match sent {
        // Whoever blocked the bot has lost the access all the same.
        Ok(_) | Err(SendError::Telegram(SendFailure::Unreachable(_))) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use geobot_shared::money::Money;

    use super::*;

    fn ready(example: &str) -> InvoiceReady {
        let record: serde_json::Value = serde_json::from_str(example).unwrap();
        serde_json::from_value(record["payload"]["data"].clone()).unwrap()
    }

    #[test]
    fn a_discount_shows_the_old_price_struck_through_the_code_and_the_new_price() {
        let texts = crate::texts::load().unwrap();
        let mut invoice = ready(include_str!(
            "../../../shared/tests/contract/tg_robokassa/invoice_ready.promo.json"
        ));
        invoice.full_price = Some(Money::from_kopecks(100_000));
        invoice.amount = Money::from_kopecks(75_000);
        invoice.promo_code = Some("SPRING<25>".into());
        for language in Language::ALL {
            let text = offer(&texts, language, &invoice);
            let full = i18n::rubles(language, Money::from_kopecks(100_000));
            let amount = i18n::rubles(language, invoice.amount);
            assert!(text.contains(&format!("<s>{full}</s>")), "{text}");
            assert!(text.contains(&format!("<b>{amount}</b>")), "{text}");
            assert!(text.contains("SPRING&lt;25&gt;"), "{text}");
        }
    }

    #[test]
    fn a_price_without_a_discount_is_not_struck_through() {
        let texts = crate::texts::load().unwrap();
        let mut invoice = ready(include_str!(
            "../../../shared/tests/contract/tg_robokassa/invoice_ready.json"
        ));
        for full in [None, Some(invoice.amount)] {
            invoice.full_price = full;
            invoice.promo_code = full.map(|_| "FREE".into());
            let text = offer(&texts, Language::Ru, &invoice);
            assert!(!text.contains("<s>") && !text.contains("FREE"), "{text}");
        }
    }
}
