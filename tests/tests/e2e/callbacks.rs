//! ResultURL: what Robokassa, or somebody who would like to be it, may send.

use futures_util::future::join_all;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_tests::buyer::{Buyer, PayButton, Product};
use geobot_tests::robokassa::Callback;
use geobot_tests::stack::Stack;
use geobot_tests::{eventually, shared, stays};
use serde_json::json;

/// The callback that Robokassa would send for an opened payment.
async fn genuine(stack: &Stack, button: &PayButton) -> Callback {
    let payment = stack.sandbox.payment(button.invoice).await.unwrap();
    let route = payment.shp["Shp_route"].as_str().unwrap();
    stack
        .robokassa
        .callback(button.invoice, "299.000000", route)
}

fn ok(invoice: u64) -> (u16, String) {
    (200, format!("OK{invoice}"))
}

async fn alert(stack: &Stack, action: &str, invoice: u64) {
    let hop = format!("LK → logger → Logstash: {action}");
    let found = eventually(&hop, async || {
        let found = stack.sandbox.logs(action, &invoice.to_string()).await;
        found
            .into_iter()
            .next()
            .ok_or_else(|| "no document".to_owned())
    })
    .await;
    assert_eq!(found.document["level"], "error", "{}", found.document);
}

#[test]
fn a_forged_signature_is_refused_and_credits_nothing() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let mut forged = genuine(stack, &button).await;
        forged[2].1 = "0".repeat(64);
        let (status, body) = stack.lk.result(&forged).await;
        assert_eq!(status, 400);
        assert!(!body.contains("OK"), "{body}");

        // A genuine signature over another amount is as good as forged.
        let mut cheaper = genuine(stack, &button).await;
        cheaper[0].1 = "1.000000".to_owned();
        assert_eq!(stack.lk.result(&cheaper).await.0, 400);

        stays("nothing was credited", async || {
            match stack.ledger.entries(button.invoice).await.as_slice() {
                [] => Ok(()),
                entries => Err(format!("{entries:?}")),
            }
        })
        .await;
        buyer.staff_see(&button, "pending", "waiting").await;

        buyer.pay(&button).await;
        buyer.gets(&product).await;
    });
}

#[test]
fn a_test_payment_never_pays_a_live_invoice() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let route = genuine(stack, &button).await[3].1.clone();
        let mut test = stack
            .robokassa
            .callback_of(Mode::Test, button.invoice, "299.00", &route);
        test.push(("IsTest".to_owned(), "1".to_owned()));
        assert_eq!(stack.lk.result(&test).await.0, 400);
        assert!(stack.ledger.entries(button.invoice).await.is_empty());
        buyer.staff_see(&button, "pending", "waiting").await;
    });
}

#[test]
fn a_wrong_amount_is_answered_ok_shown_to_staff_and_not_delivered() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        stack
            .sandbox
            .pay(button.invoice, json!({"out_sum": "1.000000"}))
            .await;

        let seen = buyer.staff_see(&button, "mismatch", "waiting").await;
        let cause = seen.cause.unwrap_or_default();
        assert!(
            cause.contains("1.000000") && cause.contains("299.00"),
            "the cause is {cause:?}"
        );
        eventually("Robokassa gets its OK", async || {
            let payment = stack.sandbox.payment(button.invoice).await.unwrap();
            match payment.callbacks.as_slice() {
                [only] if only.accepted => Ok(()),
                calls => Err(format!("{calls:?}")),
            }
        })
        .await;
        alert(stack, "payment_mismatched", button.invoice).await;
        buyer
            .message("the person is told", button.message_id, |_| true)
            .await;
        assert!(stack.ledger.entries(button.invoice).await.is_empty());
        buyer.has_not(&product).await;
    });
}

/// LK credits whatever Robokassa signed; the bot refuses a token that does not belong to the payment.
async fn held_for_its_token(
    stack: &Stack,
    buyer: &Buyer<'_>,
    product: &Product,
    button: &PayButton,
    route: &str,
) {
    let callback = stack
        .robokassa
        .callback(button.invoice, "299.000000", route);
    assert_eq!(stack.lk.result(&callback).await, ok(button.invoice));
    let held = buyer.staff_see(button, "paid", "held").await;
    assert!(
        held.cause.unwrap_or_default().contains("token"),
        "the cause names the token"
    );
    eventually("bot → ARM: payment_refused", async || {
        let seen = stack.arm.invoice(button.invoice).await.unwrap();
        match seen.said("payment_refused") {
            0 => Err("ARM has not heard of it".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    assert_eq!(
        stack.ledger.entries(button.invoice).await,
        [product.kopecks]
    );
    buyer.has_not(product).await;
}

#[test]
fn a_tampered_route_token_is_credited_by_lk_and_refused_by_the_bot() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let payment = stack.sandbox.payment(button.invoice).await.unwrap();
        let mut route = payment.shp["Shp_route"].as_str().unwrap().to_owned();
        // Within the person's number.
        let other = if &route[22..23] == "A" { "B" } else { "A" };
        route.replace_range(22..23, other);
        held_for_its_token(stack, &buyer, &product, &button, &route).await;
    });
}

#[test]
fn a_route_token_of_another_payment_routes_nobody() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let stranger = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let strangers = stranger.ready_to_pay(&product).await;
        let payment = stack.sandbox.payment(strangers.invoice).await.unwrap();
        let route = payment.shp["Shp_route"].as_str().unwrap();
        held_for_its_token(stack, &buyer, &product, &button, route).await;
        stranger.has_not(&product).await;
        assert!(stack.ledger.entries(strangers.invoice).await.is_empty());
    });
}

