//! A payment record that comes more than once, or under a key that the bot does not know yet.

use geobot_tests::alone;
use geobot_tests::buyer::{Buyer, Product, paid_without_the_bot, staff_see};
use geobot_tests::stack::Service;
use serde_json::{Value, json};

fn routed(record: &Value, invoice: u64) -> bool {
    record["action"] == "payment_routed" && record["payload"]["data"]["invoice_id"] == invoice
}

#[test]
fn copies_that_two_replicas_handle_at_once_deliver_once_and_all_are_answered() {
    alone(async |stack| {
        const COPIES: usize = 12;
        let product = Product::on_sale(stack).await;
        let (person, button) = paid_without_the_bot(stack, &product).await;
        let original = stack.kafka.payment_record(button.invoice).await;
        for copy in 0..COPIES {
            // Keys of their own lead them to all partitions, which no sender of ours does.
            let key = format!("copy-{copy}");
            let kafka = &stack.kafka;
            kafka
                .write("tg_robokassa", Some(&key), &original.value, &[])
                .await;
        }
        let mut more = stack.more_bots(1, &[]);
        more.start_all().await.unwrap();
        stack.start_again(Service::Bot).await;

        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        let invoice = button.invoice;
        let answered = "every copy is answered";
        let all = stack
            .kafka
            .find_several("lk_sync_tg", answered, COPIES + 1, move |it| {
                routed(&it.json(), invoice)
            });
        all.await;
        buyer.gets(&product).await;
        let all = stack.sandbox.from_bot(person, 0).await;
        let texts = all.iter().filter_map(|it| it.text.as_deref());
        let thanks = texts.filter(|text| text.contains("Оплата получена"));
        assert_eq!(thanks.count(), 1);
        staff_see(stack, button.invoice, "paid", "delivered").await;
    });
}

#[test]
fn a_token_of_a_key_that_the_bot_does_not_have_is_held_and_delivered_once_it_has() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        // The link, with its token, is made under the key that is retired now.
        let button = buyer.ready_to_pay(&product).await;
        let person = buyer.id;
        let settings = stack.settings(Service::Bot);
        let old = settings.iter().find(|(name, _)| name == "ROUTE_KEY");
        let (_, old) = old.unwrap().clone();
        let new = format!("9:{}", "5a".repeat(32));
        let whole = [
            ("ROUTE_KEY", Some(new.as_str())),
            ("ROUTE_KEYS_RETIRED", Some(old.as_str())),
        ];
        for service in [Service::Lk, Service::Bot] {
            stack.stop(service).await;
        }
        stack.start_with(Service::Lk, &whole).await;
        stack.start_with(Service::Bot, &whole[..1]).await;
        stack.sandbox.pay(button.invoice, json!({})).await;
        let held = staff_see(stack, button.invoice, "paid", "held").await;
        let cause = held.cause.unwrap_or_default();
        assert!(cause.contains("route token"), "{cause}");
        Buyer::known(stack, person).has_not(&product).await;

        stack.stop(Service::Bot).await;
        stack.start_with(Service::Bot, &whole).await;
        let again = format!("invoices/{}/deliver-again", button.invoice);
        let why = json!({"reason": "the bot has the retired key now"});
        stack.arm.post(&again, &why).await;
        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
    });
}
