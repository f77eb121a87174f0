//! tg_notify: events to tell people in their language, and the states the bot keeps in Redis.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::i18n::Value;
use geobot_shared::i18n::{self, Language};
use geobot_shared::topics::TgNotify;
use geobot_shared::topics::states::{EntitlementState, InvoiceState};
use geobot_shared::topics::tg_notify::{
    CatalogChanged, MaintenanceChanged, Notify, NotifyEvent, PeopleKnown, UserStateChanged,
};
use geobot_shared::topics::tg_send::Priority;

use tracing::info;

use crate::app::App;
use crate::telegram::sender::Content;
use crate::texts::escape;

/// The handlers.
pub fn handlers() -> Inbox<App, TgNotify> {
    Inbox::new()
        .on(notify)
        .on(catalog_changed)
        .on(user_state_changed)
        .on(people_known)
        .on(maintenance_changed)
}

async fn notify(app: Arc<App>, event: Event<Notify>) -> Handled {
    let Notify {
        user_id,
        event: told,
    } = event.data;
    let language = app.language_of(user_id).await?;
    let text = render(&app, language, &told);
    app.sender
        .send(
            &event.cause.message_id,
            user_id.get(),
            &Content::html(text),
            priority(&told),
        )
        .await?;
    Ok(())
}

/// Answers to what somebody has just asked go first.
fn priority(event: &NotifyEvent) -> Priority {
    match event {
        NotifyEvent::PaymentState { .. }
        | NotifyEvent::Payments { .. }
        | NotifyEvent::Subscriptions { .. }
        | NotifyEvent::CabinetLink { .. }
        | NotifyEvent::CityFound { .. }
        | NotifyEvent::CityNotFound => Priority::Interactive,
        NotifyEvent::PaymentMismatch { .. }
        | NotifyEvent::SupportAnswer { .. }
        | NotifyEvent::SubscriptionEndsSoon { .. }
        | NotifyEvent::SubscriptionEnded { .. } => Priority::Notify,
    }
}

/// An event in the person's language, as Telegram's HTML.
fn render(app: &App, language: Language, event: &NotifyEvent) -> String {
    match event {
        NotifyEvent::PaymentState { invoice } => app.texts.format(
            language,
            "payment-state",
            &[
                ("title", escape(&invoice.title).into()),
                ("status", status(app, language, invoice).into()),
            ],
        ),
        NotifyEvent::Payments { invoices } if invoices.is_empty() => {
            app.texts.get(language, "payments-none")
        }
        NotifyEvent::Payments { invoices } => {
            let lines = invoices
                .iter()
                .map(|invoice| payment_line(app, language, invoice));
            titled(app, language, "payments-title", lines)
        }
        NotifyEvent::Subscriptions { entitlements } if entitlements.is_empty() => {
            app.texts.get(language, "subscriptions-none")
        }
        NotifyEvent::Subscriptions { entitlements } => {
            let lines = entitlements
                .iter()
                .map(|right| subscription_line(app, language, right));
            titled(app, language, "subscriptions-title", lines)
        }
        NotifyEvent::PaymentMismatch { .. } => app.texts.get(language, "payment-mismatch"),
        NotifyEvent::SupportAnswer { text } => {
            format!(
                "<b>{}</b>\n{}",
                app.texts.get(language, "support-answer"),
                escape(text)
            )
        }
        NotifyEvent::CabinetLink { url, .. } => escape(url),
        NotifyEvent::CityFound { city, .. } => escape(city),
        NotifyEvent::CityNotFound => String::new(),
        NotifyEvent::SubscriptionEndsSoon { title, ends_at, .. } => app.texts.format(
            language,
            "subscription-ends-soon",
            &[
                ("title", escape(title).into()),
                ("until", date(*ends_at).into()),
            ],
        ),
        NotifyEvent::SubscriptionEnded { title, .. } => app.texts.format(
            language,
            "subscription-ended",
            &[("title", escape(title).into())],
        ),
    }
}

fn titled(app: &App, language: Language, key: &str, lines: impl Iterator<Item = String>) -> String {
    let mut text = format!("<b>{}</b>", app.texts.get(language, key));
    for line in lines {
        text.push('\n');
        text.push_str(&line);
    }
    text
}

fn status(app: &App, language: Language, invoice: &InvoiceState) -> String {
    app.texts
        .get(language, &format!("status-{}", invoice.status.as_str()))
}

fn payment_line(app: &App, language: Language, invoice: &InvoiceState) -> String {
    app.texts.format(
        language,
        "payment-line",
        &[
            (
                "date",
                date(invoice.paid_at.unwrap_or(invoice.created_at)).into(),
            ),
            ("title", escape(&invoice.title).into()),
            ("amount", i18n::rubles(language, invoice.amount).into()),
            ("status", status(app, language, invoice).into()),
        ],
    )
}

fn subscription_line(app: &App, language: Language, right: &EntitlementState) -> String {
    let title = ("title", Value::from(escape(&right.title)));
    match right.ends_at {
        Some(until) => app.texts.format(
            language,
            "subscription-line",
            &[title, ("until", date(until).into())],
        ),
        None => app.texts.format(language, "subscription-forever", &[title]),
    }
}

fn date(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%d.%m.%Y").to_string()
}

async fn catalog_changed(app: Arc<App>, event: Event<CatalogChanged>) -> Handled {
    for item in &event.data.products {
        app.store.learn_product(item).await?;
    }
    Ok(())
}

async fn user_state_changed(app: Arc<App>, event: Event<UserStateChanged>) -> Handled {
    app.store.learn_person(&event.data.0).await?;
    Ok(())
}

async fn people_known(app: Arc<App>, event: Event<PeopleKnown>) -> Handled {
    for person in &event.data.people {
        app.store.learn_person(person).await?;
    }
    if event.data.last {
        app.store.mark_filled().await?;
        info!(request_id = %event.data.request_id, "people_filled");
    }
    Ok(())
}

async fn maintenance_changed(app: Arc<App>, event: Event<MaintenanceChanged>) -> Handled {
    app.store.learn_maintenance(&event.data).await?;
    Ok(())
}
