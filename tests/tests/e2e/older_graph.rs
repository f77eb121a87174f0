//! The older graph: LK's four endpoints, through ARM and WORKER, to Logstash; older records; junk.

use geobot_tests::stack::Stack;
use geobot_tests::{eventually, shared};
use reqwest::Method;
use serde_json::{Value, json};

fn mark() -> String {
    format!("mark{:016x}", rand::random::<u64>())
}

/// The only document of an action that holds the mark.
async fn logged(stack: &Stack, action: &str, mark: &str) -> Value {
    let hop = format!("logger → Logstash: {action}");
    eventually(&hop, async || {
        let mut found = stack.sandbox.logs(action, mark).await;
        match found.len() {
            1 => Ok(found.remove(0).document),
            number => Err(format!("{number} documents")),
        }
    })
    .await
}

/// Each endpoint, its action, and who stands in the document as its executer.
const ENDPOINTS: [(&str, &str, &[&str]); 4] = [
    ("/create_user", "create_user", &["ARM"]),
    ("/update_user", "update_user", &["ARM"]),
    ("/start_task", "start_task", &["WORKER_0", "WORKER_1"]),
    ("/info", "info", &["LK"]),
];

pub(crate) async fn each_endpoint_reaches_logstash(
    stack: &Stack,
    method: Method,
    with_token: bool,
) {
    for (path, action, executers) in ENDPOINTS {
        let mark = mark();
        let fields = json!({"user_id": "17", "mark": mark});
        let (status, body) = stack
            .lk
            .older(method.clone(), path, &fields, with_token)
            .await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        let document = logged(stack, action, &mark).await;
        let executer = document["executer"].as_str().unwrap();
        assert!(executers.contains(&executer), "{path}: {document}");
        assert_eq!(document["service"], "logger-service");
        assert_eq!(document["level"], "info");
        assert_eq!(document["message"], format!("It is {action}"));
        assert_eq!(document["data"], fields, "{path}: {document}");
        assert!(document["@timestamp"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn each_older_endpoint_reaches_logstash_by_post_with_a_token() {
    shared(async |stack| each_endpoint_reaches_logstash(stack, Method::POST, true).await);
}

#[test]
fn each_older_endpoint_reaches_logstash_by_post_without_a_token_in_the_sandbox() {
    shared(async |stack| each_endpoint_reaches_logstash(stack, Method::POST, false).await);
}

#[test]
fn each_older_endpoint_reaches_logstash_by_get_where_that_is_allowed() {
    shared(async |stack| each_endpoint_reaches_logstash(stack, Method::GET, false).await);
}

#[test]
fn a_record_of_the_older_form_is_handled() {
    shared(async |stack| {
        let mark = mark();
        let record = json!({"service": "LK", "action": "create_user", "message": "It is create_user",
            "timestamp": "2026-11-23T10:00:00.123456", "data": {"mark": mark}});
        stack
            .kafka
            .write("create_user_in", None, record.to_string().as_bytes(), &[])
            .await;
        let document = logged(stack, "create_user", &mark).await;
        assert_eq!(document["executer"], "ARM");
        assert_eq!(document["data"]["mark"], json!(mark));
    });
}

#[test]
fn a_time_without_a_zone_is_utc_and_a_level_is_kept() {
    shared(async |stack| {
        let mark = mark();
        let record = json!({"service": "OLDER_ONE", "action": "something_happened", "level": "WARNING",
            "timestamp": "2026-11-23T10:00:00.123456", "data": {"mark": mark}});
        stack
            .kafka
            .write("info_in", None, record.to_string().as_bytes(), &[])
            .await;
        let document = logged(stack, "something_happened", &mark).await;
        assert_eq!(document["executer"], "OLDER_ONE");
        assert_eq!(document["@timestamp"], "2026-11-23T10:00:00.123456Z");
        assert_eq!(document["level"], "warn");
    });
}

/// Junk, then a good record with the same key: both in one partition, in this order.
async fn junk_is_kept_and_the_next_record_handled(stack: &Stack, topic: &str, service: &str) {
    let mark = mark();
    let junk = [b"\xff\xfe junk ", mark.as_bytes()].concat();
    let good =
        json!({"service": "LK", "action": "create_user", "payload": {"data": {"mark": mark}}});
    stack
        .kafka
        .write(topic, Some(&mark), &junk, &[("x-own", "kept")])
        .await;
    stack
        .kafka
        .write(topic, Some(&mark), good.to_string().as_bytes(), &[])
        .await;

    let kept = junk.clone();
    let letter = stack
        .kafka
        .find(
            &format!("{topic}.dlq"),
            "the junk, word for word",
            move |it| it.value == kept,
        )
        .await;
    let header = |name: &str| {
        letter
            .headers
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    assert_eq!(letter.key.as_deref(), Some(mark.as_str()));
    assert_eq!(header("x-own"), "kept");
    assert_eq!(header("dlq-topic"), topic);
    assert_eq!(header("dlq-error-class"), "bad_data");
    assert!(
        header("dlq-service").starts_with(service),
        "{:?}",
        letter.headers
    );
    for name in [
        "message-id",
        "dlq-partition",
        "dlq-offset",
        "dlq-error",
        "dlq-failed-at",
    ] {
        assert!(
            !header(name).is_empty(),
            "no {name} in {:?}",
            letter.headers
        );
    }
    let offset = format!("\"offset\":{}", header("dlq-offset"));
    eventually("the alert reaches Logstash", async || {
        let alerts = stack.sandbox.logs("record_dead_lettered", &offset).await;
        match alerts
            .iter()
            .any(|it| it.document["data"]["topic"] == topic)
        {
            true => Ok(()),
            false => Err(format!("{alerts:?}")),
        }
    })
    .await;
    logged(stack, "create_user", &mark).await;
}

#[test]
fn junk_on_create_user_in_goes_to_the_dead_letters_and_the_next_record_is_handled() {
    shared(async |stack| {
        junk_is_kept_and_the_next_record_handled(stack, "create_user_in", "ARM").await
    });
}

#[test]
fn junk_on_info_in_goes_to_the_dead_letters_and_the_next_record_is_handled() {
    shared(async |stack| {
        junk_is_kept_and_the_next_record_handled(stack, "info_in", "LOGGING").await
    });
}

#[test]
fn an_unknown_action_goes_to_the_dead_letters_by_its_name() {
    shared(async |stack| {
        let mark = mark();
        let record = json!({"service": "LK", "action": "fly_to_the_moon", "data": {"mark": mark}});
        stack
            .kafka
            .write(
                "create_user_in",
                Some(&mark),
                record.to_string().as_bytes(),
                &[],
            )
            .await;
        let wanted = json!(mark);
        let letter = stack
            .kafka
            .find("create_user_in.dlq", "the record", move |it| {
                it.json()["data"]["mark"] == wanted
            })
            .await;
        assert!(
            letter.headers["dlq-error"].contains("fly_to_the_moon"),
            "{:?}",
            letter.headers
        );
    });
}
