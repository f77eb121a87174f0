//! People buy: the payment walkthrough, and what may come between.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::{eventually, shared};
use serde_json::json;

#[test]
fn a_person_starts_buys_pays_and_is_routed() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.staff_see(&button, "pending", "waiting").await;

        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.pay_button_goes(&button).await;

        let invoice = buyer.staff_see(&button, "paid", "delivered").await;
        assert_eq!(invoice.amount, product.kopecks);
        eventually("bot → ARM: payment_routed", async || {
            let seen = stack.arm.invoice(button.invoice).await.unwrap();
            match seen.said("payment_routed") {
                1 => Ok(()),
                times => Err(format!("ARM heard it {times} times")),
            }
        })
        .await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
        let card = stack.arm.user(buyer.id).await.unwrap();
        assert_eq!(
            card["entitlements"][0]["product_id"],
            json!(product.id),
            "{card}"
        );

        let document = eventually("LK → logger → Logstash: payment_credited", async || {
            let found = stack
                .sandbox
                .logs("payment_credited", &button.invoice.to_string())
                .await;
            found
                .into_iter()
                .next()
                .ok_or_else(|| "no document".to_owned())
        })
        .await
        .document;
        assert_eq!(document["service"], "logger-service");
        assert_eq!(document["executer"], "LK");
        assert_eq!(document["level"], "info");
        assert!(
            document["@timestamp"].as_str().unwrap().ends_with('Z'),
            "{document}"
        );

        let (status, page) = stack.lk.page(&button.url).await;
        assert_eq!(status, 200);
        assert!(
            !page.contains("<form"),
            "a paid invoice must not be offered for payment:\n{page}"
        );
    });
}

#[test]
fn a_payment_that_was_declined_can_be_paid_later() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        stack.sandbox.decline(button.invoice).await;
        buyer.staff_see(&button, "pending", "waiting").await;
        buyer.has_not(&product).await;

        stack.lk.open_payment(&button.url).await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
    });
}

#[test]
fn an_archived_product_leaves_the_menu_and_cannot_be_bought() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let old_list = buyer.find(&product).await;
        stack.arm.archive(product.id).await;

        let button = format!("buy:{}", product.id);
        eventually(
            "ARM → LK → bot: the product is gone from the bot's menu",
            async || {
                let after = buyer.last_message().await;
                stack.sandbox.write(buyer.id, "/buy").await;
                let list = buyer.message("the bot answers /buy", after, |_| true).await;
                match list.click(&button) {
                    None => Ok(()),
                    Some(_) => Err("it is still there".to_owned()),
                }
            },
        )
        .await;

        // The old list is still in the chat.
        let after = buyer.last_message().await;
        stack
            .sandbox
            .click(buyer.id, old_list.message_id, &button)
            .await;
        buyer
            .message("the bot answers the old button", after, |_| true)
            .await;

        // LK does not trust the bot's menu.
        let wish = json!({"service": "TG", "action": "invoice_requested", "payload": {"data": {
            "user_id": buyer.id, "chat_id": buyer.id, "product_id": product.id}}});
        let key = buyer.id.to_string();
        stack
            .kafka
            .write("lk_sync_tg", Some(&key), wish.to_string().as_bytes(), &[])
            .await;
        let person = json!(buyer.id);
        let refused = stack
            .kafka
            .find("tg_robokassa", "LK refuses the invoice", move |it| {
                let record = it.json();
                record["payload"]["data"]["user_id"] == person
            })
            .await
            .json();
        assert_eq!(refused["action"], "invoice_refused");
        assert_eq!(refused["payload"]["data"]["reason"], "product_unavailable");
        let all = stack.sandbox.from_bot(buyer.id, 0).await;
        assert!(
            all.iter().all(|it| it.link().is_none()),
            "a pay button came: {all:?}"
        );
    });
}

#[test]
fn a_payment_of_a_person_who_blocked_the_bot_is_credited_and_held_with_its_cause() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        stack.sandbox.block(buyer.id).await;
        buyer.pay(&button).await;

        let held = buyer.staff_see(&button, "paid", "held").await;
        let cause = held.cause.unwrap_or_default();
        assert!(cause.contains("blocked"), "the cause is {cause:?}");
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
        buyer.has_not(&product).await;
    });
}
