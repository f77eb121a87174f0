//! How a Bot API request is read: token, method, parameters.

use serde_json::json;

use crate::support::{Sandbox, TOKEN};

#[tokio::test]
async fn get_me_has_every_field_clients_need() {
    let sandbox = Sandbox::start().await;
    let me = sandbox.ok("getMe", json!({})).await;
    assert_eq!(
        (&me["id"], &me["is_bot"]),
        (&json!(7_000_000_001_i64), &json!(true))
    );
    for name in [
        "first_name",
        "username",
        "can_join_groups",
        "can_read_all_group_messages",
        "supports_inline_queries",
        "has_main_web_app",
        "can_connect_to_business",
    ] {
        assert!(!me[name].is_null(), "{name}");
    }
}

#[tokio::test]
async fn only_the_configured_token_is_served() {
    let sandbox = Sandbox::start().await;
    for token in [
        "7000000001:SANDBOX-other",
        "7000000002:SANDBOX-test",
        "x",
        "123:AAF",
    ] {
        let answer = sandbox
            .http
            .get(sandbox.url(&format!("/bot{token}/getMe")))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401);
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(
            body,
            json!({"ok": false, "error_code": 401, "description": "Unauthorized"})
        );
    }
}

#[tokio::test]
async fn a_method_is_found_in_any_letter_case_and_an_unknown_one_is_404() {
    let sandbox = Sandbox::start().await;
    for name in ["getMe", "GetMe", "GETME", "getme"] {
        sandbox.ok(name, json!({})).await;
    }
    assert_eq!(sandbox.refused("getEverything", json!({})).await.0, 404);
}

#[tokio::test]
async fn parameters_come_by_query_form_json_and_multipart_with_get_and_post() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let address = sandbox.url(&format!("/bot{TOKEN}/sendMessage"));
    let keyboard = r#"{"inline_keyboard":[[{"text":"Ok","callback_data":"ok"}]]}"#;
    let fields = [
        ("chat_id", id.to_string()),
        ("text", "hi".to_owned()),
        ("reply_markup", keyboard.to_owned()),
    ];
    let form = reqwest::multipart::Form::new()
        .text("chat_id", id.to_string())
        .text("text", "hi")
        .text("reply_markup", keyboard);
    let json_body = json!({"chat_id": id, "text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "Ok", "callback_data": "ok"}]]}});
    for request in [
        sandbox.http.get(&address).query(&fields),
        sandbox.http.post(&address).query(&fields),
        sandbox.http.post(&address).form(&fields),
        sandbox.http.post(&address).json(&json_body),
        sandbox.http.post(&address).multipart(form),
    ] {
        let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["text"], "hi", "{answer}");
        assert_eq!(
            answer["result"]["reply_markup"]["inline_keyboard"][0][0]["callback_data"],
            "ok"
        );
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_400() {
    let sandbox = Sandbox::start().await;
    let address = sandbox.url(&format!("/bot{TOKEN}/sendMessage"));
    for (content_type, body) in [
        ("application/json", "{"),
        ("application/json", "[1]"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "--b\r\nbroken"),
        ("text/plain", "chat_id=1"),
    ] {
        let request = sandbox
            .http
            .post(&address)
            .header("content-type", content_type)
            .body(body);
        assert_eq!(
            request.send().await.unwrap().status(),
            400,
            "{content_type} {body}"
        );
    }
}
