//! The store, on SQLite and on PostgreSQL.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_arm::access::Role;
use geobot_arm::config;
use geobot_arm::store::invoices::Wanted;
use geobot_arm::store::{deliveries, entitlements, invoices, sales, sessions, staff, users};
use geobot_shared::money::Money;
use geobot_shared::topics::arm_sync_tg::{SendOutcome, UserUnreachable};
use geobot_shared::topics::lk_sync_tg::UserStarted;
use geobot_shared::topics::states::{InvoiceStatus, Routing};

use crate::databases::on_both;
use crate::demo;

#[tokio::test]
async fn an_older_version_never_overwrites_a_newer() {
    on_both(async |db| {
        assert!(users::take(db, &demo::user(7, 2, "new")).await.unwrap());
        assert!(!users::take(db, &demo::user(7, 1, "old")).await.unwrap());
        assert!(!users::take(db, &demo::user(7, 2, "same")).await.unwrap());
        assert_eq!(users::get(db, 7).await.unwrap().unwrap().first_name, "new");
        assert!(users::take(db, &demo::user(7, 3, "newest")).await.unwrap());
        assert_eq!(
            users::get(db, 7).await.unwrap().unwrap().first_name,
            "newest"
        );

        let paid = demo::invoice(9, 5, InvoiceStatus::Paid);
        assert!(invoices::take(db, &paid).await.unwrap());
        let late = demo::invoice(9, 4, InvoiceStatus::Pending);
        assert!(!invoices::take(db, &late).await.unwrap());
        let stored = invoices::get(db, paid.invoice_id).await.unwrap().unwrap();
        assert_eq!(stored.state().unwrap().status, InvoiceStatus::Paid);

        assert!(
            entitlements::take(db, &demo::entitlement(9, 2))
                .await
                .unwrap()
        );
        let mut late = demo::entitlement(9, 1);
        late.revoked = true;
        assert!(!entitlements::take(db, &late).await.unwrap());
        assert!(
            !entitlements::of_invoice(db, 9)
                .await
                .unwrap()
                .unwrap()
                .revoked
        );
    })
    .await;
}

#[tokio::test]
async fn a_state_reads_back_as_it_was_written() {
    on_both(async |db| {
        let micros =
            |at: DateTime<Utc>| DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap();
        let mut state = demo::invoice((1 << 53) - 1, i64::MAX, InvoiceStatus::Paid);
        state.amount = Money::from_kopecks(99_999_999_999_999);
        state.routing = Routing::Held;
        state.cause = Some("blocked".to_owned());
        state.created_at = micros(state.created_at);
        state.paid_at = state.paid_at.map(micros);
        invoices::take(db, &state).await.unwrap();
        let stored = invoices::get(db, state.invoice_id).await.unwrap().unwrap();
        assert_eq!(stored.state().unwrap(), state);
    })
    .await;
}

#[tokio::test]
async fn text_that_no_database_takes_is_stored_anyway() {
    on_both(async |db| {
        users::take(db, &demo::user(7, 1, "a\0b")).await.unwrap();
        assert_eq!(
            users::get(db, 7).await.unwrap().unwrap().first_name,
            "a\u{fffd}b"
        );
    })
    .await;
}

#[tokio::test]
async fn telegrams_facts_and_lks_state_live_side_by_side_in_any_order() {
    on_both(async |db| {
        let started = |id, name: &str| UserStarted {
            user_id: demo::user(id, 0, "").user_id,
            chat_id: id.into(),
            first_name: name.to_owned(),
            last_name: None,
            username: None,
            language: "en".to_owned(),
            payload: Some("ad".to_owned()),
            at: Utc::now(),
        };
        users::take_start(db, &started(1, "Telegram"))
            .await
            .unwrap();
        assert_eq!(
            users::get(db, 1).await.unwrap().unwrap().first_name,
            "Telegram"
        );
        users::take(db, &demo::user(1, 1, "LK")).await.unwrap();
        users::take_start(db, &started(1, "Later")).await.unwrap();
        let row = users::get(db, 1).await.unwrap().unwrap();
        assert_eq!((row.first_name.as_str(), row.chat_id), ("LK", Some(1)));

        let gone = UserUnreachable {
            user_id: row.state().user_id,
            reason: "blocked".to_owned(),
            at: Utc::now(),
        };
        users::take_unreachable(db, &gone).await.unwrap();
        users::take(db, &demo::user(1, 2, "LK2")).await.unwrap();
        let row = users::get(db, 1).await.unwrap().unwrap();
        assert_eq!(row.unreachable_reason.as_deref(), Some("blocked"));
        users::take_start(db, &started(1, "Back")).await.unwrap();
        let row = users::get(db, 1).await.unwrap().unwrap();
        assert_eq!(
            (row.unreachable_reason, row.first_name.as_str()),
            (None, "LK2")
        );
    })
    .await;
}

