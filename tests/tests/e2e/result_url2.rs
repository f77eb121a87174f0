//! ResultURL2: Robokassa's signed notification, with the certificate of the sandbox.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::stack::Service;
use geobot_tests::{alone, eventually};
use serde_json::json;

const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../infra/sandbox/keys/worthless-outside-the-sandbox.cert.pem"
);

#[test]
fn a_payment_whose_result_is_lost_is_credited_by_its_notification_and_delivered_once() {
    alone(async |stack| {
        stack.stop(Service::Lk).await;
        let with_certificate = [("ROBOKASSA_CERT_FILE", Some(CERTIFICATE))];
        stack.start_with(Service::Lk, &with_certificate).await;
        let url = format!("http://{}/robokassa/result2", stack.address(Service::Lk));
        for forged in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            let answer = reqwest::Client::new().post(&url).body(forged).send().await;
            assert_eq!(answer.unwrap().status(), 400, "{forged}");
        }

        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let lost = json!({"target": "robokassa", "kind": "lose_callback", "method": "ResultURL"});
        stack.sandbox.break_something(lost).await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        let path = format!("payments/{}", button.invoice);
        let payment = stack.sandbox.look_control(&path).await;
        assert_eq!(payment["callbacks"], json!([]), "ResultURL was lost");
        assert!(
            payment["result_url2"].to_string().contains("200"),
            "{payment}"
        );
        assert_eq!(stack.ledger.stored_callbacks(button.invoice).await, 0);
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );

        // The result comes after all, and so does the notification once more.
        stack.sandbox.clear_faults().await;
        for again in ["callback", "result_url2"] {
            let path = format!("payments/{}/{again}", button.invoice);
            stack.sandbox.do_control(&path, json!({})).await;
        }
        eventually("LK stores the late callback", async || {
            match stack.ledger.stored_callbacks(button.invoice).await {
                1 => Ok(()),
                count => Err(format!("{count} callbacks")),
            }
        })
        .await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
        buyer.gets(&product).await;
    });
}
