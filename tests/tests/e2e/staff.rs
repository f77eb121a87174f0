//! What staff hears of errors in Telegram.

use geobot_tests::buyer::Buyer;
use geobot_tests::sandbox::says;
use geobot_tests::stack::{Service, Stack};
use geobot_tests::{alone, eventually};
use serde_json::json;

const ALERTS: u64 = 1_000;

async fn alert(stack: &Stack, n: u64) {
    let at = "2026-11-25T10:00:00Z";
    let record = json!({"service": "LOGGING", "action": "staff_alert", "payload": {"data": {
        "service": "LK", "action": format!("e2e_trouble_{}", n % 4), "message": "Something <went> wrong",
        "count": 1, "first_at": at, "last_at": at}}});
    let id = format!("e2e-alert-{n}-{}", stack.address(Service::Bot));
    let value = record.to_string();
    stack
        .kafka
        .write(
            "tg_notify",
            Some("alerts"),
            value.as_bytes(),
            &[("message-id", &id)],
        )
        .await;
}

/// The digests in a chat, and how many alerts they count.
async fn digests(stack: &Stack, chat: i64) -> (usize, u64) {
    let all = stack.sandbox.from_bot(chat, 0).await;
    let texts: Vec<String> = all.into_iter().filter_map(|it| it.text).collect();
    let digests: Vec<&String> = texts
        .iter()
        .filter(|it| it.contains("e2e_trouble"))
        .collect();
    let counts = digests
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| line.contains("e2e_trouble"))
        .filter_map(|line| {
            line.split_once(" × ")?
                .1
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        });
    (digests.len(), counts.sum())
}

#[test]
fn a_thousand_alerts_reach_staff_in_few_messages() {
    alone(async |stack| {
        let staff = Buyer::new(stack).await;
        staff.start().await;
        let chat = staff.id;
        let text = chat.to_string();
        stack.stop(Service::Bot).await;
        let settings = [
            ("BOT_STAFF_CHATS", Some(text.as_str())),
            ("BOT_STAFF_DIGEST_MINUTES", Some("0.1")),
        ];
        stack.start_with(Service::Bot, &settings).await;
        for n in 0..ALERTS {
            alert(stack, n).await;
        }
        // A repeat is no new alert.
        alert(stack, 0).await;
        let messages = eventually("all alerts are told", async || {
            match digests(stack, chat).await {
                (messages, ALERTS) => Ok(messages),
                (messages, counted) => Err(format!("{counted} in {messages} messages")),
            }
        })
        .await;
        assert!(messages <= 6, "{messages} messages for {ALERTS} alerts");
    });
}

#[test]
fn an_error_of_a_service_reaches_staff_through_the_logger() {
    alone(async |stack| {
        let staff = Buyer::new(stack).await;
        staff.start().await;
        let chat = staff.id;
        let text = chat.to_string();
        stack.stop(Service::Bot).await;
        let settings = [
            ("BOT_STAFF_CHATS", Some(text.as_str())),
            ("BOT_STAFF_DIGEST_MINUTES", Some("0.02")),
        ];
        stack.start_with(Service::Bot, &settings).await;
        let action = format!("e2e_error_{text}");
        let record = json!({"service": "LK", "action": action, "payload": {
            "level": "error", "message": "A <thing> went wrong", "data": {}}});
        let value = record.to_string();
        stack
            .kafka
            .write("info_in", None, value.as_bytes(), &[])
            .await;
        let told = Buyer::known(stack, chat)
            .message("LK → logger → bot → staff", 0, says(&action))
            .await;
        let text = told.text.unwrap_or_default();
        assert!(text.contains("A <thing> went wrong"), "{text}");
    });
}
