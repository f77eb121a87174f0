//! What a person sees of an invoice: the offer with its pay button, or why there is none.

use geobot_shared::i18n::{self, Language, Texts, Value};
use geobot_shared::ids::Mode;
use geobot_shared::topics::tg_robokassa::{InvoiceReady, InvoiceRefused, RefusalReason};

use crate::dialog::keyboard::{self, Click};
use crate::telegram::sender::Content;
use crate::texts::escape;

/// The message with the pay button.
pub fn content(texts: &Texts, language: Language, invoice: &InvoiceReady) -> Content {
    let mut text = text(texts, language, invoice);
    if invoice.mode == Mode::Test {
        text.push_str("\n\n");
        text.push_str(&texts.get(language, "invoice-test"));
    }
    let amount = i18n::rubles(language, invoice.amount);
    let pay = texts.format(language, "button-pay", &[("amount", amount.into())]);
    let pay = keyboard::link(&mut text, pay, &invoice.pay_url);
    let mut buttons: Vec<_> = pay.into_iter().collect();
    let check = Click::Check(invoice.invoice_id);
    let promo = Click::Promo(invoice.product_id);
    buttons.extend([
        vec![keyboard::button(texts, language, "button-check", &check)],
        vec![keyboard::button(texts, language, "button-promo", &promo)],
        keyboard::back(texts, language),
    ]);
    Content::html(text).with_buttons(buttons)
}

/// What is to be paid for what; with a promo code also the price without it.
fn text(texts: &Texts, language: Language, invoice: &InvoiceReady) -> String {
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

/// Why there is no invoice, and what can be done instead.
pub fn refusal(texts: &Texts, language: Language, refused: &InvoiceRefused) -> Content {
    let (key, buttons) = match refused.reason {
        RefusalReason::ProductUnavailable => {
            ("invoice-refused-product", keyboard::menu(texts, language))
        }
        RefusalReason::UserBlocked => ("invoice-refused-blocked", keyboard::menu(texts, language)),
        RefusalReason::PromoRefused => (
            "invoice-refused-promo",
            keyboard::promo_refused(texts, language, refused.product_id),
        ),
    };
    Content::html(texts.get(language, key)).with_buttons(buttons)
}

#[cfg(test)]
mod tests {
    use geobot_shared::ids::{ChatId, ProductId, TelegramUserId};
    use geobot_shared::money::Money;
    use geobot_shared::topics::tg_send::Button;

    use super::*;

    fn texts() -> Texts {
        crate::texts::load().unwrap()
    }

    fn ready(example: &str) -> InvoiceReady {
        let record: serde_json::Value = serde_json::from_str(example).unwrap();
        serde_json::from_value(record["payload"]["data"].clone()).unwrap()
    }

    #[test]
    fn a_discount_shows_the_old_price_struck_through_the_code_and_the_new_price() {
        let texts = texts();
        let mut invoice = ready(include_str!(
            "../../../shared/tests/contract/tg_robokassa/invoice_ready.promo.json"
        ));
        invoice.full_price = Some(Money::from_kopecks(100_000));
        invoice.amount = Money::from_kopecks(75_000);
        invoice.promo_code = Some("SPRING<25>".into());
        for language in Language::ALL {
            let text = text(&texts, language, &invoice);
            let full = i18n::rubles(language, Money::from_kopecks(100_000));
            let amount = i18n::rubles(language, invoice.amount);
            assert!(text.contains(&format!("<s>{full}</s>")), "{text}");
            assert!(text.contains(&format!("<b>{amount}</b>")), "{text}");
            assert!(text.contains("SPRING&lt;25&gt;"), "{text}");
        }
    }

    #[test]
    fn a_price_without_a_discount_is_not_struck_through() {
        let texts = texts();
        let mut invoice = ready(include_str!(
            "../../../shared/tests/contract/tg_robokassa/invoice_ready.json"
        ));
        for full in [None, Some(invoice.amount)] {
            invoice.full_price = full;
            invoice.promo_code = full.map(|_| "FREE".into());
            let text = text(&texts, Language::Ru, &invoice);
            assert!(!text.contains("<s>") && !text.contains("FREE"), "{text}");
        }
    }

    #[test]
    fn an_address_that_telegram_takes_for_no_button_stands_in_the_text() {
        let mut invoice = ready(include_str!(
            "../../../shared/tests/contract/tg_robokassa/invoice_ready.json"
        ));
        for (url, in_text) in [
            ("https://lk.example.com/pay/7?a&b", false),
            ("http://localhost:5500/pay/7?a&b", true),
        ] {
            invoice.pay_url = url.into();
            let Content::Text { text, buttons, .. } = content(&texts(), Language::Ru, &invoice)
            else {
                panic!("no text");
            };
            assert_eq!(text.contains("/pay/7?a&amp;b"), in_text, "{text}");
            let linked = buttons.iter().flatten().any(|it| it.url.is_some());
            assert_eq!(linked, !in_text, "{buttons:?}");
        }
    }

    #[test]
    fn every_refusal_has_its_words_and_a_way_on() {
        for reason in [
            RefusalReason::ProductUnavailable,
            RefusalReason::UserBlocked,
            RefusalReason::PromoRefused,
        ] {
            let refused = InvoiceRefused {
                user_id: TelegramUserId(42),
                chat_id: ChatId(42),
                product_id: ProductId(uuid::Uuid::from_u128(7)),
                reason,
            };
            for language in Language::ALL {
                let Content::Text { text, buttons, .. } = refusal(&texts(), language, &refused)
                else {
                    panic!("no text");
                };
                assert!(!text.contains("invoice-refused"), "{text}");
                let data = |it: &Button| it.callback_data.clone().unwrap_or_default();
                let all: Vec<_> = buttons.iter().flatten().map(data).collect();
                let ways = [Click::Menu.data(), Click::Products.data()];
                assert!(ways.iter().any(|way| all.contains(way)), "{reason:?}");
            }
        }
    }
}
