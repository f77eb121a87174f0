//! The second receipt (after a prepayment) and its state: RoboFiscal's own signed form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::base_string::{BaseString, Password};
use super::secrets::Credentials;

/// Where a second receipt is sent by POST.
pub const ATTACH_URL: &str = "https://ws.roboxchange.com/RoboFiscal/Receipt/Attach";
/// Where its state is asked for by POST.
pub const STATUS_URL: &str = "https://ws.roboxchange.com/RoboFiscal/Receipt/Status";

/// The body of a request: `base64url(json).base64url(hex)`, both without padding, where `hex` is the text of the hash
/// over the first part followed by Password#1.
#[must_use]
pub fn body(json: &str, credentials: &Credentials<'_>) -> String {
    let payload = URL_SAFE_NO_PAD.encode(json);
    let signature = base_string(&payload, credentials.password1()).sign(credentials.hash());
    format!("{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(super) fn base_string(payload_base64url: &str, password1: Password<'_>) -> BaseString {
    BaseString::followed(payload_base64url, password1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Mode;
    use crate::robokassa::test_shop;

    #[test]
    fn the_second_part_is_the_hex_text_in_base64() {
        let shop = test_shop::demo();
        let credentials = shop.credentials(Mode::Live).unwrap();
        let body = body(r#"{"id":"1"}"#, &credentials);
        let (payload, signature) = body.split_once('.').unwrap();
        assert_eq!(payload, "eyJpZCI6IjEifQ");
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let expected = credentials
            .hash()
            .digest(format!("{payload}Pass1_qwerty").as_bytes());
        assert_eq!(text, hex::encode(expected));
    }
}
