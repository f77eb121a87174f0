//! Keys from a stock: each to one buyer, and to those who wait once there are more.

use std::collections::BTreeSet;

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::sandbox::ChatMessage;
use geobot_tests::{eventually, shared};
use serde_json::json;

/// The key that the person got.
async fn key(buyer: &Buyer<'_>) -> String {
    let text = buyer
        .message("the bot delivers a key", 0, |it| {
            it.text
                .as_deref()
                .is_some_and(|text| text.starts_with("Key: "))
        })
        .await
        .text;
    text.unwrap_or_default()
}

#[test]
fn two_buyers_get_two_keys_and_the_third_waits_for_the_next() {
    shared(async |stack| {
        let mark = format!("{:08x}", rand::random::<u32>());
        let title = format!("Keys {mark}");
        let fields = json!({"title": title, "price": "299.00",
            "delivery": {"kind": "key", "text": "Key: {key}"}});
        let made = stack.arm.make("products", &fields).await;
        let product = Product {
            id: serde_json::from_value(made["product_id"].clone()).unwrap(),
            title,
            kopecks: 29_900,
            goods: String::new(),
        };
        let upload = format!("products/{}/keys", product.id);
        let keys = json!({"keys": [format!("{mark}-1"), format!("{mark}-2")]});
        stack.arm.post(&upload, &keys).await;

        let mut waiting = Vec::new();
        for _ in 0..3 {
            let buyer = Buyer::new(stack).await;
            let button = buyer.ready_to_pay(&product).await;
            waiting.push((buyer, button));
        }
        let mut given = BTreeSet::new();
        for (buyer, button) in &waiting[..2] {
            buyer.pay(button).await;
            given.insert(key(buyer).await);
            buyer.staff_see(button, "paid", "delivered").await;
        }
        let expected = [1, 2].map(|n| format!("Key: {mark}-{n}"));
        assert_eq!(given, BTreeSet::from(expected));

        let (third, button) = &waiting[2];
        let buy = format!("buy:{}", product.id);
        eventually("LK → bot: what is sold out leaves the menu", async || {
            let after = third.last_message().await;
            stack.sandbox.write(third.id, "/buy").await;
            let list = third.message("the bot answers /buy", after, |_| true).await;
            match list.click(&buy) {
                None => Ok(()),
                Some(_) => Err("it is still there".to_owned()),
            }
        })
        .await;

        // The third has an invoice from before, and pays.
        third.pay(button).await;
        let held = third.staff_see(button, "paid", "held").await;
        assert_eq!(held.cause.as_deref(), Some("sold out"));
        let told = |it: &ChatMessage| {
            let text = it.text.as_deref().unwrap_or_default();
            text.contains("Счёт оплачен") && text.contains("Сотрудники уже знают")
        };
        third
            .message("the person is told", button.message_id, told)
            .await;
        let keys = json!({"keys": [format!("{mark}-2"), format!("{mark}-3")]});
        stack.arm.post(&upload, &keys).await;
        assert_eq!(key(third).await, format!("Key: {mark}-3"));
        third.staff_see(button, "paid", "delivered").await;
        let text = format!("Key: {mark}-3");
        assert_eq!(stack.sandbox.count_of_text(third.id, &text).await, 1);
    });
}
