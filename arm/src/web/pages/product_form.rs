//! The form of a product: its fields as they are typed.

use geobot_shared::ids::ChatId;
use geobot_shared::money::Money;
use geobot_shared::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};
use geobot_shared::topics::states::{Delivery, ProductState, StoredFile};

use crate::catalog::{Draft, DraftError, Terms};
use crate::web::posted::Fields;

/// The kind of a delivery as the form and the texts name it.
pub(super) fn kind(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Text { .. } => "text",
        Delivery::InviteLink { .. } => "invite_link",
        Delivery::File { .. } => "file",
        Delivery::StoredFile { .. } => "stored_file",
        Delivery::Webhook { .. } => "webhook",
        Delivery::Key { .. } => "key",
    }
}

/// The form's fields as texts: what was typed stays when it is refused.
#[derive(Default)]
pub(super) struct Form {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) price: String,
    pub(super) position: String,
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) chat_id: String,
    pub(super) days: String,
    pub(super) url: String,
    pub(super) caption: String,
    /// The file that was chosen, or that the product has: as JSON, so that a form that is refused keeps it.
    pub(super) kept_file: String,
    pub(super) stored_caption: String,
    pub(super) webhook_url: String,
    pub(super) webhook_text: String,
    pub(super) key_text: String,
    pub(super) low_stock: String,
    pub(super) tax: String,
    pub(super) payment_object: String,
    pub(super) payment_method: String,
    pub(super) version: String,
}

impl Form {
    pub(super) fn blank() -> Form {
        Form {
            kind: "text".to_owned(),
            position: "0".to_owned(),
            tax: Tax::default().as_str().to_owned(),
            ..Form::default()
        }
    }

    /// What was sent; a file that came with it takes the place of the one before.
    pub(super) fn sent(fields: &Fields, file: Option<&StoredFile>) -> Form {
        let get = |name| fields.get(name).to_owned();
        Form {
            title: get("title"),
            description: get("description"),
            price: get("price"),
            position: get("position"),
            kind: get("kind"),
            text: get("text"),
            chat_id: get("chat_id"),
            days: get("days"),
            url: get("url"),
            caption: get("caption"),
            kept_file: file.map_or_else(|| get("kept_file"), json),
            stored_caption: get("stored_caption"),
            webhook_url: get("webhook_url"),
            webhook_text: get("webhook_text"),
            key_text: get("key_text"),
            low_stock: get("low_stock"),
            tax: get("tax"),
            payment_object: get("payment_object"),
            payment_method: get("payment_method"),
            version: get("version"),
        }
    }

    pub(super) fn of(state: &ProductState) -> Form {
        let mut form = Form {
            title: state.title.clone(),
            description: state.description.clone(),
            price: state.price.to_out_sum(),
            position: state.position.to_string(),
            kind: kind(&state.delivery).to_owned(),
            days: number(state.days),
            low_stock: number(state.low_stock),
            tax: state.tax.as_str().to_owned(),
            payment_object: word(state.payment_object.map(PaymentObject::as_str)),
            payment_method: word(state.payment_method.map(PaymentMethod::as_str)),
            version: state.version.to_string(),
            ..Form::default()
        };
        match &state.delivery {
            Delivery::Text { text } => form.text.clone_from(text),
            Delivery::InviteLink { chat_id, days } => {
                form.chat_id = chat_id.to_string();
                form.days = number(days.or(state.days));
            }
            Delivery::Key { text } => form.key_text.clone_from(text),
            Delivery::StoredFile { file, caption } => {
                form.kept_file = json(file);
                form.stored_caption = caption.clone().unwrap_or_default();
            }
            Delivery::Webhook { url, text } => {
                form.webhook_url.clone_from(url);
                form.webhook_text = text.clone().unwrap_or_default();
            }
            Delivery::File { url, caption } => {
                form.url.clone_from(url);
                form.caption = caption.clone().unwrap_or_default();
            }
        }
        form
    }

    /// The file that the form holds.
    pub(super) fn file(&self) -> Option<StoredFile> {
        serde_json::from_str(&self.kept_file).ok()
    }

    pub(super) fn draft(&self) -> Result<Draft, DraftError> {
        let delivery = match self.kind.as_str() {
            "text" => Delivery::Text {
                text: self.text.clone(),
            },
            "invite_link" => Delivery::InviteLink {
                chat_id: ChatId(self.chat_id.trim().parse().map_err(|_| DraftError::Chat)?),
                days: None,
            },
            "key" => Delivery::Key {
                text: self.key_text.clone(),
            },
            "file" => Delivery::File {
                url: self.url.clone(),
                caption: Some(self.caption.clone()),
            },
            "stored_file" => Delivery::StoredFile {
                file: self.file().ok_or(DraftError::StoredFile)?,
                caption: Some(self.stored_caption.clone()),
            },
            "webhook" => Delivery::Webhook {
                url: self.webhook_url.clone(),
                text: Some(self.webhook_text.clone()),
            },
            _ => return Err(DraftError::DeliveryKind),
        };
        let position = match self.position.trim() {
            "" => 0,
            text => text.parse().map_err(|_| DraftError::Position)?,
        };
        // People write 1 299,50; spaces of any kind, and a comma.
        let price: String = self
            .price
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| if c == ',' { '.' } else { c })
            .collect();
        let price = Money::parse_rubles(&price).map_err(|_| DraftError::PriceUnreadable)?;
        Draft::new(&self.title, &self.description, price, delivery, position)?.with(self.terms()?)
    }

    fn terms(&self) -> Result<Terms, DraftError> {
        Ok(Terms {
            days: optional(&self.days, |text| text.parse().ok(), DraftError::Days)?,
            low_stock: optional(
                &self.low_stock,
                |text| text.parse().ok(),
                DraftError::LowStock,
            )?,
            tax: optional(&self.tax, Tax::from_word, DraftError::ReceiptWord)?.unwrap_or_default(),
            payment_object: optional(
                &self.payment_object,
                PaymentObject::from_word,
                DraftError::ReceiptWord,
            )?,
            payment_method: optional(
                &self.payment_method,
                PaymentMethod::from_word,
                DraftError::ReceiptWord,
            )?,
        })
    }
}

