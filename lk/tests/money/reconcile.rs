//! P7: a lost callback costs minutes, not money.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::invoices::checks;
use geobot_lk::payment::check_now;
use geobot_lk::payment::gateway::{Standing, Unanswered};
use geobot_lk::store::callbacks::Verdict;
use geobot_lk::store::invoices::{self, Invoice};
use geobot_lk::upkeep::{expire, reconcile, republish};
use geobot_shared::bus::{Cause, HandleError};
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::route_token::{GrantSource, RouteToken};
use geobot_shared::topics::lk_sync_orm::PaymentCheckRequested;
use geobot_shared::topics::lk_sync_tg::PaymentCheckAsked;
use geobot_shared::topics::states::InvoiceStatus;
use geobot_shared::topics::tg_robokassa::PaymentConfirmed;

use crate::on_both_databases;
use crate::support::{TestLk, USER, paid};

on_both_databases!(
    a_lost_callback_is_found_and_credited_once,
    a_callback_after_the_reconciler_is_a_repeat,
    callback_and_reconciler_at_the_same_time_credit_once,
    either_side_may_bear_the_commission,
    another_sum_is_a_mismatch,
    the_signed_sum_corrects_a_mismatch_that_was_only_asked_for,
    what_is_not_decided_stays_pending_until_it_expires,
    the_questions_become_rarer_and_end,
    a_test_payment_is_never_asked_about,
    an_unopened_invoice_is_not_asked_about,
    a_suspicious_state_alerts_once,
    an_answer_that_does_not_come_changes_nothing,
    wrong_settings_alert_once_an_hour,
    a_confirmed_payment_is_published_again_as_the_same_record,
    staff_ask_now_and_see_the_answer,
    a_person_who_asks_is_told_again_only_when_something_changed,
    one_invoice_is_not_asked_about_too_often,
);

/// An invoice over 299 rubles whose form was opened at `at`.
async fn opened(lk: &TestLk, at: DateTime<Utc>) -> Invoice {
    let invoice = lk.invoice_made(at).await;
    let pending = invoices::open(&lk.db, invoice.id).await.unwrap().unwrap();
    let first = at + lk.app.settings.reconcile_after;
    invoices::check_later(&lk.db, invoice.id, first)
        .await
        .unwrap();
    pending
}

async fn reconcile(lk: &TestLk, now: DateTime<Utc>) -> u64 {
    reconcile::run(&lk.app, now, 50).await.unwrap()
}

fn seconds(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}

async fn a_lost_callback_is_found_and_credited_once(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway
        .report(invoice.id, paid(Some(29_900), Some(29_900)));
    assert_eq!(reconcile(&lk, now + seconds(119)).await, 0);
    assert_eq!(reconcile(&lk, now + seconds(120)).await, 1);
    let found = lk.invoice(invoice.id).await;
    assert_eq!(found.status, InvoiceStatus::Paid);
    assert_eq!(found.source, Some(GrantSource::Reconciler));
    assert_eq!(found.op_key.as_deref(), Some("KEY"));
    let [entry] = lk.ledger().await.try_into().unwrap();
    assert_eq!(
        (entry.amount, entry.reason.as_str()),
        (29_900, "fake: found by asking")
    );
    assert_eq!(lk.entitlements().await.len(), 1);
    let mut sent: Vec<_> = lk
        .sent()
        .await
        .into_iter()
        .map(|s| (s.topic, s.action))
        .collect();
    sent.sort_unstable();
    let expected = [
        ("arm_sync_lk", "entitlement_changed"),
        ("arm_sync_lk", "invoice_changed"),
        ("info_in", "payment_credited"),
        ("tg_robokassa", "payment_confirmed"),
    ];
    assert_eq!(
        sent,
        expected.map(|(topic, action)| (topic.to_owned(), action.to_owned()))
    );
    let [record] = lk
        .sent_of("tg_robokassa", "payment_confirmed")
        .await
        .try_into()
        .unwrap();
    let record: PaymentConfirmed = serde_json::from_value(record.data).unwrap();
    let keys = &lk.app.settings.route_keys;
    let token = RouteToken::verify(&record.route_token, keys).unwrap();
    assert_eq!((token.invoice, token.user), (invoice.id, USER));
    let granted = &record.granted;
    granted.grant.verify(&granted.claims(), keys).unwrap();
    assert_eq!(granted.source, GrantSource::Reconciler);
    // It is settled: nobody asks again.
    assert_eq!(reconcile(&lk, now + TimeDelta::days(3)).await, 0);
    assert_eq!(lk.gateway.asked(), [invoice.id]);
}

