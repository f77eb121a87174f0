//! Webhook: the secret header, repeats until 2xx, order per chat.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use crate::support::{Sandbox, eventually};

#[derive(Default)]
struct Hook {
    received: Mutex<Vec<(String, Value)>>,
    /// Texts that are refused this many times more.
    refusals: Mutex<Vec<(String, usize)>>,
}

async fn take(
    State(hook): State<Arc<Hook>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let update: Value = serde_json::from_str(&body).unwrap();
    let secret = headers
        .get("x-telegram-bot-api-secret-token")
        .map_or("", |value| value.to_str().unwrap());
    hook.received
        .lock()
        .unwrap()
        .push((secret.to_owned(), update.clone()));
    for (text, times) in hook.refusals.lock().unwrap().iter_mut() {
        if update["message"]["text"] == **text && *times > 0 {
            *times -= 1;
            return (StatusCode::SERVICE_UNAVAILABLE, String::new());
        }
    }
    let reply = match update["message"]["text"] == "reply" {
        true => {
            json!({"method": "sendMessage", "chat_id": update["message"]["chat"]["id"], "text": "from the webhook"})
        }
        false => Value::Null,
    };
    (
        StatusCode::OK,
        if reply.is_null() {
            String::new()
        } else {
            reply.to_string()
        },
    )
}

async fn hook() -> (Arc<Hook>, String) {
    let hook = Arc::new(Hook::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let routes = Router::new()
        .route("/hook", post(take))
        .with_state(hook.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (hook, address)
}

fn texts(hook: &Hook) -> Vec<String> {
    let received = hook.received.lock().unwrap();
    received
        .iter()
        .map(|(_, update)| {
            update["message"]["text"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn an_update_is_repeated_until_taken_and_the_chat_waits_for_it() {
    let sandbox = Sandbox::start().await;
    let (anna, boris) = (sandbox.person().await, sandbox.person().await);
    let (hook, address) = hook().await;
    hook.refusals.lock().unwrap().push(("one".to_owned(), 2));
    sandbox
        .ok(
            "setWebhook",
            json!({"url": address, "secret_token": "s3cret_-"}),
        )
        .await;
    let write = |id: i64| format!("/control/people/{id}/messages");
    sandbox.post(&write(anna), json!({"text": "one"})).await;
    sandbox.post(&write(anna), json!({"text": "two"})).await;
    sandbox.post(&write(boris), json!({"text": "other"})).await;

    eventually("all is delivered", async || {
        let info = sandbox.ok("getWebhookInfo", json!({})).await;
        (info["pending_update_count"] == 0).then_some(())
    })
    .await;
    let of_anna: Vec<_> = texts(&hook)
        .into_iter()
        .filter(|text| text != "other")
        .collect();
    assert_eq!(of_anna, ["one", "one", "one", "two"]);
    assert!(
        hook.received
            .lock()
            .unwrap()
            .iter()
            .all(|(secret, _)| secret == "s3cret_-")
    );
    let info = sandbox.ok("getWebhookInfo", json!({})).await;
    assert!(info["last_error_message"].as_str().unwrap().contains("503"));
    assert_eq!(
        (&info["url"], &info["has_custom_certificate"]),
        (&json!(address), &json!(false))
    );
}

#[tokio::test]
async fn polling_conflicts_with_a_webhook_until_it_is_deleted() {
    let sandbox = Sandbox::start().await;
    assert_eq!(sandbox.ok("getWebhookInfo", json!({})).await["url"], "");
    let (_, address) = hook().await;
    assert_eq!(
        sandbox.ok("setWebhook", json!({"url": address})).await,
        true
    );
    let (code, words) = sandbox.refused("getUpdates", json!({})).await;
    assert!(
        code == 409 && words.contains("webhook is active"),
        "{words}"
    );
    assert_eq!(
        sandbox
            .ok("deleteWebhook", json!({"drop_pending_updates": true}))
            .await,
        true
    );
    sandbox.ok("getUpdates", json!({})).await;
}

#[tokio::test]
async fn a_method_in_the_webhooks_answer_is_called() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let (_, address) = hook().await;
    sandbox.ok("setWebhook", json!({"url": address})).await;
    sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "reply"}),
        )
        .await;
    eventually("the answer is shown", async || {
        sandbox
            .chat(id)
            .await
            .iter()
            .any(|message| message["text"] == "from the webhook")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_webhook_outside_this_machine_or_with_a_bad_secret_is_refused() {
    let sandbox = Sandbox::start().await;
    for params in [
        json!({"url": "https://example.com/hook"}),
        json!({"url": "ftp://127.0.0.1/hook"}),
        json!({"url": "nonsense"}),
        json!({"url": "http://127.0.0.1:1/", "secret_token": "no spaces"}),
    ] {
        assert_eq!(sandbox.refused("setWebhook", params).await.0, 400);
    }
}
