//! Robokassa's side of the shop: its passwords, and callbacks signed with them by hand.

use anyhow::Result;
use geobot_shared::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::robokassa::callback::sign_result;
use geobot_shared::robokassa::{HashAlgorithm, PasswordSet, ShopSecrets};
use geobot_shared::route_token::{Grant, GrantClaims, GrantSource, RouteKeys, RouteToken};
use geobot_shared::topics::tg_robokassa::{Granted, PaymentCallback};
use serde_json::{Value, json};

const LOGIN: &str = "geobot-e2e";
const PASSWORDS: [(&str, &str); 5] = [
    ("ROBOKASSA_PASSWORD1", "e2eLivePassword1"),
    ("ROBOKASSA_PASSWORD2", "e2eLivePassword2"),
    ("ROBOKASSA_TEST_PASSWORD1", "e2eTestPassword1"),
    ("ROBOKASSA_TEST_PASSWORD2", "e2eTestPassword2"),
    ("ROBOKASSA_PASSWORD3", "e2eLivePassword3"),
];

/// The parameters of a ResultURL call, in their order.
pub type Callback = Vec<(String, String)>;

/// The shop at Robokassa.
#[derive(Debug)]
pub struct Robokassa {
    secrets: ShopSecrets,
    route_key: String,
    keys: RouteKeys,
}

impl Robokassa {
    /// The shop of the tests.
    ///
    /// # Errors
    /// Never with these passwords.
    pub fn new() -> Result<Robokassa> {
        let set = |first: usize| {
            let password = |index: usize| PASSWORDS[index].1.into();
            Some(PasswordSet::new(
                password(first),
                password(first + 1),
                HashAlgorithm::Sha256,
            ))
        };
        let route_key = format!("7:{}", "5a".repeat(32));
        Ok(Robokassa {
            secrets: ShopSecrets::new(LOGIN, set(0), set(2))?,
            keys: RouteKeys::parse(&route_key, "")?,
            route_key,
        })
    }

    /// What the services are told of the shop.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        [("ROBOKASSA_LOGIN", LOGIN), ("ROUTE_KEY", &self.route_key)]
            .into_iter()
            .chain(PASSWORDS)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// A live payment's callback with a right signature over whatever is given.
    #[must_use]
    pub fn callback(&self, invoice: u64, out_sum: &str, route: &str) -> Callback {
        self.callback_of(Mode::Live, invoice, out_sum, route)
    }

    /// A callback with a right signature of that mode over whatever is given.
    ///
    /// # Panics
    /// Never with the passwords of the tests.
    #[must_use]
    pub fn callback_of(&self, mode: Mode, invoice: u64, out_sum: &str, route: &str) -> Callback {
        let credentials = self
            .secrets
            .credentials(mode)
            .expect("the mode's passwords");
        let shp = vec![("Shp_route".to_owned(), route.to_owned())];
        let invoice = invoice.to_string();
        let signature = sign_result(out_sum, &invoice, &shp, &credentials);
        let mut all: Callback = vec![
            ("OutSum".to_owned(), out_sum.to_owned()),
            ("InvId".to_owned(), invoice),
            ("SignatureValue".to_owned(), signature),
        ];
        all.extend(shp);
        all
    }

    /// A route token that LK could have signed.
    ///
    /// # Panics
    /// For a number that is no invoice.
    #[must_use]
    pub fn route_token(
        &self,
        invoice: u64,
        user: i64,
        product: ProductId,
        amount: Money,
    ) -> String {
        let invoice = InvoiceId::new(invoice).expect("an invoice number");
        RouteToken::new(
            &self.keys,
            invoice,
            TelegramUserId(user),
            product,
            amount,
            Mode::Live,
        )
        .sign(&self.keys)
    }

    /// What somebody could write to tg_robokassa who has seen a genuine callback and does not know LK's key: all of
    /// it agrees, but the grant is signed with a key of their own.
    ///
    /// # Panics
    /// For a number that is no invoice.
    #[must_use]
    pub fn ungranted_payment(
        &self,
        params: Callback,
        invoice: u64,
        user: i64,
        product: ProductId,
        amount: Money,
        goods: &str,
    ) -> Value {
        let keys = RouteKeys::parse(&format!("7:{}", "66".repeat(32)), "").expect("a key");
        let delivery = json!({"kind": "text", "text": goods}).to_string();
        let claims = GrantClaims {
            invoice: InvoiceId::new(invoice).expect("an invoice number"),
            user: TelegramUserId(user),
            product,
            amount,
            mode: Mode::Live,
            source: GrantSource::Robokassa,
            delivery: delivery.as_bytes(),
        };
        let grant = Grant::sign(&claims, &keys);
        let payment = PaymentCallback {
            params,
            granted: Granted {
                invoice_id: claims.invoice,
                user_id: claims.user,
                product_id: claims.product,
                amount: claims.amount,
                mode: claims.mode,
                source: claims.source,
                title: "Everything".to_owned(),
                delivery,
                grant,
            },
        };
        json!({"service": "LK", "action": "payment_callback", "payload": {"data": payment}})
    }
}
