//! What is paid and could not be delivered goes out once its cause clears.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::sandbox::ChatMessage;
use geobot_tests::{alone, eventually, goods, shared};
use serde_json::json;

#[test]
fn a_person_who_blocked_the_bot_gets_the_goods_once_they_are_back() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        stack.sandbox.block(buyer.id).await;
        buyer.pay(&button).await;
        let held = buyer.staff_see(&button, "paid", "held").await;
        assert!(held.cause.unwrap_or_default().contains("blocked"));
        buyer.has_not(&product).await;

        stack.sandbox.unblock(buyer.id).await;
        buyer.start().await;
        buyer.gets(&product).await;
        let delivered = buyer.staff_see(&button, "paid", "delivered").await;
        assert_eq!(delivered.cause, None);
        // Coming back once more brings nothing more.
        buyer.start().await;
        buyer.gets(&product).await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
    });
}

#[test]
fn whoever_comes_back_to_a_closed_shop_gets_what_was_paid_for() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        stack.sandbox.block(buyer.id).await;
        buyer.pay(&button).await;
        buyer.staff_see(&button, "paid", "held").await;
        stack.arm.put("maintenance", &json!({"closed": true})).await;
        stack.sandbox.unblock(buyer.id).await;
        let closed = |it: &ChatMessage| {
            let text = it.text.as_deref().unwrap_or_default();
            text.contains("на обслуживание")
        };
        eventually("ARM → bot: the shop is closed", async || {
            let after = buyer.last_message().await;
            stack.sandbox.write(buyer.id, "/help").await;
            let answer = buyer.message("the bot answers", after, |_| true).await;
            match closed(&answer) {
                true => Ok(()),
                false => Err(format!("{answer:?}")),
            }
        })
        .await;
        stack.sandbox.write(buyer.id, "/start").await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        let open = json!({"closed": false});
        stack.arm.put("maintenance", &open).await;
        eventually("ARM → bot: the shop is open", async || {
            let after = buyer.last_message().await;
            stack.sandbox.write(buyer.id, "/help").await;
            let answer = buyer.message("the bot answers", after, |_| true).await;
            match closed(&answer) {
                true => Err("still closed".to_owned()),
                false => Ok(()),
            }
        })
        .await;
    });
}

#[test]
fn access_to_a_channel_whose_right_was_lost_is_delivered_once_it_is_given_back() {
    shared(async |stack| {
        let lame = json!({ "can_manage_chat": true, "can_invite_users": false });
        let channel = stack.sandbox.channel(lame).await;
        let delivery = json!({ "kind": "invite_link", "chat_id": channel });
        let product = goods::on_sale(stack, delivery, "").await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        let held = buyer.staff_see(&button, "paid", "held").await;
        let cause = held.cause.unwrap_or_default();
        assert!(cause.contains("rights"), "{cause}");
        // Who has paid is not left in the dark, and does not pay again.
        let told = |it: &ChatMessage| {
            let text = it.text.as_deref().unwrap_or_default();
            text.contains("пока не получается") && text.contains(&product.title)
        };
        let hop = "the person is told that the goods come later";
        let told = buyer.message(hop, button.message_id, told).await;
        let check = format!("check:{}", button.invoice);
        let offer = json!({"message_id": button.message_id, "button": check});
        let path = format!("people/{}/clicks", buyer.id);
        stack.sandbox.do_control(&path, offer).await;
        buyer
            .message("and again when they ask", told.message_id, |it| {
                let text = it.text.as_deref().unwrap_or_default();
                text.contains("оплачен") && text.contains("Сотрудники уже знают")
            })
            .await;

        let whole = json!({"can_manage_chat": true, "can_invite_users": true, "can_restrict_members": true});
        let admin = format!("channels/{channel}/admin");
        stack.sandbox.do_control(&admin, whole).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        let links = stack.sandbox.from_bot(buyer.id, button.message_id).await;
        let links = links.iter().filter_map(|it| it.text.as_deref());
        assert_eq!(links.filter(|text| text.contains("t.me/+")).count(), 1);
    });
}
