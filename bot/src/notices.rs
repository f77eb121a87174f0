//! What people are told of events: each in their language, with its buttons, its priority and its manner.

use chrono::{DateTime, FixedOffset, Utc};
use geobot_shared::i18n::{self, Language, Texts, Value};
use geobot_shared::topics::states::{EntitlementState, InvoiceState, InvoiceStatus, Routing};
use geobot_shared::topics::tg_notify::NotifyEvent;
use geobot_shared::topics::tg_send::{Button, Priority};

use crate::dialog::keyboard::{self, Click};
use crate::telegram::manner::Manner;
use crate::telegram::sender::Content;
use crate::texts::escape;

/// Whom a notice is for, and when they read it.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The texts.
    pub texts: &'a Texts,
    /// What they read.
    pub language: Language,
    /// Hours ahead of UTC in which they read times.
    pub offset: FixedOffset,
}

/// The message about an event. `now` tells whether it comes too late.
pub fn content(reader: Reader<'_>, event: &NotifyEvent, now: DateTime<Utc>) -> Content {
    if let NotifyEvent::CabinetLink { url, expires_at } = event {
        return cabinet_link(reader, url, *expires_at, now);
    }
    Content::html(text(reader, event)).with_buttons(buttons(reader, event))
}

/// What can be done about an event, and the way back to the menu.
fn buttons(reader: Reader<'_>, event: &NotifyEvent) -> Vec<Vec<Button>> {
    let mut rows = match event {
        NotifyEvent::SubscriptionEndsSoon { product_id, .. }
        | NotifyEvent::SubscriptionEnded { product_id, .. } => {
            let again = Click::Buy(*product_id);
            vec![vec![reader.button("button-buy-again", &again)]]
        }
        NotifyEvent::PaymentState { invoice } if invoice.status.is_payable() => {
            let again = Click::Check(invoice.invoice_id);
            vec![vec![reader.button("button-check-again", &again)]]
        }
        NotifyEvent::Payments { invoices } if !invoices.is_empty() => {
            vec![vec![reader.button("button-cabinet", &Click::Cabinet)]]
        }
        NotifyEvent::Subscriptions { entitlements } if !entitlements.is_empty() => Vec::new(),
        NotifyEvent::Payments { .. } | NotifyEvent::Subscriptions { .. } => {
            vec![vec![reader.button("button-buy", &Click::Products)]]
        }
        _ => Vec::new(),
    };
    rows.push(keyboard::back(reader.texts, reader.language));
    rows
}

/// Answers to what somebody has just asked go first.
pub fn priority(event: &NotifyEvent) -> Priority {
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

/// Whether only those hear of it who want reminders. LK has asked its own books; what the person said since stands here.
pub fn is_reminder(event: &NotifyEvent) -> bool {
    matches!(event, NotifyEvent::SubscriptionEndsSoon { .. })
}

/// What nobody waits for makes no sound at night; who has a sign-in link must not pass it on by mistake.
pub fn manner(event: &NotifyEvent) -> Manner<'static> {
    Manner {
        can_wait: matches!(
            event,
            NotifyEvent::SubscriptionEndsSoon { .. } | NotifyEvent::SubscriptionEnded { .. }
        ),
        protected: matches!(event, NotifyEvent::CabinetLink { .. }),
        keyboard: None,
    }
}

