//! In which language a page is written.

use axum::http::{HeaderMap, header};
use geobot_shared::i18n::Language;
use geobot_shared::ids::TelegramUserId;
use sea_orm::DbErr;

use crate::app::App;
use crate::store::accounts;

/// That of the browser, for pages that belong to nobody.
pub(super) fn of_reader(headers: &HeaderMap) -> Language {
    let wanted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // The first language is the preferred one.
    Language::from_tag(wanted.split([',', ';']).next().unwrap_or_default().trim())
}

/// That of the account, as chosen in the bot.
pub(super) async fn of_account(app: &App, user: TelegramUserId) -> Result<Language, DbErr> {
    let account = accounts::find(&app.db, user).await?;
    Ok(account.map_or_else(Language::default, |account| {
        Language::from_tag(&account.language)
    }))
}
