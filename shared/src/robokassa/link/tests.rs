use super::*;
use crate::robokassa::receipt::{Quantity, ReceiptItem, Tax};
use crate::robokassa::test_shop;
use proptest::prelude::*;

fn request() -> PaymentRequest {
    PaymentRequest::new(
        Money::from_kopecks(29_900),
        InvoiceId::new(1001).unwrap(),
        "Доступ на месяц",
    )
}

fn sign(request: &PaymentRequest, mode: Mode) -> Result<SignedPayment, LinkError> {
    request.sign(&test_shop::demo().credentials(mode).unwrap())
}

fn sent<'a>(payment: &'a SignedPayment, name: &str) -> Option<&'a str> {
    form::value(payment.fields(), name)
}

#[test]
fn a_live_request_is_signed_with_the_live_password_and_carries_no_test_flag() {
    let payment = sign(&request().with_shp("Shp_route", "abc"), Mode::Live).unwrap();
    assert_eq!(
        payment.base_string().masked(),
        "demo_shop:299.00:1001:<live Password#1>:Shp_route=abc"
    );
    assert_eq!(sent(&payment, "IsTest"), None);
    assert_eq!(sent(&payment, "Encoding"), Some("utf-8"));
    assert_eq!(sent(&payment, "SignatureValue").unwrap().len(), 64);
}

#[test]
fn a_test_request_is_signed_with_the_test_password_and_algorithm() {
    let payment = sign(&request(), Mode::Test).unwrap();
    assert_eq!(
        payment.base_string().masked(),
        "demo_shop:299.00:1001:<test Password#1>"
    );
    assert_eq!(sent(&payment, "IsTest"), Some("1"));
    assert_eq!(sent(&payment, "SignatureValue").unwrap().len(), 32);
}

#[test]
fn everything_signed_is_sent_as_signed() {
    let url = |text: &str| text.parse::<Url>().unwrap();
    let line = ReceiptItem::new(
        "Доступ",
        Quantity::pieces(1),
        Money::from_kopecks(29_900),
        Tax::None,
    );
    let mut request = request().with_shp("Shp_route", "a-b_c");
    request.receipt = Some(Receipt::new(None, vec![line]).unwrap());
    request.out_sum_currency = Some(OutSumCurrency::Kzt);
    request.user_ip = Some("203.0.113.7".parse().unwrap());
    request.hold = true;
    request.result_url2 = Some(url("https://shop.test/r2?a=1&b=2"));
    request.success_url2 = Some((url("https://shop.test/ok"), ReturnMethod::Post));
    request.fail_url2 = Some((url("https://shop.test/no"), ReturnMethod::Get));
    request.culture = Some(Culture::En);
    request.email = Some("a+b@shop.test".to_owned());
    request.payment_methods = vec!["BankCard".to_owned(), "SBP".to_owned()];
    request.expires_at = Some("2029-01-16T09:00:00Z".parse().unwrap());
    request.without_automatic_receipt = true;

    let payment = sign(&request, Mode::Live).unwrap();
    let page = url("https://auth.robokassa.ru/Merchant/Index.aspx");
    let seen = form::decode(payment.url(&page).query().unwrap());
    assert_eq!(seen, payment.fields());
    let base = LinkBase::from_fields(&seen);
    assert!(base.receipt.unwrap().starts_with("%7B%22items%22"));
    let shop = test_shop::demo();
    let credentials = shop.credentials(Mode::Live).unwrap();
    let signature = base
        .base_string(credentials.password1())
        .sign(credentials.hash());
    assert_eq!(
        form::value(&seen, "SignatureValue"),
        Some(signature.as_str())
    );
    assert_eq!(
        form::value(&seen, "ExpirationDate"),
        Some("2029-01-16T12:00:00+03:00")
    );
    assert!(payment.fits_get(&page));
}

