//! Ordered fields and the one encoding between them and the wire (`application/x-www-form-urlencoded`).

/// Fields in the order in which they are sent; each value is what the server sees after one decoding.
pub type Fields = Vec<(String, String)>;

/// Encodes once, for a query or the body of a POST form.
#[must_use]
pub fn encode(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Decodes once. Bytes that are not UTF-8 become U+FFFD, which no signature of ours survives.
#[must_use]
pub fn decode(text: &str) -> Fields {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// The value of the first field of that exact name.
#[must_use]
pub fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields
        .iter()
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.as_str())
}

/// Percent-encodes everything outside `A-Za-z0-9-_.~`.
///
/// Robokassa: a space becomes `%20`; a `+` has been seen to survive into the names on receipts.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percent_encoding_leaves_only_unreserved_characters() {
        assert_eq!(percent_encode("a b+\"Ж~"), "a%20b%2B%22%D0%96~");
    }

    proptest! {
        #[test]
        fn fields_survive_one_encoding_and_one_decoding(
            fields in proptest::collection::vec((".{0,20}", ".{0,40}"), 0..8)
        ) {
            prop_assert_eq!(decode(&encode(&fields)), fields);
        }

        #[test]
        fn an_encoded_value_is_untouched_by_another_encoding_and_decoding(text in ".{0,40}") {
            let fields = vec![("Receipt".to_owned(), percent_encode(&text))];
            prop_assert_eq!(decode(&encode(&fields)), fields);
        }
    }
}
