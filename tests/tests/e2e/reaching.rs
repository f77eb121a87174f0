//! What staff change reaches the bot: a ban, a price, the maintenance mode.

use geobot_tests::alone;
use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::eventually;
use geobot_tests::stack::Stack;
use serde_json::json;

/// Writes to the bot until its answer fits.
async fn answered(stack: &Stack, buyer: &Buyer<'_>, hop: &str, fits: impl Fn(&str) -> bool) {
    eventually(hop, async || {
        let after = buyer.last_message().await;
        stack.sandbox.write(buyer.id, "/buy").await;
        let answer = buyer.message("the bot answers /buy", after, |_| true).await;
        let text = answer.text.unwrap_or_default();
        let buttons = answer.buttons.iter().flatten().map(|it| it.text.as_str());
        let seen: String = std::iter::once(text.as_str()).chain(buttons).collect();
        if fits(&seen) { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[test]
fn a_ban_a_price_and_maintenance_reach_the_bot() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        buyer.find(&product).await;

        stack.arm.change_price(product.id, "1299.00").await;
        let new_price =
            |seen: &str| seen.contains("299") && seen.replace('\u{a0}', "").contains("1299");
        answered(stack, &buyer, "ARM → LK → bot: the new price", new_price).await;

        stack
            .arm
            .put("maintenance", &json!({ "closed": true }))
            .await;
        let closed = |seen: &str| seen.contains("на обслуживание");
        answered(stack, &buyer, "ARM → bot: the shop is closed", closed).await;
        stack
            .arm
            .put("maintenance", &json!({ "closed": false }))
            .await;
        let open = |seen: &str| seen.contains(&product.title);
        answered(stack, &buyer, "ARM → bot: the shop is open", open).await;

        let ban = format!("users/{}/block", buyer.id);
        stack.arm.post(&ban, &json!({ "reason": "fraud" })).await;
        let banned = |seen: &str| seen.contains("закрыт") && !seen.contains("обслуживание");
        answered(stack, &buyer, "ARM → LK → bot: the ban", banned).await;
        let pardon = format!("users/{}/unblock", buyer.id);
        stack.arm.post(&pardon, &json!({})).await;
        answered(stack, &buyer, "ARM → LK → bot: the pardon", open).await;
    });
}