async fn a_callback_after_the_reconciler_is_a_repeat(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway.report(invoice.id, paid(Some(29_900), None));
    reconcile(&lk, now + seconds(120)).await;
    let sent = lk.sent().await;
    let callback = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    assert_eq!(
        lk.accept(callback).await.unwrap().verdict,
        Verdict::Repeated
    );
    assert_eq!(lk.ledger().await.len(), 1);
    assert_eq!(lk.sent().await, sent);

    // And the other way round: the answer to a question that was asked before the callback came.
    let other = opened(&lk, now).await;
    lk.gateway.report(other.id, paid(Some(29_900), None));
    let callback = lk.signed(Mode::Live, "299.000000", &other.id.to_string());
    let before = lk.invoice(other.id).await;
    assert_eq!(
        lk.accept(callback).await.unwrap().verdict,
        Verdict::Credited
    );
    let report = paid(Some(29_900), None);
    let outcome = geobot_lk::payment::found::settle_report(&lk.app, &before, &report, now)
        .await
        .unwrap();
    assert_eq!(outcome.as_str(), "repeated");
    assert_eq!(lk.ledger().await.len(), 2);
    let paid = lk.invoice(other.id).await;
    assert_eq!(paid.source, Some(GrantSource::Robokassa));
    assert_eq!(paid.op_key.as_deref(), Some("KEY"));
}

async fn callback_and_reconciler_at_the_same_time_credit_once(lk: TestLk) {
    let now = Utc::now();
    for _ in 0..10 {
        let invoice = opened(&lk, now).await;
        lk.gateway.report(invoice.id, paid(Some(29_900), None));
        let callback = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
        let asking = {
            let app = lk.app.clone();
            tokio::spawn(async move { reconcile::run(&app, now + seconds(120), 50).await })
        };
        let (accepted, asked) = tokio::join!(lk.accept(callback), asking);
        accepted.unwrap();
        asked.unwrap().unwrap();
        let entries = lk.ledger().await;
        let id = invoice.id.get().cast_signed();
        assert_eq!(entries.iter().filter(|e| e.invoice_id == id).count(), 1);
        assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Paid);
    }
    let callbacks = lk.sent_of("tg_robokassa", "payment_callback").await.len();
    let confirmed = lk.sent_of("tg_robokassa", "payment_confirmed").await.len();
    // `invoice_made` forgets what was sent before, so only the last one's record is there.
    assert_eq!(callbacks + confirmed, 1);
}

async fn either_side_may_bear_the_commission(lk: TestLk) {
    let now = Utc::now();
    for (buyer, shop) in [
        (Some(29_900), Some(28_704)),
        (Some(31_096), Some(29_900)),
        (None, Some(29_900)),
    ] {
        let invoice = opened(&lk, now).await;
        lk.gateway.report(invoice.id, paid(buyer, shop));
        reconcile(&lk, now + seconds(120)).await;
        let found = lk.invoice(invoice.id).await;
        assert_eq!(found.status, InvoiceStatus::Paid);
        assert_eq!(found.funds.received, Some(invoice.amount));
    }
}

