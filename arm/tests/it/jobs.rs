//! Jobs: what follows from their ends, trying a failed one again, handing out what nobody answers.

use chrono::{TimeDelta, Utc};
use geobot_arm::inbox::{arm_sync_tg, worker_done_orm};
use geobot_arm::jobs::hand_out_again;
use geobot_arm::store::{audit, invoices, tasks, users};
use geobot_shared::bus::outbox;
use geobot_shared::topics::states::InvoiceStatus;
use reqwest::{Method, StatusCode};
use sea_orm::{DatabaseConnection, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::{Arm, app, published_as};
use crate::browser::Browser;
use crate::databases::on_both;
use crate::demo;
use crate::records::give;
use crate::shop::call;

async fn started(db: &DatabaseConnection) -> Vec<Value> {
    published_as(db, "worker_start_orm", "start_task").await
}

fn webhook(id: Uuid) -> Value {
    json!({ "task_id": id, "kind": "deliver_webhook", "args": {
        "url": "https://example.com/buy", "invoice_id": 5, "user_id": 7, "product_id": Uuid::nil(),
        "title": "Курс", "amount": 29900, "mode": "live", "at": "2026-11-23T10:00:00Z" }})
}

fn place(id: Uuid, user: Option<i64>) -> Value {
    json!({ "task_id": id, "kind": "reverse_geocode",
        "args": { "user_id": user, "latitude": 55.7558, "longitude": 37.6173 }})
}

/// A job that was asked for, and what a worker says of it.
async fn job(db: &DatabaseConnection, task: Value, action: &str, said: Value) {
    let app = app(db);
    let id = task["task_id"].clone();
    give(&app, &arm_sync_tg::handlers(), "task_requested", task)
        .await
        .unwrap();
    let mut fields = json!({ "task_id": id, "worker": "WORKER_0" });
    fields
        .as_object_mut()
        .unwrap()
        .extend(said.as_object().unwrap().clone());
    give(&app, &worker_done_orm::handlers(), action, fields)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_found_city_is_kept_and_told_and_the_place_is_forgotten() {
    on_both(async |db| {
        let id = Uuid::now_v7();
        let moscow = json!({ "result": { "city": "Moscow", "region": "Moscow", "country": "RU" }});
        job(db, place(id, Some(7)), "task_done", moscow).await;
        assert_eq!(
            published_as(db, "tg_notify", "notify").await,
            [json!({ "user_id": 7, "event": "city_found", "city": "Moscow", "country": "RU" })]
        );
        let row = tasks::get(db, id).await.unwrap().unwrap();
        assert!(!row.args.contains("55.7"), "{}", row.args);
        // LK's word and a new start leave the city as it is.
        users::take(db, &demo::user(7, 3, "Анна")).await.unwrap();
        let start = json!({ "user_id": 7, "chat_id": 7, "first_name": "Анна", "language": "ru", "at": "2026-11-23T10:00:00Z" });
        give(&app(db), &arm_sync_tg::handlers(), "user_started", start)
            .await
            .unwrap();
        let user = users::get(db, 7).await.unwrap().unwrap();
        assert_eq!(
            (user.city.as_deref(), user.country.as_deref(), user.version),
            (Some("Moscow"), Some("RU"), 3)
        );
    })
    .await;
}

#[tokio::test]
async fn no_city_is_told_too_and_nobodys_place_is_told_to_nobody() {
    on_both(async |db| {
        let done = json!({ "result": {} });
        job(db, place(Uuid::now_v7(), Some(7)), "task_done", done).await;
        let strange = json!({ "result": { "city": 7 } });
        job(db, place(Uuid::now_v7(), Some(8)), "task_done", strange).await;
        let failed = json!({ "reason": "no such place" });
        let id = Uuid::now_v7();
        job(db, place(id, Some(9)), "task_failed", failed).await;
        let city = json!({ "result": { "city": "Moscow" } });
        job(db, place(Uuid::now_v7(), None), "task_done", city).await;
        let told = published_as(db, "tg_notify", "notify").await;
        let not_found = |user: i64| json!({ "user_id": user, "event": "city_not_found" });
        assert_eq!(told, [not_found(7), not_found(8), not_found(9)]);
        let row = tasks::get(db, id).await.unwrap().unwrap();
        assert!(!row.can_be_retried(), "the place is gone");
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_failed_is_an_error_for_staff_and_done_is_the_last_word() {
    on_both(async |db| {
        let id = Uuid::now_v7();
        let gone = json!({ "reason": "the receiver answered 410 Gone" });
        job(db, webhook(id), "task_failed", gone.clone()).await;
        let lines = published_as(db, "info_in", "webhook_failed").await;
        assert_eq!(
            lines,
            [json!({ "task_id": id, "invoice_id": 5, "reason": gone["reason"] })]
        );
        let rows = outbox::Entity::find().all(db).await.unwrap();
        let line = rows.iter().find(|row| row.value.contains("webhook_failed"));
        assert!(line.unwrap().value.contains(r#""level":"error""#));
        // Another worker had it too.
        let done = worker_done_orm::handlers();
        let said = json!({ "task_id": id, "worker": "WORKER_1", "result": { "status": 200 } });
        give(&app(db), &done, "task_done", said).await.unwrap();
        let late = json!({ "task_id": id, "worker": "WORKER_0", "reason": "late" });
        give(&app(db), &done, "task_failed", late).await.unwrap();
        let row = tasks::get(db, id).await.unwrap().unwrap();
        assert_eq!((row.state.as_str(), row.reason), ("done", None));
        assert_eq!(tasks::of_invoice(db, 5).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_answers_is_handed_out_again_once_each_time() {
    on_both(async |db| {
        let id = Uuid::now_v7();
        let said = json!({ "done": 1, "total": 2 });
        job(db, webhook(id), "task_progress", said).await;
        let ended = Uuid::now_v7();
        job(db, webhook(ended), "task_done", json!({ "result": {} })).await;
        let app = app(db);
        let again = async |minutes| {
            let now = Utc::now() + TimeDelta::minutes(minutes);
            // Two replicas of ARM at once.
            let (one, other) = tokio::join!(hand_out_again(&app, now), hand_out_again(&app, now));
            one.unwrap() + other.unwrap()
        };
        assert_eq!(again(14).await, 0);
        assert_eq!(again(16).await, 1);
        assert_eq!(again(16).await, 0, "it has been handed out just now");
        assert_eq!(again(32).await, 1);
        assert_eq!(again(48).await, 1);
        let of_it = started(db)
            .await
            .into_iter()
            .filter(|task| task["task_id"] == id.to_string());
        assert_eq!(of_it.collect::<Vec<_>>(), vec![webhook(id); 4]);
        let row = tasks::get(db, id).await.unwrap().unwrap();
        assert_eq!((row.state.as_str(), row.handed_out), ("started", 4));
        let rows = outbox::Entity::find().all(db).await.unwrap();
        let lines: Vec<_> = rows
            .iter()
            .filter(|row| row.value.contains("task_not_answered"))
            .collect();
        let alarms = lines
            .iter()
            .filter(|row| row.value.contains(r#""level":"error""#));
        assert_eq!(
            (lines.len(), alarms.count()),
            (3, 1),
            "staff is called once"
        );
    })
    .await;
}

#[tokio::test]
async fn a_failed_job_is_seen_and_tried_again_under_its_own_name() {
    let arm = Arm::start().await;
    let id = Uuid::now_v7();
    invoices::take(arm.db(), &demo::invoice(5, 1, InvoiceStatus::Paid))
        .await
        .unwrap();
    let gone = json!({ "reason": "the receiver answered <410> Gone" });
    job(arm.db(), webhook(id), "task_failed", gone).await;
    let manager = Browser::of(&arm, "manager").await;
    for page in ["/tasks", "/payments/5"] {
        let seen = manager.open(page).await.body;
        assert!(
            seen.contains("answered &#60;410&#62; Gone"),
            "{page}: {seen}"
        );
        assert!(seen.contains("вызов другой системы"), "{page}");
        assert!(seen.contains(&format!("/tasks/{id}/retry")), "{page}");
    }
    let form = Uuid::now_v7().to_string();
    let path = format!("/tasks/{id}/retry");
    for _ in 0..2 {
        let fields = [("form", form.as_str()), ("invoice", "5")];
        let seen = manager.submit(&path, &fields).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER);
        assert_eq!(seen.location(), "/payments/5");
    }
    assert_eq!(started(arm.db()).await, [webhook(id), webhook(id)]);
    let row = tasks::get(arm.db(), id).await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.handed_out), ("started", 2));
    assert!(manager.open("/tasks").await.body.contains("нет ответа"));
    let done = audit::list(arm.db(), 0, 1).await.unwrap().remove(0);
    assert_eq!(
        (done.action.as_str(), done.object_id),
        ("task_retried", id.to_string())
    );
    // It is on its way: nothing is handed out, and the API says so.
    let (status, _) = call(
        &arm,
        Method::POST,
        &format!("/api/tasks/{id}/retry"),
        &json!({}),
    )
    .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(started(arm.db()).await.len(), 2);
}

#[tokio::test]
async fn support_can_t_try_jobs_again_and_wrong_calls_are_refused() {
    let arm = Arm::start().await;
    let id = Uuid::now_v7();
    job(
        arm.db(),
        webhook(id),
        "task_failed",
        json!({ "reason": "no" }),
    )
    .await;
    let support = Browser::of(&arm, "support").await;
    assert!(!support.open("/tasks").await.body.contains("/retry"));
    let form = Uuid::now_v7().to_string();
    let fields = [("form", form.as_str())];
    let path = format!("/tasks/{id}/retry");
    assert_eq!(
        support.submit(&path, &fields).await.status,
        StatusCode::FORBIDDEN
    );
    let owner = Browser::of(&arm, "owner").await;
    assert_eq!(
        owner.submit(&path, &[]).await.status,
        StatusCode::BAD_REQUEST
    );
    for unknown in ["x".to_owned(), Uuid::nil().to_string()] {
        let seen = owner
            .submit(&format!("/tasks/{unknown}/retry"), &fields)
            .await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND);
        let (status, _) = call(
            &arm,
            Method::POST,
            &format!("/api/tasks/{unknown}/retry"),
            &json!({}),
        )
        .await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    let (status, _) = call(
        &arm,
        Method::POST,
        &format!("/api/tasks/{id}/retry"),
        &json!({ "request_id": 1 }),
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(started(arm.db()).await.len(), 1);
    let (_, listed) = call(&arm, Method::GET, "/api/tasks", &json!({})).await;
    assert_eq!(listed["tasks"][0]["reason"], "no");
    let again = json!({ "request_id": form });
    for _ in 0..2 {
        let (status, _) = call(
            &arm,
            Method::POST,
            &format!("/api/tasks/{id}/retry"),
            &again,
        )
        .await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    assert_eq!(started(arm.db()).await.len(), 2);
}