fn text(reader: Reader<'_>, event: &NotifyEvent) -> String {
    match event {
        NotifyEvent::PaymentState { invoice } => reader.format(
            payment_state(invoice),
            &[
                ("title", escape(&invoice.title).into()),
                ("status", reader.status(invoice).into()),
            ],
        ),
        NotifyEvent::Payments { invoices } if invoices.is_empty() => reader.get("payments-none"),
        NotifyEvent::Payments { invoices } => {
            let lines = invoices.iter().map(|invoice| payment_line(reader, invoice));
            titled(reader, "payments-title", lines)
        }
        NotifyEvent::Subscriptions { entitlements } if entitlements.is_empty() => {
            reader.get("subscriptions-none")
        }
        NotifyEvent::Subscriptions { entitlements } => {
            let lines = entitlements.iter().map(|it| subscription_line(reader, it));
            titled(reader, "subscriptions-title", lines)
        }
        NotifyEvent::PaymentMismatch { .. } => reader.get("payment-mismatch"),
        NotifyEvent::SupportAnswer { text } => {
            format!("<b>{}</b>\n{}", reader.get("support-answer"), escape(text))
        }
        NotifyEvent::CabinetLink { url, .. } => escape(url),
        NotifyEvent::CityFound { city, country } => reader.format(
            "city-found",
            &[
                ("city", escape(city).into()),
                ("flag", flag(country).into()),
            ],
        ),
        NotifyEvent::CityNotFound => reader.get("city-not-found"),
        NotifyEvent::SubscriptionEndsSoon { title, ends_at, .. } => reader.format(
            "subscription-ends-soon",
            &[
                ("title", escape(title).into()),
                ("until", reader.date(*ends_at).into()),
            ],
        ),
        NotifyEvent::SubscriptionEnded { title, .. } => {
            reader.format("subscription-ended", &[("title", escape(title).into())])
        }
    }
}

fn cabinet_link(
    reader: Reader<'_>,
    url: &str,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Content {
    if expires_at <= now {
        let again = vec![vec![reader.button("button-cabinet", &Click::Cabinet)]];
        return Content::html(reader.get("cabinet-link-expired")).with_buttons(again);
    }
    let until = expires_at.with_timezone(&reader.offset);
    let until = format!("{} (UTC{})", until.format("%H:%M"), reader.offset);
    let mut text = reader.format("cabinet-link", &[("until", until.into())]);
    let open = keyboard::link(&mut text, reader.get("button-open-cabinet"), url);
    Content::html(text).with_buttons(open.into_iter().collect())
}

fn titled(reader: Reader<'_>, key: &str, lines: impl Iterator<Item = String>) -> String {
    let mut text = format!("<b>{}</b>", reader.get(key));
    for line in lines {
        text.push('\n');
        text.push_str(&line);
    }
    text
}

/// How an invoice stands, for somebody who says to have paid it.
fn payment_state(invoice: &InvoiceState) -> &'static str {
    match (invoice.status, invoice.routing) {
        (status, _) if status.is_payable() => "payment-state-unpaid",
        (InvoiceStatus::Paid, Routing::Held) => "payment-state-held",
        _ => "payment-state",
    }
}

fn payment_line(reader: Reader<'_>, invoice: &InvoiceState) -> String {
    let at = invoice.paid_at.unwrap_or(invoice.created_at);
    reader.format(
        "payment-line",
        &[
            ("invoice", invoice.invoice_id.to_string().into()),
            ("date", reader.date(at).into()),
            ("title", escape(&invoice.title).into()),
            (
                "amount",
                i18n::rubles(reader.language, invoice.amount).into(),
            ),
            ("status", reader.status(invoice).into()),
        ],
    )
}

fn subscription_line(reader: Reader<'_>, right: &EntitlementState) -> String {
    let title = ("title", Value::from(escape(&right.title)));
    match right.ends_at {
        Some(until) => {
            let until = ("until", reader.date(until).into());
            reader.format("subscription-line", &[title, until])
        }
        None => reader.format("subscription-forever", &[title]),
    }
}

/// A country's flag from its two letters (ISO 3166-1 alpha-2); nothing for what is no country.
fn flag(country: &str) -> String {
    let letter = |c: char| match c.to_ascii_uppercase() {
        c @ 'A'..='Z' => char::from_u32('🇦' as u32 + (c as u32 - 'A' as u32)),
        _ => None,
    };
    let letters: Option<String> = country.chars().map(letter).collect();
    letters.filter(|_| country.len() == 2).unwrap_or_default()
}

