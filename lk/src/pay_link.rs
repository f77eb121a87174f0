//! LK's own link to an invoice's page: the number and an HMAC over it, so that numbers can't be tried out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use geobot_shared::ids::InvoiceId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

/// Keeps these signatures apart from any other under `LK_LINK_KEY`.
const TAG: &[u8] = b"geobot lk pay link v1\0";

/// Makes and checks links to pay pages.
pub struct PayLinks {
    /// Keyed and fed with the tag, ready for a number.
    mac: Hmac<Sha256>,
    base: String,
    base_path: String,
}

impl PayLinks {
    /// Under `LK_LINK_KEY`, below `LK_PUBLIC_URL`. `None` for a key that HMAC does not take (there is none).
    #[must_use]
    pub fn new(key: &str, public_url: &Url) -> Option<PayLinks> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).ok()?;
        mac.update(TAG);
        Some(PayLinks {
            mac,
            base: public_url.as_str().trim_end_matches('/').to_owned(),
            base_path: public_url.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The signed id: `<invoice id>.<43 characters of base64url>`.
    #[must_use]
    pub fn sign(&self, invoice: InvoiceId) -> String {
        let digest = self.mac_of(invoice).finalize().into_bytes();
        format!("{invoice}.{}", URL_SAFE_NO_PAD.encode(digest))
    }

    /// The address of the invoice's page.
    #[must_use]
    pub fn url(&self, invoice: InvoiceId) -> String {
        format!("{}/pay/{}", self.base, self.sign(invoice))
    }

    /// What stands before LK's own paths in people's browsers; empty unless a proxy adds a folder.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The invoice of a signed id, if the signature is right; compares in constant time.
    #[must_use]
    pub fn verify(&self, signed: &str) -> Option<InvoiceId> {
        let (number, digest) = signed.split_once('.')?;
        let invoice: InvoiceId = number.parse().ok()?;
        let digest = URL_SAFE_NO_PAD.decode(digest).ok()?;
        self.mac_of(invoice).verify_slice(&digest).ok()?;
        // One address per invoice: no leading zeros.
        (number == invoice.to_string()).then_some(invoice)
    }

    fn mac_of(&self, invoice: InvoiceId) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&invoice.get().to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(key: &str) -> PayLinks {
        PayLinks::new(key, &Url::parse("https://shop.example/lk/").unwrap()).unwrap()
    }

    #[test]
    fn a_link_leads_back_to_its_invoice() {
        let links = links("0123456789abcdef0123456789abcdef");
        let id = InvoiceId::new(75_000_123).unwrap();
        assert_eq!(links.verify(&links.sign(id)), Some(id));
        assert!(
            links
                .url(id)
                .starts_with("https://shop.example/lk/pay/75000123.")
        );
        assert_eq!(links.base_path(), "/lk");
    }

    #[test]
    fn a_changed_link_leads_nowhere() {
        let links = links("0123456789abcdef0123456789abcdef");
        let id = InvoiceId::new(75_000_123).unwrap();
        let good = links.sign(id);
        let (_, mac) = good.split_once('.').unwrap();
        for bad in [
            format!("75000124.{mac}"),
            format!("075000123.{mac}"),
            format!("+75000123.{mac}"),
            format!("0.{mac}"),
            "75000123".to_owned(),
            "75000123.".to_owned(),
            format!("75000123.{}", &mac[..42]),
            format!("{good}="),
            format!("{good}.x"),
            String::new(),
        ] {
            assert_eq!(links.verify(&bad), None, "{bad}");
        }
        for index in 0..mac.len() {
            let mut changed = mac.as_bytes().to_vec();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(links.verify(&format!("{id}.{changed}")), None, "{index}");
        }
    }

    #[test]
    fn another_key_signs_otherwise() {
        let id = InvoiceId::new(1).unwrap();
        let other = links("fedcba9876543210fedcba9876543210");
        assert_eq!(
            other.verify(&links("0123456789abcdef0123456789abcdef").sign(id)),
            None
        );
    }
}
