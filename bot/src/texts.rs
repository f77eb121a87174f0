//! What the bot says, in Russian and English. The files are in `bot/texts/`.

use geobot_shared::i18n;
pub use geobot_shared::i18n::Texts;

const RU: &str = include_str!("../texts/ru.ftl");
const EN: &str = include_str!("../texts/en.ftl");

/// The bot's texts.
///
/// # Errors
/// When a file is not valid Fluent, which the tests rule out.
pub fn load() -> Result<Texts, i18n::TextsError> {
    Texts::new(RU, EN)
}

/// Escapes text for Telegram's HTML (Bot API: HTML style).
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_every_text() {
        assert!(load().is_ok());
        assert_eq!(i18n::keys(RU), i18n::keys(EN));
    }

    #[test]
    fn a_name_can_not_bring_markup_along() {
        assert_eq!(escape("<b>&</b>"), "&lt;b&gt;&amp;&lt;/b&gt;");
    }
}