#[test]
fn a_token_for_another_person_under_the_right_key_is_refused_by_lks_grant() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let thief = Buyer::new(stack).await;
        thief.start().await;
        let button = buyer.ready_to_pay(&product).await;
        let amount = Money::from_kopecks(product.kopecks);
        let route = stack
            .robokassa
            .route_token(button.invoice, thief.id, product.id, amount);
        held_for_its_token(stack, &buyer, &product, &button, &route).await;
        thief.has_not(&product).await;
    });
}

#[test]
fn a_payment_record_without_lks_grant_moves_nobody() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let params = genuine(stack, &button).await;
        let amount = Money::from_kopecks(product.kopecks);
        let stolen = "What was never paid for";
        let record = stack.robokassa.ungranted_payment(
            params,
            button.invoice,
            buyer.id,
            product.id,
            amount,
            stolen,
        );
        let key = buyer.id.to_string();
        stack
            .kafka
            .write(
                "tg_robokassa",
                Some(&key),
                record.to_string().as_bytes(),
                &[],
            )
            .await;
        eventually("bot → ARM: payment_refused", async || {
            let Some(seen) = stack.arm.invoice(button.invoice).await else {
                return Err("ARM does not have the invoice".to_owned());
            };
            match seen.said("payment_refused") {
                0 => Err("ARM has not heard of it".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
        assert_eq!(stack.sandbox.count_of_text(buyer.id, stolen).await, 0);
        assert!(stack.ledger.entries(button.invoice).await.is_empty());

        // The genuine payment is none the worse for it.
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
    });
}

#[test]
fn a_copy_of_a_payment_record_is_answered_and_delivers_nothing() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.pay_button_goes(&button).await;
        let of_this = move |record: &serde_json::Value| {
            let data = &record["payload"]["data"];
            data["invoice_id"] == button.invoice || data["granted"]["invoice_id"] == button.invoice
        };
        let original = stack
            .kafka
            .find("tg_robokassa", "LK → bot: payment_callback", move |it| {
                let record = it.json();
                record["action"] == "payment_callback" && of_this(&record)
            })
            .await;

        // Weeks later: what was sent is forgotten, the routing is not.
        assert!(stack.servers.forget_sendings(button.invoice).await.unwrap() > 0);
        stack
            .kafka
            .write(
                "tg_robokassa",
                original.key.as_deref(),
                &original.value,
                &[],
            )
            .await;
        stack
            .kafka
            .find_several(
                "lk_sync_tg",
                "bot → LK: payment_routed, again",
                2,
                move |it| {
                    let record = it.json();
                    record["action"] == "payment_routed" && of_this(&record)
                },
            )
            .await;
        assert_eq!(
            stack.sandbox.count_of_text(buyer.id, &product.goods).await,
            1
        );
    });
}

#[test]
fn a_payment_for_an_unknown_invoice_is_stored_answered_ok_and_alerts() {
    shared(async |stack| {
        let random = rand_invoice();
        let callback = stack.robokassa.callback(random, "10.000000", "whatever");
        assert_eq!(stack.lk.result(&callback).await, ok(random));
        assert_eq!(stack.ledger.stored_callbacks(random).await, 1);
        assert!(stack.ledger.entries(random).await.is_empty());
        alert(stack, "payment_unknown", random).await;
    });
}

fn rand_invoice() -> u64 {
    let number = 1 + rand::random::<u64>() % (1 << 52);
    InvoiceId::new(number).unwrap().get()
}

/// Credited once, delivered once, told once.
async fn happened_once(stack: &Stack, buyer: &Buyer<'_>, product: &Product, button: &PayButton) {
    buyer.gets(product).await;
    buyer.staff_see(button, "paid", "delivered").await;
    assert_eq!(
        stack.ledger.entries(button.invoice).await,
        [product.kopecks]
    );
    eventually(
        "LK → logger → Logstash: payment_credited",
        async || match stack
            .sandbox
            .logs("payment_credited", &button.invoice.to_string())
            .await
            .len()
        {
            1 => Ok(()),
            number => Err(format!("{number} documents")),
        },
    )
    .await;
    stays("the goods came once", async || {
        match stack.sandbox.count_of_text(buyer.id, &product.goods).await {
            1 => Ok(()),
            copies => Err(format!("{copies} copies")),
        }
    })
    .await;
    let seen = stack.arm.invoice(button.invoice).await.unwrap();
    assert_eq!(seen.said("payment_routed"), 1);
}

#[test]
fn a_repeated_callback_credits_once() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let callback = genuine(stack, &button).await;
        for _ in 0..5 {
            assert_eq!(stack.lk.result(&callback).await, ok(button.invoice));
        }
        // Robokassa: the same sum may be written otherwise.
        let route = &callback[3].1;
        let otherwise = stack.robokassa.callback(button.invoice, "299.00", route);
        assert_eq!(stack.lk.result(&otherwise).await, ok(button.invoice));
        happened_once(stack, &buyer, &product, &button).await;
    });
}

#[test]
fn fifty_callbacks_at_once_credit_once() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let callback = genuine(stack, &button).await;
        let answers = join_all((0..50).map(|_| stack.lk.result(&callback))).await;
        for answer in answers {
            assert_eq!(answer, ok(button.invoice));
        }
        happened_once(stack, &buyer, &product, &button).await;
    });
}

#[test]
fn paying_twice_at_once_credits_once() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        stack
            .sandbox
            .pay(button.invoice, json!({"copies": 2}))
            .await;
        eventually("Robokassa gets its OK twice", async || {
            let payment = stack.sandbox.payment(button.invoice).await.unwrap();
            match payment
                .callbacks
                .iter()
                .filter(|call| call.accepted)
                .count()
            {
                2 => Ok(()),
                _ => Err(format!("{:?}", payment.callbacks)),
            }
        })
        .await;
        happened_once(stack, &buyer, &product, &button).await;
    });
}
