//! The real process: its settings, and a purchase from topic to topic over a mock Kafka.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use geobot_lk::store::{self, accounts};
use geobot_shared::bus::{Cause, KafkaSettings, Producer};
use geobot_shared::ids::{ChatId, InvoiceId, Mode};
use geobot_shared::robokassa::callback::sign_result;
use geobot_shared::robokassa::form;
use geobot_shared::topics::lk_sync_orm::{RefundRequested, SnapshotRequested};
use geobot_shared::topics::lk_sync_tg::{InvoiceRequested, PaymentRouted};
use geobot_shared::topics::{self, LkSyncOrm, LkSyncTg};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, Message};
use serde_json::Value;
use support::{USER, postgres_url, product, settings};

/// How long anything may take before the test gives up.
const LIMIT: Duration = Duration::from_secs(40);

fn command(folder: &std::path::Path, brokers: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geobot-lk"));
    command
        .env_clear()
        .current_dir(folder)
        .env("DATA_DIR", folder)
        .env("KAFKA_BROKERS", brokers)
        .env("KAFKA_SECURITY", "plaintext")
        .env("KAFKA_GROUP_PROTOCOL", "classic")
        .env("ROBOKASSA_LOGIN", "demo")
        .env("ROBOKASSA_PASSWORD1", "live1")
        .env("ROBOKASSA_PASSWORD2", "live2")
        .env("ROBOKASSA_PASSWORD3", "live3")
        .env("LK_RECONCILE_AFTER", "1")
        .env("LK_LINK_KEY", "0123456789abcdef0123456789abcdef")
        .env("ROUTE_KEY", format!("1:{}", "ab".repeat(32)))
        .env("LK_LISTEN", "127.0.0.1:0")
        .env("LK_REPUBLISH_AFTER", "1")
        .stderr(Stdio::piped());
    command
}

fn refused(change: impl FnOnce(&mut Command)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), "127.0.0.1:1");
    change(&mut command);
    let Output { status, stderr, .. } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn a_wrong_setting_is_one_line_and_exit_code_2() {
    assert!(refused(|c| _ = c.env_remove("LK_LINK_KEY")).contains("LK_LINK_KEY"));
    assert!(refused(|c| _ = c.env("ROUTE_KEY", "1:zz")).contains("ROUTE_KEY"));
    assert!(refused(|c| _ = c.env("LK_LEGACY_GET", "maybe")).contains("legacy-get"));
    assert!(refused(|c| _ = c.env("BOT_TOKEN", "1:AAE-real")).contains("LK_API_TOKEN"));
    assert!(refused(|c| _ = c.env("ROBOKASSA_PASSWORD2", "live1")).contains("Password#2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_the_same_moment_make_the_tables_together() {
    let url = postgres_url().await;
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { store::connect(&url).await })
        })
        .collect();
    for started in starting {
        let db = started.await.unwrap().unwrap();
        assert!(accounts::page(&db, 0, 1).await.unwrap().is_empty());
        db.close().await.unwrap();
    }
    // The lock is free again.
    store::connect(&url).await.unwrap();
}

/// The process, ended with the test.
struct Lk {
    child: Child,
    base: String,
}

impl Lk {
    fn start(folder: &std::path::Path, brokers: &str) -> Lk {
        Lk::start_with(folder, brokers, |_| {})
    }

    fn start_with(
        folder: &std::path::Path,
        brokers: &str,
        change: impl FnOnce(&mut Command),
    ) -> Lk {
        use std::io::{BufRead, BufReader};
        let mut command = command(folder, brokers);
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        let address = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("it ended: {seen:#?}"))
                .unwrap();
            if line.contains("listening_begun") {
                let (_, address) = line.split_once("address=").unwrap();
                break address.split_whitespace().next().unwrap().to_owned();
            }
            seen.push(line);
        };
        // The pipe is read on, so that the process never waits for it.
        std::thread::spawn(move || lines.for_each(drop));
        Lk {
            child,
            base: format!("http://{address}"),
        }
    }

    /// Ends it as an operator would and returns its exit code.
    fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it still runs 10 s after SIGTERM");
    }
}