async fn another_sum_is_a_mismatch(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway.report(invoice.id, paid(Some(100), Some(96)));
    reconcile(&lk, now + seconds(120)).await;
    let held = lk.invoice(invoice.id).await;
    assert_eq!(held.status, InvoiceStatus::Mismatch);
    assert_eq!(held.cause.as_deref(), Some("paid 1.00 instead of 299.00"));
    assert_eq!(held.funds.received, Some(Money::from_kopecks(100)));
    assert_eq!(held.source, None);
    assert!(lk.ledger().await.is_empty() && lk.entitlements().await.is_empty());
    assert_eq!(lk.sent_of("info_in", "payment_mismatched").await.len(), 1);
    assert!(
        lk.sent_of("tg_robokassa", "payment_confirmed")
            .await
            .is_empty()
    );
    // Its own callback is a copy of what is known already.
    let callback = lk.signed(Mode::Live, "1.000000", &invoice.id.to_string());
    assert_eq!(
        lk.accept(callback).await.unwrap().verdict,
        Verdict::Repeated
    );
}

async fn the_signed_sum_corrects_a_mismatch_that_was_only_asked_for(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway
        .report(invoice.id, paid(Some(30_500), Some(29_300)));
    reconcile(&lk, now + seconds(120)).await;
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Mismatch);
    let callback = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    assert_eq!(
        lk.accept(callback.clone()).await.unwrap().verdict,
        Verdict::Credited
    );
    let corrected = lk.invoice(invoice.id).await;
    assert_eq!(corrected.status, InvoiceStatus::Paid);
    assert_eq!(corrected.funds.received, Some(invoice.amount));
    assert_eq!(corrected.cause, None);
    assert_eq!(
        lk.accept(callback).await.unwrap().verdict,
        Verdict::Repeated
    );
    assert_eq!(lk.ledger().await.len(), 1);
}

async fn what_is_not_decided_stays_pending_until_it_expires(lk: TestLk) {
    let now = Utc::now();
    for standing in [
        Standing::NotFound,
        Standing::Pending,
        Standing::Failed("cancelled".into()),
        Standing::Failed("returned".into()),
    ] {
        let invoice = opened(&lk, now).await;
        lk.gateway.report_standing(invoice.id, standing);
        assert_eq!(reconcile(&lk, now + seconds(120)).await, 1);
        assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Pending);
        let later = invoice.expires_at;
        expire::run(&lk.app, later, 50).await.unwrap();
        assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Expired);
        // A callback that was lost after that is found as well.
        lk.gateway.report(invoice.id, paid(Some(29_900), None));
        assert_eq!(reconcile(&lk, later + TimeDelta::minutes(15)).await, 1);
        assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Paid);
    }
}

async fn the_questions_become_rarer_and_end(lk: TestLk) {
    let start = Utc::now();
    let invoice = opened(&lk, start).await;
    let mut asked = Vec::new();
    let mut minute = 0;
    while minute < 60 * 24 * 10 {
        let now = start + TimeDelta::minutes(minute);
        if reconcile(&lk, now).await == 1 {
            asked.push(minute);
        }
        // Each minute at first, then each quarter of an hour: the pauses are multiples of it by then.
        minute += if minute < 30 { 1 } else { 15 };
        expire::run(&lk.app, now, 50).await.unwrap();
    }
    assert_eq!(asked[..4], [2, 4, 8, 16]);
    let day = 60 * 24;
    let on_the_first_day = asked.iter().filter(|&&at| at < day).count();
    assert!((90..=100).contains(&on_the_first_day), "{on_the_first_day}");
    let late: Vec<i64> = asked.iter().copied().filter(|&at| at > day).collect();
    assert!((12..=40).contains(&late.len()), "{late:?}");
    let last = *late.last().unwrap();
    assert!((7 * day..=8 * day + day / 2).contains(&last), "{last}");
    let longest = late.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert_eq!(longest, Some(day / 2));
    assert_eq!(lk.gateway.asked().len(), asked.len());
    assert!(lk.gateway.asked().iter().all(|&id| id == invoice.id));
}

