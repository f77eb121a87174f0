//! What people get for their money besides a text: files of the shop, and what another system gives.

use geobot_tests::buyer::Buyer;
use geobot_tests::stack::{Service, Stack};
use geobot_tests::{alone, eventually, goods, shared};
use serde_json::{Value, json};

/// How often a file of this name came into a chat, and its bytes the first time.
async fn received(stack: &Stack, person: i64, name: &str) -> (usize, Vec<u8>) {
    let all = stack.sandbox.from_bot(person, 0).await;
    let mut copies = all.iter().filter_map(|it| it.document.as_ref());
    let named = |it: &&Value| it["file_name"] == name;
    let Some(first) = copies.find(named) else {
        return (0, Vec::new());
    };
    let bytes = stack.sandbox.file(first["file_id"].as_str().unwrap()).await;
    (1 + copies.filter(named).count(), bytes)
}

#[test]
fn a_file_that_the_shop_keeps_is_bought_and_received_with_its_bytes() {
    shared(async |stack| {
        let mark = format!("guide {}", uuid::Uuid::now_v7());
        let files = goods::files(stack);
        let kept = files.keep(mark.as_bytes(), "guide.txt", Some("text/plain"));
        let kept = kept.await.unwrap();
        let delivery = json!({"kind": "stored_file", "file": kept, "caption": "Your guide"});
        let product = goods::on_sale(stack, delivery, "").await;

        for buyer in [Buyer::new(stack).await, Buyer::new(stack).await] {
            let button = buyer.ready_to_pay(&product).await;
            buyer.pay(&button).await;
            let delivered = buyer
                .message("the bot delivers the file", 0, |it| it.document.is_some())
                .await;
            assert_eq!(delivered.caption.as_deref(), Some("Your guide"));
            let got = received(stack, buyer.id, "guide.txt").await;
            assert_eq!(got, (1, mark.clone().into_bytes()));
            buyer.staff_see(&button, "paid", "delivered").await;
        }
    });
}

#[test]
fn a_file_that_is_missing_is_held_with_its_cause_and_delivered_once_it_is_back() {
    shared(async |stack| {
        let mark = format!("lost guide {}", uuid::Uuid::now_v7());
        let files = goods::files(stack);
        let kept = files.keep(mark.as_bytes(), "lost.txt", None).await.unwrap();
        let path = files.path(&kept.sha256).await.unwrap();
        tokio::fs::remove_file(&path).await.unwrap();
        let delivery = json!({"kind": "stored_file", "file": kept});
        let product = goods::on_sale(stack, delivery, "").await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;

        let held = buyer.staff_see(&button, "paid", "held").await;
        let cause = held.cause.unwrap_or_default();
        assert!(cause.contains(&kept.sha256), "the cause is {cause:?}");

        files.keep(mark.as_bytes(), "lost.txt", None).await.unwrap();
        let again = json!({"service": "ARM", "action": "delivery_retry_requested", "payload": {"data": {
            "invoice_id": button.invoice, "staff": "owner", "reason": "the file is back"}}});
        let (key, value) = (buyer.id.to_string(), again.to_string());
        let topic = "lk_sync_orm";
        stack
            .kafka
            .write(topic, Some(&key), value.as_bytes(), &[])
            .await;
        buyer.staff_see(&button, "paid", "delivered").await;
        let got = received(stack, buyer.id, "lost.txt").await;
        assert_eq!(got, (1, mark.into_bytes()));
    });
}

#[test]
fn a_product_of_another_system_is_ordered_by_one_job_and_the_person_is_told() {
    shared(async |stack| {
        let text = format!("The courier will call, {}", uuid::Uuid::now_v7());
        let url = "http://127.0.0.1:9/order";
        let delivery = json!({"kind": "webhook", "url": url, "text": text});
        let product = goods::on_sale(stack, delivery, &text).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;

        let invoice = button.invoice;
        let asked = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: task_requested", move |it| {
                let record = it.json();
                record["action"] == "task_requested"
                    && record["payload"]["data"]["args"]["invoice_id"] == invoice
            })
            .await
            .json();
        let task = &asked["payload"]["data"];
        assert_eq!(task["kind"], "deliver_webhook");
        assert_eq!(task["args"]["url"], url);
        assert_eq!(task["args"]["user_id"], buyer.id);
        assert_eq!(task["args"]["amount"], product.kopecks);
        assert_eq!(task["args"]["mode"], "live");
    });
}

#[test]
fn a_webhook_reaches_the_other_system_once_and_names_the_invoice() {
    alone(async |stack| {
        let key = [(
            "WEBHOOK_KEY",
            Some("whsec_c2lnbnMtY2FsbHMtb2YtdGhlLXRlc3RzLTAxMjM0NQ=="),
        )];
        for worker in [Service::Worker0, Service::Worker1] {
            stack.stop(worker).await;
            stack.start_with(worker, &key).await;
        }
        let receiver = Receiver::start().await;
        let text = format!("It is on its way, {}", uuid::Uuid::now_v7());
        let delivery = json!({"kind": "webhook", "url": receiver.url, "text": text});
        let product = goods::on_sale(stack, delivery, &text).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        let call = eventually("bot → ARM → worker → the other system", async || {
            let calls = receiver.calls();
            calls.first().cloned().ok_or_else(|| "no call".to_owned())
        })
        .await;
        let (head, body) = call.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        for header in ["webhook-id:", "webhook-timestamp:", "webhook-signature:"] {
            assert!(head.contains(header), "{header} is missing: {head}");
        }
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["invoice_id"], button.invoice);
        assert_eq!(body["user_id"], buyer.id);
        assert_eq!(body["url"], Value::Null);
        assert_eq!(receiver.calls().len(), 1);
    });
}

/// Another system: it answers 200 to everything and keeps what it was told.
struct Receiver {
    url: String,
    calls: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Receiver {
    async fn start() -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/order", listener.local_addr().unwrap());
        let calls = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
        let kept = std::sync::Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let call = read_call(&mut stream).await;
                kept.lock().unwrap().push(call);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
            }
        });
        Receiver { url, calls }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

/// One request of HTTP/1.1 with a content-length.
async fn read_call(stream: &mut tokio::net::TcpStream) -> String {
    use tokio::io::AsyncReadExt;
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(length) => bytes.extend_from_slice(&part[..length]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, length)| length.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}
