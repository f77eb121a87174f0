//! Rights that end, on both databases: renewals, the one reminder, the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::accounts::{self, Wishes};
use geobot_lk::invoices::request;
use geobot_lk::joining;
use geobot_lk::payment::accept_callback;
use geobot_lk::store::entitlements;
use geobot_lk::store::invoices::Invoice;
use geobot_lk::upkeep::subscriptions;
use geobot_shared::bus::Cause;
use geobot_shared::ids::{ChatId, InvoiceId, Mode, TelegramUserId};
use geobot_shared::topics::lk_sync_tg::{InvoiceRequested, JoinRequested};
use geobot_shared::topics::states::{Delivery, NotifySettings, ProductState};
use support::{REMOTE, TestLk, USER, product};

on_both_databases!(
    a_renewal_before_the_end_begins_where_the_old_right_ends,
    another_product_into_the_same_chat_is_a_renewal,
    two_renewals_at_the_same_moment_follow_one_another,
    a_person_is_reminded_once_three_days_before_the_end,
    who_wants_no_reminders_or_has_renewed_is_not_reminded,
    at_the_end_the_access_is_taken_back_once,
    a_renewed_right_is_not_taken_back,
    a_text_may_be_sold_for_some_days_and_leaves_no_chat,
    what_was_bought_for_ever_does_not_end,
    who_has_bought_access_to_a_chat_may_join_it_until_its_end,
    a_right_that_was_taken_back_or_a_blocked_person_opens_no_chat,
);

const DAY: TimeDelta = TimeDelta::days(1);

async fn bought(lk: &TestLk, product: &ProductState, at: DateTime<Utc>) -> Invoice {
    let invoice = asked(lk, product, at).await;
    let fields = lk.signed(
        Mode::Live,
        &invoice.amount.to_out_sum(),
        &invoice.id.to_string(),
    );
    accept_callback(&lk.app, fields, REMOTE, at).await.unwrap();
    invoice
}

async fn asked(lk: &TestLk, product: &ProductState, at: DateTime<Utc>) -> Invoice {
    lk.put_product(product).await;
    let wish = InvoiceRequested {
        user_id: USER,
        chat_id: ChatId(USER.get()),
        product_id: product.product_id,
        promo_code: None,
    };
    request::requested(&lk.app, wish, &Cause::new_story(), at)
        .await
        .unwrap();
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let id = ready.last().unwrap().data["invoice_id"].as_u64().unwrap();
    lk.invoice(InvoiceId::new(id).unwrap()).await
}

/// From when to when each right holds, in days from `start`; the earliest first.
async fn spans(lk: &TestLk, start: DateTime<Utc>) -> Vec<(i64, Option<i64>)> {
    let days = |micros: i64| (micros - start.timestamp_micros()) / DAY.num_microseconds().unwrap();
    let mut spans: Vec<_> = lk
        .entitlements()
        .await
        .iter()
        .map(|right| (days(right.starts_at), right.ends_at.map(days)))
        .collect();
    spans.sort_unstable();
    spans
}

async fn notices(lk: &TestLk, event: &str) -> Vec<serde_json::Value> {
    let told = lk.sent_of("tg_notify", "notify").await;
    told.into_iter()
        .map(|sent| sent.data)
        .filter(|data| data["event"] == event)
        .collect()
}

async fn upkeep(lk: &TestLk, at: DateTime<Utc>) {
    for _ in 0..2 {
        subscriptions::remind(&lk.app, at, 50).await.unwrap();
        subscriptions::end(&lk.app, at, 50).await.unwrap();
    }
}

async fn a_renewal_before_the_end_begins_where_the_old_right_ends(lk: TestLk) {
    let product = product();
    let start = Utc::now();
    bought(&lk, &product, start).await;
    bought(&lk, &product, start + DAY * 20).await;
    bought(&lk, &product, start + DAY * 25).await;
    // After all of it has ended, a right begins with its payment.
    bought(&lk, &product, start + DAY * 100).await;
    assert_eq!(
        spans(&lk, start).await,
        [
            (0, Some(30)),
            (30, Some(60)),
            (60, Some(90)),
            (100, Some(130))
        ]
    );
}

async fn another_product_into_the_same_chat_is_a_renewal(lk: TestLk) {
    let month = product();
    let year = ProductState {
        delivery: Delivery::InviteLink {
            chat_id: ChatId(-1_001_234),
            days: Some(365),
        },
        ..product()
    };
    let elsewhere = ProductState {
        delivery: Delivery::InviteLink {
            chat_id: ChatId(-5),
            days: Some(10),
        },
        ..product()
    };
    let start = Utc::now();
    bought(&lk, &month, start).await;
    bought(&lk, &year, start).await;
    bought(&lk, &elsewhere, start).await;
    assert_eq!(
        spans(&lk, start).await,
        [(0, Some(10)), (0, Some(30)), (30, Some(395))]
    );
    upkeep(&lk, start + DAY * 31).await;
    let gone = lk.sent_of("tg_robokassa", "access_revoked").await;
    assert_eq!(gone.len(), 1, "the chat of the year is not left");
    assert_eq!(gone[0].data["chat_id"], -5);
}