async fn a_test_payment_is_never_asked_about(lk: TestLk) {
    let now = Utc::now();
    let live = opened(&lk, now).await;
    let mut test = live.clone();
    test.id = InvoiceId::new(live.id.get() ^ 1).unwrap();
    test.mode = Mode::Test;
    assert!(invoices::insert(&lk.db, &test).await.unwrap());
    lk.gateway.report(test.id, paid(Some(29_900), None));
    check_now::requested(
        &lk.app,
        PaymentCheckRequested {
            invoice_id: test.id,
        },
        &Cause::new_story(),
        now,
    )
    .await
    .unwrap();
    reconcile(&lk, now + TimeDelta::days(2)).await;
    assert!(!lk.gateway.asked().contains(&test.id));
    // Even a report that came about somehow pays nothing.
    let report = paid(Some(29_900), None);
    geobot_lk::payment::found::settle_report(&lk.app, &test, &report, now)
        .await
        .unwrap();
    assert_eq!(lk.invoice(test.id).await.status, InvoiceStatus::Pending);
    assert!(lk.ledger().await.is_empty());
}

async fn an_unopened_invoice_is_not_asked_about(lk: TestLk) {
    let now = Utc::now();
    let invoice = lk.invoice_made(now).await;
    assert_eq!(reconcile(&lk, now + TimeDelta::days(1)).await, 0);
    // Unless staff want to know.
    check_now::requested(
        &lk.app,
        PaymentCheckRequested {
            invoice_id: invoice.id,
        },
        &Cause::new_story(),
        now,
    )
    .await
    .unwrap();
    assert_eq!(reconcile(&lk, now).await, 1);
}

async fn a_suspicious_state_alerts_once(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway
        .report_standing(invoice.id, Standing::Suspicious("suspended".into()));
    for minutes in [2, 10, 60, 300] {
        assert_eq!(reconcile(&lk, now + TimeDelta::minutes(minutes)).await, 1);
    }
    let [alert] = lk
        .sent_of("info_in", "payment_suspicious")
        .await
        .try_into()
        .unwrap();
    assert_eq!(alert.level.as_deref(), Some("error"));
    assert_eq!(alert.data["state"], "suspended");
    // Paid, says the gateway, and names no sum: that is nothing to deliver for.
    lk.gateway.report(invoice.id, paid(None, None));
    reconcile(&lk, now + TimeDelta::minutes(600)).await;
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Pending);
    assert_eq!(lk.sent_of("info_in", "payment_suspicious").await.len(), 2);
}

async fn an_answer_that_does_not_come_changes_nothing(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway
        .silence(Some(Unanswered::Later("no answer in time".into())));
    assert_eq!(reconcile(&lk, now + seconds(120)).await, 1);
    assert!(lk.sent().await.is_empty());
    lk.gateway.silence(None);
    lk.gateway.report(invoice.id, paid(Some(29_900), None));
    // Two minutes later it is asked again.
    assert_eq!(reconcile(&lk, now + seconds(239)).await, 0);
    assert_eq!(reconcile(&lk, now + seconds(240)).await, 1);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Paid);
}

async fn wrong_settings_alert_once_an_hour(lk: TestLk) {
    let start = DateTime::from_timestamp(1_795_500_000 / 3600 * 3600, 0).unwrap();
    for _ in 0..3 {
        opened(&lk, start).await;
    }
    lk.forget_sent().await;
    lk.gateway
        .silence(Some(Unanswered::Settings("Password#2 is wrong".into())));
    for minutes in [2, 20, 50] {
        assert_eq!(reconcile(&lk, start + TimeDelta::minutes(minutes)).await, 3);
    }
    assert_eq!(
        lk.sent_of("info_in", "gateway_settings_wrong").await.len(),
        1
    );
    reconcile(&lk, start + TimeDelta::minutes(80)).await;
    assert_eq!(
        lk.sent_of("info_in", "gateway_settings_wrong").await.len(),
        2
    );
}