impl Reader<'_> {
    fn get(&self, key: &str) -> String {
        self.texts.get(self.language, key)
    }

    fn format(&self, key: &str, parameters: &[(&'static str, Value)]) -> String {
        self.texts.format(self.language, key, parameters)
    }

    fn button(&self, key: &str, click: &Click) -> Button {
        keyboard::button(self.texts, self.language, key, click)
    }

    fn date(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.offset)
            .format("%d.%m.%Y")
            .to_string()
    }

    fn status(&self, invoice: &InvoiceState) -> String {
        self.get(&format!("status-{}", invoice.status.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use geobot_shared::ids::{InvoiceId, ProductId};
    use uuid::Uuid;

    use super::*;
    use crate::dialog::keyboard::fits_a_button;
    use crate::telegram::manner::offset;
    use crate::texts;

    fn in_every_language(event: &NotifyEvent, look: impl Fn(Language, Content)) {
        let texts = texts::load().unwrap();
        for language in Language::ALL {
            let reader = Reader {
                texts: &texts,
                language,
                offset: offset("+03:00").unwrap(),
            };
            let now = "2026-11-25T10:00:00Z".parse().unwrap();
            look(language, content(reader, event, now));
        }
    }

    fn parts(content: &Content) -> (&str, &[Vec<Button>]) {
        let Content::Text { text, buttons, .. } = content else {
            panic!("{content:?}")
        };
        (text, buttons)
    }

    fn link(url: &str, expires_at: &str) -> NotifyEvent {
        NotifyEvent::CabinetLink {
            url: url.to_owned(),
            expires_at: expires_at.parse().unwrap(),
        }
    }

    #[test]
    fn a_sign_in_link_is_a_button_with_its_end_and_can_t_be_passed_on() {
        let event = link("https://lk.example.com/in/x", "2026-11-25T10:10:00Z");
        in_every_language(&event, |_, content| {
            let (text, buttons) = parts(&content);
            assert!(text.contains("13:10 (UTC+03:00)"), "{text}");
            assert!(!text.contains("lk.example.com"), "{text}");
            let [row] = buttons else {
                panic!("{buttons:?}")
            };
            let url = row[0].url.as_deref();
            assert_eq!(url, Some("https://lk.example.com/in/x"));
        });
        assert!(manner(&event).protected);
        assert_eq!(priority(&event), Priority::Interactive);
    }

    #[test]
    fn a_link_that_telegram_takes_for_no_button_stands_in_the_text() {
        let event = link("http://localhost:5500/in/x?a&b", "2026-11-25T10:10:00Z");
        in_every_language(&event, |_, content| {
            let (text, buttons) = parts(&content);
            assert!(
                text.contains("http://localhost:5500/in/x?a&amp;b"),
                "{text}"
            );
            assert!(buttons.is_empty());
        });
        assert!(fits_a_button("http://127.0.0.1:5500/in/x"));
        assert!(!fits_a_button("ftp://example.com/"));
        assert!(!fits_a_button("nonsense"));
    }

    #[test]
    fn a_link_that_comes_too_late_offers_a_new_one() {
        let event = link("https://lk.example.com/in/x", "2026-11-25T10:00:00Z");
        in_every_language(&event, |_, content| {
            let (text, buttons) = parts(&content);
            assert!(!text.contains("example.com"), "{text}");
            let data = buttons[0][0].callback_data.as_deref();
            assert_eq!(data, Some(Click::Cabinet.data().as_str()));
        });
    }

    #[test]
    fn a_city_is_told_with_its_flag() {
        let event = NotifyEvent::CityFound {
            city: "Rostov <on> Don".into(),
            country: "ru".into(),
        };
        in_every_language(&event, |_, content| {
            let (text, _) = parts(&content);
            assert!(text.contains("Rostov &lt;on&gt; Don"), "{text}");
            assert!(text.contains("🇷🇺"), "{text}");
        });
        for no_country in ["", "r", "rus", "1a", "Рф"] {
            assert_eq!(flag(no_country), "");
        }
    }

    #[test]
    fn what_can_wait_makes_no_sound_at_night_and_answers_do() {
        let product_id = ProductId(Uuid::nil());
        let ended = NotifyEvent::SubscriptionEnded {
            title: "Club".into(),
            product_id,
        };
        assert!(manner(&ended).can_wait);
        in_every_language(&ended, |_, content| {
            let buy = Click::Buy(product_id).data();
            let data = parts(&content).1[0][0].callback_data.clone();
            assert_eq!(data, Some(buy));
        });
        let mismatch = NotifyEvent::PaymentMismatch {
            invoice_id: InvoiceId::new(1).unwrap(),
        };
        assert!(!manner(&mismatch).can_wait);
        assert!(!manner(&NotifyEvent::CityNotFound).can_wait);
    }

    fn invoice(status: InvoiceStatus, routing: Routing) -> InvoiceState {
        let example = include_str!("../../shared/tests/contract/tg_notify/notify.json");
        let record: serde_json::Value = serde_json::from_str(example).unwrap();
        let event = serde_json::from_value(record["payload"]["data"].clone()).unwrap();
        let NotifyEvent::PaymentState { invoice } = event else {
            panic!("{event:?}")
        };
        InvoiceState {
            status,
            routing,
            ..invoice
        }
    }

    #[test]
    fn who_asks_after_a_payment_hears_what_to_do_and_has_a_way_back() {
        for (status, routing, wanted) in [
            (
                InvoiceStatus::Pending,
                Routing::Waiting,
                "payment-state-unpaid",
            ),
            (
                InvoiceStatus::Expired,
                Routing::Waiting,
                "payment-state-unpaid",
            ),
            (InvoiceStatus::Paid, Routing::Held, "payment-state-held"),
            (InvoiceStatus::Paid, Routing::Delivered, "payment-state"),
            (InvoiceStatus::Refunded, Routing::Held, "payment-state"),
        ] {
            let invoice = invoice(status, routing);
            assert_eq!(payment_state(&invoice), wanted);
            let check = Click::Check(invoice.invoice_id).data();
            let event = NotifyEvent::PaymentState { invoice };
            in_every_language(&event, |_, content| {
                let data = |it: &Button| it.callback_data.clone().unwrap_or_default();
                let (_, buttons) = parts(&content);
                let all: Vec<_> = buttons.iter().flatten().map(data).collect();
                assert_eq!(all.contains(&check), status.is_payable(), "{all:?}");
                assert!(all.contains(&Click::Menu.data()), "{all:?}");
            });
        }
    }

    #[test]
    fn every_event_has_words_in_both_languages() {
        let examples = [
            include_str!("../../shared/tests/contract/tg_notify/notify.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.payments.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.subscriptions.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.payment_mismatch.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.support_answer.json"),
            include_str!(
                "../../shared/tests/contract/tg_notify/notify.subscription_ends_soon.json"
            ),
            include_str!("../../shared/tests/contract/tg_notify/notify.subscription_ended.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.cabinet_link.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.city_found.json"),
            include_str!("../../shared/tests/contract/tg_notify/notify.city_not_found.json"),
        ];
        let keys = i18n::keys(include_str!("../texts/ru.ftl"));
        for example in examples {
            let record: serde_json::Value = serde_json::from_str(example).unwrap();
            let data = record["payload"]["data"].clone();
            let event: NotifyEvent = serde_json::from_value(data).unwrap();
            in_every_language(&event, |language, content| {
                let (text, _) = parts(&content);
                assert!(!text.trim().is_empty(), "{language}: {event:?}");
                // A missing text is shown as its key, a missing parameter as its name.
                let left = keys
                    .iter()
                    .find(|key| key.contains('-') && text.contains(*key));
                assert_eq!(left, None, "{language}: {text}");
                assert!(!text.contains("{$"), "{language}: {text}");
            });
        }
    }
}
