//! Messages between people and staff, past buying.

use geobot_tests::buyer::Buyer;
use geobot_tests::{eventually, shared};
use serde_json::json;

#[test]
fn a_person_who_starts_is_known_to_staff_with_what_brought_them() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        stack.sandbox.write(buyer.id, "/start spring-sale").await;
        eventually("bot → LK and ARM: user_started", async || {
            let Some(card) = stack.arm.user(buyer.id).await else {
                return Err("ARM does not know the person".to_owned());
            };
            let from_bot = card["telegram"]["start_payload"] == "spring-sale";
            // LK's account came as well: only LK counts versions.
            let from_lk = card["version"].as_i64() >= Some(1);
            match from_bot && from_lk && card["first_name"] == "Anna" {
                true => Ok(()),
                false => Err(card.to_string()),
            }
        })
        .await;
    });
}

#[test]
fn a_free_message_reaches_staff() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        stack.sandbox.write(buyer.id, "Where is my parcel?").await;
        eventually("bot → ARM: message_received", async || {
            let card = stack.arm.user(buyer.id).await.unwrap_or_default();
            let texts = card["messages"].as_array().cloned().unwrap_or_default();
            match texts.iter().any(|it| it["text"] == "Where is my parcel?") {
                true => Ok(()),
                false => Err(card.to_string()),
            }
        })
        .await;
    });
}

#[test]
fn a_tg_send_record_reaches_the_chat_and_is_reported() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let request = format!("e2e-request-{}", buyer.id);
        let text = format!("A message for {}", buyer.id);
        let record = json!({"service": "WORKER_0", "action": "send_message", "payload": {"data": {
            "chat_id": buyer.id, "text": text, "priority": "interactive"}}});
        let key = buyer.id.to_string();
        let value = record.to_string();
        stack
            .kafka
            .write(
                "tg_send",
                Some(&key),
                value.as_bytes(),
                &[("message-id", &request)],
            )
            .await;
        // A repeat of the same record, as after a crash.
        stack
            .kafka
            .write(
                "tg_send",
                Some(&key),
                value.as_bytes(),
                &[("message-id", &request)],
            )
            .await;
        let shown = buyer
            .message("tg_send → bot → Telegram", 0, |it| {
                it.text.as_deref() == Some(text.as_str())
            })
            .await;
        let wanted = json!(request);
        let report = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: delivery_report", move |it| {
                it.json()["payload"]["data"]["deliveries"][0]["request_id"] == wanted
            })
            .await;
        let report = report.json();
        assert_eq!(report["action"], "delivery_report");
        let outcome = &report["payload"]["data"]["deliveries"][0];
        assert_eq!(outcome["outcome"], "sent");
        assert_eq!(outcome["message_id"], shown.message_id);
        assert_eq!(outcome["chat_id"], buyer.id);
        assert_eq!(stack.sandbox.count_of_text(buyer.id, &text).await, 1);
    });
}

#[test]
fn a_message_for_a_person_who_blocked_the_bot_is_reported_as_failed() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        stack.sandbox.block(buyer.id).await;
        let record = json!({"service": "ARM", "action": "send_message", "payload": {"data": {
            "chat_id": buyer.id, "text": "Are you there?"}}});
        let key = buyer.id.to_string();
        stack
            .kafka
            .write("tg_send", Some(&key), record.to_string().as_bytes(), &[])
            .await;
        let chat = json!(buyer.id);
        let report = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: delivery_report", move |it| {
                it.json()["payload"]["data"]["deliveries"][0]["chat_id"] == chat
            })
            .await;
        assert_eq!(
            report.json()["payload"]["data"]["deliveries"][0]["outcome"],
            "failed"
        );
        eventually(
            "staff see that the person can't be written to",
            async || {
                let card = stack.arm.user(buyer.id).await.unwrap_or_default();
                match card["telegram"]["unreachable_at"].is_string() {
                    true => Ok(()),
                    false => Err(card.to_string()),
                }
            },
        )
        .await;
    });
}