async fn a_confirmed_payment_is_published_again_as_the_same_record(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    lk.gateway.report(invoice.id, paid(Some(29_900), None));
    reconcile(&lk, now + seconds(120)).await;
    let found = lk.invoice(invoice.id).await;
    let paid_at = found.paid_at.unwrap();
    for after in [60, 180, 420] {
        assert_eq!(
            republish::run(&lk.app, paid_at + seconds(after), 50)
                .await
                .unwrap(),
            1
        );
    }
    let copies = lk.sent_of("tg_robokassa", "payment_confirmed").await;
    assert_eq!(copies.len(), 4);
    assert!(copies.iter().all(|copy| copy == &copies[0]));
    assert_eq!(lk.ledger().await.len(), 1);
}

async fn staff_ask_now_and_see_the_answer(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    let ask = |invoice_id, at| {
        let app = lk.app.clone();
        async move {
            let question = PaymentCheckRequested { invoice_id };
            check_now::requested(&app, question, &Cause::new_story(), at).await
        }
    };
    ask(invoice.id, now).await.unwrap();
    assert_eq!(reconcile(&lk, now).await, 1);
    let [seen] = lk
        .sent_of("info_in", "payment_checked")
        .await
        .try_into()
        .unwrap();
    assert_eq!(seen.data["answer"], "not_found");

    lk.gateway
        .silence(Some(Unanswered::Later("HTTP 502".into())));
    ask(invoice.id, now + seconds(20)).await.unwrap();
    reconcile(&lk, now + seconds(20)).await;
    lk.gateway.silence(None);
    lk.gateway.report(invoice.id, paid(Some(29_900), None));
    ask(invoice.id, now + seconds(40)).await.unwrap();
    reconcile(&lk, now + seconds(40)).await;
    // Settled: there is nothing to ask.
    ask(invoice.id, now + seconds(60)).await.unwrap();
    assert_eq!(reconcile(&lk, now + seconds(60)).await, 0);
    let outcomes: Vec<_> = lk
        .sent_of("info_in", "payment_checked")
        .await
        .into_iter()
        .map(|sent| sent.data["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["undecided", "unanswered", "credited", "settled"]);
    let unknown = ask(InvoiceId::new(1).unwrap(), now).await;
    assert!(matches!(unknown, Err(HandleError::Refused(_))));
}

async fn a_person_who_asks_is_told_again_only_when_something_changed(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    let ask = |at| {
        let app = lk.app.clone();
        let question = PaymentCheckAsked {
            user_id: USER,
            invoice_id: invoice.id,
        };
        async move {
            checks::payment_state(&app, question, &Cause::new_story(), at)
                .await
                .unwrap();
        }
    };
    ask(now).await;
    assert_eq!(reconcile(&lk, now).await, 1);
    assert_eq!(lk.sent_of("tg_notify", "notify").await.len(), 1);

    lk.gateway.report(invoice.id, paid(Some(29_900), None));
    ask(now + seconds(20)).await;
    assert_eq!(reconcile(&lk, now + seconds(20)).await, 1);
    let told = lk.sent_of("tg_notify", "notify").await;
    let states: Vec<_> = told
        .iter()
        .map(|sent| sent.data["invoice"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["pending", "pending", "paid"]);
}

async fn one_invoice_is_not_asked_about_too_often(lk: TestLk) {
    let now = Utc::now();
    let invoice = opened(&lk, now).await;
    for second in 0..60 {
        let at = now + seconds(second);
        let question = PaymentCheckAsked {
            user_id: USER,
            invoice_id: invoice.id,
        };
        checks::payment_state(&lk.app, question, &Cause::new_story(), at)
            .await
            .unwrap();
        reconcile(&lk, at).await;
    }
    assert_eq!(lk.gateway.asked().len(), 4);
}
