//! What records do, on SQLite and on PostgreSQL.

use std::sync::Arc;

use geobot_arm::inbox::{
    arm_sync_lk, arm_sync_tg, create_user_in, update_user_in, worker_done_orm,
};
use geobot_arm::store::{deliveries, events, invoices, messages, tasks, users};
use geobot_shared::bus::HandleError;
use geobot_shared::topics::states::InvoiceStatus;
use serde_json::json;

use crate::arm::{app, published, published_as};
use crate::databases::on_both;
use crate::demo;
use crate::records::{give, give_as, record};

#[tokio::test]
async fn the_older_records_become_log_lines_once() {
    on_both(async |db| {
        let app = app(db);
        let create = create_user_in::handlers();
        let fields = json!({ "user_id": 7, "name": "Анна" });
        for _ in 0..2 {
            give_as(&app, &create, "m1", "create_user", fields.clone()).await.unwrap();
        }
        give(&app, &update_user_in::handlers(), "update_user", json!({ "user_id": 7 })).await.unwrap();
        // The oldest form: no payload, data beside the action, no zone.
        let oldest = r#"{"service":"LK","action":"create_user","data":{"a":1},"timestamp":"2026-11-23T10:00:00"}"#;
        create.handle(Arc::clone(&app), &record("m2", oldest)).await.unwrap();
        let all = published(db).await;
        let lines: Vec<_> = all.iter().map(|(t, a, d)| (t.as_str(), a.as_str(), d.clone())).collect();
        assert_eq!(
            lines,
            [
                ("info_in", "create_user", fields),
                ("info_in", "update_user", json!({ "user_id": 7 })),
                ("info_in", "create_user", json!({ "a": 1 })),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn every_action_of_the_topics_has_a_handler() {
    assert!(arm_sync_lk::handlers().unhandled().is_empty());
    assert!(arm_sync_tg::handlers().unhandled().is_empty());
    assert!(worker_done_orm::handlers().unhandled().is_empty());
    assert!(create_user_in::handlers().unhandled().is_empty());
    assert!(update_user_in::handlers().unhandled().is_empty());
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_bad_data() {
    on_both(async |db| {
        let app = app(db);
        let lk = arm_sync_lk::handlers();
        for (action, data) in [
            ("invoice_changed", json!({})),
            ("invoice_changed", json!({ "invoice_id": 0 })),
            ("user_upserted", json!({ "user_id": "seven" })),
            ("snapshot", json!({ "users": 1 })),
            ("fly", json!({})),
        ] {
            let answer = give(&app, &lk, action, data).await;
            assert!(
                matches!(answer, Err(HandleError::BadData(_))),
                "{action}: {answer:?}"
            );
        }
        let junk = lk.handle(Arc::clone(&app), &record("j", "\u{1}junk")).await;
        assert!(matches!(junk, Err(HandleError::BadData(_))));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_message_is_entered_once() {
    on_both(async |db| {
        let app = app(db);
        let tg = arm_sync_tg::handlers();
        let message = json!({ "user_id": 7, "chat_id": 7, "message_id": 1, "text": "hi\u{0}", "at": "2026-11-23T10:00:00Z" });
        for _ in 0..3 {
            give_as(&app, &tg, "same", "message_received", message.clone()).await.unwrap();
        }
        assert_eq!(messages::waiting(db).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_task_is_handed_out_once_and_ends_once() {
    on_both(async |db| {
        let app = app(db);
        let task = json!({ "task_id": demo::TASK, "kind": "report", "args": { "n": 1 } });
        give(
            &app,
            &arm_sync_lk::handlers(),
            "task_requested",
            task.clone(),
        )
        .await
        .unwrap();
        give(
            &app,
            &arm_sync_tg::handlers(),
            "task_requested",
            task.clone(),
        )
        .await
        .unwrap();
        assert_eq!(
            published_as(db, "worker_start_orm", "start_task").await,
            [task]
        );

        let done = worker_done_orm::handlers();
        let id = demo::TASK;
        give(
            &app,
            &done,
            "task_progress",
            json!({ "task_id": id, "worker": "WORKER_1", "done": 1, "total": u64::MAX }),
        )
        .await
        .unwrap();
        give(
            &app,
            &done,
            "task_done",
            json!({ "task_id": id, "worker": "WORKER_1", "result": { "rows": 3 } }),
        )
        .await
        .unwrap();
        give(
            &app,
            &done,
            "task_failed",
            json!({ "task_id": id, "worker": "WORKER_0", "reason": "late" }),
        )
        .await
        .unwrap();
        give(
            &app,
            &done,
            "task_done",
            json!({ "task_id": uuid::Uuid::nil(), "worker": "WORKER_0" }),
        )
        .await
        .unwrap();
        let row = tasks::get(db, id.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(
            (row.state.as_str(), row.done, row.total),
            ("done", 1, i64::MAX)
        );
        assert_eq!(row.result.as_deref(), Some(r#"{"rows":3}"#));
        assert_eq!(
            (row.worker.as_deref(), row.reason),
            (Some("WORKER_1"), None)
        );
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_fills_what_is_missing_and_keeps_what_is_newer() {
    on_both(async |db| {
        let app = app(db);
        let lk = arm_sync_lk::handlers();
        let newer = demo::invoice(1, 9, InvoiceStatus::Paid);
        give(&app, &lk, "invoice_changed", json!(newer)).await.unwrap();
        let page = json!({
            "users": [demo::user(7, 1, "A"), demo::user(8, 1, "B")],
            "invoices": [demo::invoice(1, 3, InvoiceStatus::Created), demo::invoice(2, 1, InvoiceStatus::Created)],
            "entitlements": [demo::entitlement(1, 1)],
            "last": true,
        });
        give(&app, &lk, "snapshot", page).await.unwrap();
        assert_eq!(invoices::get(db, newer.invoice_id).await.unwrap().unwrap().version, 9);
        assert!(users::get(db, 8).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn the_bots_words_about_a_payment_stand_on_its_card_once() {
    on_both(async |db| {
        let app = app(db);
        let tg = arm_sync_tg::handlers();
        let routed = json!({ "invoice_id": 5, "user_id": 7, "at": "2026-11-23T10:00:00Z" });
        for _ in 0..2 {
            give(&app, &tg, "payment_routed", routed.clone())
                .await
                .unwrap();
        }
        give(
            &app,
            &tg,
            "payment_refused",
            json!({ "invoice_id": 5, "user_id": 7, "reason": "forged" }),
        )
        .await
        .unwrap();
        let heard = events::of_invoice(db, 5, 10).await.unwrap();
        let kinds: Vec<_> = heard
            .iter()
            .map(|e| (e.kind.as_str(), e.detail.as_str()))
            .collect();
        assert_eq!(
            kinds,
            [("payment_routed", ""), ("payment_refused", "forged")]
        );
    })
    .await;
}

#[tokio::test]
async fn a_broadcasts_failures_are_counted_not_listed() {
    on_both(async |db| {
        let app = app(db);
        let report = json!({ "deliveries": [
            { "request_id": "1", "chat_id": 7, "outcome": "failed", "broadcast_id": "b" },
            { "request_id": "2", "chat_id": 7, "outcome": "unknown" },
            { "request_id": "3", "chat_id": 7, "outcome": "sent" },
            { "request_id": "4", "chat_id": 7, "outcome": "cancelled", "broadcast_id": "b" },
        ]});
        give(&app, &arm_sync_tg::handlers(), "delivery_report", report)
            .await
            .unwrap();
        let heard = events::of_user(db, 7, 10).await.unwrap();
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].detail, "unknown");
        let since = chrono::Utc::now() - chrono::TimeDelta::days(1);
        for outcome in deliveries::OUTCOMES {
            let counted = deliveries::since(db, outcome, since).await.unwrap();
            assert_eq!(counted, 1, "{outcome:?}");
        }
    })
    .await;
}
