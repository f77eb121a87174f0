//! What somebody wants a product to be, checked.

use geobot_shared::files::{LONGEST_FILE, LONGEST_NAME};
use geobot_shared::ids::ChatId;
use geobot_shared::money::Money;
use geobot_shared::topics::states::{Delivery, KEY_PLACE, ProductState, StoredFile};
use url::Url;

use super::Terms;

/// The longest title, in characters. Robokassa: a receipt's name and a description have 100 or more, never less.
pub const LONGEST_TITLE: usize = 100;
/// The longest description, in characters: with the title and the price it must fit into one message.
pub const LONGEST_DESCRIPTION: usize = 3_000;
/// The highest price.
pub const MOST_EXPENSIVE: Money = Money::from_kopecks(1_000_000 * 100);
/// Bot API: the longest message, in UTF-16.
const LONGEST_TEXT: usize = 4_096;
/// Bot API: the longest line under a file.
const LONGEST_CAPTION: usize = 1_024;
/// Ten years.
const MOST_DAYS: u32 = 3_650;
/// A longer address is a mistake.
const LONGEST_URL: usize = 2_048;

/// The longest text around a key, in UTF-16: the key, twice as long at most, must fit into the message as well.
const LONGEST_KEY_TEXT: usize = 3_000;
/// The largest number of keys that staff can be warned of.
const MOST_KEYS_LEFT: u32 = 1_000_000;

/// Everything about a product that a person decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    title: String,
    description: String,
    price: Money,
    delivery: Delivery,
    position: i32,
    terms: Terms,
}

/// Why a draft can't be a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// No title.
    #[error("title must not be empty")]
    TitleEmpty,
    /// The title is too long.
    #[error("title must have at most {LONGEST_TITLE} characters")]
    TitleLong,
    /// The title has a line break or another control character.
    #[error("title must be one line")]
    TitleLines,
    /// The description is too long.
    #[error("description must have at most {LONGEST_DESCRIPTION} characters")]
    DescriptionLong,
    /// The price is no amount of rubles.
    #[error("price must be rubles as text like \"299.00\", or whole kopecks")]
    PriceUnreadable,
    /// The price is 0, or too high.
    #[error("price must be above 0 and at most 1000000 rubles")]
    PriceRange,
    /// The position is no number.
    #[error("position must be a whole number")]
    Position,
    /// The kind of delivery is not known.
    #[error("delivery kind must be text, invite_link, file, stored_file, webhook or key")]
    DeliveryKind,
    /// Nothing would be delivered.
    #[error("delivery text must not be empty")]
    TextEmpty,
    /// The text does not fit into a message.
    #[error("delivery text must have at most {LONGEST_TEXT} characters")]
    TextLong,
    /// The chat is no group or channel.
    #[error("delivery chat_id must be the negative number of a group or channel")]
    Chat,
    /// The days are out of range.
    #[error("delivery days must be 1 to {MOST_DAYS}, or absent for ever")]
    Days,
    /// The address is none that Telegram could fetch.
    #[error("delivery url must be an http or https address")]
    FileUrl,
    /// No file was chosen, or what stands for it names none.
    #[error("delivery file must name a file of the file store: sha256, name, size")]
    StoredFile,
    /// The address is none that could be called.
    #[error("delivery url of a webhook must be an http or https address")]
    WebhookUrl,
    /// The caption is too long.
    #[error("delivery caption must have at most {LONGEST_CAPTION} characters")]
    CaptionLong,
    /// The text around the key is too long.
    #[error("delivery text around a key must have at most {LONGEST_KEY_TEXT} characters")]
    KeyTextLong,
    /// The key would stand there several times.
    #[error("delivery text must have {KEY_PLACE} once, or not at all")]
    KeyPlaces,
    /// The number of keys is out of range.
    #[error("low_stock must be 1 to {MOST_KEYS_LEFT}, or absent")]
    LowStock,
    /// A word for the receipt is none of Robokassa's.
    #[error("tax, payment_object and payment_method must be words of Robokassa's")]
    ReceiptWord,
}

