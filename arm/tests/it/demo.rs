//! Rows for every page.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_arm::app::App;
use geobot_arm::catalog::{self, Draft};
use geobot_arm::inbox::{arm_sync_lk, arm_sync_tg, worker_done_orm};
use geobot_arm::promo::{self, Expected, PromoDraft, PromoTerms};
use geobot_shared::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::states::{
    Delivery, EntitlementState, InvoiceFunds, InvoiceState, InvoiceStatus, Routing, UserState,
};
use serde_json::{Value, json};

use crate::records::give;

pub(crate) const HOSTILE: &str = "<script>alert('имя')</script>";
pub(crate) const USER: i64 = 100_000_001;
pub(crate) const INVOICE: u64 = 58_000_000_000_001;
pub(crate) const TASK: &str = "0197a0b0-0000-7000-8000-000000000001";

pub(crate) fn user(id: i64, version: i64, name: &str) -> UserState {
    UserState {
        user_id: TelegramUserId(id),
        version,
        first_name: name.to_owned(),
        last_name: None,
        username: Some(format!("user{id}")),
        language: "ru".to_owned(),
        blocked: false,
        settings: Default::default(),
        created_at: Utc::now(),
    }
}

pub(crate) fn invoice(id: u64, version: i64, status: InvoiceStatus) -> InvoiceState {
    let paid = !matches!(status, InvoiceStatus::Created | InvoiceStatus::Pending);
    InvoiceState {
        invoice_id: InvoiceId::new(id).unwrap(),
        version,
        user_id: TelegramUserId(USER),
        product_id: ProductId(uuid::Uuid::from_u128(7)),
        title: "Доступ в закрытый канал".to_owned(),
        amount: Money::from_kopecks(29_900),
        mode: Mode::Live,
        status,
        routing: Routing::default(),
        cause: None,
        created_at: Utc::now(),
        paid_at: paid.then(Utc::now),
        full_price: None,
        promo_code: None,
        funds: InvoiceFunds::default(),
    }
}

pub(crate) fn entitlement(id: u64, version: i64) -> EntitlementState {
    EntitlementState {
        invoice_id: InvoiceId::new(id).unwrap(),
        version,
        user_id: TelegramUserId(USER),
        product_id: ProductId(uuid::Uuid::from_u128(7)),
        title: "Доступ в закрытый канал".to_owned(),
        starts_at: Utc::now(),
        ends_at: None,
        revoked: false,
    }
}