impl Drop for Lk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(brokers: &str, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut partitions = rdkafka::TopicPartitionList::new();
    partitions
        .add_partition_offset(topic, 0, rdkafka::Offset::Beginning)
        .unwrap();
    consumer.assign(&partitions).unwrap();
    consumer
}

/// The next record of that action: its message-id and its data.
fn next(consumer: &BaseConsumer, action: &str) -> (String, Value) {
    use rdkafka::message::Headers;
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        let Some(record) = consumer.poll(Duration::from_millis(200)) else {
            continue;
        };
        let record = record.unwrap();
        let value: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        if value["action"] == action {
            let headers = record.headers().unwrap();
            let id = headers
                .iter()
                .find(|header| header.key == "message-id")
                .unwrap();
            let id = String::from_utf8(id.value.unwrap().to_vec()).unwrap();
            return (id, value["payload"]["data"].clone());
        }
    }
    panic!("no {action} within {LIMIT:?}");
}

fn mock_kafka() -> MockCluster<'static, rdkafka::producer::DefaultProducerContext> {
    let kafka = MockCluster::new(1).unwrap();
    for topic in topics::ALL {
        for name in std::iter::once(topic.name).chain(topic.aliases.iter().copied()) {
            kafka.create_topic(name, 1, 1).unwrap();
            kafka
                .create_topic(&topics::dead_letter_topic(name), 1, 1)
                .unwrap();
        }
    }
    kafka
}

