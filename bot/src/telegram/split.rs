//! Long texts in parts that Telegram takes, cut where a reader would: between paragraphs, lines, words.
//!
//! Bot API: a message has at most 4,096 UTF-16 code units after its markup is read. HTML tags that are open at a cut
//! are closed before it and opened again after it, so that every part is well-formed.

/// Bot API: the longest text, in UTF-16 code units.
pub const LONGEST_TEXT: usize = 4_096;
/// Bot API: the longest line under a file, in UTF-16 code units.
pub const LONGEST_CAPTION: usize = 1_024;

/// A piece of HTML: a tag, or text (one entity such as `&lt;` is one piece).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Open(&'a str, &'a str),
    Close(&'a str),
    Text(&'a str),
}

/// Cuts plain text into parts of at most `limit` code units.
pub fn plain(text: &str, limit: usize) -> Vec<String> {
    cut(
        text.split_inclusive(char::is_whitespace)
            .flat_map(|word| chunks(word, limit))
            .map(Piece::Text),
        limit,
    )
}

/// Cuts Telegram's HTML into parts of at most `limit` visible code units.
pub fn html(text: &str, limit: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    for piece in tokens(text) {
        match piece {
            Piece::Text(text) if !text.starts_with('&') => {
                pieces.extend(
                    text.split_inclusive(char::is_whitespace)
                        .flat_map(|word| chunks(word, limit))
                        .map(Piece::Text),
                );
            }
            other => pieces.push(other),
        }
    }
    cut(pieces.into_iter(), limit)
}

/// Visible length of a piece of text in UTF-16 code units; an entity is one character.
fn width(text: &str) -> usize {
    if text.len() > 1 && text.starts_with('&') && text.ends_with(';') {
        // All that have a name are one code unit; `&#128512;` is two.
        let number = text[1..text.len() - 1].strip_prefix('#');
        let code = number.and_then(|it| match it.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => it.parse().ok(),
        });
        return code.and_then(char::from_u32).map_or(1, char::len_utf16);
    }
    text.encode_utf16().count()
}

/// A word that is longer than a whole message, in parts.
fn chunks(word: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut used) = (0, 0);
    for (at, c) in word.char_indices() {
        if used + c.len_utf16() > limit {
            parts.push(&word[begin..at]);
            (begin, used) = (at, 0);
        }
        used += c.len_utf16();
    }
    parts.push(&word[begin..]);
    parts
}

fn tokens(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '<' => rest.find('>').map(|end| end + 1),
            '&' => rest.find(';').filter(|end| *end <= 10).map(|end| end + 1),
            _ => Some(rest.find(['<', '&']).unwrap_or(rest.len())),
        };
        // A lone `<` or `&` is Telegram's to refuse; here it is one character of text.
        let end = end.unwrap_or(c.len_utf8());
        let (piece, after) = rest.split_at(end);
        rest = after;
        pieces.push(if let Some(tag) = piece.strip_prefix("</") {
            Piece::Close(tag.trim_end_matches('>').trim())
        } else if let Some(tag) = piece.strip_prefix('<').filter(|tag| tag.ends_with('>')) {
            let name = tag
                .trim_end_matches('>')
                .split_whitespace()
                .next()
                .unwrap_or_default();
            Piece::Open(name, piece)
        } else {
            Piece::Text(piece)
        });
    }
    pieces
}

/// Fills parts with pieces. A part ends at the last paragraph, line or word that still fits.
fn cut<'a>(pieces: impl Iterator<Item = Piece<'a>>, limit: usize) -> Vec<String> {
    let pieces: Vec<Piece<'a>> = pieces.collect();
    let mut parts = Vec::new();
    let mut open: Vec<(&str, &str)> = Vec::new();
    let mut begin = 0;
    while begin < pieces.len() {
        let end = end_of_part(&pieces[begin..], limit) + begin;
        let mut part: String = open.iter().map(|(_, tag)| *tag).collect();
        let mut visible = false;
        for piece in &pieces[begin..end] {
            match piece {
                Piece::Open(name, tag) => {
                    open.push((name, tag));
                    part.push_str(tag);
                }
                Piece::Close(name) => {
                    if let Some(at) = open.iter().rposition(|(opened, _)| opened == name) {
                        open.remove(at);
                    }
                    part.push_str(&format!("</{name}>"));
                }
                Piece::Text(text) => {
                    visible |= !text.trim().is_empty();
                    part.push_str(text);
                }
            }
        }
        for (name, _) in open.iter().rev() {
            part.push_str(&format!("</{name}>"));
        }
        // Bot API: a message of white space alone is refused.
        if visible {
            parts.push(part.trim().to_owned());
        }
        begin = end;
    }
    parts
}

