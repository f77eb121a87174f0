//! A started sandbox, a shop that answers ResultURL, and waiting for a condition.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use clap::Parser;
use geobot_sandbox::{Running, Settings};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

pub(crate) const TOKEN: &str = "7000000001:SANDBOX-test";
pub(crate) const LOGIN: &str = "test-shop";
pub(crate) const PASSWORD1: &str = "live-one";
pub(crate) const PASSWORD2: &str = "live-two";
pub(crate) const PASSWORD3: &str = "live-three";
pub(crate) const TEST_PASSWORD1: &str = "test-one";
pub(crate) const TEST_PASSWORD2: &str = "test-two";

/// A sandbox in this process.
pub(crate) struct Sandbox {
    pub(crate) base: String,
    pub(crate) http: Client,
    running: Option<Running>,
}

impl Sandbox {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With more settings: pairs of a long option and its value.
    pub(crate) async fn with(options: &[(&str, &str)]) -> Self {
        let running = geobot_sandbox::start(settings(options)).await.unwrap();
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            base: format!("http://{}", running.address()),
            http,
            running: Some(running),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.running.take().unwrap().stop().await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A Bot API call with a JSON body.
    pub(crate) async fn call(&self, method: &str, params: Value) -> (u16, Value) {
        let answer = self
            .http
            .post(self.url(&format!("/bot{TOKEN}/{method}")))
            .json(&params)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A Bot API call that must succeed.
    pub(crate) async fn ok(&self, method: &str, params: Value) -> Value {
        let (status, mut answer) = self.call(method, params).await;
        assert_eq!(
            (status, &answer["ok"]),
            (200, &json!(true)),
            "{method}: {answer}"
        );
        answer["result"].take()
    }

    /// A Bot API call that must be refused: the code and the description.
    pub(crate) async fn refused(&self, method: &str, params: Value) -> (u64, String) {
        let (status, answer) = self.call(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        assert_eq!(answer["error_code"], status);
        (
            answer["error_code"].as_u64().unwrap(),
            answer["description"].as_str().unwrap().to_owned(),
        )
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.try_post(path, body).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn try_post(&self, path: &str, body: Value) -> Response {
        self.http
            .post(self.url(path))
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.http
            .get(self.url(path))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// A person who has sent /start; the update is acknowledged.
    pub(crate) async fn person(&self) -> i64 {
        let person = self
            .post(
                "/control/people",
                json!({"first_name": "Anna", "language_code": "ru"}),
            )
            .await;
        let id = person["id"].as_i64().unwrap();
        let written = self
            .post(
                &format!("/control/people/{id}/messages"),
                json!({"text": "/start"}),
            )
            .await;
        self.ok(
            "getUpdates",
            json!({"offset": written["update_id"].as_u64().unwrap() + 1}),
        )
        .await;
        id
    }

    pub(crate) async fn chat(&self, id: i64) -> Vec<Value> {
        self.get(&format!("/control/people/{id}/chat")).await["messages"]
            .as_array()
            .unwrap()
            .clone()
    }

    pub(crate) async fn payment(&self, inv_id: i64) -> Value {
        self.get(&format!("/control/payments/{inv_id}")).await
    }
}

/// Settings of a test, those of `options` changed.
pub(crate) fn settings(options: &[(&str, &str)]) -> Settings {
    let usual = [
        ("--listen", "127.0.0.1:0"),
        ("--bot-token", TOKEN),
        ("--state", ""),
        ("--limits", "false"),
        ("--robokassa-login", LOGIN),
        ("--robokassa-password1", PASSWORD1),
        ("--robokassa-password2", PASSWORD2),
        ("--robokassa-password3", PASSWORD3),
        ("--robokassa-test-password1", TEST_PASSWORD1),
        ("--robokassa-test-password2", TEST_PASSWORD2),
        ("--robokassa-hash", "sha256"),
        ("--robokassa-test-hash", "md5"),
        ("--result-url", "http://127.0.0.1:1/robokassa/result"),
        ("--result2-url", ""),
        ("--processing-ms", "60000"),
        ("--retry-unit-ms", "10"),
        ("--logstash-user", "geobot"),
        ("--logstash-password", "secret"),
    ];
    let mut line = vec!["geobot-sandbox".to_owned()];
    for (name, value) in usual
        .iter()
        .filter(|(name, _)| !options.iter().any(|(other, _)| other == name))
        .chain(options)
    {
        line.push(format!("{name}={value}"));
    }
    Settings::parse_from(line)
}

/// Waits for a condition, five seconds at most.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "did not happen in time: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A shop's ResultURL and ResultURL2: keeps what it was sent and answers what it is told to.
pub(crate) struct Shop {
    pub(crate) result_url: String,
    pub(crate) result2_url: String,
    state: Arc<ShopState>,
}

type Fields = Vec<(String, String)>;

struct ShopState {
    received: Mutex<Vec<Fields>>,
    tokens: Mutex<Vec<String>>,
    /// ResultURL2 is refused so many times.
    refusals: Mutex<usize>,
    answer: Mutex<String>,
}

impl Shop {
    /// `answer`: `{InvId}` in it stands for the number.
    pub(crate) async fn start(answer: &str) -> Self {
        let state = Arc::new(ShopState {
            received: Mutex::default(),
            tokens: Mutex::default(),
            refusals: Mutex::default(),
            answer: Mutex::new(answer.to_owned()),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/robokassa/result", post(result))
            .route("/robokassa/result2", post(result2))
            .with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            result_url: format!("{base}/robokassa/result"),
            result2_url: format!("{base}/robokassa/result2"),
            state,
        }
    }

    /// Answers the next so many ResultURL2 calls with 503.
    pub(crate) fn refuses_tokens(&self, times: usize) {
        *self.state.refusals.lock().unwrap() = times;
    }

    /// The bodies of ResultURL2 calls.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.state.tokens.lock().unwrap().clone()
    }

    pub(crate) fn answers(&self, answer: &str) {
        *self.state.answer.lock().unwrap() = answer.to_owned();
    }

    pub(crate) fn received(&self) -> Vec<Fields> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits for so many calls.
    pub(crate) async fn calls(&self, count: usize) -> Vec<Fields> {
        eventually("ResultURL was called", async || {
            Some(self.received()).filter(|calls| calls.len() >= count)
        })
        .await
    }
}

async fn result(State(shop): State<Arc<ShopState>>, body: String) -> String {
    let fields: Fields = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let inv_id = field(&fields, "InvId").to_owned();
    shop.received.lock().unwrap().push(fields);
    shop.answer.lock().unwrap().replace("{InvId}", &inv_id)
}

async fn result2(State(shop): State<Arc<ShopState>>, body: String) -> StatusCode {
    shop.tokens.lock().unwrap().push(body);
    let mut refusals = shop.refusals.lock().unwrap();
    match *refusals {
        0 => StatusCode::NO_CONTENT,
        _ => {
            *refusals -= 1;
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields
        .iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}
