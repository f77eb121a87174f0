//! getUpdates: long polling, acknowledgement, conflict.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Sandbox, TOKEN, eventually};

#[tokio::test]
async fn an_update_comes_until_it_is_acknowledged_and_ids_increase() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let messages = format!("/control/people/{id}/messages");
    let first = sandbox.post(&messages, json!({"text": "/buy now"})).await;
    let second = sandbox.post(&messages, json!({"text": "two"})).await;
    assert!(second["update_id"].as_u64() > first["update_id"].as_u64());
    assert!(second["message_id"].as_i64() > first["message_id"].as_i64());

    for _ in 0..2 {
        let updates = sandbox
            .ok("getUpdates", json!({"offset": first["update_id"]}))
            .await;
        assert_eq!(updates.as_array().unwrap().len(), 2);
        assert_eq!(
            updates[0]["message"]["entities"],
            json!([{"type": "bot_command", "offset": 0, "length": 4}])
        );
    }
    let rest = sandbox
        .ok(
            "getUpdates",
            json!({"offset": second["update_id"], "limit": 1}),
        )
        .await;
    assert_eq!(rest[0]["message"]["text"], "two");
    assert_eq!(
        sandbox
            .ok(
                "getUpdates",
                json!({"offset": second["update_id"].as_u64().unwrap() + 1})
            )
            .await,
        json!([])
    );
    assert_eq!(sandbox.ok("getUpdates", json!({})).await, json!([]));
}

#[tokio::test]
async fn a_poll_waits_for_an_update_and_a_second_poll_conflicts() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let started = Instant::now();
    let address = sandbox.url(&format!("/bot{TOKEN}/getUpdates?timeout=30"));
    let poll = tokio::spawn(sandbox.http.get(&address).send());
    let conflict = eventually("a second poll conflicts", async || {
        Some(sandbox.call("getUpdates", json!({})).await).filter(|(status, _)| *status == 409)
    })
    .await;
    assert!(
        conflict.1["description"]
            .as_str()
            .unwrap()
            .starts_with("Conflict: terminated by other getUpdates request")
    );

    sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "hello"}),
        )
        .await;
    let answer: serde_json::Value = poll.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(answer["result"][0]["message"]["text"], "hello");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_polling_place() {
    let sandbox = Sandbox::start().await;
    let address = sandbox.url(&format!("/bot{TOKEN}/getUpdates?timeout=30"));
    let poll = tokio::spawn(sandbox.http.get(&address).send());
    eventually("the poll waits", async || {
        (sandbox.call("getUpdates", json!({})).await.0 == 409).then_some(())
    })
    .await;
    poll.abort();
    eventually("the place is free", async || {
        (sandbox.call("getUpdates", json!({})).await.0 == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_poll_ends_empty_when_its_time_is_up() {
    let sandbox = Sandbox::start().await;
    let started = Instant::now();
    assert_eq!(
        sandbox.ok("getUpdates", json!({"timeout": 1})).await,
        json!([])
    );
    assert!((900..5_000).contains(&started.elapsed().as_millis()));
}

#[tokio::test]
async fn only_allowed_kinds_of_updates_are_queued() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    sandbox
        .ok("getUpdates", json!({"allowed_updates": ["callback_query"]}))
        .await;
    sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "unheard"}),
        )
        .await;
    sandbox
        .ok("getUpdates", json!({"allowed_updates": []}))
        .await;
    sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "heard"}),
        )
        .await;
    let updates = sandbox.ok("getUpdates", json!({})).await;
    assert_eq!(updates.as_array().unwrap().len(), 1);
    assert_eq!(updates[0]["message"]["text"], "heard");
    assert_eq!(
        sandbox
            .refused("getUpdates", json!({"allowed_updates": "x"}))
            .await
            .0,
        400
    );
    assert_eq!(
        sandbox
            .refused("getUpdates", json!({"offset": "x"}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn the_end_cuts_long_polls_and_event_streams_within_two_seconds() {
    let sandbox = Sandbox::start().await;
    let poll = tokio::spawn(
        sandbox
            .http
            .get(sandbox.url(&format!("/bot{TOKEN}/getUpdates?timeout=50")))
            .send(),
    );
    eventually("the poll waits", async || {
        (sandbox.call("getUpdates", json!({})).await.0 == 409).then_some(())
    })
    .await;
    let mut events = sandbox
        .http
        .get(sandbox.url("/control/events"))
        .send()
        .await
        .unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    let started = Instant::now();
    sandbox.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(poll.await.unwrap().unwrap().status(), 200);
}
