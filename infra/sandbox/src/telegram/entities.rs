//! Message entities, and what Telegram finds in text by itself: commands and links.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, ApiError};
use super::html;
use super::params::Params;

/// Bot API: MessageEntity. Offsets and lengths in UTF-16 code units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_emoji_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<Value>,
}

/// Text with its entities, as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Formatted {
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) entities: Vec<Entity>,
}

impl Formatted {
    /// Text as a person or a bot wrote it: trimmed as Telegram does, commands and links found.
    pub(crate) fn plain(text: &str) -> Self {
        let mut formatted = Self {
            text: text.to_owned(),
            entities: Vec::new(),
        };
        formatted.trim();
        formatted.find_more();
        formatted
    }

    /// The text parameter `name` with `parse_mode` or the entities parameter `entities_name`.
    ///
    /// # Errors
    /// 400 for an unknown mode or for markup that cannot be parsed.
    pub(crate) fn of_params(params: &Params, name: &str, entities_name: &str) -> Answer<Self> {
        let raw = params.text(name)?.unwrap_or_default();
        let mode = params.text("parse_mode")?.unwrap_or_default();
        let mut formatted = match mode.to_ascii_lowercase().as_str() {
            "" => {
                let entities = match params.json(entities_name, "message entities")? {
                    Some(list) => serde_json::from_value(list.clone())
                        .map_err(|_| ApiError::bad_request("can't parse MessageEntity"))?,
                    None => Vec::new(),
                };
                Self {
                    text: raw,
                    entities,
                }
            }
            "html" => {
                let (text, entities) = html::parse(&raw).map_err(|reason| {
                    ApiError::bad_request(format_args!("can't parse entities: {reason}"))
                })?;
                Self { text, entities }
            }
            // Telegram knows Markdown and MarkdownV2 too; the shop writes HTML only.
            _ => return Err(ApiError::bad_request("unsupported parse_mode")),
        };
        formatted.trim();
        formatted.find_more();
        Ok(formatted)
    }

    /// Length as Telegram counts it.
    pub(crate) fn utf16_len(&self) -> usize {
        self.text.encode_utf16().count()
    }

    /// Telegram removes white space at both ends, and what then lies outside the text.
    fn trim(&mut self) {
        let kept = self.text.trim_start();
        let cut = self.text[..self.text.len() - kept.len()]
            .encode_utf16()
            .count();
        let kept = kept.trim_end().to_owned();
        let length = kept.encode_utf16().count();
        self.text = kept;
        for entity in &mut self.entities {
            let end = (entity.offset + entity.length)
                .saturating_sub(cut)
                .min(length);
            entity.offset = entity.offset.saturating_sub(cut).min(length);
            entity.length = end - entity.offset;
        }
        self.entities.retain(|entity| entity.length > 0);
    }

    fn find_more(&mut self) {
        for found in found_in(&self.text) {
            let overlaps = |known: &Entity| {
                known.offset < found.offset + found.length
                    && found.offset < known.offset + known.length
            };
            if !self.entities.iter().any(overlaps) {
                self.entities.push(found);
            }
        }
        self.entities
            .sort_by_key(|entity| (entity.offset, std::cmp::Reverse(entity.length)));
    }
}

/// Commands and links in plain text.
fn found_in(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut offset = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let bare = bare.trim_end_matches(['.', ',', '!', '?', ')', ';', ':']);
        let kind = if bare.strip_prefix('/').is_some_and(is_command) {
            Some("bot_command")
        } else if bare.starts_with("http://") || bare.starts_with("https://") {
            url::Url::parse(bare).is_ok().then_some("url")
        } else {
            None
        };
        if let Some(kind) = kind {
            let length = bare.encode_utf16().count();
            found.push(Entity {
                kind: kind.to_owned(),
                offset,
                length,
                ..Entity::default()
            });
        }
        offset += word.encode_utf16().count();
    }
    found
}

/// A command's name, perhaps with the bot's after an @.
fn is_command(text: &str) -> bool {
    let (name, bot) = text.split_once('@').unwrap_or((text, "bot"));
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    name.len() <= 64 && fits(name) && fits(bot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_where_it_stands() {
        let formatted = Formatted::plain("/start promo_7");
        let entity = &formatted.entities[0];
        assert_eq!(
            (entity.kind.as_str(), entity.offset, entity.length),
            ("bot_command", 0, 6)
        );
        assert_eq!(
            Formatted::plain("Есть /buy и /cabinet.").entities[1].length,
            8
        );
        assert!(Formatted::plain("a/b /не / /a-b").entities.is_empty());
    }

    #[test]
    fn a_link_is_found_without_the_full_stop_after_it() {
        let formatted = Formatted::plain("Вот: https://example.com/a.");
        assert_eq!(
            (formatted.entities[0].offset, formatted.entities[0].length),
            (5, 21)
        );
    }

    #[test]
    fn white_space_at_the_ends_goes_and_entities_move_with_the_text() {
        let mut params = Params::default();
        params.put_text("text".into(), "\n <b> Да </b> \n".into());
        params.put_text("parse_mode".into(), "HTML".into());
        let formatted = Formatted::of_params(&params, "text", "entities").unwrap();
        assert_eq!(formatted.text, "Да");
        assert_eq!(
            (formatted.entities[0].offset, formatted.entities[0].length),
            (0, 2)
        );
    }

    #[test]
    fn an_unknown_parse_mode_is_refused() {
        let mut params = Params::default();
        params.put_text("text".into(), "x".into());
        params.put_text("parse_mode".into(), "BBCode".into());
        assert_eq!(
            Formatted::of_params(&params, "text", "entities")
                .unwrap_err()
                .code,
            400
        );
    }
}
