//! The state file.

use serde_json::json;

use crate::support::{Sandbox, Shop};

#[tokio::test]
async fn a_restart_keeps_people_chats_unread_updates_and_payments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state.json");
    let options = [("--state", path.to_str().unwrap())];
    let sandbox = Sandbox::with(&options).await;
    let id = sandbox.person().await;
    let sent = sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "hello"}))
        .await;
    let unread = sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "unread"}),
        )
        .await;
    sandbox.stop().await;

    let sandbox = Sandbox::with(&options).await;
    let chat = sandbox.chat(id).await;
    assert_eq!(
        chat.iter()
            .map(|message| message["text"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["/start", "hello", "unread"]
    );
    let updates = sandbox.ok("getUpdates", json!({})).await;
    assert_eq!(updates[0]["update_id"], unread["update_id"]);
    let next = sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "again"}))
        .await;
    assert!(next["message_id"].as_i64() > sent["message_id"].as_i64());
    sandbox
        .ok(
            "editMessageText",
            json!({"chat_id": id, "message_id": sent["message_id"], "text": "edited"}),
        )
        .await;
}

#[tokio::test]
async fn a_webhook_stays_set_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let options = [("--state", path.to_str().unwrap())];
    let sandbox = Sandbox::with(&options).await;
    let hook = json!({"url": "http://127.0.0.1:1/hook", "allowed_updates": ["message"]});
    sandbox.ok("setWebhook", hook.clone()).await;
    sandbox.stop().await;
    let sandbox = Sandbox::with(&options).await;
    let info = sandbox.ok("getWebhookInfo", json!({})).await;
    assert_eq!(info["url"], hook["url"]);
    assert_eq!(info["allowed_updates"], hook["allowed_updates"]);
}

#[tokio::test]
async fn a_state_file_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    std::fs::write(&path, "not ours").unwrap();
    let mut settings = crate::support::settings(&[]);
    settings.state.clone_from(&path);
    let refused = geobot_sandbox::start(settings)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("delete it to start with nothing"),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not ours");
}

#[tokio::test]
async fn a_callback_that_was_not_taken_goes_on_after_a_restart() {
    use sha2::{Digest, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let state = path.to_str().unwrap();
    let sandbox = Sandbox::with(&[("--state", state)]).await;
    let base = format!(
        "{}:10.00:77:{}",
        crate::support::LOGIN,
        crate::support::PASSWORD1
    );
    let signature = hex::encode(Sha256::digest(base));
    let link = [
        ("MerchantLogin", crate::support::LOGIN),
        ("OutSum", "10.00"),
        ("InvId", "77"),
        ("SignatureValue", &signature),
    ];
    sandbox
        .http
        .post(sandbox.url("/Merchant/Index.aspx"))
        .form(&link)
        .send()
        .await
        .unwrap();
    sandbox.post("/control/payments/77/pay", json!({})).await;
    sandbox.stop().await;

    let shop = Shop::start("OK{InvId}").await;
    let sandbox = Sandbox::with(&[("--state", state), ("--result-url", &shop.result_url)]).await;
    shop.calls(1).await;
    assert_eq!(sandbox.payment(77).await["state"], "paid");
}

#[tokio::test]
async fn ids_of_a_later_run_do_not_repeat_those_of_an_earlier_one_even_without_a_file() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let message = sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "x"}))
        .await;
    // Ids count tenths of a second from a day of October 2025, so they are far from 1 and fit 31 bits.
    let message_id = message["message_id"].as_i64().unwrap();
    assert!(message_id > 1_000_000 && message_id < i64::from(i32::MAX));
}
