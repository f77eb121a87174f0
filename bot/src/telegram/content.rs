//! What can be sent.

use std::fmt;

use bytes::Bytes;
use geobot_shared::topics::states::StoredFile;
use geobot_shared::topics::tg_send::{Button, Markup};

use super::split::{self, LONGEST_CAPTION, LONGEST_TEXT};

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text.
    Text {
        /// The text.
        text: String,
        /// How it is marked up.
        markup: Option<Markup>,
        /// Rows of buttons.
        buttons: Vec<Vec<Button>>,
    },
    /// A picture or a file.
    File {
        /// How it is shown.
        kind: FileKind,
        /// Where it comes from.
        source: FileSource,
        /// The line under it.
        caption: Option<String>,
        /// How the line is marked up.
        markup: Option<Markup>,
    },
    /// Another text for an earlier message.
    Edit {
        /// Which message.
        message_id: i32,
        /// The new text.
        text: String,
        /// How it is marked up.
        markup: Option<Markup>,
        /// Rows of buttons; none takes the old ones away.
        buttons: Vec<Vec<Button>>,
    },
    /// An earlier message goes away.
    Delete {
        /// Which message.
        message_id: i32,
    },
}

/// How a file is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// As a picture. Bot API: at most 10 MB.
    Photo,
    /// As a file. Bot API: at most 50 MB.
    Document,
}

impl FileKind {
    /// Bot API: the field of this kind, which is also its word in Redis.
    pub fn word(self) -> &'static str {
        match self {
            FileKind::Photo => "photo",
            FileKind::Document => "document",
        }
    }
}

/// Where a file comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum FileSource {
    /// Telegram has it or fetches it: a file_id or an address.
    Known(String),
    /// The shop's file store.
    Stored(StoredFile),
    /// Its bytes.
    Bytes {
        /// What people see as its name.
        name: String,
        /// The bytes.
        bytes: Bytes,
    },
}

impl fmt::Debug for FileSource {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileSource::Known(name) => f.debug_tuple("Known").field(name).finish(),
            FileSource::Stored(file) => f.debug_tuple("Stored").field(file).finish(),
            FileSource::Bytes { name, bytes } => f
                .debug_struct("Bytes")
                .field("name", name)
                .field("length", &bytes.len())
                .finish(),
        }
    }
}

impl Content {
    /// A text in HTML without buttons.
    pub fn html(text: impl Into<String>) -> Content {
        Content::Text {
            text: text.into(),
            markup: Some(Markup::Html),
            buttons: Vec::new(),
        }
    }

    /// A file with a plain line under it.
    pub fn document(source: FileSource, caption: Option<String>) -> Content {
        Content::File {
            kind: FileKind::Document,
            source,
            caption,
            markup: None,
        }
    }

    /// The same with buttons.
    #[must_use]
    pub fn with_buttons(mut self, rows: Vec<Vec<Button>>) -> Content {
        if let Content::Text { buttons, .. } | Content::Edit { buttons, .. } = &mut self {
            *buttons = rows;
        }
        self
    }

    /// The parts of what is too long for one message: of a text, whose buttons stand under the last, and of a file with
    /// a long line under it, which follows it as a text.
    pub(super) fn parts(&self) -> Option<Vec<Content>> {
        let parts = match self {
            Content::Text {
                text,
                markup,
                buttons,
            } => texts(text, *markup, buttons)?,
            Content::File {
                kind,
                source,
                caption: Some(caption),
                markup,
            } if is_longer(caption, *markup, LONGEST_CAPTION) => {
                let file = Content::File {
                    kind: *kind,
                    source: source.clone(),
                    caption: None,
                    markup: None,
                };
                let text = || Content::Text {
                    text: caption.clone(),
                    markup: *markup,
                    buttons: Vec::new(),
                };
                let below = texts(caption, *markup, &[]).unwrap_or_else(|| vec![text()]);
                std::iter::once(file).chain(below).collect()
            }
            _ => return None,
        };
        Some(parts).filter(|parts| parts.len() > 1)
    }

    pub(super) fn without_markup(&self) -> Option<Content> {
        let mut plain = self.clone();
        let markup = match &mut plain {
            Content::Text { markup, .. }
            | Content::File { markup, .. }
            | Content::Edit { markup, .. } => markup,
            Content::Delete { .. } => return None,
        };
        markup.take().map(|_| plain)
    }
}

/// Whether so much is visible of a text.
fn is_longer(text: &str, markup: Option<Markup>, limit: usize) -> bool {
    if text.encode_utf16().count() <= limit {
        return false;
    }
    match markup {
        None => true,
        Some(Markup::Html) => split::html(text, limit).len() > 1,
        // Telegram's refusal says what is wrong.
        Some(Markup::MarkdownV2) => false,
    }
}

/// A text that is too long for one message in parts.
fn texts(text: &str, markup: Option<Markup>, buttons: &[Vec<Button>]) -> Option<Vec<Content>> {
    if text.encode_utf16().count() <= LONGEST_TEXT {
        return None;
    }
    let cut = match markup {
        None => split::plain(text, LONGEST_TEXT),
        Some(Markup::Html) => split::html(text, LONGEST_TEXT),
        // Cutting it would need a reader of its own; Telegram's refusal says what is wrong.
        Some(Markup::MarkdownV2) => return None,
    };
    let last = cut.len().saturating_sub(1);
    let parts = cut
        .into_iter()
        .enumerate()
        .map(|(index, text)| Content::Text {
            text,
            markup,
            buttons: match index == last {
                true => buttons.to_vec(),
                false => Vec::new(),
            },
        });
    Some(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(caption: String, markup: Option<Markup>) -> Content {
        Content::File {
            kind: FileKind::Photo,
            source: FileSource::Known("x".to_owned()),
            caption: Some(caption),
            markup,
        }
    }

    #[test]
    fn a_line_too_long_to_stand_under_a_file_follows_it() {
        // Bot API: 1,024 UTF-16 code units; each of these characters is two.
        assert!(photo("😀".repeat(512), None).parts().is_none());
        let parts = photo("😀".repeat(513), None).parts().unwrap();
        let [
            Content::File { caption: None, .. },
            Content::Text { text, .. },
        ] = &parts[..]
        else {
            panic!("{parts:?}");
        };
        assert_eq!(*text, "😀".repeat(513));
        assert_eq!(photo("x".repeat(5_000), None).parts().unwrap().len(), 3);
    }

    #[test]
    fn tags_are_not_visible_and_do_not_count() {
        let tagged = "<b>x</b>".repeat(1_024);
        assert!(photo(tagged.clone(), Some(Markup::Html)).parts().is_none());
        let parts = photo(format!("{tagged}y"), Some(Markup::Html)).parts();
        assert_eq!(parts.unwrap().len(), 2);
        assert!(Content::html("<b>x</b>".repeat(4_096)).parts().is_none());
    }
}