fn text(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Fills every table as the other services would.
pub(crate) async fn fill(app: &Arc<App>) {
    let now = Utc::now();
    let lk = arm_sync_lk::handlers();
    let tg = arm_sync_tg::handlers();
    let days = |n: i64| -> DateTime<Utc> { now - TimeDelta::days(n) };

    for (n, name) in [
        HOSTILE,
        "Анна Иванова",
        "John",
        "Сергей",
        "Мария-Антуанетта Константинопольская",
    ]
    .into_iter()
    .enumerate()
    {
        let mut state = user(USER + n as i64, 1, name);
        state.created_at = days(n as i64);
        state.blocked = n == 3;
        give(app, &lk, "user_upserted", text(&state)).await.unwrap();
    }
    for n in 0..40_u64 {
        let status = match n % 8 {
            1 => InvoiceStatus::Pending,
            2 => InvoiceStatus::Mismatch,
            3 => InvoiceStatus::Expired,
            4 => InvoiceStatus::PartlyRefunded,
            _ => InvoiceStatus::Paid,
        };
        let mut state = invoice(INVOICE + n, 1, status);
        state.user_id = TelegramUserId(USER + (n % 5) as i64);
        state.amount = Money::from_kopecks(29_900 + 17_000 * (n as i64 % 7));
        state.created_at = days(n as i64 / 3);
        state.paid_at = state.paid_at.map(|_| days(n as i64 / 3));
        state.routing = if n % 8 == 7 {
            Routing::Held
        } else {
            Routing::Delivered
        };
        state.cause = match (status, state.routing) {
            (InvoiceStatus::Mismatch, _) => Some("пришло 100.00 вместо 299.00".to_owned()),
            (_, Routing::Held) => Some("bot was blocked by the user".to_owned()),
            _ => None,
        };
        if n == 5 {
            state.mode = Mode::Test;
        }
        give(app, &lk, "invoice_changed", text(&state))
            .await
            .unwrap();
    }
    give(
        app,
        &lk,
        "entitlement_changed",
        text(entitlement(INVOICE, 1)),
    )
    .await
    .unwrap();
    let started = json!({ "user_id": USER, "chat_id": USER, "first_name": HOSTILE, "language": "ru",
                          "payload": "winter<b>", "at": now });
    give(app, &tg, "user_started", started).await.unwrap();
    let routed = json!({ "invoice_id": INVOICE, "user_id": USER, "at": now });
    give(app, &tg, "payment_routed", routed).await.unwrap();
    let refused =
        json!({ "invoice_id": INVOICE + 2, "user_id": USER, "reason": "wrong route token" });
    give(app, &tg, "payment_refused", refused).await.unwrap();
    let unreachable = json!({ "user_id": USER + 1, "reason": "Forbidden: bot was blocked by the user", "at": now });
    give(app, &tg, "user_unreachable", unreachable)
        .await
        .unwrap();
    for (n, words) in [
        "Здравствуйте! Оплатил, а ссылка не открывается. Что делать?",
        HOSTILE,
        "ok",
    ]
    .into_iter()
    .enumerate()
    {
        let message = json!({ "user_id": USER + n as i64, "chat_id": USER + n as i64, "message_id": n, "text": words, "at": days(n as i64) });
        give(app, &tg, "message_received", message).await.unwrap();
    }
    let photo = json!({ "user_id": USER, "chat_id": USER, "message_id": 9, "at": now });
    give(app, &tg, "message_received", photo).await.unwrap();
    let support = json!({ "user_id": USER + 3, "text": "Вопрос из кабинета", "at": now });
    give(app, &lk, "support_message", support).await.unwrap();
    let report = json!({ "deliveries": [
        { "request_id": "1", "chat_id": USER, "outcome": "sent", "message_id": 5 },
        { "request_id": "2", "chat_id": USER + 1, "outcome": "failed", "reason": "chat not found" },
        { "request_id": "3", "chat_id": USER, "outcome": "unknown" } ] });
    give(app, &tg, "delivery_report", report).await.unwrap();
    let task = json!({ "task_id": TASK, "kind": "report", "args": { "month": 11 } });
    give(app, &lk, "task_requested", task).await.unwrap();
    let progress = json!({ "task_id": TASK, "worker": "WORKER_0", "done": 3, "total": 10 });
    give(app, &worker_done_orm::handlers(), "task_progress", progress)
        .await
        .unwrap();

    for (n, title, delivery) in [
        (
            1,
            "Доступ в закрытый канал",
            Delivery::InviteLink {
                chat_id: (-100_500).into(),
                days: Some(30),
            },
        ),
        (
            2,
            "Книга рецептов",
            Delivery::File {
                url: "https://example.com/book.pdf".into(),
                caption: None,
            },
        ),
        (
            3,
            HOSTILE,
            Delivery::Text {
                text: "Спасибо!".into(),
            },
        ),
        (
            4,
            "Ключ на год",
            Delivery::Key {
                text: "Ваш ключ: {key}".into(),
            },
        ),
    ] {
        let draft = Draft::new(
            title,
            "Описание",
            Money::from_kopecks(29_900 * n),
            delivery,
            n as i32,
        )
        .unwrap();
        let id = ProductId(uuid::Uuid::from_u128(6 + n as u128));
        catalog::create(app, "owner", Some(id), draft, now)
            .await
            .unwrap();
    }
    let stock = json!({ "product_id": uuid::Uuid::from_u128(10), "version": 1, "free": 12, "given": 30, "waiting": 0 });
    give(app, &lk, "stock_changed", stock).await.unwrap();
    let terms = PromoTerms {
        percent: Some(15),
        limit: Some(100),
        active: true,
        ..PromoTerms::default()
    };
    let draft = PromoDraft::new("AUTUMN", terms).unwrap();
    promo::save(app, "owner", draft, Expected::New, now)
        .await
        .unwrap();
    catalog::set_active(
        app,
        "owner",
        ProductId(uuid::Uuid::from_u128(8)),
        false,
        now,
    )
    .await
    .unwrap();
}
