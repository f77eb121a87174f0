//! The Invoice API: Robokassa makes the link. Only its signature: the bot's own links are made in
//! [`link`](super::link).

use super::jwt::{self, JwtAlgorithm};
use super::secrets::Credentials;

/// Where an invoice is made, below the services' address (`https://services.robokassa.ru`).
pub const CREATE_PATH: &str = "/InvoiceServiceWebApi/api/CreateInvoice";
/// Where an invoice is withdrawn.
pub const DEACTIVATE_PATH: &str = "/InvoiceServiceWebApi/api/DeactivateInvoice";
/// Where invoices are listed.
pub const LIST_PATH: &str = "/InvoiceServiceWebApi/api/GetInvoiceInformationList";

/// The token of a request. Robokassa: the key is `MerchantLogin:Password#1`.
#[must_use]
pub fn token(algorithm: JwtAlgorithm, payload_json: &str, credentials: &Credentials<'_>) -> String {
    let key = format!(
        "{}:{}",
        credentials.login(),
        credentials.password1().expose()
    );
    jwt::token(algorithm, payload_json, &key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Mode;
    use crate::robokassa::test_shop;

    #[test]
    fn the_key_is_login_and_password_1() {
        let shop = test_shop::demo();
        let token = token(
            JwtAlgorithm::HS256,
            "{}",
            &shop.credentials(Mode::Live).unwrap(),
        );
        let key = "demo_shop:Pass1_qwerty";
        assert!(jwt::verify(&token, key, &[JwtAlgorithm::HS256]).is_ok());
    }
}
