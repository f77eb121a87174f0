//! What is paid and could not be delivered goes out once its cause clears.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::shared;

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
