//! The buttons under messages, and what a press on one means.

use std::str::FromStr;

use geobot_shared::i18n::{Language, Texts};
use geobot_shared::ids::{InvoiceId, ProductId};
use geobot_shared::topics::states::NotifySettings;
use geobot_shared::topics::tg_send::Button;
use url::{Host, Url};

use crate::texts::escape;

/// What a button means. Written into its callback data (Bot API: at most 64 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    /// The menu.
    Menu,
    /// The list of products.
    Products,
    /// One product.
    Buy(ProductId),
    /// A promo code for a product.
    Promo(ProductId),
    /// "My payments."
    Payments,
    /// "My subscriptions."
    Subscriptions,
    /// "My profile."
    Profile,
    /// What to be told.
    Settings,
    /// News on or off.
    News(bool),
    /// Reminders on or off.
    Reminders(bool),
    /// "I have paid."
    Check(InvoiceId),
    /// A sign-in link for the cabinet.
    Cabinet,
    /// "My city."
    City,
    /// Help.
    Help,
    /// Another language.
    Language(Language),
}

impl Click {
    /// As callback data.
    pub fn data(&self) -> String {
        match self {
            Click::Menu => "menu".to_owned(),
            Click::Products => "products".to_owned(),
            Click::Buy(product) => format!("buy:{product}"),
            Click::Promo(product) => format!("promo:{product}"),
            Click::Payments => "payments".to_owned(),
            Click::Subscriptions => "subscriptions".to_owned(),
            Click::Profile => "profile".to_owned(),
            Click::Settings => "settings".to_owned(),
            Click::News(on) => format!("news:{}", on_off(*on)),
            Click::Reminders(on) => format!("reminders:{}", on_off(*on)),
            Click::Check(invoice) => format!("check:{invoice}"),
            Click::Cabinet => "cabinet".to_owned(),
            Click::City => "city".to_owned(),
            Click::Help => "help".to_owned(),
            Click::Language(language) => format!("lang:{language}"),
        }
    }