async fn two_renewals_at_the_same_moment_follow_one_another(lk: TestLk) {
    lk.start_person(USER, "ru").await;
    let products: Vec<ProductState> = (0..5).map(|_| product()).collect();
    let start = Utc::now();
    let mut paying = Vec::new();
    for product in &products {
        let invoice = asked(&lk, product, start).await;
        let fields = lk.signed(Mode::Live, "299.00", &invoice.id.to_string());
        let app = Arc::clone(&lk.app);
        paying.push(tokio::spawn(async move {
            accept_callback(&app, fields, REMOTE, start).await
        }));
    }
    for payment in paying {
        payment.await.unwrap().unwrap();
    }
    let expected: Vec<_> = (0..5).map(|n| (n * 30, Some(n * 30 + 30))).collect();
    assert_eq!(spans(&lk, start).await, expected);
}

async fn a_person_is_reminded_once_three_days_before_the_end(lk: TestLk) {
    let product = product();
    let start = Utc::now();
    bought(&lk, &product, start).await;
    upkeep(&lk, start + DAY * 26).await;
    assert!(notices(&lk, "subscription_ends_soon").await.is_empty());
    upkeep(&lk, start + DAY * 27).await;
    upkeep(&lk, start + DAY * 28).await;
    let told = notices(&lk, "subscription_ends_soon").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["user_id"], USER.get());
    assert_eq!(told[0]["title"], product.title.as_str());
    assert_eq!(
        told[0]["product_id"],
        product.product_id.to_string().as_str()
    );
    let ends_at: DateTime<Utc> = told[0]["ends_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        ends_at.timestamp_micros(),
        (start + DAY * 30).timestamp_micros()
    );
}

async fn who_wants_no_reminders_or_has_renewed_is_not_reminded(lk: TestLk) {
    let product = product();
    let start = Utc::now();
    bought(&lk, &product, start).await;
    bought(&lk, &product, start + DAY).await;
    upkeep(&lk, start + DAY * 28).await;
    assert!(
        notices(&lk, "subscription_ends_soon").await.is_empty(),
        "the renewal follows"
    );
    let silence = NotifySettings {
        news: true,
        reminders: false,
    };
    let wishes = Wishes {
        language: None,
        settings: Some(silence),
    };
    accounts::changed_by_person(&lk.app, USER, wishes, &Cause::new_story(), start)
        .await
        .unwrap();
    upkeep(&lk, start + DAY * 58).await;
    assert!(notices(&lk, "subscription_ends_soon").await.is_empty());
    upkeep(&lk, start + DAY * 60).await;
    assert_eq!(notices(&lk, "subscription_ended").await.len(), 1);
}

async fn at_the_end_the_access_is_taken_back_once(lk: TestLk) {
    let product = product();
    let start = Utc::now();
    let invoice = bought(&lk, &product, start).await;
    lk.forget_sent().await;
    upkeep(&lk, start + DAY * 30 - TimeDelta::seconds(1)).await;
    assert!(
        lk.sent_of("tg_robokassa", "access_revoked")
            .await
            .is_empty()
    );
    upkeep(&lk, start + DAY * 30).await;
    upkeep(&lk, start + DAY * 31).await;
    let gone = lk.sent_of("tg_robokassa", "access_revoked").await;
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].data["invoice_id"], invoice.id.get());
    assert_eq!(gone[0].data["chat_id"], -1_001_234);
    assert_eq!(gone[0].data["user_id"], USER.get());
    let told = notices(&lk, "subscription_ended").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["title"], product.title.as_str());
    let changed = lk.sent_of("arm_sync_lk", "entitlement_changed").await;
    assert_eq!(changed.len(), 1);
    assert_eq!(
        (&changed[0].data["version"], &changed[0].data["revoked"]),
        (&2.into(), &true.into())
    );
    assert!(lk.entitlements().await[0].revoked);
}

async fn a_renewed_right_is_not_taken_back(lk: TestLk) {
    let product = product();
    let start = Utc::now();
    bought(&lk, &product, start).await;
    bought(&lk, &product, start + DAY * 29).await;
    upkeep(&lk, start + DAY * 35).await;
    assert!(
        lk.sent_of("tg_robokassa", "access_revoked")
            .await
            .is_empty()
    );
    assert!(notices(&lk, "subscription_ended").await.is_empty());
    upkeep(&lk, start + DAY * 60).await;
    assert_eq!(lk.sent_of("tg_robokassa", "access_revoked").await.len(), 1);
    assert_eq!(notices(&lk, "subscription_ended").await.len(), 1);
}

