//! The Logstash stand-in.

use serde_json::{Value, json};

use crate::support::Sandbox;

async fn put(sandbox: &Sandbox, path: &str, body: String) -> u16 {
    let request = sandbox
        .http
        .post(sandbox.url(path))
        .basic_auth("geobot", Some("secret"))
        .body(body);
    request.send().await.unwrap().status().as_u16()
}

async fn logs(sandbox: &Sandbox, query: &str) -> Vec<Value> {
    sandbox.get(&format!("/control/logs{query}")).await["documents"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn one_document_or_an_array_is_kept_and_found() {
    let sandbox = Sandbox::start().await;
    let document = |executer: &str, action: &str| json!({"executer": executer, "action": action, "message": "Привет"});
    assert_eq!(
        put(&sandbox, "/logstash", document("LK", "info").to_string()).await,
        200
    );
    let array = json!([document("ARM", "info"), document("ARM", "create_user")]);
    assert_eq!(put(&sandbox, "/logstash/", array.to_string()).await, 200);
    assert_eq!(logs(&sandbox, "").await.len(), 3);
    assert_eq!(logs(&sandbox, "?executer=ARM").await.len(), 2);
    assert_eq!(
        logs(&sandbox, "?executer=ARM&action=create_user&contains=Привет").await[0]["seq"],
        3
    );
    assert_eq!(logs(&sandbox, "?after=2").await.len(), 1);
    assert_eq!(
        logs(&sandbox, "?last=1").await[0]["document"]["action"],
        "create_user"
    );
    assert_eq!(logs(&sandbox, "?contains=nothing").await.len(), 0);
}

#[tokio::test]
async fn nobody_writes_without_the_password() {
    let sandbox = Sandbox::start().await;
    let address = sandbox.url("/logstash");
    for request in [
        sandbox.http.post(&address),
        sandbox
            .http
            .post(&address)
            .basic_auth("geobot", Some("wrong")),
        sandbox.http.post(&address).bearer_auth("secret"),
        sandbox
            .http
            .post(&address)
            .header("authorization", "Basic %%%"),
    ] {
        let answer = request.body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(
            answer.headers()["www-authenticate"],
            "Basic realm=\"logstash\""
        );
    }
    assert!(logs(&sandbox, "").await.is_empty());
}

#[tokio::test]
async fn what_is_not_a_document_is_refused_whole() {
    let sandbox = Sandbox::start().await;
    for body in ["", "junk", "5", "[{\"a\":1},2]", "{\"a\":"] {
        assert_eq!(
            put(&sandbox, "/logstash", body.to_owned()).await,
            400,
            "{body}"
        );
    }
    assert!(logs(&sandbox, "").await.is_empty());
}

#[tokio::test]
async fn it_can_be_busy_broken_or_silent() {
    let sandbox = Sandbox::start().await;
    for (kind, status) in [
        ("too_many_requests", 429),
        ("server_error", 500),
        ("unauthorized", 401),
    ] {
        sandbox
            .post(
                "/control/faults",
                json!({"target": "logstash", "kind": kind, "times": 1}),
            )
            .await;
        assert_eq!(put(&sandbox, "/logstash", "{}".to_owned()).await, status);
    }
    assert!(logs(&sandbox, "").await.is_empty());
    sandbox.post("/control/faults", json!({"target": "logstash", "kind": "timeout_after_accept", "delay_ms": 1, "times": 1})).await;
    let request = sandbox
        .http
        .post(sandbox.url("/logstash"))
        .basic_auth("geobot", Some("secret"))
        .body("{}");
    assert!(request.send().await.is_err());
    assert_eq!(logs(&sandbox, "").await.len(), 1);
}
