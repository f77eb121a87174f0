//! `parse_mode=HTML`: the text people see and its entities, or Telegram's reason why it cannot be parsed.

use super::character_reference::{decoded, reference};
use super::entities::Entity;

struct Open {
    tag: String,
    /// What the entity carries: href, language, emoji id, class.
    argument: Option<String>,
    start: usize,
}

/// Parses the markup. Offsets and lengths are in UTF-16 code units, as everywhere in the Bot API.
///
/// # Errors
/// Telegram's text after "Bad Request: can't parse entities: ".
pub(super) fn parse(markup: &str) -> Result<(String, Vec<Entity>), String> {
    let mut parser = Parser {
        markup,
        at: 0,
        text: String::new(),
        utf16: 0,
        open: Vec::new(),
        entities: Vec::new(),
    };
    parser.run()?;
    let Parser {
        text, mut entities, ..
    } = parser;
    entities.sort_by_key(|entity| (entity.offset, std::cmp::Reverse(entity.length)));
    Ok((text, entities))
}

struct Parser<'a> {
    markup: &'a str,
    at: usize,
    text: String,
    utf16: usize,
    open: Vec<Open>,
    entities: Vec<Entity>,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(next) = self.rest().chars().next() {
            match next {
                '<' if self.rest().starts_with("</") => self.end_tag()?,
                '<' => self.start_tag()?,
                '&' => {
                    let (decoded, length) = reference(self.rest()).unwrap_or(('&', 1));
                    self.push(decoded);
                    self.at += length;
                }
                other => {
                    self.push(other);
                    self.at += other.len_utf8();
                }
            }
        }
        match self.open.last() {
            Some(open) => Err(format!(
                "Can't find end tag corresponding to start tag \"{}\"",
                open.tag
            )),
            None => Ok(()),
        }
    }

    fn rest(&self) -> &str {
        &self.markup[self.at..]
    }

    fn push(&mut self, character: char) {
        self.text.push(character);
        self.utf16 += character.len_utf16();
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes characters up to the first that `ends`, which must exist.
    fn take_until(&mut self, begin: usize, ends: impl Fn(char) -> bool) -> Result<String, String> {
        let length = self
            .rest()
            .find(ends)
            .ok_or_else(|| format!("Unclosed start tag at byte offset {begin}"))?;
        let taken = self.rest()[..length].to_owned();
        self.at += length;
        Ok(taken)
    }

    fn start_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        self.at += 1;
        let tag = self
            .take_until(begin, |c| c.is_whitespace() || c == '>')?
            .to_lowercase();
        if !is_supported(&tag) {
            return Err(format!(
                "Unsupported start tag \"{tag}\" at byte offset {begin}"
            ));
        }
        let mut argument = None;
        loop {
            self.skip_spaces();
            if self.rest().starts_with('>') {
                self.at += 1;
                break;
            }
            let (name, value) = self.attribute(begin, &tag)?;
            match (tag.as_str(), name.as_str()) {
                ("a", "href") | ("tg-emoji", "emoji-id") => argument = Some(value),
                ("code", "class") => argument = value.strip_prefix("language-").map(str::to_owned),
                ("span", "class") if value.starts_with("tg-") => argument = Some(value),
                ("blockquote", "expandable") => argument = Some(name),
                _ => {}
            }
        }
        if tag == "span" && argument.as_deref() != Some("tg-spoiler") {
            return Err(format!(
                "Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"
            ));
        }
        self.open.push(Open {
            tag,
            argument,
            start: self.utf16,
        });
        Ok(())
    }

    fn attribute(&mut self, begin: usize, tag: &str) -> Result<(String, String), String> {
        let name = self
            .take_until(begin, |c| c.is_whitespace() || c == '=' || c == '>')?
            .to_lowercase();
        if name.is_empty() {
            return Err(format!(
                "Empty attribute name in the tag \"{tag}\" at byte offset {begin}"
            ));
        }
        self.skip_spaces();
        if !self.rest().starts_with('=') {
            return match name.as_str() {
                "expandable" => Ok((name, String::new())),
                _ => Err(format!(
                    "Expected equal sign in declaration of an attribute of the tag \"{tag}\" at byte offset {begin}"
                )),
            };
        }
        self.at += 1;
        self.skip_spaces();
        let value = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                let value = self.take_until(begin, |c| c == quote)?;
                self.at += 1;
                value
            }
            _ => {
                let is_token = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
                let value = self.take_until(begin, |c| !is_token(c))?;
                if !self
                    .rest()
                    .starts_with(|c: char| c.is_whitespace() || c == '>')
                {
                    return Err(format!(
                        "Unexpected end of name token at byte offset {}",
                        self.at
                    ));
                }
                value
            }
        };
        Ok((name, decoded(&value)))
    }

    fn end_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        self.at += 2;
        let Some(open) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {begin}"));
        };
        let length = self
            .rest()
            .find('>')
            .ok_or_else(|| format!("Unclosed end tag at byte offset {begin}"))?;
        let name = self.rest()[..length].trim().to_lowercase();
        self.at += length + 1;
        if !name.is_empty() && name != open.tag {
            return Err(format!(
                "Unmatched end tag at byte offset {begin}, expected \"</{}>\", found \"</{name}>\"",
                open.tag
            ));
        }
        self.close(open);
        Ok(())
    }

    fn close(&mut self, open: Open) {
        let length = self.utf16 - open.start;
        if length == 0 {
            return;
        }
        let mut entity = Entity {
            offset: open.start,
            length,
            ..Entity::default()
        };
        entity.kind = match open.tag.as_str() {
            "b" | "strong" => "bold",
            "i" | "em" => "italic",
            "u" | "ins" => "underline",
            "s" | "strike" | "del" => "strikethrough",
            "span" | "tg-spoiler" => "spoiler",
            "blockquote" if open.argument.is_some() => "expandable_blockquote",
            "blockquote" => "blockquote",
            "tg-emoji" => {
                entity.custom_emoji_id = open.argument;
                "custom_emoji"
            }
            "code" => {
                entity.language = open.argument;
                "code"
            }
            "pre" => {
                // <pre><code class="language-x"> is one entity with a language.
                if let Some(inner) = self.entities.last()
                    && (inner.kind.as_str(), inner.offset, inner.length)
                        == ("code", open.start, length)
                {
                    entity.language = self.entities.pop().and_then(|inner| inner.language);
                }
                "pre"
            }
            _ => {
                let Some(link) = open.argument.as_deref().and_then(link) else {
                    return;
                };
                entity.url = Some(link);
                "text_link"
            }
        }
        .to_owned();
        let in_pre = self.open.last().is_some_and(|outer| outer.tag == "pre");
        if entity.kind == "code" && !in_pre {
            entity.language = None;
        }
        self.entities.push(entity);
    }
}