#[test]
fn a_description_is_cut_between_characters_and_freed_of_symbols() {
    let described = |text: &str| {
        let mut request = request();
        request.description = text.to_owned();
        let payment = sign(&request, Mode::Live).unwrap();
        sent(&payment, "Description").unwrap().to_owned()
    };
    assert_eq!(described(&"ж".repeat(150)), "ж".repeat(100));
    assert_eq!(described("🎁 Подарок\n№1 <b>"), "Подарок №1 <b>");
    assert_eq!(described("🎁"), "1001");
    assert_eq!(described(""), "1001");
}

#[test]
fn what_robokassa_refuses_is_refused_here() {
    let refused = |change: fn(&mut PaymentRequest)| {
        let mut request = request();
        change(&mut request);
        sign(&request, Mode::Live).unwrap_err()
    };
    assert_eq!(
        refused(|r| r.amount = Money::ZERO),
        LinkError::SumNotPositive
    );
    assert_eq!(
        refused(|r| {
            let line = ReceiptItem::new(
                "x",
                Quantity::pieces(1),
                Money::from_kopecks(29_899),
                Tax::None,
            );
            r.receipt = Some(Receipt::new(None, vec![line]).unwrap());
        }),
        LinkError::ReceiptSum
    );
    assert_eq!(
        refused(|r| {
            r.recurring = true;
            r.inc_curr_label = Some("BankCard".to_owned());
        }),
        LinkError::ModesExclude
    );
    assert_eq!(
        refused(|r| {
            r.hold = true;
            r.token = Some("key".to_owned());
        }),
        LinkError::ModesExclude
    );
    let mut hold = request();
    hold.hold = true;
    assert_eq!(
        sign(&hold, Mode::Test).unwrap_err(),
        LinkError::NotInTestMode
    );
}

#[test]
fn ambiguous_shp_parameters_are_refused() {
    let refused = |pairs: &[(&str, &str)]| {
        let mut request = request();
        for (name, value) in pairs {
            request = request.with_shp(*name, *value);
        }
        sign(&request, Mode::Live).unwrap_err()
    };
    for name in ["Shp_", "shp_a", "Shp_A", "a", "Shp_a=b", "Shp_ж"] {
        assert!(
            matches!(refused(&[(name, "1")]), LinkError::ShpName(_)),
            "{name}"
        );
    }
    for value in ["a b", "a:b", "a=b", "ж", "a+b", "%20"] {
        assert!(
            matches!(refused(&[("Shp_a", value)]), LinkError::ShpValue(_)),
            "{value}"
        );
    }
    for pairs in [
        [("Shp_item", "1"), ("Shp_item2", "2")],
        [("Shp_a", "1"), ("Shp_a", "1")],
    ] {
        assert!(matches!(refused(&pairs), LinkError::ShpNamesOverlap(_)));
    }
}

proptest! {
    #[test]
    fn what_a_server_decodes_carries_its_signature(
        kopecks in 1_i64..10_000_000_000,
        invoice in 1_u64..=InvoiceId::MAX,
        description in ".{0,150}",
        route in "[A-Za-z0-9_-]{0,100}",
        test: bool,
    ) {
        let mode = if test { Mode::Test } else { Mode::Live };
        let request = PaymentRequest::new(
            Money::from_kopecks(kopecks),
            InvoiceId::new(invoice).unwrap(),
            description,
        )
        .with_shp("Shp_route", route);
        let shop = test_shop::demo();
        let credentials = shop.credentials(mode).unwrap();
        let payment = request.sign(&credentials).unwrap();
        let seen = form::decode(&form::encode(payment.fields()));
        let base = LinkBase::from_fields(&seen).base_string(credentials.password1());
        let signature = base.sign(credentials.hash());
        prop_assert_eq!(form::value(&seen, "SignatureValue"), Some(signature.as_str()));
        let description = form::value(&seen, "Description").unwrap();
        prop_assert!((1..=100).contains(&description.chars().count()));
    }
}
