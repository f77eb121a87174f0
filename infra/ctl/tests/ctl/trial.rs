//! `try` against a stand-in for all of the services: it must see a purchase through, and name what is missing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use serde_json::{Value, json};

use crate::command::{Ended, ctl};

const PERSON: i64 = 123_456_789;
const INVOICE: u64 = 9_007_199_254_740_000;
const PRODUCT: &str = "01980000-0000-7000-8000-64656d6f0001";
const GOODS: &str = "Ваш гид по городу";

/// What the stand-in leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    NoProductInTheBot,
    CallbackLost,
    NotRouted,
    NotLogged,
}

struct World {
    fault: Fault,
    url: String,
    kafka: BaseProducer,
    messages: Mutex<Vec<Value>>,
    opened: Mutex<bool>,
    paid: Mutex<bool>,
}

impl World {
    /// Writes a record about the person.
    fn record(&self, topic: &str, service: &str, action: &str) {
        let value = json!({"service": service, "action": action,
            "payload": {"data": {"user_id": PERSON, "invoice_id": INVOICE}}});
        let value = value.to_string();
        self.kafka
            .send(BaseRecord::<str, str>::to(topic).payload(&value))
            .unwrap();
        self.kafka.flush(Duration::from_secs(5)).unwrap();
    }

    fn say(&self, text: &str, buttons: Value) {
        let mut messages = self.messages.lock().unwrap();
        let id = messages.len() + 1;
        messages.push(json!({"message_id": id, "from": "bot", "date": 0, "text": text, "buttons": buttons, "deleted": false}));
    }
}

type It = State<Arc<World>>;

async fn person() -> Json<Value> {
    Json(json!({"id": PERSON, "first_name": "Проба"}))
}

async fn written(State(it): It, Path(_): Path<i64>, Json(body): Json<Value>) -> Json<Value> {
    it.record("tg_updates", "TG", "update");
    if body["text"] == "/start" {
        it.record("lk_sync_tg", "TG", "user_started");
        it.record("arm_sync_tg", "TG", "user_started");
        it.say(
            "Здравствуйте!",
            json!([[{"text": "Купить", "callback_data": "products"}]]),
        );
    }
    Json(json!({"update_id": 1, "message_id": 1}))
}

async fn pressed(State(it): It, Path(_): Path<i64>, Json(body): Json<Value>) -> Json<Value> {
    it.record("tg_updates", "TG", "update");
    if body["button"] == "products" {
        if it.fault != Fault::NoProductInTheBot {
            let label = json!({"text": "Гид — 299 ₽", "callback_data": format!("buy:{PRODUCT}")});
            it.say("Выберите товар:", json!([[label]]));
        }
        return Json(json!({"update_id": 2, "callback_query_id": "1"}));
    }
    assert_eq!(body["button"], format!("buy:{PRODUCT}"));
    it.record("lk_sync_tg", "TG", "invoice_requested");
    it.record("arm_sync_lk", "LK", "invoice_changed");
    it.record("tg_robokassa", "LK", "invoice_ready");
    it.say(
        "Счёт",
        json!([[{"text": "Оплатить", "url": format!("{}/pay/signed", it.url)}]]),
    );
    Json(json!({"update_id": 2, "callback_query_id": "1"}))
}

async fn chat(State(it): It, Path(_): Path<i64>) -> Json<Value> {
    Json(json!({"messages": *it.messages.lock().unwrap()}))
}

async fn pay_page() -> Html<String> {
    Html(format!(
        "<html><body><!-- <form action=/no method=post> --><form action='/Merchant/Index.aspx?x=1&amp;y=2' method=POST>\
         <input type=hidden name=MerchantLogin value='geobot&#45;demo'><input type=hidden name=InvId value={INVOICE}>\
         <button>Оплатить</button></form></body></html>"
    ))
}

async fn merchant(State(it): It, Form(fields): Form<Vec<(String, String)>>) -> &'static str {
    assert_eq!(
        fields[0],
        ("MerchantLogin".to_owned(), "geobot-demo".to_owned())
    );
    *it.opened.lock().unwrap() = true;
    "<html>pay here</html>"
}

async fn pay(State(it): It, Path(invoice): Path<u64>) -> Result<Json<Value>, StatusCode> {
    if invoice != INVOICE || !*it.opened.lock().unwrap() {
        return Err(StatusCode::NOT_FOUND);
    }
    if it.fault == Fault::CallbackLost {
        return Ok(Json(json!({})));
    }
    *it.paid.lock().unwrap() = true;
    it.record("tg_robokassa", "LK", "payment_callback");
    it.record("info_in", "LK", "payment_credited");
    it.say("Оплата получена", json!([]));
    it.say(GOODS, json!([]));
    for message in it.messages.lock().unwrap().iter_mut() {
        if message["text"] == "Счёт" {
            message["buttons"] = json!([]);
        }
    }
    if it.fault != Fault::NotRouted {
        it.record("lk_sync_tg", "TG", "payment_routed");
        it.record("arm_sync_tg", "TG", "payment_routed");
    }
    Ok(Json(json!({})))
}

