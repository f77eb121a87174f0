//! Fiscal receipts (54-FZ) in the payment form; the sandbox refuses what Robokassa would refuse.

use geobot_tests::alone;
use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::stack::Service;
use serde_json::{Value, json};

/// Kopecks of an amount in a receipt: `299`, `299.0` or `"299.00"`.
fn kopecks(amount: &Value) -> i64 {
    let rubles = match amount {
        Value::String(text) => text.parse::<f64>().unwrap(),
        number => number.as_f64().unwrap(),
    };
    (rubles * 100.0).round() as i64
}

#[test]
fn the_form_carries_a_receipt_whose_lines_are_what_is_paid() {
    alone(async |stack| {
        stack.stop(Service::Lk).await;
        let with_receipts = [
            ("ROBOKASSA_RECEIPTS", Some("robokassa")),
            ("ROBOKASSA_SNO", Some("usn_income")),
        ];
        stack.start_with(Service::Lk, &with_receipts).await;
        let mark = format!("{:08x}", rand::random::<u32>());
        // Signs of every kind that have to survive signing, form and JSON.
        let title = format!("Книга «{mark}» & \"100%\" + =");
        let goods = format!("The goods {mark}");
        let made = stack
            .arm
            .make(
                "products",
                &json!({"title": title, "price": "199.99", "tax": "vat20", "payment_object": "service",
                    "payment_method": "full_prepayment", "delivery": {"kind": "text", "text": goods}}),
            )
            .await;
        let product = Product {
            id: serde_json::from_value(made["product_id"].clone()).unwrap(),
            title: title.clone(),
            kopecks: 19_999,
            goods,
        };
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let path = format!("payments/{}", button.invoice);
        let payment = stack.sandbox.look_control(&path).await;
        let receipt = match &payment["receipt"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        assert_eq!(receipt["sno"], "usn_income", "{receipt}");
        let items = receipt["items"].as_array().unwrap();
        let sum: i64 = items.iter().map(|item| kopecks(&item["sum"])).sum();
        assert_eq!(sum, product.kopecks, "{receipt}");
        assert_eq!(kopecks(&payment["out_sum"]), product.kopecks, "{payment}");
        assert_eq!(items[0]["name"], json!(title));
        assert_eq!(items[0]["tax"], "vat20");
        assert_eq!(items[0]["payment_object"], "service");
        assert_eq!(items[0]["payment_method"], "full_prepayment");

        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
    });
}
