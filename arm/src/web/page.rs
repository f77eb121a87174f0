//! What every page knows about its reader: language, place, rights; and how it writes texts, money and times.

use std::borrow::Borrow;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum_extra::extract::CookieJar;
use chrono::{DateTime, Utc};
use geobot_shared::i18n::{self, Language};
use geobot_shared::money::Money;

use super::assets;
use super::failure::Failure;
use super::posted;
use super::session::Staff;
use super::words::KNOWN_WORDS;
use crate::access::Role;
use crate::app::App;
use crate::store::time;

/// The cookie with the reader's language.
pub(crate) const LANGUAGE_COOKIE: &str = "arm_language";

/// The frame of a page.
#[derive(Clone)]
pub(crate) struct Page {
    app: Arc<App>,
    pub(crate) language: Language,
    path: String,
    staff: Option<Staff>,
}

/// A link of the navigation.
pub(crate) struct Place {
    pub(crate) href: &'static str,
    pub(crate) key: &'static str,
    pub(crate) is_here: bool,
}

const PLACES: [(&str, &str); 7] = [
    ("/", "nav-overview"),
    ("/payments", "nav-payments"),
    ("/users", "nav-users"),
    ("/messages", "nav-messages"),
    ("/products", "nav-products"),
    ("/promos", "nav-promos"),
    ("/tasks", "nav-tasks"),
];

impl Page {
    /// The frame for whoever sent this request.
    pub(crate) fn new(app: &Arc<App>, parts: &Parts) -> Page {
        Page::at(app, &parts.headers, parts.uri.path())
    }

    /// The frame of a page at a path.
    pub(crate) fn at(app: &Arc<App>, headers: &HeaderMap, path: &str) -> Page {
        Page {
            app: Arc::clone(app),
            language: language(headers),
            path: path.to_owned(),
            staff: None,
        }
    }

    /// The same, for somebody who is signed in.
    pub(crate) fn of(mut self, staff: Staff) -> Page {
        self.staff = Some(staff);
        self
    }

    /// A text.
    pub(crate) fn t(&self, key: &str) -> String {
        self.app.texts.get(self.language, key)
    }

    /// A text whose key ends in a word that is data: `status-` and `paid`. An unknown word is shown as it is.
    pub(crate) fn word(&self, prefix: &str, word: &str) -> String {
        let key = format!("{prefix}-{}", word.replace('_', "-"));
        if KNOWN_WORDS.contains(&key.as_str()) {
            self.t(&key)
        } else {
            word.to_owned()
        }
    }

    /// A text with a number.
    pub(crate) fn n(&self, key: &str, n: impl Borrow<u64>) -> String {
        let n = i64::try_from(*n.borrow()).unwrap_or(i64::MAX).into();
        self.app.texts.format(self.language, key, &[("n", n)])
    }

    /// Kopecks as people write money.
    pub(crate) fn rubles(&self, kopecks: &i64) -> String {
        i18n::rubles(self.language, Money::from_kopecks(*kopecks))
    }

    /// A stored time, in the shop's zone.
    pub(crate) fn time(&self, micros: &i64) -> String {
        let local = time(*micros).with_timezone(&self.app.zone);
        let pattern = match self.language {
            Language::Ru => "%d.%m.%Y %H:%M",
            Language::En => "%d %b %Y, %H:%M",
        };
        local.format(pattern).to_string()
    }

    /// How long ago something was.
    pub(crate) fn age(&self, now: DateTime<Utc>, micros: i64) -> String {
        let minutes = (now - time(micros)).num_minutes().max(0).unsigned_abs();
        match minutes {
            0..120 => self.n("age-minutes", minutes),
            120..2_880 => self.n("age-hours", minutes / 60),
            _ => self.n("age-days", minutes / 1_440),
        }
    }

    /// A time that may be absent.
    pub(crate) fn time_or_dash(&self, micros: &Option<i64>) -> String {
        micros
            .as_ref()
            .map_or_else(|| "—".to_owned(), |at| self.time(at))
    }

    /// The signed-in reader.
    pub(crate) fn staff(&self) -> Option<&Staff> {
        self.staff.as_ref()
    }

    /// The token for a form.
    pub(crate) fn csrf(&self) -> &str {
        self.staff.as_ref().map_or("", |staff| &staff.csrf)
    }

    /// The name of the field with that token.
    pub(crate) fn csrf_name(&self) -> &'static str {
        posted::CSRF
    }

    /// The address of the stylesheet.
    pub(crate) fn stylesheet(&self) -> String {
        assets::stylesheet()
    }

    /// The navigation.
    pub(crate) fn places(&self) -> Vec<Place> {
        let may = |right: fn(Role) -> bool| self.staff.as_ref().is_some_and(|it| right(it.role));
        let team = may(Role::may_manage_staff).then_some(("/staff", "nav-staff"));
        let audit = may(Role::may_read_audit).then_some(("/audit", "nav-audit"));
        PLACES
            .into_iter()
            .chain(team)
            .chain(audit)
            .map(|(href, key)| Place {
                href,
                key,
                is_here: match href {
                    "/" => self.path == "/",
                    _ => self.path == href || self.path.starts_with(&format!("{href}/")),
                },
            })
            .collect()
    }

    /// The other language: its name in itself, and the address that switches to it and comes back here.
    pub(crate) fn other_language(&self) -> (&'static str, &'static str, String) {
        let (other, name) = match self.language {
            Language::Ru => (Language::En, "English"),
            Language::En => (Language::Ru, "Русский"),
        };
        let back = url::form_urlencoded::byte_serialize(self.path.as_bytes()).collect::<String>();
        (other.code(), name, format!("/language/{other}?back={back}"))
    }
}

fn language(headers: &HeaderMap) -> Language {
    CookieJar::from_headers(headers)
        .get(LANGUAGE_COOKIE)
        .map_or(Language::default(), |cookie| {
            Language::from_tag(cookie.value())
        })
}

/// A page as an answer.
pub(crate) fn show(page: &impl askama::Template) -> Result<Response, Failure> {
    show_as(StatusCode::OK, page)
}

/// A page as an answer of another status.
pub(crate) fn show_as(
    status: StatusCode,
    page: &impl askama::Template,
) -> Result<Response, Failure> {
    Ok((status, Html(page.render()?)).into_response())
}

/// A redirect after a form, with a cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response
            .headers_mut()
            .append(axum::http::header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{TEXTS_EN, TEXTS_RU};

    #[test]
    fn both_languages_have_the_same_texts() {
        let (ru, en) = (i18n::keys(TEXTS_RU), i18n::keys(TEXTS_EN));
        assert_eq!(
            ru.symmetric_difference(&en).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        geobot_shared::i18n::Texts::new(TEXTS_RU, TEXTS_EN).unwrap();
    }

    #[test]
    fn every_word_of_the_database_has_a_text() {
        let keys = i18n::keys(TEXTS_RU);
        for word in KNOWN_WORDS {
            assert!(keys.contains(*word), "{word}");
        }
    }

    #[test]
    fn every_text_that_a_template_asks_for_exists() {
        let keys = i18n::keys(TEXTS_RU);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            for asked in [".t(\"", ".n(\""] {
                for part in source.split(asked).skip(1) {
                    let key = part.split('"').next().unwrap();
                    assert!(keys.contains(key), "{}: {key}", path.display());
                }
            }
        }
    }
}
