//! Character references of `parse_mode=HTML`: `&lt;`, `&#60;`, `&#x3C;`.

/// The text with every reference replaced.
pub(super) fn decoded(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some(next) = rest.chars().next() {
        let (character, length) = match next {
            '&' => reference(rest).unwrap_or(('&', 1)),
            other => (other, other.len_utf8()),
        };
        text.push(character);
        rest = &rest[length..];
    }
    text
}

/// A character reference at the start of `text` and its length. Telegram knows four names and all numbers.
pub(super) fn reference(text: &str) -> Option<(char, usize)> {
    for (name, character) in [
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&quot;", '"'),
    ] {
        if text.starts_with(name) {
            return Some((character, name.len()));
        }
    }
    let body = text.strip_prefix("&#")?;
    let length = body.find(';').filter(|length| *length <= 8)?;
    let number = match body[..length].strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => body[..length].parse().ok()?,
    };
    char::from_u32(number)
        .filter(|character| *character != '\0')
        .map(|character| (character, length + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_decoded() {
        assert_eq!(
            decoded("&lt;&gt;&amp;&quot;&#60;&#x3C;&#128512;"),
            "<>&\"<<😀"
        );
    }

    #[test]
    fn an_unknown_reference_and_a_lone_ampersand_stay() {
        let text = "a & b &nbsp; &#; &#xZ; &#0; &#x110000; &";
        assert_eq!(decoded(text), text);
    }
}