/// How many pieces the next part takes; at least one.
fn end_of_part(pieces: &[Piece<'_>], limit: usize) -> usize {
    let mut used = 0;
    let (mut paragraph, mut line, mut word) = (0, 0, 0);
    let mut after_newline = false;
    for (index, piece) in pieces.iter().enumerate() {
        let Piece::Text(text) = piece else { continue };
        if used + width(text) > limit {
            // A break in the first half would waste too much of the message.
            let half = index / 2;
            let best = [paragraph, line, word].into_iter().find(|at| *at > half);
            return best
                .or([paragraph, line, word].into_iter().max())
                .filter(|at| *at > 0)
                .unwrap_or(index)
                .max(1);
        }
        used += width(text);
        let newline = text.ends_with('\n');
        if after_newline && *text == "\n" {
            paragraph = index + 1;
        }
        if newline {
            line = index + 1;
        }
        if text.ends_with(char::is_whitespace) {
            word = index + 1;
        }
        after_newline = newline;
    }
    pieces.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_stays_as_it_is() {
        assert_eq!(plain("hello\n\nworld", 100), ["hello\n\nworld"]);
        assert_eq!(html("<b>hello</b> &lt;", 100), ["<b>hello</b> &lt;"]);
        assert!(plain("  \n ", 100).is_empty());
    }

    #[test]
    fn a_cut_is_made_between_paragraphs() {
        let text = format!("{}\n\n{}", "a ".repeat(30).trim(), "b ".repeat(30).trim());
        let parts = plain(&text, 80);
        assert_eq!(
            parts,
            [
                text.split("\n\n").next().unwrap(),
                text.split("\n\n").nth(1).unwrap()
            ]
        );
    }

    #[test]
    fn tags_are_closed_before_a_cut_and_opened_after_it() {
        let parts = html("<b>one <i>two three</i> four</b>", 8);
        assert_eq!(
            parts,
            [
                "<b>one <i>two </i></b>",
                "<b><i>three</i> </b>",
                "<b>four</b>"
            ]
        );
        let link = html(r#"<a href="https://a.example/">word word</a>"#, 6);
        assert_eq!(link.len(), 2);
        assert!(
            link.iter()
                .all(|part| part.starts_with("<a href=") && part.ends_with("</a>"))
        );
    }

    #[test]
    fn an_entity_is_as_long_as_what_it_stands_for() {
        let emoji = "&#128512;&#x1F600;&lt;&#60;";
        assert_eq!(html(emoji, 6), [emoji]);
        assert_eq!(html(emoji, 5).len(), 2);
    }

    #[test]
    fn a_word_longer_than_a_message_is_cut_between_characters() {
        let parts = plain(&"😀".repeat(10), 7);
        assert_eq!(parts, ["😀😀😀", "😀😀😀", "😀😀😀", "😀"]);
    }

    proptest! {
        #[test]
        fn nothing_visible_is_lost_and_no_part_is_too_long(text in "[a-zа-я😀 \n]{0,300}", limit in 2usize..50) {
            let parts = plain(&text, limit);
            for part in &parts {
                prop_assert!(part.encode_utf16().count() <= limit);
                prop_assert!(!part.trim().is_empty());
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&parts.concat()), letters(&text));
        }

        #[test]
        fn every_part_of_html_is_balanced(words in prop::collection::vec("(<b>[a-z]{1,9}</b> |<i>[a-z]{1,5} [a-z]{1,5}</i>\n|&amp; |[a-z]{1,9} )", 0..40), limit in 10usize..40) {
            let text = words.concat();
            for part in html(&text, limit) {
                for tag in ["b", "i"] {
                    let opened = part.matches(&format!("<{tag}>")).count();
                    prop_assert_eq!(opened, part.matches(&format!("</{tag}>")).count());
                }
            }
        }
    }
}
