//! Files that people send to support.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use geobot_tests::buyer::Buyer;
use geobot_tests::sandbox::says;
use geobot_tests::stack::Stack;
use geobot_tests::{alone, eventually, goods, shared};
use serde_json::{Value, json};

/// A picture's first bytes are enough for it to be one.
fn picture(mark: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0];
    bytes.extend_from_slice(mark.as_bytes());
    bytes
}

async fn send(stack: &Stack, person: i64, kind: &str, bytes: &[u8], more: Value) {
    let file = json!({"base64": STANDARD.encode(bytes), "file_name": "pic.jpg", "mime_type": "image/jpeg"});
    let mut what = json!({ kind: file });
    let more = more.as_object().cloned().unwrap_or_default();
    what.as_object_mut().unwrap().extend(more);
    stack.sandbox.send_to_bot(person, what).await;
}

/// What ARM was told of a person's messages with files.
async fn told(stack: &Stack, person: i64, wanted: usize) -> Vec<Value> {
    let records = stack
        .kafka
        .find_several(
            "arm_sync_tg",
            "bot → ARM: message_received",
            wanted,
            move |it| {
                let record = it.json();
                let data = &record["payload"]["data"];
                record["action"] == "message_received"
                    && data["user_id"] == person
                    && data["attachments"].is_array()
            },
        )
        .await;
    let data = records
        .into_iter()
        .map(|it| it.json()["payload"]["data"].clone());
    data.collect()
}

#[test]
fn a_photo_reaches_staff_with_its_bytes_and_its_caption() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let bytes = picture(&format!("photo {}", buyer.id));
        let more = json!({"caption": "This is broken"});
        send(stack, buyer.id, "photo", &bytes, more).await;
        let message = told(stack, buyer.id, 1).await.remove(0);
        assert_eq!(message["text"], "This is broken");
        let attachment = &message["attachments"][0];
        assert_eq!(attachment["kind"], "photo");
        assert_eq!(attachment["file"]["size"], bytes.len());
        let name = attachment["file"]["sha256"].as_str().unwrap();
        assert_eq!(goods::files(stack).read(name).await.unwrap(), bytes);
        buyer.message("the bot says so", 0, says("Передал")).await;
        eventually("ARM shows the message", async || {
            let card = stack.arm.user(buyer.id).await.unwrap_or_default();
            match card["messages"].to_string().contains("This is broken") {
                true => Ok(()),
                false => Err(card.to_string()),
            }
        })
        .await;
    });
}

#[test]
fn an_album_is_passed_on_whole_and_acknowledged_once() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let album = json!({"album": format!("album-{}", buyer.id)});
        for n in 0..4 {
            let bytes = picture(&format!("album {} {n}", buyer.id));
            send(stack, buyer.id, "photo", &bytes, album.clone()).await;
        }
        assert_eq!(told(stack, buyer.id, 4).await.len(), 4);
        // A later message is answered after everything that belongs to the album.
        stack.sandbox.write(buyer.id, "/help").await;
        buyer
            .message("the bot answers /help", 0, says("Robokassa"))
            .await;
        assert_eq!(stack.sandbox.count_of_words(buyer.id, "Передал").await, 1);
    });
}

#[test]
fn a_file_that_is_too_long_for_a_bot_is_named_and_the_message_goes_on() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let bytes = vec![7; 21 * 1024 * 1024];
        let more = json!({"caption": "All of it"});
        send(stack, buyer.id, "document", &bytes, more).await;
        let message = told(stack, buyer.id, 1).await.remove(0);
        assert_eq!(message["text"], "All of it");
        let attachment = &message["attachments"][0];
        assert_eq!(attachment["file"], Value::Null);
        assert!(attachment["missing"].as_str().unwrap().contains("20 MB"));
        buyer
            .message("the bot says what it could not take", 0, says("20 МБ"))
            .await;
    });
}

#[test]
fn a_contact_is_answered_clearly_and_bothers_nobody() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let contact = json!({"contact": {"phone_number": "+70000000000"}});
        stack.sandbox.send_to_bot(buyer.id, contact).await;
        buyer
            .message("the bot says what it can pass on", 0, says("не получится"))
            .await;
        let card = stack.arm.user(buyer.id).await.unwrap_or_default();
        assert!(!card.to_string().contains("+70000000000"), "{card}");
    });
}

#[test]
fn a_photo_that_telegram_does_not_give_at_once_still_comes() {
    alone(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let fault =
            json!({"target": "telegram", "method": "getFile", "kind": "server_error", "times": 3});
        stack.sandbox.break_something(fault).await;
        let bytes = picture(&format!("patience {}", buyer.id));
        send(stack, buyer.id, "photo", &bytes, json!({})).await;
        let message = told(stack, buyer.id, 1).await.remove(0);
        assert_eq!(message["attachments"][0]["file"]["size"], bytes.len());
    });
}