impl DraftError {
    /// The key of its text on the pages.
    pub fn key(self) -> &'static str {
        match self {
            DraftError::TitleEmpty => "wrong-title-empty",
            DraftError::TitleLong => "wrong-title-long",
            DraftError::TitleLines => "wrong-title-lines",
            DraftError::DescriptionLong => "wrong-description-long",
            DraftError::PriceUnreadable => "wrong-price-unreadable",
            DraftError::PriceRange => "wrong-price-range",
            DraftError::Position => "wrong-position",
            DraftError::DeliveryKind => "wrong-delivery-kind",
            DraftError::TextEmpty => "wrong-text-empty",
            DraftError::TextLong => "wrong-text-long",
            DraftError::Chat => "wrong-chat",
            DraftError::Days => "wrong-days",
            DraftError::FileUrl => "wrong-file-url",
            DraftError::StoredFile => "wrong-stored-file",
            DraftError::WebhookUrl => "wrong-webhook-url",
            DraftError::CaptionLong => "wrong-caption-long",
            DraftError::KeyTextLong => "wrong-key-text-long",
            DraftError::KeyPlaces => "wrong-key-places",
            DraftError::LowStock => "wrong-low-stock",
            DraftError::ReceiptWord => "wrong-receipt-word",
        }
    }
}

impl Draft {
    /// Checks what a product would be.
    ///
    /// # Errors
    /// [`DraftError`] names the first fault.
    pub fn new(
        title: &str,
        description: &str,
        price: Money,
        delivery: Delivery,
        position: i32,
    ) -> Result<Draft, DraftError> {
        let title = title.trim();
        if title.is_empty() {
            return Err(DraftError::TitleEmpty);
        }
        if title.chars().count() > LONGEST_TITLE {
            return Err(DraftError::TitleLong);
        }
        if title.chars().any(char::is_control) {
            return Err(DraftError::TitleLines);
        }
        let description = plain(description);
        if description.chars().count() > LONGEST_DESCRIPTION {
            return Err(DraftError::DescriptionLong);
        }
        if !price.is_positive() || price > MOST_EXPENSIVE {
            return Err(DraftError::PriceRange);
        }
        Ok(Draft {
            title: title.to_owned(),
            description,
            price,
            delivery: checked(delivery)?,
            position,
            terms: Terms::default(),
        })
    }

    /// The same product under these terms.
    ///
    /// # Errors
    /// [`DraftError`] names the first fault.
    pub fn with(mut self, mut terms: Terms) -> Result<Draft, DraftError> {
        if terms
            .days
            .is_some_and(|days| !(1..=MOST_DAYS).contains(&days))
        {
            return Err(DraftError::Days);
        }
        if terms
            .low_stock
            .is_some_and(|left| !(1..=MOST_KEYS_LEFT).contains(&left))
        {
            return Err(DraftError::LowStock);
        }
        // A link has days of its own, which have the last word.
        if let Delivery::InviteLink { days, .. } = &mut self.delivery {
            *days = days.or(terms.days.take());
        }
        if !matches!(self.delivery, Delivery::Key { .. }) {
            terms.low_stock = None;
        }
        self.terms = terms;
        Ok(self)
    }

    /// The product as it would be.
    pub fn state(
        self,
        product_id: geobot_shared::ids::ProductId,
        version: i64,
        active: bool,
    ) -> ProductState {
        ProductState {
            product_id,
            version,
            title: self.title,
            description: self.description,
            price: self.price,
            delivery: self.delivery,
            active,
            position: self.position,
            days: self.terms.days,
            low_stock: self.terms.low_stock,
            tax: self.terms.tax,
            payment_object: self.terms.payment_object,
            payment_method: self.terms.payment_method,
        }
    }

