//! Limits and faults of the Bot API stand-in.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Sandbox, TOKEN};

#[tokio::test]
async fn over_the_limit_is_429_with_retry_after_and_other_chats_go_on() {
    let sandbox = Sandbox::with(&[("--limits", "true"), ("--limit-private-burst", "2")]).await;
    let (anna, boris) = (sandbox.person().await, sandbox.person().await);
    let send = |id: i64| json!({"chat_id": id, "text": "x"});
    sandbox.ok("sendMessage", send(anna)).await;
    sandbox.ok("sendMessage", send(anna)).await;
    let (status, answer) = sandbox.call("sendMessage", send(anna)).await;
    assert_eq!(status, 429);
    assert_eq!(answer["parameters"], json!({"retry_after": 1}));
    assert_eq!(answer["description"], "Too Many Requests: retry after 1");
    sandbox.ok("sendMessage", send(boris)).await;
}

#[tokio::test]
async fn a_channel_takes_twenty_a_minute() {
    let sandbox = Sandbox::with(&[("--limits", "true")]).await;
    let send = json!({"chat_id": -1_001_000_000_001_i64, "text": "x"});
    for _ in 0..20 {
        sandbox.ok("sendMessage", send.clone()).await;
    }
    let (status, answer) = sandbox.call("sendMessage", send).await;
    assert_eq!(status, 429);
    assert!(answer["parameters"]["retry_after"].as_u64().unwrap() > 50);
}

#[tokio::test]
async fn limits_are_changed_while_running() {
    let sandbox = Sandbox::with(&[("--limits", "true"), ("--limit-private-burst", "1")]).await;
    let id = sandbox.person().await;
    let changed = sandbox
        .post("/control/limits", json!({"enabled": false}))
        .await;
    assert_eq!(
        (&changed["enabled"], &changed["private_burst"]),
        (&json!(false), &json!(1))
    );
    for _ in 0..50 {
        sandbox
            .ok("sendMessage", json!({"chat_id": id, "text": "x"}))
            .await;
    }
    for bad in [
        json!({"all_per_second": 0}),
        json!({"per_year": 1}),
        json!({"enabled": "yes"}),
    ] {
        assert_eq!(sandbox.try_post("/control/limits", bad).await.status(), 400);
    }
    assert_eq!(sandbox.get("/control/limits").await["enabled"], false);
}

#[tokio::test]
async fn refusing_faults_do_nothing_and_strike_as_often_as_asked() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let send = json!({"chat_id": id, "text": "x"});
    for (kind, status) in [
        ("too_many_requests", 429),
        ("server_error", 500),
        ("unauthorized", 401),
    ] {
        let fault = json!({"target": "telegram", "method": "sendMessage", "chat_id": id, "kind": kind, "times": 1, "retry_after": 7});
        sandbox.post("/control/faults", fault).await;
        let (got, answer) = sandbox.call("SendMessage", send.clone()).await;
        assert_eq!((got, &answer["ok"]), (status, &json!(false)));
        if status == 429 {
            assert_eq!(answer["parameters"]["retry_after"], 7);
        } else {
            assert!(answer.get("parameters").is_none());
        }
    }
    assert_eq!(sandbox.chat(id).await.len(), 1);
    sandbox.ok("sendMessage", send).await;
}

#[tokio::test]
async fn a_reset_does_nothing_and_a_time_out_comes_after_the_message_went_out() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let address = sandbox.url(&format!("/bot{TOKEN}/sendMessage"));
    let send = || {
        sandbox
            .http
            .post(&address)
            .timeout(Duration::from_millis(300))
            .json(&json!({"chat_id": id, "text": "x"}))
    };

    sandbox
        .post(
            "/control/faults",
            json!({"target": "telegram", "kind": "reset", "times": 1}),
        )
        .await;
    let failed = send().send().await.unwrap_err();
    assert!(!failed.is_timeout() && failed.is_request(), "{failed:?}");
    assert_eq!(sandbox.chat(id).await.len(), 1);

    sandbox
        .post(
            "/control/faults",
            json!({"target": "telegram", "kind": "timeout_after_accept"}),
        )
        .await;
    assert!(send().send().await.unwrap_err().is_timeout());
    assert_eq!(sandbox.chat(id).await.len(), 2);

    let cleared = sandbox
        .http
        .delete(sandbox.url("/control/faults"))
        .send()
        .await
        .unwrap();
    assert_eq!(cleared.status(), 200);
    send().send().await.unwrap();
    let calls = sandbox.get("/control/calls?method=sendMessage").await;
    let outcomes: Vec<_> = calls["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["ok"].as_bool().unwrap())
        .collect();
    assert_eq!(outcomes, [false, true, true]);
}

#[tokio::test]
async fn a_slow_answer_is_still_an_answer() {
    let sandbox = Sandbox::start().await;
    sandbox
        .post(
            "/control/faults",
            json!({"target": "telegram", "kind": "slow", "delay_ms": 100, "times": 1}),
        )
        .await;
    let started = Instant::now();
    sandbox.ok("getMe", json!({})).await;
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused() {
    let sandbox = Sandbox::start().await;
    for bad in [
        json!({}),
        json!({"target": "moon", "kind": "reset"}),
        json!({"target": "telegram", "kind": "magic"}),
        json!({"target": "telegram", "kind": "lose_callback"}),
        json!({"target": "telegram", "kind": "reset", "times": 0}),
    ] {
        assert_eq!(sandbox.try_post("/control/faults", bad).await.status(), 400);
    }
}
