//! The control API where no stand-in's own tests use it.

use serde_json::{Value, json};

use crate::support::{Sandbox, eventually};

#[tokio::test]
async fn a_person_is_made_changed_and_listed() {
    let sandbox = Sandbox::start().await;
    let made = sandbox
        .post("/control/people", json!({"first_name": "Anna"}))
        .await;
    let id = made["id"].as_i64().unwrap();
    assert!((100_000_000..=999_999_999).contains(&id));
    let changed = json!({"id": id, "first_name": "Анна", "last_name": "К", "username": "anna", "language_code": "ru"});
    let changed = sandbox.post("/control/people", changed).await;
    assert_eq!(
        (&changed["first_name"], &changed["language_code"]),
        (&json!("Анна"), &json!("ru"))
    );
    assert_eq!(
        sandbox.get("/control/people").await["people"],
        json!([changed])
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let sandbox = Sandbox::start().await;
    for (path, body, status) in [
        ("/control/people", json!({}), 400),
        ("/control/people", json!({"first_name": " "}), 400),
        ("/control/people", json!({"first_name": "A", "id": -5}), 400),
        ("/control/people/5/messages", json!({"text": "x"}), 404),
        ("/control/people/5/block", json!({}), 404),
        ("/control/people/5/joins", json!({"invite_link": "x"}), 404),
        (
            "/control/people/5/clicks",
            json!({"message_id": 1, "button": "x"}),
            404,
        ),
    ] {
        let answer = sandbox.try_post(path, body).await;
        assert_eq!(answer.status(), status, "{path}");
        let reason: Value = answer.json().await.unwrap();
        assert!(!reason["error"].as_str().unwrap().is_empty());
    }
    let id = sandbox.person().await;
    for text in [String::new(), " ".to_owned(), "x".repeat(4_097)] {
        let answer = sandbox
            .try_post(
                &format!("/control/people/{id}/messages"),
                json!({"text": text}),
            )
            .await;
        assert_eq!(answer.status(), 400);
    }
    let junk = sandbox
        .http
        .post(sandbox.url("/control/people"))
        .body("{")
        .send()
        .await
        .unwrap();
    assert_eq!(junk.status(), 400);
    assert_eq!(
        sandbox
            .http
            .get(sandbox.url("/control/people/5/chat"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    assert_eq!(
        sandbox
            .http
            .get(sandbox.url("/control/payments/5"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn the_chat_is_shown_as_a_person_sees_it() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Buy", "callback_data": "buy"}, {"text": "Pay", "url": "http://127.0.0.1:1/"}]]});
    let params =
        json!({"chat_id": id, "text": "<b>Hi</b>", "parse_mode": "HTML", "reply_markup": keyboard});
    let sent = sandbox.ok("sendMessage", params).await;
    let chat = sandbox.chat(id).await;
    assert_eq!(
        (&chat[0]["from"], &chat[0]["text"]),
        (&json!("person"), &json!("/start"))
    );
    assert_eq!(
        (&chat[1]["from"], &chat[1]["text"], &chat[1]["parse_mode"]),
        (&json!("bot"), &json!("Hi"), &json!("HTML"))
    );
    assert_eq!(chat[1]["buttons"], keyboard["inline_keyboard"]);
    let after = sandbox
        .get(&format!(
            "/control/people/{id}/chat?after={}",
            chat[0]["message_id"]
        ))
        .await;
    assert_eq!(after["messages"].as_array().unwrap().len(), 1);
    assert_eq!(after["messages"][0]["message_id"], sent["message_id"]);
}

#[tokio::test]
async fn calls_are_seen_with_their_parameters_and_without_polls() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    sandbox
        .ok("SendMessage", json!({"chat_id": id, "text": "x"}))
        .await;
    sandbox
        .refused("sendMessage", json!({"chat_id": 5, "text": "x"}))
        .await;
    let calls = sandbox.get("/control/calls?method=sendmessage").await["calls"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (&calls[0]["method"], &calls[0]["ok"]),
        (&json!("sendMessage"), &json!(true))
    );
    assert_eq!(calls[0]["params"], json!({"chat_id": id, "text": "x"}));
    assert_eq!(
        (&calls[1]["error_code"], &calls[1]["chat_id"]),
        (&json!(400), &json!(5))
    );
    let after = sandbox
        .get(&format!("/control/calls?after={}", calls[0]["seq"]))
        .await;
    assert_eq!(after["calls"].as_array().unwrap().len(), 1);
    assert!(
        sandbox.get("/control/calls?method=getUpdates").await["calls"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_webhooks_secret_is_not_shown_in_the_calls() {
    let sandbox = Sandbox::start().await;
    sandbox
        .ok(
            "setWebhook",
            json!({"url": "http://127.0.0.1:1/", "secret_token": "hush"}),
        )
        .await;
    assert!(
        !sandbox
            .get("/control/calls")
            .await
            .to_string()
            .contains("hush")
    );
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let mut events = sandbox
        .http
        .get(sandbox.url("/control/events"))
        .send()
        .await
        .unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut text = String::from_utf8(events.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(text.contains("hello"));
    let sent = sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "one"}))
        .await;
    sandbox
        .ok(
            "editMessageText",
            json!({"chat_id": id, "message_id": sent["message_id"], "text": "two"}),
        )
        .await;
    sandbox
        .ok(
            "deleteMessage",
            json!({"chat_id": id, "message_id": sent["message_id"]}),
        )
        .await;
    let kinds = [
        "\"kind\":\"message\"",
        "\"kind\":\"edit\"",
        "\"kind\":\"delete\"",
    ];
    while !kinds.iter().all(|kind| text.contains(kind)) {
        text += std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "x"}))
        .await;
    sandbox
        .post(
            "/control/faults",
            json!({"target": "telegram", "kind": "reset"}),
        )
        .await;
    sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "unread"}),
        )
        .await;
    sandbox.post("/control/reset", json!({})).await;
    assert_eq!(sandbox.get("/control/people").await["people"], json!([]));
    assert_eq!(sandbox.get("/control/calls").await["calls"], json!([]));
    assert_eq!(sandbox.get("/control/faults").await["faults"], json!([]));
    assert_eq!(sandbox.ok("getUpdates", json!({})).await, json!([]));
    let again = sandbox
        .post("/control/people", json!({"id": id, "first_name": "Anna"}))
        .await;
    assert_eq!(again["started"], false);
    assert!(sandbox.chat(id).await.is_empty());
}

#[tokio::test]
async fn pages_health_and_metrics_are_served() {
    let sandbox = Sandbox::start().await;
    for path in [
        "/",
        "/payments",
        "/logs",
        "/style.css",
        "/chat.js",
        "/payments.js",
        "/logs.js",
        "/live.js",
        "/icon.svg",
    ] {
        let answer = sandbox.http.get(sandbox.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(
            answer.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("default-src 'self'")
        );
        assert!(answer.text().await.unwrap().len() > 100, "{path}");
    }
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(
            sandbox
                .http
                .get(sandbox.url(path))
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
    }
    sandbox.person().await;
    eventually("what people do is counted", async || {
        let metrics = sandbox
            .http
            .get(sandbox.url("/metrics"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        metrics
            .contains("geobot_sandbox_telegram_people_actions_total 1")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn answers_to_clicks_are_shown_in_the_chat() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let keyboard = json!({"inline_keyboard": [[{"text": "Buy", "callback_data": "buy"}]]});
    let params = json!({"chat_id": id, "text": "x", "reply_markup": keyboard});
    let sent = sandbox.ok("sendMessage", params).await;
    let click = json!({"message_id": sent["message_id"], "button": "buy"});
    let clicked = sandbox
        .post(&format!("/control/people/{id}/clicks"), click)
        .await;
    let answer = json!({"callback_query_id": clicked["callback_query_id"], "text": "Sold out", "show_alert": true});
    sandbox.ok("answerCallbackQuery", answer.clone()).await;
    let chat = sandbox.get(&format!("/control/people/{id}/chat")).await;
    let shown = &chat["callback_answers"][0];
    for name in ["callback_query_id", "text", "show_alert"] {
        assert_eq!(shown[name], answer[name], "{name}");
    }
    let other = sandbox.person().await;
    let chat = sandbox.get(&format!("/control/people/{other}/chat")).await;
    assert_eq!(chat["callback_answers"], json!([]));
}

#[tokio::test]
async fn any_update_can_be_sent_to_the_bot_as_it_is() {
    let sandbox = Sandbox::start().await;
    sandbox
        .ok("getUpdates", json!({"allowed_updates": ["message"]}))
        .await;
    let dream = json!({"dream": {"chat": {"id": -5}, "of": [1, null]}});
    let pushed = sandbox.post("/control/updates", dream.clone()).await;
    let updates = sandbox.ok("getUpdates", json!({})).await;
    assert_eq!(updates[0]["update_id"], pushed["update_id"]);
    assert_eq!(updates[0]["dream"], dream["dream"]);
    for refused in [
        json!({}),
        json!({"update_id": 7, "message": {}}),
        json!([]),
        json!("x"),
    ] {
        let answer = sandbox
            .http
            .post(sandbox.url("/control/updates"))
            .json(&refused)
            .send()
            .await;
        assert!(answer.unwrap().status().is_client_error(), "{refused}");
    }
}