    /// The file that it delivers, of the shop's own.
    pub fn stored_file(&self) -> Option<&StoredFile> {
        match &self.delivery {
            Delivery::StoredFile { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Whether a product is just this already.
    pub fn is(&self, state: &ProductState) -> bool {
        self.title == state.title
            && self.description == state.description
            && self.price == state.price
            && self.delivery == state.delivery
            && self.position == state.position
            && self.terms == Terms::of(state)
    }
}

/// Text from a form: its line ends are CRLF; NUL can't be stored.
fn plain(text: &str) -> String {
    text.trim().replace("\r\n", "\n").replace('\0', "")
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Text that may be absent.
fn some(text: Option<String>) -> Option<String> {
    text.map(|text| plain(&text))
        .filter(|text| !text.is_empty())
}

fn caption(text: Option<String>) -> Result<Option<String>, DraftError> {
    let text = some(text);
    match text.as_deref().map_or(0, utf16) {
        0..=LONGEST_CAPTION => Ok(text),
        _ => Err(DraftError::CaptionLong),
    }
}

/// An address on the web.
fn address(url: &str) -> Option<String> {
    let url = url.trim();
    let on_the_web = Url::parse(url)
        .is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
    (on_the_web && url.len() <= LONGEST_URL).then(|| url.to_owned())
}

fn names_a_file(file: &StoredFile) -> bool {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let named = (1..=LONGEST_NAME).contains(&file.name.chars().count())
        && !file.name.chars().any(|c| c.is_control() || c == '/');
    file.sha256.len() == 64
        && file.sha256.bytes().all(digit)
        && named
        && (1..=LONGEST_FILE).contains(&file.size)
}

fn checked(delivery: Delivery) -> Result<Delivery, DraftError> {
    match delivery {
        Delivery::Text { text } => {
            let text = plain(&text);
            match utf16(&text) {
                0 => Err(DraftError::TextEmpty),
                length if length > LONGEST_TEXT => Err(DraftError::TextLong),
                _ => Ok(Delivery::Text { text }),
            }
        }
        Delivery::Key { text } => {
            let text = plain(&text);
            if text.is_empty() {
                return Err(DraftError::TextEmpty);
            }
            if utf16(&text) > LONGEST_KEY_TEXT {
                return Err(DraftError::KeyTextLong);
            }
            if text.matches(KEY_PLACE).count() > 1 {
                return Err(DraftError::KeyPlaces);
            }
            Ok(Delivery::Key { text })
        }
        Delivery::StoredFile { file, .. } if !names_a_file(&file) => Err(DraftError::StoredFile),
        Delivery::StoredFile {
            file,
            caption: under,
        } => Ok(Delivery::StoredFile {
            file,
            caption: caption(under)?,
        }),
        Delivery::Webhook { url, text } => {
            let url = address(&url).ok_or(DraftError::WebhookUrl)?;
            let text = some(text);
            if text
                .as_deref()
                .is_some_and(|text| utf16(text) > LONGEST_TEXT)
            {
                return Err(DraftError::TextLong);
            }
            Ok(Delivery::Webhook { url, text })
        }
        // Bot API: groups and channels have negative numbers; a person can't be joined.
        Delivery::InviteLink {
            chat_id: ChatId(chat),
            ..
        } if chat >= 0 => Err(DraftError::Chat),
        Delivery::InviteLink {
            days: Some(days), ..
        } if !(1..=MOST_DAYS).contains(&days) => Err(DraftError::Days),
        link @ Delivery::InviteLink { .. } => Ok(link),
        Delivery::File {
            url,
            caption: under,
        } => {
            let url = address(&url).ok_or(DraftError::FileUrl)?;
            Ok(Delivery::File {
                url,
                caption: caption(under)?,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Delivery {
        Delivery::Text { text: text.into() }
    }

    fn draft(title: &str, kopecks: i64, delivery: Delivery) -> Result<Draft, DraftError> {
        Draft::new(title, "", Money::from_kopecks(kopecks), delivery, 0)
    }

    #[test]
    fn each_fault_has_its_name() {
        let long = "я".repeat(101);
        assert_eq!(draft("  ", 1, text("x")), Err(DraftError::TitleEmpty));
        assert_eq!(draft(&long, 1, text("x")), Err(DraftError::TitleLong));
        assert_eq!(draft("a\nb", 1, text("x")), Err(DraftError::TitleLines));
        assert_eq!(draft("a\0b", 1, text("x")), Err(DraftError::TitleLines));
        for price in [0, -1, 100_000_001] {
            assert_eq!(draft("a", price, text("x")), Err(DraftError::PriceRange));
        }
        assert_eq!(draft("a", 1, text(" \r\n")), Err(DraftError::TextEmpty));
        assert_eq!(
            draft("a", 1, text(&"x".repeat(4_097))),
            Err(DraftError::TextLong)
        );
        assert_eq!(
            draft("a", 1, text(&"🙂".repeat(2_049))),
            Err(DraftError::TextLong)
        );
        let link = |chat, days| Delivery::InviteLink {
            chat_id: ChatId(chat),
            days,
        };
        assert_eq!(draft("a", 1, link(7, None)), Err(DraftError::Chat));
        assert_eq!(draft("a", 1, link(-7, Some(0))), Err(DraftError::Days));
        assert_eq!(draft("a", 1, link(-7, Some(3_651))), Err(DraftError::Days));
        let file = |url: &str, caption: Option<String>| Delivery::File {
            url: url.into(),
            caption,
        };
        for url in [
            "",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "example.com/a",
            "http://",
        ] {
            assert_eq!(
                draft("a", 1, file(url, None)),
                Err(DraftError::FileUrl),
                "{url}"
            );
        }
        let caption = Some("x".repeat(1_025));
        assert_eq!(
            draft("a", 1, file("https://a/b", caption)),
            Err(DraftError::CaptionLong)
        );
        let described = Draft::new(
            "a",
            &"x".repeat(3_001),
            Money::from_kopecks(1),
            text("x"),
            0,
        );
        assert_eq!(described, Err(DraftError::DescriptionLong));
    }

    fn stored(sha256: &str, name: &str, size: u64) -> Delivery {
        Delivery::StoredFile {
            file: StoredFile {
                sha256: sha256.into(),
                name: name.into(),
                size,
                media_type: None,
            },
            caption: Some(" \r\n ".into()),
        }
    }

    #[test]
    fn a_stored_file_must_be_one_and_a_webhook_must_be_callable() {
        let hash = "ab".repeat(32);
        let taken = draft("a", 1, stored(&hash, "Карта.pdf", 5)).unwrap();
        assert_eq!(taken.stored_file().unwrap().name, "Карта.pdf");
        for bad in [
            stored("", "a", 5),
            stored(&"AB".repeat(32), "a", 5),
            stored("../../../etc/passwd", "a", 5),
            stored(&hash, "", 5),
            stored(&hash, "a/b", 5),
            stored(&hash, "a\nb", 5),
            stored(&hash, &"x".repeat(121), 5),
            stored(&hash, "a", 0),
            stored(&hash, "a", LONGEST_FILE + 1),
        ] {
            assert_eq!(
                draft("a", 1, bad.clone()),
                Err(DraftError::StoredFile),
                "{bad:?}"
            );
        }
        let webhook = |url: &str, text: &str| Delivery::Webhook {
            url: url.into(),
            text: Some(text.into()),
        };
        assert!(draft("a", 1, webhook(" https://shop.example/buy ", "")).is_ok());
        for url in ["", "shop.example", "ftp://a/b", "https://"] {
            assert_eq!(
                draft("a", 1, webhook(url, "")),
                Err(DraftError::WebhookUrl),
                "{url}"
            );
        }
        let long = webhook("http://127.0.0.1:1/", &"x".repeat(4_097));
        assert_eq!(draft("a", 1, long), Err(DraftError::TextLong));
    }

    #[test]
    fn the_edges_are_taken() {
        assert!(draft(&"я".repeat(100), 100_000_000, text(&"x".repeat(4_096))).is_ok());
        let link = Delivery::InviteLink {
            chat_id: ChatId(-100_123),
            days: Some(30),
        };
        assert!(draft("a", 1, link).is_ok());
    }

    #[test]
    fn a_forms_line_ends_become_plain() {
        let draft = draft(" a ", 1, text(" x\r\ny ")).unwrap();
        let state = draft.state(uuid::Uuid::nil().into(), 1, true);
        assert_eq!(state.title, "a");
        assert_eq!(state.delivery, text("x\ny"));
    }
}
