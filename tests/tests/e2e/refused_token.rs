//! The token was withdrawn while the bot runs: one clear alert, nothing is lost, and all goes on with a good one.

use geobot_tests::buyer::Buyer;
use geobot_tests::sandbox::says;
use geobot_tests::{alone, eventually};
use serde_json::json;

#[test]
fn a_withdrawn_token_is_told_of_once_and_loses_nothing() {
    alone(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let before = stack.sandbox.logs("token_refused", "").await.len();
        let fault = json!({"target": "telegram", "kind": "unauthorized"});
        stack.sandbox.break_something(fault).await;
        // The long poll that is open ends with an update; the next one is refused.
        stack.sandbox.write(buyer.id, "Where is my parcel?").await;
        let record = json!({"service": "ARM", "action": "send_message", "payload": {"data": {
            "chat_id": buyer.id, "text": "It is on its way", "priority": "notify"}}});
        let (key, value) = (buyer.id.to_string(), record.to_string());
        let headers = [("message-id", key.as_str())];
        stack
            .kafka
            .write("tg_send", Some(&key), value.as_bytes(), &headers)
            .await;
        let told = async || stack.sandbox.logs("token_refused", "").await.len() - before;
        eventually("bot → LOGGER: token_refused", async || {
            match told().await {
                1.. => Ok(()),
                none => Err(format!("{none} alerts")),
            }
        })
        .await;
        stack.sandbox.clear_faults().await;
        buyer
            .message("what waited is sent", 0, |it| {
                it.text.as_deref() == Some("It is on its way")
            })
            .await;
        buyer
            .message("what was written is passed on", 0, says("Передал"))
            .await;
        assert_eq!(told().await, 1);
    });
}
