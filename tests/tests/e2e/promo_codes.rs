//! Promo codes, from ARM to the chat.

use geobot_tests::buyer::{Buyer, PayButton, Product};
use geobot_tests::sandbox::{ChatMessage, says};
use geobot_tests::shared;
use geobot_tests::stack::Stack;
use serde_json::json;

async fn code(stack: &Stack, percent: u8) -> String {
    let code = format!("E2E-{:08X}", rand::random::<u32>());
    let fields = json!({"code": code, "percent": percent});
    stack.arm.make("promos", &fields).await;
    code
}

/// Chooses the product, presses "promo code", types the code; returns the bot's answer.
async fn with_code(
    stack: &Stack,
    buyer: &Buyer<'_>,
    product: &Product,
    code: &str,
    fits: impl Fn(&ChatMessage) -> bool,
) -> ChatMessage {
    let offer = buyer.choose(product).await;
    let button = format!("promo:{}", product.id);
    stack
        .sandbox
        .click(buyer.id, offer.message_id, &button)
        .await;
    let asked = buyer
        .message("the bot asks for the code", offer.message_id, |_| true)
        .await;
    stack.sandbox.write(buyer.id, &code.to_lowercase()).await;
    buyer
        .message("the code is answered", asked.message_id, fits)
        .await
}

#[test]
fn a_percent_is_taken_off_the_price_that_is_paid() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let code = code(stack, 15).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let offer = with_code(stack, &buyer, &product, &code, |it| it.link().is_some()).await;
        let text = offer.text.clone().unwrap_or_default();
        assert!(text.contains("254,15") && text.contains(&code), "{text}");
        let invoice = offer.click("check:").unwrap()["check:".len()..].parse();
        let button = PayButton {
            invoice: invoice.unwrap(),
            url: offer.link().unwrap().to_owned(),
            message_id: offer.message_id,
        };
        let (status, page) = stack.lk.page(&button.url).await;
        assert_eq!(status, 200);
        assert!(page.contains("<s>") && page.contains(&code), "{page}");
        stack.lk.open_payment(&button.url).await;
        let payment = stack.sandbox.payment(button.invoice).await.unwrap();
        assert!(payment.out_sum.starts_with("254.15"), "{payment:?}");
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        let seen = buyer.staff_see(&button, "paid", "delivered").await;
        assert_eq!(seen.amount, 25_415);
        assert_eq!(stack.ledger.entries(button.invoice).await, [25_415]);
        let promo = stack.arm.look(&format!("promos/{code}")).await.unwrap();
        assert_eq!(promo["used"], 1, "{promo}");
    });
}

#[test]
fn a_code_of_the_whole_price_needs_no_payment_and_gives_a_person_one() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let code = code(stack, 100).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let goods = Some(product.goods.as_str());
        with_code(stack, &buyer, &product, &code, |it| {
            it.text.as_deref() == goods
        })
        .await;
        buyer.gets(&product).await;

        // The code has no limits, and still nobody takes the same thing home twice.
        with_code(stack, &buyer, &product, &code, says("не подошёл")).await;
        buyer.gets(&product).await;
    });
}