#[tokio::test]
async fn people_are_found_by_number_name_and_username() {
    on_both(async |db| {
        for (id, name) in [(11, "Анна"), (12, "Bob 100%"), (13, "Анатолий")] {
            users::take(db, &demo::user(id, 1, name)).await.unwrap();
        }
        let found = async |query: &str| -> Vec<i64> {
            let rows = users::search(db, query, 0, 10).await.unwrap();
            let mut ids: Vec<i64> = rows.iter().map(|row| row.user_id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(found("12").await, [12]);
        assert_eq!(found("АНА").await, [13]);
        assert_eq!(found("ан").await, [11, 13]);
        assert_eq!(found("@user11").await, [11]);
        assert_eq!(found("100%").await, [12]);
        assert_eq!(found("%").await, [12]);
        assert_eq!(found("_").await, [0i64; 0]);
        assert_eq!(found("\\").await, [0i64; 0]);
        assert_eq!(found("a\0' OR 1=1 --").await, [0i64; 0]);
        assert_eq!(found("").await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn sales_are_summed_by_the_shops_day() {
    on_both(async |db| {
        let zone = config::zone(3);
        let now: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
        // 21:30 UTC is half past midnight of the next day in the shop's zone.
        for (n, (at, status)) in [
            ("2026-11-23T09:00:00Z", InvoiceStatus::Paid),
            ("2026-11-22T21:30:00Z", InvoiceStatus::PartlyRefunded),
            ("2026-11-22T20:30:00Z", InvoiceStatus::Paid),
            ("2026-11-22T12:00:00Z", InvoiceStatus::Refunded),
            ("2026-11-22T12:00:00Z", InvoiceStatus::Mismatch),
            ("2026-11-01T12:00:00Z", InvoiceStatus::Paid),
        ]
        .into_iter()
        .enumerate()
        {
            let mut state = demo::invoice(100 + n as u64, 1, status);
            state.paid_at = Some(at.parse().unwrap());
            if status == InvoiceStatus::PartlyRefunded {
                state.funds.received = Some(Money::from_kopecks(30_000));
                state.funds.refunded = Money::from_kopecks(10_000);
            }
            invoices::take(db, &state).await.unwrap();
        }
        let mut test = demo::invoice(200, 1, InvoiceStatus::Paid);
        test.mode = geobot_shared::ids::Mode::Test;
        test.paid_at = Some(now);
        invoices::take(db, &test).await.unwrap();

        let days = sales::by_day(db, 3, zone, now).await.unwrap();
        let sums: Vec<(String, i64, i64)> = days
            .iter()
            .map(|d| (d.day.to_string(), d.invoices, d.revenue.kopecks()))
            .collect();
        assert_eq!(
            sums,
            [
                ("2026-11-21".to_owned(), 0, 0),
                ("2026-11-22".to_owned(), 1, 29_900),
                ("2026-11-23".to_owned(), 2, 29_900 + 20_000),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn invoices_are_listed_by_person_and_state() {
    on_both(async |db| {
        let mut held = demo::invoice(1, 1, InvoiceStatus::Paid);
        held.routing = Routing::Held;
        invoices::take(db, &held).await.unwrap();
        invoices::take(db, &demo::invoice(2, 1, InvoiceStatus::Paid))
            .await
            .unwrap();
        invoices::take(db, &demo::invoice(3, 1, InvoiceStatus::Created))
            .await
            .unwrap();
        let count =
            async |user, wanted| invoices::list(db, user, wanted, 0, 10).await.unwrap().len();
        assert_eq!(count(None, Wanted::All).await, 3);
        assert_eq!(
            count(Some(demo::USER), Wanted::Status(InvoiceStatus::Paid)).await,
            2
        );
        assert_eq!(count(Some(1), Wanted::All).await, 0);
        assert_eq!(invoices::count(db, Wanted::Held).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn deliveries_add_up() {
    on_both(async |db| {
        let now = Utc::now();
        for n in [3, 4] {
            deliveries::add(db, SendOutcome::Sent, n, now)
                .await
                .unwrap();
        }
        deliveries::add(db, SendOutcome::Sent, 100, now - TimeDelta::days(9))
            .await
            .unwrap();
        let week = now - TimeDelta::days(7);
        assert_eq!(
            deliveries::since(db, SendOutcome::Sent, week)
                .await
                .unwrap(),
            7
        );
        assert_eq!(
            deliveries::since(db, SendOutcome::Failed, week)
                .await
                .unwrap(),
            0
        );
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_with_time_and_with_its_account() {
    on_both(async |db| {
        let now = Utc::now();
        staff::create(db, "Owner", "hash", Role::Owner, now)
            .await
            .unwrap();
        assert!(
            staff::create(db, "owner", "hash", Role::Owner, now)
                .await
                .is_err()
        );
        let account = staff::by_login(db, " OWNER ").await.unwrap().unwrap();
        let token = sessions::open(db, account.id, now).await.unwrap();
        assert!(sessions::find(db, &token, now).await.unwrap().is_some());
        assert!(sessions::find(db, "other", now).await.unwrap().is_none());
        let late = now + sessions::LIFETIME;
        assert!(sessions::find(db, &token, late).await.unwrap().is_none());
        staff::set_disabled(db, account.id, true).await.unwrap();
        assert!(sessions::find(db, &token, now).await.unwrap().is_none());
        staff::set_disabled(db, account.id, false).await.unwrap();
        sessions::close(db, &token).await.unwrap();
        assert!(sessions::find(db, &token, now).await.unwrap().is_none());
    })
    .await;
}