    /// From callback data; `None` for what no button of this version carries.
    pub fn read(data: &str) -> Option<Click> {
        match data.split_once(':') {
            None => match data {
                "menu" => Some(Click::Menu),
                "products" => Some(Click::Products),
                "payments" => Some(Click::Payments),
                "subscriptions" => Some(Click::Subscriptions),
                "profile" => Some(Click::Profile),
                "settings" => Some(Click::Settings),
                "cabinet" => Some(Click::Cabinet),
                "city" => Some(Click::City),
                "help" => Some(Click::Help),
                _ => None,
            },
            Some(("buy", product)) => ProductId::from_str(product).ok().map(Click::Buy),
            Some(("promo", product)) => ProductId::from_str(product).ok().map(Click::Promo),
            Some(("check", invoice)) => InvoiceId::from_str(invoice).ok().map(Click::Check),
            Some(("news", word)) => switch(word).map(Click::News),
            Some(("reminders", word)) => switch(word).map(Click::Reminders),
            Some(("lang", code)) => Language::ALL
                .into_iter()
                .find(|l| l.code() == code)
                .map(Click::Language),
            Some(_) => None,
        }
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// A button with one of our texts.
pub fn button(texts: &Texts, language: Language, key: &str, click: &Click) -> Button {
    labelled(texts.get(language, key), click)
}

/// A button with a text of its own.
pub fn labelled(text: String, click: &Click) -> Button {
    Button {
        text,
        url: None,
        callback_data: Some(click.data()),
    }
}

/// The way to an address: a row with a button, or, where Telegram takes the address for no button, a line of the text.
pub fn link(text: &mut String, label: String, url: &str) -> Option<Vec<Button>> {
    if !fits_a_button(url) {
        text.push_str("\n\n");
        text.push_str(&escape(url));
        return None;
    }
    Some(vec![Button {
        text: label,
        url: Some(url.to_owned()),
        callback_data: None,
    }])
}

/// Telegram refuses buttons to hosts without a dot, such as localhost; an address by numbers is taken.
pub(crate) fn fits_a_button(url: &str) -> bool {
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => match url.host() {
            Some(Host::Domain(name)) => name.contains('.'),
            Some(_) => true,
            None => false,
        },
        _ => false,
    }
}

/// The switches of the settings; `city`: whether people may have their city found.
pub fn settings(
    texts: &Texts,
    language: Language,
    now: NotifySettings,
    city: bool,
) -> Vec<Vec<Button>> {
    let switch = |key: &str, on: bool, click: Click| {
        let mark = if on { "✅" } else { "⬜" };
        vec![labelled(
            format!("{mark} {}", texts.get(language, key)),
            &click,
        )]
    };
    let mut rows = vec![
        switch("button-news", now.news, Click::News(!now.news)),
        switch(
            "button-reminders",
            now.reminders,
            Click::Reminders(!now.reminders),
        ),
    ];
    if city {
        rows.push(vec![button(texts, language, "button-city", &Click::City)]);
    }
    rows.push(back(texts, language));
    rows
}

/// The menu's buttons.
pub fn menu(texts: &Texts, language: Language) -> Vec<Vec<Button>> {
    let row = |key: &str, click: Click| vec![button(texts, language, key, &click)];
    vec![
        row("button-buy", Click::Products),
        row("button-payments", Click::Payments),
        row("button-subscriptions", Click::Subscriptions),
        row("button-cabinet", Click::Cabinet),
        row("button-profile", Click::Profile),
        row("button-settings", Click::Settings),
        row("button-help", Click::Help),
        vec![other_language(texts, language)],
    ]
}

/// What can be done about one's profile.
pub fn profile(texts: &Texts, language: Language) -> Vec<Vec<Button>> {
    vec![
        vec![other_language(texts, language)],
        vec![button(texts, language, "button-settings", &Click::Settings)],
        vec![button(texts, language, "button-cabinet", &Click::Cabinet)],
        back(texts, language),
    ]
}

/// What may follow a promo code that was not taken.
pub fn promo_refused(texts: &Texts, language: Language, product: ProductId) -> Vec<Vec<Button>> {
    let row = |key: &str, click: Click| vec![button(texts, language, key, &click)];
    vec![
        row("button-promo-again", Click::Promo(product)),
        row("button-no-promo", Click::Buy(product)),
        back(texts, language),
    ]
}

/// The way back to the menu, a row of its own.
pub fn back(texts: &Texts, language: Language) -> Vec<Button> {
    vec![button(texts, language, "button-menu", &Click::Menu)]
}

fn other_language(texts: &Texts, language: Language) -> Button {
    let other = match language {
        Language::Ru => Language::En,
        Language::En => Language::Ru,
    };
    button(texts, language, "button-language", &Click::Language(other))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// One of each. The match has no other arm, so that a new kind of button is not forgotten here.
    fn all() -> Vec<Click> {
        let all = vec![
            Click::Menu,
            Click::Products,
            Click::Buy(ProductId(Uuid::from_u128(u128::MAX))),
            Click::Promo(ProductId(Uuid::from_u128(7))),
            Click::Payments,
            Click::Subscriptions,
            Click::Profile,
            Click::Settings,
            Click::News(true),
            Click::Reminders(false),
            Click::Check(InvoiceId::new((1 << 53) - 1).unwrap()),
            Click::Cabinet,
            Click::City,
            Click::Help,
            Click::Language(Language::En),
        ];
        let place = |click: &Click| match click {
            Click::Menu => 0,
            Click::Products => 1,
            Click::Buy(_) => 2,
            Click::Promo(_) => 3,
            Click::Payments => 4,
            Click::Subscriptions => 5,
            Click::Profile => 6,
            Click::Settings => 7,
            Click::News(_) => 8,
            Click::Reminders(_) => 9,
            Click::Check(_) => 10,
            Click::Cabinet => 11,
            Click::City => 12,
            Click::Help => 13,
            Click::Language(_) => 14,
        };
        assert!(all.iter().map(place).eq(0..all.len()));
        all
    }

    #[test]
    fn every_button_is_understood_and_fits() {
        for click in all() {
            assert!(click.data().len() <= 64);
            assert_eq!(Click::read(&click.data()), Some(click));
        }
        for junk in [
            "",
            "fly",
            "buy:",
            "buy:x",
            "check:-1",
            "check:0",
            "lang:de",
            "news:maybe",
            "city:",
            "cabinet:x",
            ":",
        ] {
            assert_eq!(Click::read(junk), None, "{junk}");
        }
    }

    #[test]
    fn every_button_under_the_menus_is_understood() {
        let texts = crate::texts::load().unwrap();
        for language in Language::ALL {
            let mut rows = menu(&texts, language);
            rows.extend(settings(&texts, language, NotifySettings::default(), true));
            rows.extend(profile(&texts, language));
            rows.extend(promo_refused(
                &texts,
                language,
                ProductId(Uuid::from_u128(7)),
            ));
            for button in rows.into_iter().flatten() {
                let data = button.callback_data.unwrap();
                assert!(Click::read(&data).is_some(), "{data}");
                assert!(!button.text.contains("button-"), "{}", button.text);
            }
        }
        let without = settings(&texts, Language::Ru, NotifySettings::default(), false);
        let city = Some(Click::City.data());
        assert!(without.iter().flatten().all(|it| it.callback_data != city));
    }
}
