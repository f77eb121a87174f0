//! What a key may be, and the text in which a person gets it.

use geobot_shared::bus::HandleError;
use geobot_shared::topics::lk_sync_orm::{KeysUploaded, MOST_KEYS};
use geobot_shared::topics::states::{Delivery, KEY_PLACE, LONGEST_KEY};
use sea_orm::DbErr;

/// The keys of an upload, each once.
pub(super) fn checked(upload: &KeysUploaded) -> Result<Vec<String>, HandleError> {
    if upload.keys.len() > MOST_KEYS {
        return Err(HandleError::BadData(format!("more than {MOST_KEYS} keys")));
    }
    let mut keys = Vec::with_capacity(upload.keys.len());
    let mut seen = std::collections::HashSet::new();
    for (number, key) in (1..).zip(&upload.keys) {
        let key = key.trim();
        let fits = !key.is_empty()
            && key.chars().count() <= LONGEST_KEY
            && !key.chars().any(char::is_control);
        if !fits {
            return Err(HandleError::BadData(format!(
                "key {number} is empty, too long, or has a line break"
            )));
        }
        if seen.insert(key) {
            keys.push(key.to_owned());
        }
    }
    Ok(keys)
}

/// What the bot delivers: the product's text with the key in it, as JSON.
pub(super) fn written(text: &str, key: &str) -> Result<String, DbErr> {
    let text = if text.contains(KEY_PLACE) {
        text.replace(KEY_PLACE, key)
    } else {
        format!("{text}\n{key}")
    };
    serde_json::to_string(&Delivery::Text { text }).map_err(|error| DbErr::Json(error.to_string()))
}

#[cfg(test)]
mod tests {
    use geobot_shared::ids::ProductId;
    use uuid::Uuid;

    use super::*;

    fn upload(keys: &[&str]) -> KeysUploaded {
        KeysUploaded {
            product_id: ProductId(Uuid::nil()),
            upload_id: Uuid::nil(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    #[test]
    fn a_key_stands_where_the_text_says_or_below_it() {
        assert_eq!(
            written("Ключ: {key}. Спасибо!", "A{key}\"1").unwrap(),
            r#"{"kind":"text","text":"Ключ: A{key}\"1. Спасибо!"}"#
        );
        assert_eq!(
            written("Ваш ключ", "A1").unwrap(),
            r#"{"kind":"text","text":"Ваш ключ\nA1"}"#
        );
    }

    #[test]
    fn each_key_of_an_upload_counts_once() {
        assert_eq!(
            checked(&upload(&["b", " a ", "b", "a"])).unwrap(),
            ["b", "a"]
        );
    }

    #[test]
    fn a_refused_upload_names_no_key() {
        let long = "s".repeat(LONGEST_KEY + 1);
        for bad in ["", "  ", "secret\nkey", long.as_str()] {
            let Err(HandleError::BadData(why)) = checked(&upload(&["good", bad])) else {
                panic!("{bad:?} was taken");
            };
            assert!(why.starts_with("key 2 ") && !why.contains('s'.to_string().repeat(9).as_str()));
            assert!(!why.contains("secret"), "{why}");
        }
        let many = vec!["k"; MOST_KEYS + 1];
        assert!(matches!(
            checked(&upload(&many)),
            Err(HandleError::BadData(_))
        ));
    }

    #[test]
    fn an_upload_shows_no_key_in_a_log() {
        let shown = format!("{:?}", upload(&["secret-key"]));
        assert!(!shown.contains("secret-key") && shown.contains("1 keys"));
    }
}
