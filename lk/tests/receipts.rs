//! Fiscal receipts: what goes into the signed form is what Robokassa takes, to the kopeck.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use chrono::Utc;
use geobot_lk::invoices::request;
use geobot_lk::promo;
use geobot_lk::store::invoices::Invoice;
use geobot_shared::bus::Cause;
use geobot_shared::i18n::Language;
use geobot_shared::ids::{ChatId, InvoiceId, ProductId};
use geobot_shared::money::Money;
use geobot_shared::robokassa::form::{Fields, value};
use geobot_shared::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};
use geobot_shared::topics::lk_sync_orm::PromoUpserted;
use geobot_shared::topics::lk_sync_tg::InvoiceRequested;
use geobot_shared::topics::states::ProductState;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{TestLk, USER, product};

const WITH_RECEIPTS: [&str; 2] = [
    "--robokassa-receipts=robokassa",
    "--robokassa-sno=usn_income",
];

async fn invoice(lk: &TestLk, product: ProductId, code: Option<&str>) -> Invoice {
    let wish = InvoiceRequested {
        user_id: USER,
        chat_id: ChatId(USER.get()),
        product_id: product,
        promo_code: code.map(str::to_owned),
    };
    request::requested(&lk.app, wish, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let id = ready.last().unwrap().data["invoice_id"].as_u64().unwrap();
    lk.invoice(InvoiceId::new(id).unwrap()).await
}

fn form(lk: &TestLk, invoice: &Invoice) -> Fields {
    let token = "AbC-123_x";
    let form = lk.app.gateway.pay_form(invoice, token, Language::Ru);
    form.unwrap().fields
}

/// The receipt's JSON: the field's value is signed percent-encoded once, and the form encodes it once more.
fn receipt(fields: &Fields) -> Value {
    let encoded = value(fields, "Receipt").unwrap();
    assert!(!encoded.contains(['{', '"', ' ', '+']), "{encoded}");
    let pair = format!("r={encoded}");
    let (_, json) = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap();
    serde_json::from_str(&json).unwrap()
}

/// Robokassa: `login:sum:id:Receipt:password1:Shp_…`, the receipt as it is in the field.
fn assert_signed(fields: &Fields) {
    let field = |name| value(fields, name).unwrap();
    let base = format!(
        "{}:{}:{}:{}:live1:Shp_route={}",
        field("MerchantLogin"),
        field("OutSum"),
        field("InvId"),
        field("Receipt"),
        field("Shp_route"),
    );
    let expected = hex(&Sha256::digest(base.as_bytes()));
    assert_eq!(field("SignatureValue").to_lowercase(), expected);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn taxed() -> ProductState {
    ProductState {
        title: "Доступ \"VIP\" & чат".into(),
        tax: Tax::Vat20,
        payment_object: Some(PaymentObject::Service),
        payment_method: Some(PaymentMethod::FullPayment),
        ..product()
    }
}

#[tokio::test]
async fn the_form_carries_a_signed_receipt_of_the_whole_sum() {
    let lk = TestLk::sqlite_with(&WITH_RECEIPTS, "127.0.0.1:1").await;
    let product = taxed();
    lk.put_product(&product).await;
    let invoice = invoice(&lk, product.product_id, None).await;
    let fields = form(&lk, &invoice);
    assert_signed(&fields);
    assert_eq!(value(&fields, "OutSum"), Some("299.00"));
    assert_eq!(
        receipt(&fields),
        json!({
            "sno": "usn_income",
            "items": [{
                "name": "Доступ \"VIP\" & чат",
                "quantity": 1,
                "sum": 299.00,
                "tax": "vat20",
                "payment_object": "service",
                "payment_method": "full_payment",
            }]
        })
    );
}

#[tokio::test]
async fn the_receipt_adds_up_to_the_kopeck_after_any_discount() {
    let lk = TestLk::sqlite_with(&WITH_RECEIPTS, "127.0.0.1:1").await;
    for (price, percent) in [(29_900, 15), (101, 33), (99_999, 7), (1_00, 99), (3, 50)] {
        let product = ProductState {
            price: Money::from_kopecks(price),
            ..taxed()
        };
        lk.put_product(&product).await;
        let code = format!("P{percent}-{price}");
        let promo = PromoUpserted {
            code: code.clone(),
            version: 1,
            percent: Some(percent),
            amount: None,
            limit: None,
            once_per_person: false,
            starts_at: None,
            ends_at: None,
            active: true,
        };
        promo::promo_upserted(&lk.app, promo, &Cause::new_story(), Utc::now())
            .await
            .unwrap();
        let invoice = invoice(&lk, product.product_id, Some(&code)).await;
        assert!(invoice.amount < product.price);
        let fields = form(&lk, &invoice);
        assert_signed(&fields);
        // Compared as texts: no kopeck hides in a rounding.
        let encoded = value(&fields, "Receipt").unwrap();
        let sum = format!("%22sum%22%3A{}%2C", value(&fields, "OutSum").unwrap());
        assert!(encoded.contains(&sum), "{sum} in {encoded}");
        assert_eq!(
            value(&fields, "OutSum"),
            Some(&*invoice.amount.to_out_sum())
        );
    }
}

#[tokio::test]
async fn a_receipt_stays_as_it_was_when_the_invoice_was_made() {
    let lk = TestLk::sqlite_with(&WITH_RECEIPTS, "127.0.0.1:1").await;
    let product = taxed();
    lk.put_product(&product).await;
    let before = invoice(&lk, product.product_id, None).await;
    let changed = ProductState {
        version: 2,
        tax: Tax::None,
        payment_object: None,
        payment_method: None,
        ..product.clone()
    };
    lk.put_product(&changed).await;
    assert_eq!(receipt(&form(&lk, &before))["items"][0]["tax"], "vat20");
    // Another receipt is another invoice.
    let after = invoice(&lk, product.product_id, None).await;
    assert_ne!(before.id, after.id);
    let now = receipt(&form(&lk, &after));
    assert_eq!(now["items"][0]["tax"], "none");
    assert!(now["items"][0].get("payment_object").is_none());
}

#[tokio::test]
async fn a_shop_without_receipts_sends_none() {
    let lk = TestLk::sqlite().await;
    let product = taxed();
    lk.put_product(&product).await;
    let invoice = invoice(&lk, product.product_id, None).await;
    assert_eq!(invoice.receipt, None);
    assert_eq!(value(&form(&lk, &invoice), "Receipt"), None);
}

#[tokio::test]
async fn both_databases_keep_the_receipt() {
    for lk in [
        TestLk::sqlite_with(&WITH_RECEIPTS, "127.0.0.1:1").await,
        TestLk::postgres_with(&WITH_RECEIPTS).await,
    ] {
        let product = taxed();
        lk.put_product(&product).await;
        let made = invoice(&lk, product.product_id, None).await;
        let again = invoice(&lk, product.product_id, None).await;
        assert_eq!(made.id, again.id, "the same wish is the same invoice");
        assert_signed(&form(&lk, &again));
    }
}
