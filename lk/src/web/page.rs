//! Pages in the shared layout.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use geobot_shared::i18n::{self, Language};
use tracing::error;

use crate::app::App;
use crate::store::invoices::Invoice;

/// What the layout needs.
pub(super) struct Frame {
    /// `ru` or `en`.
    pub(super) lang: &'static str,
    /// In the browser's tab.
    pub(super) title: String,
    /// The shop's name for people.
    pub(super) brand: String,
    /// What stands before our own addresses.
    pub(super) base: String,
    /// The page loads itself again after a few seconds.
    pub(super) refresh: bool,
    /// The chat with the bot.
    pub(super) bot_link: Option<String>,
    /// The text of that link.
    pub(super) bot_text: String,
}

impl Frame {
    pub(super) fn new(app: &App, language: Language, title: String) -> Frame {
        Frame {
            lang: language.code(),
            title,
            brand: app.texts.get(language, "brand"),
            base: app.settings.links.base_path().to_owned(),
            refresh: false,
            bot_link: app.settings.bot_link.clone(),
            bot_text: app.texts.get(language, "to-the-bot"),
        }
    }
}

/// What an invoice costs, and what a promo code took off it.
pub(super) struct Price {
    /// What is to be paid.
    pub(super) amount: String,
    /// The price without the code.
    pub(super) full: Option<String>,
    /// Which code it was.
    pub(super) promo: Option<String>,
}

impl Price {
    pub(super) fn of(app: &App, language: Language, invoice: &Invoice) -> Price {
        Price {
            amount: i18n::rubles(language, invoice.amount),
            full: invoice
                .full_price
                .filter(|&full| full != invoice.amount)
                .map(|full| i18n::rubles(language, full)),
            promo: invoice.promo_code.as_ref().map(|code| {
                let code = [("code", code.as_str().into())];
                app.texts.format(language, "pay-promo", &code)
            }),
        }
    }
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice {
    frame: Frame,
    text: String,
    link: Option<(String, String)>,
}

/// A page with a heading and a sentence.
pub(super) fn notice(
    app: &App,
    status: StatusCode,
    language: Language,
    title: &str,
    text: &str,
) -> Response {
    notice_with_link(app, status, language, title, text, None)
}

/// A page with a heading, a sentence and one link: its text's key and its address.
pub(super) fn notice_with_link(
    app: &App,
    status: StatusCode,
    language: Language,
    title: &str,
    text: &str,
    link: Option<(&str, String)>,
) -> Response {
    let page = Notice {
        frame: Frame::new(app, language, app.texts.get(language, title)),
        text: app.texts.get(language, text),
        link: link.map(|(key, address)| (app.texts.get(language, key), address)),
    };
    html(status, &page)
}

/// 404, the same for what never was and for what nobody may know of.
pub(super) fn not_found(app: &App, language: Language) -> Response {
    notice(
        app,
        StatusCode::NOT_FOUND,
        language,
        "not-found-title",
        "not-found-text",
    )
}

/// 503 after a failure of ours, which is logged.
pub(super) fn unavailable(
    app: &App,
    language: Language,
    failure: impl std::fmt::Display,
) -> Response {
    error!(%failure, "page_failed");
    notice(
        app,
        StatusCode::SERVICE_UNAVAILABLE,
        language,
        "unavailable-title",
        "unavailable-text",
    )
}

/// Writes a page.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(failure) => {
            error!(%failure, "page_not_rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
