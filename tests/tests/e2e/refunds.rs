//! Money goes back: staff ask in ARM, LK calls Robokassa, and everybody sees what came of it.

use geobot_tests::buyer::{Buyer, PayButton, Product};
use geobot_tests::sandbox::says;
use geobot_tests::stack::Stack;
use geobot_tests::{eventually, shared};
use serde_json::{Value, json};

async fn bought(buyer: &Buyer<'_>, product: &Product) -> PayButton {
    let button = buyer.ready_to_pay(product).await;
    buyer.pay(&button).await;
    buyer.gets(product).await;
    buyer.staff_see(&button, "paid", "delivered").await;
    button
}

/// Staff ask for a refund; returns the invoice as ARM shows it once the money is back.
async fn refunded(stack: &Stack, button: &PayButton, rubles: &str, status: &str) -> Value {
    let path = format!("invoices/{}/refund", button.invoice);
    let wish = json!({"amount": rubles, "reason": "a wish of the buyer"});
    stack.arm.post(&path, &wish).await;
    let hop = format!("ARM → LK → Robokassa → ARM: the invoice is {status}");
    eventually(&hop, async || {
        let path = format!("invoices/{}", button.invoice);
        let seen = stack.arm.look(&path).await.unwrap();
        if seen["status"] == status {
            Ok(seen)
        } else {
            Err(seen.to_string())
        }
    })
    .await
}

async fn at_robokassa(stack: &Stack, button: &PayButton) -> Vec<Value> {
    let path = format!("payments/{}", button.invoice);
    let payment = stack.sandbox.look_control(&path).await;
    payment["refunds"].as_array().unwrap().clone()
}

async fn revoked(stack: &Stack, buyer: &Buyer<'_>) -> bool {
    let card = stack.arm.user(buyer.id).await.unwrap();
    card["entitlements"][0]["revoked"].as_bool().unwrap()
}

#[test]
fn a_whole_refund_takes_the_right_back_and_tells_the_person() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = bought(&buyer, &product).await;
        assert!(!revoked(stack, &buyer).await);
        let after = buyer.last_message().await;

        let seen = refunded(stack, &button, "299.00", "refunded").await;
        assert_eq!(seen["received"], 29_900);
        assert_eq!(seen["refunded"], 29_900);
        assert_eq!(seen["reserved"], 0);
        let refunds = seen["refunds"].as_array().unwrap();
        assert_eq!(refunds.len(), 1, "{seen}");
        assert_eq!(refunds[0]["state"], "done");
        assert_eq!(refunds[0]["reason"], "a wish of the buyer");
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [29_900, -29_900]
        );
        let made = at_robokassa(stack, &button).await;
        assert_eq!(made.len(), 1, "{made:?}");
        assert_eq!(made[0]["state"], "finished");
        eventually(
            "LK → ARM: the right is taken back",
            async || match revoked(stack, &buyer).await {
                true => Ok(()),
                false => Err("it still holds".to_owned()),
            },
        )
        .await;
        let number = button.invoice.to_string();
        buyer
            .message("the person is told", after, says(&number))
            .await;

        // There is nothing left to give back.
        let path = format!("invoices/{}/refund", button.invoice);
        let more = json!({"amount": "1.00", "reason": "once more"});
        stack.arm.refuses(&path, &more).await;
    });
}

#[test]
fn a_part_goes_back_and_the_rest_can_not_be_exceeded() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = bought(&buyer, &product).await;
        let path = format!("invoices/{}/refund", button.invoice);
        let too_much = json!({"amount": "299.01", "reason": "too much"});
        stack.arm.refuses(&path, &too_much).await;

        let seen = refunded(stack, &button, "100.00", "partly_refunded").await;
        assert_eq!(seen["received"], 29_900);
        assert_eq!(seen["refunded"], 10_000);
        assert_eq!(seen["reserved"], 0);
        assert_eq!(seen["refunds"][0]["amount"], 10_000);
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [29_900, -10_000]
        );
        let made = at_robokassa(stack, &button).await;
        assert_eq!(made.len(), 1, "{made:?}");
        let too_much = json!({"amount": "199.01", "reason": "too much"});
        stack.arm.refuses(&path, &too_much).await;
        // What was paid for in part is still the person's.
        assert!(!revoked(stack, &buyer).await);
    });
}
