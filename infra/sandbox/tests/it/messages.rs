//! Messages, edits, buttons, and Telegram's refusals.

use serde_json::json;

use crate::support::Sandbox;

#[tokio::test]
async fn html_becomes_plain_text_with_entities() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let text = "<b>Оплачено</b> 😀 <a href=\"https://example.com/\">чек</a> &lt;3";
    let message = sandbox
        .ok(
            "sendMessage",
            json!({"chat_id": id, "text": text, "parse_mode": "HTML"}),
        )
        .await;
    assert_eq!(message["text"], "Оплачено 😀 чек <3");
    assert_eq!(
        message["entities"],
        json!([
            {"type": "bold", "offset": 0, "length": 8},
            {"type": "text_link", "offset": 12, "length": 3, "url": "https://example.com/"},
        ])
    );
    assert!(message["date"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(message["chat"]["type"], "private");
    assert_eq!(message["from"]["is_bot"], true);
}

#[tokio::test]
async fn bad_messages_are_refused_with_telegrams_words() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    for (params, words) in [
        (
            json!({"chat_id": id, "text": "<b>x", "parse_mode": "HTML"}),
            "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            json!({"chat_id": id, "text": "1 < 2", "parse_mode": "html"}),
            "Bad Request: can't parse entities: Unsupported start tag \"\" at byte offset 2",
        ),
        (
            json!({"chat_id": id, "text": ""}),
            "Bad Request: message text is empty",
        ),
        (json!({"chat_id": id}), "Bad Request: message text is empty"),
        (
            json!({"chat_id": id, "text": " \n "}),
            "Bad Request: message text is empty",
        ),
        (
            json!({"chat_id": id, "text": "x".repeat(4097)}),
            "Bad Request: message is too long",
        ),
        (json!({"text": "x"}), "Bad Request: chat_id is empty"),
        (
            json!({"chat_id": "@nobody", "text": "x"}),
            "Bad Request: chat not found",
        ),
        (
            json!({"chat_id": 5, "text": "x"}),
            "Bad Request: chat not found",
        ),
        (
            json!({"chat_id": -5, "text": "x"}),
            "Bad Request: chat not found",
        ),
        (
            json!({"chat_id": id, "text": "x", "reply_parameters": {"message_id": 1}}),
            "Bad Request: message to be replied not found",
        ),
        (
            json!({"chat_id": id, "text": "x", "reply_markup": "nonsense"}),
            "Bad Request: can't parse reply keyboard markup JSON object",
        ),
    ] {
        assert_eq!(
            sandbox.refused("sendMessage", params).await,
            (400, words.to_owned())
        );
    }
    let longest = "😀".repeat(2048);
    assert_eq!(
        sandbox
            .ok("sendMessage", json!({"chat_id": id, "text": longest}))
            .await["text"],
        longest
    );
}

#[tokio::test]
async fn an_edit_answers_the_whole_message_and_takes_the_keyboard_away() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let keyboard =
        json!({"inline_keyboard": [[{"text": "Pay", "url": "http://127.0.0.1:5500/pay/x"}]]});
    let sent = sandbox
        .ok(
            "sendMessage",
            json!({"chat_id": id, "text": "Pay", "reply_markup": keyboard}),
        )
        .await;
    let message_id = &sent["message_id"];

    let same =
        json!({"chat_id": id, "message_id": message_id, "text": "Pay", "reply_markup": keyboard});
    let (code, words) = sandbox.refused("editMessageText", same).await;
    assert!(
        code == 400 && words.starts_with("Bad Request: message is not modified"),
        "{words}"
    );

    let edited = sandbox
        .ok(
            "editMessageText",
            json!({"chat_id": id, "message_id": message_id, "text": "Paid"}),
        )
        .await;
    assert_eq!(
        (&edited["text"], &edited["message_id"]),
        (&json!("Paid"), message_id)
    );
    assert!(edited["edit_date"].is_i64() && edited["reply_markup"].is_null());

    let again = json!({"chat_id": id, "message_id": message_id, "reply_markup": keyboard});
    assert!(sandbox.ok("editMessageReplyMarkup", again.clone()).await["reply_markup"].is_object());
    let (_, words) = sandbox.refused("editMessageReplyMarkup", again).await;
    assert!(words.contains("message is not modified"));

    let shown = sandbox.chat(id).await;
    assert_eq!(shown[1]["text"], "Paid");
    assert_eq!(shown[1]["buttons"][0][0]["text"], "Pay");
}

