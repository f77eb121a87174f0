//! What people send besides words, what happens in groups, and what Telegram has not invented yet: each is handled, or
//! answered clearly, or passed over, and nothing of it stops what comes after.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use geobot_tests::buyer::Buyer;
use geobot_tests::sandbox::says;
use geobot_tests::stack::Stack;
use geobot_tests::{goods, shared};
use serde_json::{Value, json};

/// The attachments that ARM was told of, in their order.
async fn attachments(stack: &Stack, person: i64, wanted: usize) -> Vec<Value> {
    let records = stack
        .kafka
        .find_several("arm_sync_tg", "bot → ARM: files", wanted, move |it| {
            let data = &it.json()["payload"]["data"];
            data["user_id"] == person && data["attachments"].is_array()
        })
        .await;
    let first =
        |it: &geobot_tests::kafka::Found| it.json()["payload"]["data"]["attachments"][0].clone();
    records.iter().map(first).collect()
}

async fn update(stack: &Stack, update: Value) {
    stack.sandbox.do_control("updates", update).await;
}

/// A message of a person in the private chat, with this content.
fn private(person: i64, content: &Value) -> Value {
    framed(
        json!({"id": person, "type": "private", "first_name": "Anna"}),
        person,
        content,
    )
}

fn framed(chat: Value, person: i64, content: &Value) -> Value {
    let mut message = json!({"message_id": 900_000_001, "date": 1_795_600_800, "chat": chat,
        "from": {"id": person, "is_bot": false, "first_name": "Anna", "language_code": "ru"}});
    let fields = content.as_object().cloned().unwrap_or_default();
    message.as_object_mut().unwrap().extend(fields);
    json!({ "message": message })
}

/// Everything before is done with when this is answered: a person's updates are handled one after the other.
async fn help(stack: &Stack, buyer: &Buyer<'_>) {
    stack.sandbox.write(buyer.id, "/help").await;
    buyer
        .message("the bot answers /help", 0, says("Robokassa"))
        .await;
}

#[test]
fn a_voice_a_video_and_music_reach_staff_and_a_sticker_is_answered() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let kinds = [
            ("voice", "voice"),
            ("video", "video"),
            ("animation", "video"),
            ("video_note", "video"),
            ("audio", "audio"),
        ];
        for (field, _) in kinds {
            let bytes = format!("{field} of {}", buyer.id);
            let file = json!({"base64": STANDARD.encode(&bytes), "file_name": "a.bin", "mime_type": "video/mp4"});
            stack
                .sandbox
                .send_to_bot(buyer.id, json!({ field: file }))
                .await;
        }
        let told = attachments(stack, buyer.id, kinds.len()).await;
        for (attachment, (field, kind)) in told.iter().zip(kinds) {
            assert_eq!(attachment["kind"], kind, "{field}: {attachment}");
            let name = attachment["file"]["sha256"].as_str().unwrap();
            let bytes = goods::files(stack).read(name).await.unwrap();
            assert_eq!(bytes, format!("{field} of {}", buyer.id).into_bytes());
        }
        let sticker = json!({"sticker": {"base64": STANDARD.encode("sticker")}});
        stack.sandbox.send_to_bot(buyer.id, sticker).await;
        buyer
            .message("the bot says what it can pass on", 0, says("не получится"))
            .await;
    });
}

#[test]
fn a_text_with_parts_that_nobody_knows_yet_reaches_staff() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let text = format!("Where is my parcel {}?", buyer.id);
        let news = json!({"text": text, "entities": [{"type": "of_2030", "offset": 0, "length": 5}],
            "forward_origin": {"type": "of_2030"}, "reply_to_message": {"of": 2030}});
        update(stack, private(buyer.id, &news)).await;
        let wanted = text.clone();
        stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: message_received", move |it| {
                it.json()["payload"]["data"]["text"] == *wanted
            })
            .await;
    });
}

#[test]
fn what_the_bot_does_not_take_is_answered_or_passed_over_and_stops_nothing() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        // Messages: each is answered.
        let answered = [
            json!({"poll": {"id": "1", "question": "?", "options": [], "total_voter_count": 0, "is_closed": false,
                "is_anonymous": true, "type": "regular", "allows_multiple_answers": false}}),
            json!({"dice": {"emoji": "🎲", "value": 3}}),
            json!({"hologram": {"size": 3}}),
            json!({"photo": {"of": 2030}}),
        ];
        for content in &answered {
            update(stack, private(buyer.id, content)).await;
        }
        // Nothing that anybody waits for an answer to.
        let group = json!({"id": -1_001_234_567_890_i64, "type": "supergroup", "title": "Club"});
        let passed_over = [
            private(
                buyer.id,
                &json!({"message_auto_delete_timer_changed": {"message_auto_delete_time": 86_400}}),
            ),
            framed(group.clone(), buyer.id, &json!({"text": "/start"})),
            // An anonymous administrator and a channel.
            framed(
                group.clone(),
                1_087_968_824,
                &json!({"text": "hi", "sender_chat": group,
                "from": {"id": 1_087_968_824, "is_bot": true, "first_name": "Group"}}),
            ),
            framed(
                json!({"id": -500_000, "type": "group", "title": "Old"}),
                buyer.id,
                &json!({"migrate_to_chat_id": -1_001_234_567_891_i64}),
            ),
            framed(
                group.clone(),
                buyer.id,
                &json!({"new_chat_members": [{"id": 7, "is_bot": true, "first_name": "bot"}]}),
            ),
            json!({"edited_message": private(buyer.id, &json!({"text": "x", "edit_date": 1}))["message"]}),
            json!({"channel_post": {"message_id": 1, "date": 1, "chat": {"id": -1_001, "type": "channel", "title": "C"}, "text": "x"}}),
            json!({"dream": {"from": {"id": buyer.id}}}),
        ];
        for odd in passed_over {
            update(stack, odd).await;
        }
        help(stack, &buyer).await;
        assert_eq!(
            stack.sandbox.count_of_words(buyer.id, "не получится").await,
            answered.len()
        );
        assert_eq!(
            stack.sandbox.count_of_words(-1_001_234_567_890, "").await,
            0
        );
    });
}

#[test]
fn an_update_that_can_not_be_read_is_a_dead_letter_and_stops_nothing() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let mark = format!("broken-{}", buyer.id);
        update(
            stack,
            json!({"callback_query": {"id": mark, "from": {"id": buyer.id, "name": 7}}}),
        )
        .await;
        let wanted = mark.clone();
        stack
            .kafka
            .find("tg_updates.dlq", "the dead letter", move |it| {
                it.json().to_string().contains(&wanted)
            })
            .await;
        help(stack, &buyer).await;
    });
}