fn is_supported(tag: &str) -> bool {
    matches!(
        tag,
        "a" | "b"
            | "strong"
            | "i"
            | "em"
            | "s"
            | "strike"
            | "del"
            | "u"
            | "ins"
            | "tg-spoiler"
            | "tg-emoji"
            | "span"
            | "pre"
            | "code"
            | "blockquote"
    )
}

/// A link Telegram would keep; anything else leaves plain text.
fn link(href: &str) -> Option<String> {
    let href = href.trim();
    let absolute =
        match href.contains("://") || href.starts_with("mailto:") || href.starts_with("tel:") {
            true => href.to_owned(),
            false => format!("http://{href}"),
        };
    let parsed = url::Url::parse(&absolute).ok()?;
    matches!(
        parsed.scheme(),
        "http" | "https" | "tg" | "ton" | "mailto" | "tel"
    )
    .then(|| parsed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(markup: &str) -> (String, Vec<(String, usize, usize)>) {
        let (text, entities) = parse(markup).unwrap();
        (
            text,
            entities
                .into_iter()
                .map(|e| (e.kind, e.offset, e.length))
                .collect(),
        )
    }

    #[test]
    fn tags_become_entities_counted_in_utf16() {
        assert_eq!(
            kinds("😀 <b>Пр<i>ив</i>ет</b>"),
            (
                "😀 Привет".into(),
                vec![("bold".into(), 3, 6), ("italic".into(), 5, 2)]
            )
        );
    }

    #[test]
    fn links_keep_their_address_and_references_are_decoded() {
        let (text, entities) =
            parse(r#"<a href="https://example.com/?a=1&amp;b=2">a &lt; b &#x26; c</a>"#).unwrap();
        assert_eq!(text, "a < b & c");
        assert_eq!(
            entities[0].url.as_deref(),
            Some("https://example.com/?a=1&b=2")
        );
    }

    #[test]
    fn a_link_without_an_address_is_plain_text() {
        assert_eq!(kinds("<a>x</a>"), ("x".into(), vec![]));
        assert_eq!(kinds("<a href='javascript:alert(1)'>x</a>").1, vec![]);
    }

    #[test]
    fn pre_with_code_is_one_entity_with_a_language() {
        let (_, entities) =
            parse("<pre><code class=\"language-rust\">let x;</code></pre>").unwrap();
        assert_eq!(entities.len(), 1);
        assert_eq!(
            (entities[0].kind.as_str(), entities[0].language.as_deref()),
            ("pre", Some("rust"))
        );
    }

    #[test]
    fn quotes_and_spoilers_are_known() {
        let spoken =
            kinds("<blockquote expandable>q</blockquote><span class=\"tg-spoiler\">s</span>").1;
        assert_eq!(
            spoken,
            vec![
                ("expandable_blockquote".into(), 0, 1),
                ("spoiler".into(), 1, 1)
            ]
        );
    }

    #[test]
    fn bad_markup_is_refused_with_telegrams_words() {
        for (markup, reason) in [
            (
                "<b>x",
                "Can't find end tag corresponding to start tag \"b\"",
            ),
            ("a < b", "Unsupported start tag \"\" at byte offset 2"),
            (
                "<div>x</div>",
                "Unsupported start tag \"div\" at byte offset 0",
            ),
            ("x</b>", "Unexpected end tag at byte offset 1"),
            (
                "<b>x</i>",
                "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"",
            ),
            ("<b", "Unclosed start tag at byte offset 0"),
            ("<b>x</b", "Unclosed end tag at byte offset 4"),
            (
                "<a href>x</a>",
                "Expected equal sign in declaration of an attribute of the tag \"a\" at byte offset 0",
            ),
            (
                "<span>x</span>",
                "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0",
            ),
        ] {
            assert_eq!(parse(markup).unwrap_err(), reason, "{markup}");
        }
    }
}