#[tokio::test]
async fn what_cannot_be_edited_or_deleted_is_refused() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let of_person = sandbox.chat(id).await[0]["message_id"].clone();
    let edit = |message_id: serde_json::Value| json!({"chat_id": id, "message_id": message_id, "text": "x"});
    assert_eq!(
        sandbox.refused("editMessageText", edit(json!(1))).await.1,
        "Bad Request: message to edit not found"
    );
    assert_eq!(
        sandbox.refused("editMessageText", edit(of_person)).await.1,
        "Bad Request: message can't be edited"
    );
    assert_eq!(
        sandbox
            .refused("editMessageText", json!({"chat_id": id, "text": "x"}))
            .await
            .0,
        400
    );
    assert_eq!(
        sandbox
            .refused("editMessageText", edit(json!("abc")))
            .await
            .0,
        400
    );
    assert_eq!(
        sandbox.refused("deleteMessage", edit(json!(1))).await.1,
        "Bad Request: message to delete not found"
    );

    let sent = sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "x"}))
        .await;
    let (_, words) = sandbox
        .refused(
            "editMessageCaption",
            json!({"chat_id": id, "message_id": sent["message_id"], "caption": "c"}),
        )
        .await;
    assert_eq!(
        words,
        "Bad Request: there is no caption in the message to edit"
    );
    assert_eq!(
        sandbox
            .ok("deleteMessage", edit(sent["message_id"].clone()))
            .await,
        true
    );
    assert_eq!(
        sandbox
            .refused("editMessageText", edit(sent["message_id"].clone()))
            .await
            .0,
        400
    );
    assert_eq!(sandbox.chat(id).await[1]["deleted"], true);
}

#[tokio::test]
async fn a_click_makes_a_callback_query_that_is_answered_with_true() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Buy", "callback_data": "buy:1"}, {"text": "Site", "url": "https://example.com/"}]]});
    let sent = sandbox
        .ok(
            "sendMessage",
            json!({"chat_id": id, "text": "Shop", "reply_markup": keyboard}),
        )
        .await;
    let clicks = format!("/control/people/{id}/clicks");

    let clicked = sandbox
        .post(
            &clicks,
            json!({"message_id": sent["message_id"], "button": "Buy"}),
        )
        .await;
    let updates = sandbox.ok("getUpdates", json!({})).await;
    let query = &updates[0]["callback_query"];
    assert_eq!(updates[0]["update_id"], clicked["update_id"]);
    assert_eq!(query["id"], clicked["callback_query_id"]);
    assert_eq!(query["data"], "buy:1");
    assert_eq!(query["message"]["message_id"], sent["message_id"]);
    assert!(query["chat_instance"].is_string());

    let answer = json!({"callback_query_id": query["id"], "text": "One moment"});
    assert_eq!(sandbox.ok("answerCallbackQuery", answer).await, true);
    let (code, words) = sandbox
        .refused("answerCallbackQuery", json!({"callback_query_id": "1"}))
        .await;
    assert!(code == 400 && words.contains("query is too old"), "{words}");

    for (button, status) in [("Nothing", 404), ("Site", 400)] {
        let answer = sandbox
            .try_post(
                &clicks,
                json!({"message_id": sent["message_id"], "button": button}),
            )
            .await;
        assert_eq!(answer.status(), status, "{button}");
    }
    assert_eq!(
        sandbox
            .try_post(&clicks, json!({"message_id": 1, "button": "Buy"}))
            .await
            .status(),
        404
    );
}