fn json(file: &StoredFile) -> String {
    serde_json::to_string(file).unwrap_or_default()
}

/// A field that may be empty.
fn optional<T>(
    text: &str,
    read: impl Fn(&str) -> Option<T>,
    fault: DraftError,
) -> Result<Option<T>, DraftError> {
    match text.trim() {
        "" => Ok(None),
        text => read(text).map(Some).ok_or(fault),
    }
}

fn number(n: Option<u32>) -> String {
    n.map(|n| n.to_string()).unwrap_or_default()
}

fn word(word: Option<&'static str>) -> String {
    word.unwrap_or_default().to_owned()
}

/// The words to choose from in the receipt's fields.
pub(super) struct ReceiptWords {
    pub(super) taxes: Vec<&'static str>,
    pub(super) objects: Vec<&'static str>,
    pub(super) methods: Vec<&'static str>,
}

impl ReceiptWords {
    pub(super) fn all() -> ReceiptWords {
        ReceiptWords {
            taxes: Tax::ALL.iter().map(|it| it.as_str()).collect(),
            objects: PaymentObject::ALL.iter().map(|it| it.as_str()).collect(),
            methods: PaymentMethod::ALL.iter().map(|it| it.as_str()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use geobot_shared::ids::ProductId;

    use super::*;

    fn form(price: &str) -> Form {
        Form {
            title: "a".to_owned(),
            text: "b".to_owned(),
            price: price.to_owned(),
            ..Form::blank()
        }
    }

    #[test]
    fn a_price_is_read_as_people_write_it() {
        for (text, kopecks) in [
            ("299", 29_900),
            ("1 299,50", 129_950),
            ("1\u{a0}299.5", 129_950),
        ] {
            let state = form(text)
                .draft()
                .unwrap()
                .state(ProductId(uuid::Uuid::nil()), 1, true);
            assert_eq!(state.price.kopecks(), kopecks, "{text}");
        }
        for text in ["", "x", "-1", "1,2,3", "1.001"] {
            assert_eq!(
                form(text).draft(),
                Err(DraftError::PriceUnreadable),
                "{text}"
            );
        }
    }

    #[test]
    fn a_form_shows_what_it_was_made_of() {
        for delivery in [
            Delivery::Text { text: "x".into() },
            Delivery::InviteLink {
                chat_id: ChatId(-5),
                days: Some(30),
            },
            Delivery::InviteLink {
                chat_id: ChatId(-5),
                days: None,
            },
            Delivery::File {
                url: "https://a/b".into(),
                caption: None,
            },
            Delivery::Key {
                text: "Ключ: {key}".into(),
            },
            Delivery::StoredFile {
                file: StoredFile {
                    sha256: "ab".repeat(32),
                    name: "Карта \"A3\".pdf".into(),
                    size: 5,
                    media_type: Some("application/pdf".into()),
                },
                caption: Some("Ваша карта".into()),
            },
            Delivery::Webhook {
                url: "https://a/b".into(),
                text: None,
            },
        ] {
            let terms = Terms {
                days: Some(7),
                low_stock: Some(5),
                tax: Tax::Vat20,
                payment_object: Some(PaymentObject::NonOperatingGain),
                payment_method: None,
            };
            let state = Draft::new("t", "d", Money::from_kopecks(100), delivery, 3)
                .unwrap()
                .with(terms)
                .unwrap()
                .state(ProductId(uuid::Uuid::nil()), 7, true);
            assert!(Form::of(&state).draft().unwrap().is(&state));
        }
    }

    #[test]
    fn bad_fields_are_named() {
        let bad = |change: fn(&mut Form)| {
            let mut form = form("1");
            change(&mut form);
            form.draft().unwrap_err()
        };
        assert_eq!(bad(|f| f.kind = "gift".into()), DraftError::DeliveryKind);
        assert_eq!(bad(|f| f.kind = "invite_link".into()), DraftError::Chat);
        assert_eq!(bad(|f| f.position = "first".into()), DraftError::Position);
        assert_eq!(bad(|f| f.kind = "file".into()), DraftError::FileUrl);
        assert_eq!(bad(|f| f.kind = "webhook".into()), DraftError::WebhookUrl);
        assert_eq!(
            bad(|f| f.kind = "stored_file".into()),
            DraftError::StoredFile
        );
        let junk = |f: &mut Form| {
            f.kind = "stored_file".into();
            f.kept_file = "{\"sha256\": 1}".into();
        };
        assert_eq!(bad(junk), DraftError::StoredFile);
        assert_eq!(bad(|f| f.kind = "key".into()), DraftError::TextEmpty);
        assert_eq!(bad(|f| f.days = "0".into()), DraftError::Days);
        assert_eq!(bad(|f| f.low_stock = "-1".into()), DraftError::LowStock);
        assert_eq!(bad(|f| f.tax = "vat99".into()), DraftError::ReceiptWord);
        assert_eq!(
            bad(|f| f.payment_object = "x".into()),
            DraftError::ReceiptWord
        );
        assert_eq!(
            bad(|f| f.payment_method = "x".into()),
            DraftError::ReceiptWord
        );
    }
}
