//! What breaks between a payment and its delivery: nothing is lost and nothing comes twice.

use geobot_tests::buyer::{Buyer, Product, paid_without_the_bot};
use geobot_tests::stack::{Service, WEBHOOK_SECRET};
use geobot_tests::{alone, eventually};
use serde_json::json;

#[test]
fn a_late_payment_after_expiry_is_routed() {
    alone(async |stack| {
        stack.stop(Service::Lk).await;
        // In minutes: three seconds.
        stack
            .start_with(Service::Lk, &[("LK_INVOICE_TTL", Some("0.05"))])
            .await;
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.staff_see(&button, "expired", "waiting").await;
        buyer.pay_button_goes(&button).await;

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
fn redis_emptied_between_payment_and_routing_routes_once() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let (person, button) = paid_without_the_bot(stack, &product).await;
        stack.servers.empty_redis().await.unwrap();
        stack.start_again(Service::Bot).await;

        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        // The bot knows nothing any more and still sells: the catalogue comes back from LK.
        let next = Product::on_sale(stack).await;
        let button = buyer.ready_to_pay(&next).await;
        buyer.pay(&button).await;
        buyer.gets(&next).await;
        buyer.gets(&product).await;
    });
}

#[test]
fn a_bot_killed_between_payment_and_routing_loses_nothing() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let person = buyer.id;
        // Telegram does not take the message yet, so the record stays in the bot's hands.
        let fault = json!({"target": "telegram", "method": "sendMessage", "chat_id": person,
            "kind": "too_many_requests", "retry_after": 1});
        stack.sandbox.break_something(fault).await;
        let before = stack.sandbox.calls("sendMessage", person).await.len();
        stack.sandbox.pay(button.invoice, json!({})).await;
        eventually("the bot tries to deliver", async || {
            match stack.sandbox.calls("sendMessage", person).await.len() - before {
                tries @ 2.. => Ok(tries),
                tries => Err(format!("{tries} tries")),
            }
        })
        .await;
        stack.kill(Service::Bot);
        stack.sandbox.clear_faults().await;
        stack.start_again(Service::Bot).await;

        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        buyer.pay_button_goes(&button).await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
    });
}

#[test]
fn an_lk_killed_right_after_its_ok_still_tells_the_bot() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let person = buyer.id;
        let route = stack.sandbox.payment(button.invoice).await.unwrap().shp["Shp_route"].clone();
        let route = route.as_str().unwrap();
        let callback = stack
            .robokassa
            .callback(button.invoice, "299.000000", route);
        let answer = stack.lk.result(&callback).await;
        stack.kill(Service::Lk);
        assert_eq!(answer, (200, format!("OK{}", button.invoice)));
        stack.start_again(Service::Lk).await;

        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
    });
}

#[test]
fn a_payment_whose_record_kafka_lost_is_published_again_and_routed() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let (person, button) = paid_without_the_bot(stack, &product).await;
        stack.kafka.payment_record(button.invoice).await;
        stack.kafka.lose_records("tg_robokassa").await;
        stack.start_again(Service::Bot).await;

        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
    });
}

#[test]
fn documents_wait_for_logstash_and_arrive_in_their_order() {
    alone(async |stack| {
        let mark = format!("mark{:016x}", rand::random::<u64>());
        stack
            .sandbox
            .break_something(json!({"target": "logstash", "kind": "server_error"}))
            .await;
        for number in 0..20 {
            let record = json!({"service": "LK", "action": "counted", "payload": {
                "data": {"mark": mark, "number": number}}});
            let value = record.to_string();
            stack
                .kafka
                .write("info_in", Some(&mark), value.as_bytes(), &[])
                .await;
        }
        let ready = format!("http://{}/health/ready", stack.address(Service::Logger));
        eventually(
            "the logger says that Logstash is down",
            async || match reqwest::get(&ready).await {
                Ok(answer) if answer.status() == 503 => Ok(()),
                other => Err(format!("{other:?}")),
            },
        )
        .await;
        assert!(stack.sandbox.logs("counted", &mark).await.is_empty());
        stack.sandbox.clear_faults().await;

        let numbers = eventually("the documents arrive", async || {
            let found = stack.sandbox.logs("counted", &mark).await;
            match found.len() {
                20.. => Ok(found),
                some => Err(format!("{some} of 20")),
            }
        })
        .await;
        let numbers: Vec<_> = numbers
            .iter()
            .map(|it| it.document["data"]["number"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers, Vec::from_iter(0..20));
    });
}

#[test]
fn a_bot_that_is_reached_by_webhook_sells_too() {
    alone(async |stack| {
        stack.stop(Service::Bot).await;
        let url = format!("http://{}/telegram/webhook", stack.address(Service::Bot));
        let webhook = [
            ("BOT_WEBHOOK_URL", Some(url.as_str())),
            ("BOT_WEBHOOK_SECRET", Some(WEBHOOK_SECRET)),
        ];
        stack.start_with(Service::Bot, &webhook).await;
        let info = stack.sandbox.bot_api("getWebhookInfo").await;
        assert_eq!(info["result"]["url"], json!(url), "{info}");
        let stranger = reqwest::Client::new()
            .post(&url)
            .body(r#"{"update_id":1}"#)
            .send()
            .await;
        assert_eq!(stranger.unwrap().status(), 401);

        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
    });
}