async fn payment(State(it): It, Path(_): Path<u64>) -> Json<Value> {
    let accepted = *it.paid.lock().unwrap();
    Json(
        json!({"inv_id": INVOICE, "callbacks": [{"at": "", "status": 200, "body": "OK", "accepted": accepted}]}),
    )
}

async fn logs(State(it): It) -> Json<Value> {
    let documents = if it.fault == Fault::NotLogged {
        json!([])
    } else {
        json!([{"seq": 1}])
    };
    Json(json!({ "documents": documents }))
}

async fn products() -> Json<Value> {
    Json(
        json!({"products": [{"product_id": PRODUCT, "title": "Гид", "price": 29900, "price_rubles": "299.00", "active": true,
        "delivery": {"kind": "text", "text": GOODS}}]}),
    )
}

async fn invoice(Path(_): Path<u64>) -> Json<Value> {
    Json(json!({"invoice_id": INVOICE, "status": "paid", "routing": "delivered"}))
}

fn kafka() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    for topic in geobot_shared::topics::ALL {
        for name in std::iter::once(topic.name).chain(topic.aliases.iter().copied()) {
            cluster.create_topic(name, 1, 1).unwrap();
            cluster.create_topic(&format!("{name}.dlq"), 1, 1).unwrap();
        }
    }
    cluster
}

async fn attempt(fault: Fault) -> Ended {
    let cluster = kafka();
    let brokers = cluster.bootstrap_servers();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::new(World {
        fault,
        url: url.clone(),
        kafka: ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .create()
            .unwrap(),
        messages: Mutex::default(),
        opened: Mutex::default(),
        paid: Mutex::default(),
    });
    let routes = Router::new()
        .route("/control/people", post(person))
        .route("/control/people/{id}/messages", post(written))
        .route("/control/people/{id}/clicks", post(pressed))
        .route("/control/people/{id}/chat", get(chat))
        .route("/control/payments/{id}/pay", post(pay))
        .route("/control/payments/{id}", get(payment))
        .route("/control/logs", get(logs))
        .route("/pay/signed", get(pay_page))
        .route("/Merchant/Index.aspx", post(merchant))
        .route("/api/products", get(products))
        .route("/api/invoices/{id}", get(invoice))
        .with_state(world);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let timeout = if fault == Fault::None { "30" } else { "3" };
    tokio::task::spawn_blocking(move || {
        ctl(
            &["try", "--timeout", timeout],
            &[
                ("KAFKA_BROKERS", &brokers),
                ("KAFKA_SECURITY", "plaintext"),
                ("ARM_URL", &url),
                ("SANDBOX_URL", &url),
                ("ARM_API_TOKEN", "right"),
            ],
        )
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_seen_through_and_each_hop_is_printed() {
    let ended = attempt(Fault::None).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    for hop in [
        "tg_updates        TG         update",
        "lk_sync_tg        TG         invoice_requested",
        "arm_sync_lk       LK         invoice_changed",
        "tg_robokassa      LK         payment_callback",
        "arm_sync_tg       TG         payment_routed",
        "chat              TG         the goods",
    ] {
        assert!(ended.out.contains(hop), "{hop} is not in\n{}", ended.out);
    }
    let lines: Vec<&str> = ended.out.lines().collect();
    let (last, hops) = lines.split_last().unwrap();
    assert!(
        last.starts_with(&format!("{} hops, bought in ", hops.len())),
        "{}",
        ended.out
    );
    assert!(last.ends_with(" ms"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_with_the_service_to_look_at() {
    let (no_product, no_callback, no_routing, no_log) = tokio::join!(
        attempt(Fault::NoProductInTheBot),
        attempt(Fault::CallbackLost),
        attempt(Fault::NotRouted),
        attempt(Fault::NotLogged),
    );
    for (ended, expected) in [
        (no_product, "a product's button"),
        (
            no_callback,
            "payment_callback is missing on tg_robokassa, which lk writes",
        ),
        (
            no_routing,
            "payment_routed is missing on lk_sync_tg, which bot writes",
        ),
        (no_log, "sh init.sh logs logger"),
    ] {
        assert_eq!(ended.code, Some(1), "{expected}: {}", ended.out);
        assert!(ended.err.contains(expected), "{expected}: {}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(!ended.out.contains("bought in"), "{}", ended.out);
    }
}