async fn a_text_may_be_sold_for_some_days_and_leaves_no_chat(lk: TestLk) {
    let consulting = ProductState {
        delivery: Delivery::Text {
            text: "Пишите мне".into(),
        },
        days: Some(7),
        ..product()
    };
    let start = Utc::now();
    bought(&lk, &consulting, start).await;
    bought(&lk, &consulting, start).await;
    assert_eq!(spans(&lk, start).await, [(0, Some(7)), (7, Some(14))]);
    upkeep(&lk, start + DAY * 14).await;
    assert_eq!(notices(&lk, "subscription_ended").await.len(), 1);
    assert!(
        lk.sent_of("tg_robokassa", "access_revoked")
            .await
            .is_empty()
    );
}

async fn what_was_bought_for_ever_does_not_end(lk: TestLk) {
    let month = product();
    let for_ever = ProductState {
        delivery: Delivery::InviteLink {
            chat_id: ChatId(-1_001_234),
            days: None,
        },
        ..product()
    };
    let start = Utc::now();
    bought(&lk, &month, start).await;
    bought(&lk, &for_ever, start + DAY).await;
    assert_eq!(spans(&lk, start).await, [(0, Some(30)), (1, None)]);
    upkeep(&lk, start + DAY * 28).await;
    upkeep(&lk, start + DAY * 4_000).await;
    assert!(notices(&lk, "subscription_ends_soon").await.is_empty());
    assert!(
        lk.sent_of("tg_robokassa", "access_revoked")
            .await
            .is_empty()
    );
}

/// What the bot is told of a wish to join.
async fn may_join(lk: &TestLk, user: TelegramUserId, chat: i64, at: DateTime<Utc>) -> bool {
    let wish = JoinRequested {
        user_id: user,
        chat_id: ChatId(chat),
    };
    let before = lk.sent_of("tg_notify", "join_answered").await.len();
    let cause = Cause::new_story();
    for _ in 0..2 {
        joining::requested(&lk.app, wish.clone(), &cause, at)
            .await
            .unwrap();
    }
    let mut told = lk.sent_of("tg_notify", "join_answered").await;
    assert_eq!(told.len(), before + 1, "one answer to each wish");
    let answer = told.pop().unwrap();
    assert_eq!(answer.key, Some(user.to_string()));
    assert_eq!(answer.data["user_id"], user.get());
    assert_eq!(answer.data["chat_id"], chat);
    answer.data["approved"].as_bool().unwrap()
}

async fn who_has_bought_access_to_a_chat_may_join_it_until_its_end(lk: TestLk) {
    const CHAT: i64 = -1_001_234;
    let start = Utc::now();
    let product = product();
    assert!(!may_join(&lk, USER, CHAT, start).await);
    asked(&lk, &product, start).await;
    assert!(!may_join(&lk, USER, CHAT, start).await, "not paid yet");
    bought(&lk, &product, start).await;
    assert!(may_join(&lk, USER, CHAT, start).await);
    // Nobody else, and no other chat.
    assert!(!may_join(&lk, TelegramUserId(1), CHAT, start).await);
    assert!(!may_join(&lk, USER, -1_001_235, start).await);
    assert!(may_join(&lk, USER, CHAT, start + DAY * 29).await);
    assert!(!may_join(&lk, USER, CHAT, start + DAY * 30).await);
    // A renewal that begins where the first right ends.
    bought(&lk, &product, start + DAY * 20).await;
    assert!(may_join(&lk, USER, CHAT, start + DAY * 59).await);
    // What leads into no chat opens none.
    let text = ProductState {
        delivery: Delivery::Text { text: "x".into() },
        ..support::product()
    };
    bought(&lk, &text, start).await;
    assert!(!may_join(&lk, USER, CHAT, start + DAY * 61).await);
}

async fn a_right_that_was_taken_back_or_a_blocked_person_opens_no_chat(lk: TestLk) {
    const CHAT: i64 = -1_001_234;
    let start = Utc::now();
    let for_ever = ProductState {
        delivery: Delivery::InviteLink {
            chat_id: ChatId(CHAT),
            days: None,
        },
        ..product()
    };
    let invoice = bought(&lk, &for_ever, start).await;
    assert!(may_join(&lk, USER, CHAT, start + DAY * 5_000).await);
    for (blocked, may) in [(true, false), (false, true)] {
        accounts::block(&lk.app, USER, blocked, &Cause::new_story(), start)
            .await
            .unwrap();
        assert_eq!(may_join(&lk, USER, CHAT, start).await, may);
    }
    entitlements::revoke(&lk.db, invoice.id).await.unwrap();
    assert!(!may_join(&lk, USER, CHAT, start).await);
}
