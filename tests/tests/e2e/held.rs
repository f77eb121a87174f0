//! What is paid and could not be delivered goes out once its cause clears.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::{goods, shared};
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

        let whole = json!({"can_manage_chat": true, "can_invite_users": true, "can_restrict_members": true});
        let admin = format!("channels/{channel}/admin");
        stack.sandbox.do_control(&admin, whole).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        let links = stack.sandbox.from_bot(buyer.id, button.message_id).await;
        let links = links.iter().filter_map(|it| it.text.as_deref());
        assert_eq!(links.filter(|text| text.contains("t.me/+")).count(), 1);
    });
}