/// A Robokassa that never calls back, says of every payment that it is paid, and gives money back at once.
async fn silent_robokassa() -> String {
    use axum::Router;
    use axum::routing::{get, post};
    let state = "<OperationStateResponse><Result><Code>0</Code></Result><State><Code>100</Code></State>\
                 <Info><IncSum>299.00</IncSum><OpKey>KEY</OpKey></Info></OperationStateResponse>";
    let routes = Router::new()
        .route(
            "/Merchant/WebService/Service.asmx/OpStateExt",
            post(move || async move { state }),
        )
        .route(
            "/RefundService/Refund/Create",
            post(|| async { r#"{"success":true,"message":null,"requestId":"g"}"# }),
        )
        .route(
            "/RefundService/Refund/GetState",
            get(|| async { r#"{"requestId":"g","amount":299.000000,"label":"finished"}"# }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_is_found_and_its_money_goes_back_on_request() {
    let kafka = mock_kafka();
    let brokers = kafka.bootstrap_servers();
    let gateway = silent_robokassa().await;
    let folder = tempfile::tempdir().unwrap();
    let lk = Lk::start_with(folder.path(), &brokers, |command| {
        command
            .env("ROBOKASSA_PAY_URL", format!("{gateway}/Merchant"))
            .env("ROBOKASSA_SERVICES_URL", &gateway);
    });
    let others = Producer::new(&KafkaSettings::plaintext(brokers.as_str()), "TG").unwrap();
    let robokassa = reader(&brokers, "tg_robokassa");
    let product = product();
    let notify = reader(&brokers, "tg_notify");
    others
        .publish::<LkSyncOrm>(product.clone(), &Cause::new_story())
        .await
        .unwrap();
    next(&notify, "catalog_changed");
    let wish = InvoiceRequested {
        user_id: USER,
        chat_id: ChatId(USER.get()),
        product_id: product.product_id,
        promo_code: None,
    };
    others
        .publish::<LkSyncTg>(wish, &Cause::new_story())
        .await
        .unwrap();
    let (_, ready) = next(&robokassa, "invoice_ready");
    let id = InvoiceId::new(ready["invoice_id"].as_u64().unwrap()).unwrap();
    let url = ready["pay_url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:5500").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(format!("{}{path}", lk.base)).send().await;
    assert_eq!(page.unwrap().status(), 200);

    let (first, found) = next(&robokassa, "payment_confirmed");
    assert_eq!(found["granted"]["invoice_id"], id.get());
    assert_eq!(found["granted"]["source"], "reconciler");
    // Nobody answers, so it comes again, as the same record.
    assert_eq!(next(&robokassa, "payment_confirmed").0, first);

    let refund = RefundRequested {
        invoice_id: id,
        amount: product.price,
        staff: "owner".into(),
        reason: "goodwill".into(),
    };
    others
        .publish::<LkSyncOrm>(refund, &Cause::new_story())
        .await
        .unwrap();
    let (_, done) = next(&robokassa, "refund_done");
    assert_eq!(done["whole"], true);
    assert_eq!(done["amount"], 29_900);
    assert_eq!(next(&robokassa, "access_revoked").1["invoice_id"], id.get());
    assert_eq!(lk.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_goes_from_topic_to_topic() {
    let kafka = mock_kafka();
    let brokers = kafka.bootstrap_servers();
    let folder = tempfile::tempdir().unwrap();
    let lk = Lk::start(folder.path(), &brokers);
    let others = Producer::new(&KafkaSettings::plaintext(brokers.as_str()), "TG").unwrap();
    let robokassa = reader(&brokers, "tg_robokassa");
    let changes = reader(&brokers, "arm_sync_lk");

    let product = product();
    others
        .publish::<LkSyncOrm>(product.clone(), &Cause::new_story())
        .await
        .unwrap();
    let notify = reader(&brokers, "tg_notify");
    let (_, catalog) = next(&notify, "catalog_changed");
    assert_eq!(catalog["products"][0]["price"], 29_900);

    let wish = InvoiceRequested {
        user_id: USER,
        chat_id: ChatId(USER.get()),
        product_id: product.product_id,
        promo_code: None,
    };
    others
        .publish::<LkSyncTg>(wish, &Cause::new_story())
        .await
        .unwrap();
    let (_, ready) = next(&robokassa, "invoice_ready");
    let id = InvoiceId::new(ready["invoice_id"].as_u64().unwrap()).unwrap();
    let url = ready["pay_url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:5500").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client
        .get(format!("{}{path}", lk.base))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);

    let checked = settings(&[]).check().unwrap();
    let credentials = checked.shop.credentials(Mode::Live).unwrap();
    let number = id.to_string();
    let signature = sign_result("299.000000", &number, &[], &credentials);
    let callback = form::encode(&[
        ("OutSum".to_owned(), "299.000000".to_owned()),
        ("InvId".to_owned(), number),
        ("SignatureValue".to_owned(), signature),
    ]);
    let answer = client
        .post(format!("{}/robokassa/result", lk.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(callback)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), format!("OK{id}"));
    let (first, payment) = next(&robokassa, "payment_callback");
    assert_eq!(payment["granted"]["invoice_id"], id.get());
    // Nobody answers, so it comes again, as the same record.
    let (copy, again) = next(&robokassa, "payment_callback");
    assert_eq!((copy, again), (first, payment));

    let routed = PaymentRouted {
        invoice_id: id,
        user_id: USER,
        at: Utc::now(),
    };
    others
        .publish::<LkSyncTg>(routed, &Cause::new_story())
        .await
        .unwrap();
    let delivered = loop {
        let (_, change) = next(&changes, "invoice_changed");
        if change["routing"] == "delivered" {
            break change;
        }
    };
    assert_eq!(delivered["status"], "paid");

    others
        .publish::<LkSyncOrm>(SnapshotRequested {}, &Cause::new_story())
        .await
        .unwrap();
    let (_, users) = next(&changes, "snapshot");
    assert_eq!(users["users"][0]["user_id"], USER.get());
    let (_, invoices) = next(&changes, "snapshot");
    assert_eq!(invoices["invoices"][0], delivered);
    let (_, rights) = next(&changes, "snapshot");
    assert_eq!(rights["entitlements"][0]["invoice_id"], id.get());
    assert_eq!(next(&changes, "snapshot").1["last"], true);

    let ready = client
        .get(format!("{}/health/ready", lk.base))
        .send()
        .await
        .unwrap();
    let status = ready.status();
    assert_eq!(status, 200, "{}", ready.text().await.unwrap());
    let metrics = client
        .get(format!("{}/metrics", lk.base))
        .send()
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("geobot_callbacks_total{verdict=\"credited\"} 1"));
    assert_eq!(lk.terminate(), Some(0));
}
