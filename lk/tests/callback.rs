//! Promises P1–P5 of ResultURL, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use chrono::{TimeDelta, Utc};
use geobot_lk::payment::CallbackRefused;
use geobot_lk::store::callbacks::Verdict;
use geobot_lk::store::invoices;
use geobot_lk::upkeep::expire;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::robokassa::form::Fields;
use geobot_shared::topics::states::{InvoiceStatus, Routing};
use geobot_shared::topics::tg_robokassa::PaymentCallback;
use support::TestLk;

on_both_databases!(
    a_valid_callback_credits_and_publishes,
    a_repeated_callback_credits_once,
    two_hundred_concurrent_copies_credit_once,
    a_forged_callback_writes_nothing,
    another_amount_is_a_mismatch_for_a_person_to_decide,
    a_fraction_of_a_kopeck_is_a_mismatch,
    zeros_below_the_kopeck_are_the_same_amount,
    a_valid_payment_of_an_unknown_invoice_is_kept_and_alerts,
    a_test_payment_never_pays_a_live_invoice,
    money_that_comes_after_expiry_is_taken,
    money_that_comes_after_cancellation_is_taken,
    money_beyond_the_invoice_alerts_once_it_is_paid,
    what_is_no_callback_is_refused,
    a_database_that_fails_gets_no_ok,
);

async fn a_valid_callback_credits_and_publishes(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let fields = lk.signed(Mode::Live, "299.000000", &id);
    let accepted = lk.accept(fields.clone()).await.unwrap();
    assert_eq!(accepted.answer, format!("OK{id}"));
    assert_eq!(accepted.verdict, Verdict::Credited);

    let paid = lk.invoice(invoice.id).await;
    assert_eq!(paid.status, InvoiceStatus::Paid);
    assert_eq!(paid.routing, Routing::Waiting);
    assert_eq!(paid.version, invoice.version + 1);
    assert!(paid.paid_at.is_some());

    let [entry] = lk.ledger().await.try_into().unwrap();
    assert_eq!((entry.amount, entry.kind.as_str()), (29_900, "payment"));
    let [right] = lk.entitlements().await.try_into().unwrap();
    assert_eq!(
        right.ends_at,
        Some(right.starts_at + TimeDelta::days(30).num_microseconds().unwrap())
    );
    let [row] = lk.callbacks().await.try_into().unwrap();
    assert_eq!(row.verdict, "credited");
    assert_eq!(row.remote_ip, support::REMOTE.to_string());
    assert_eq!(serde_json::from_str::<Fields>(&row.params).unwrap(), fields);

    let sent = lk.sent().await;
    let mut actions: Vec<_> = sent
        .iter()
        .map(|s| (s.topic.as_str(), s.action.as_str()))
        .collect();
    actions.sort_unstable();
    assert_eq!(
        actions,
        [
            ("arm_sync_lk", "entitlement_changed"),
            ("arm_sync_lk", "invoice_changed"),
            ("info_in", "payment_credited"),
            ("tg_robokassa", "payment_callback"),
        ]
    );
    let [published] = lk
        .sent_of("tg_robokassa", "payment_callback")
        .await
        .try_into()
        .unwrap();
    let published: PaymentCallback = serde_json::from_value(published.data).unwrap();
    assert_eq!(published.params, fields);
    let granted = &published.granted;
    granted
        .grant
        .verify(&granted.claims(), &lk.app.settings.route_keys)
        .unwrap();
    assert_eq!(granted.amount, invoice.amount);
    assert_eq!(granted.delivery, invoice.delivery);
}

async fn a_repeated_callback_credits_once(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    let first = lk.accept(fields.clone()).await.unwrap();
    let sent = lk.sent().await;
    let second = lk.accept(fields).await.unwrap();
    assert_eq!(first.answer, second.answer);
    assert_eq!(second.verdict, Verdict::Repeated);
    assert_eq!(lk.ledger().await.len(), 1);
    assert_eq!(lk.callbacks().await.len(), 2);
    assert_eq!(lk.sent().await, sent);
}

async fn two_hundred_concurrent_copies_credit_once(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    let copies: Vec<_> = (0..200)
        .map(|_| {
            let (app, fields) = (lk.app.clone(), fields.clone());
            tokio::spawn(async move {
                geobot_lk::payment::accept_callback(&app, fields, support::REMOTE, Utc::now()).await
            })
        })
        .collect();
    let mut credited = 0;
    for copy in copies {
        let accepted = copy.await.unwrap().unwrap();
        assert_eq!(accepted.answer, format!("OK{}", invoice.id));
        credited += usize::from(accepted.verdict == Verdict::Credited);
    }
    assert_eq!(credited, 1);
    assert_eq!(lk.ledger().await.len(), 1);
    assert_eq!(lk.entitlements().await.len(), 1);
    assert_eq!(lk.callbacks().await.len(), 200);
    assert_eq!(
        lk.sent_of("tg_robokassa", "payment_callback").await.len(),
        1
    );
    assert_eq!(lk.invoice(invoice.id).await.version, invoice.version + 1);
}

async fn a_forged_callback_writes_nothing(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let good = lk.signed(Mode::Live, "299.000000", &id);
    let change = |name: &str, value: &str| {
        let mut fields = good.clone();
        for field in &mut fields {
            if field.0 == name {
                field.1 = value.to_owned();
            }
        }
        fields
    };
    let mut with_shp = good.clone();
    with_shp.push(("Shp_route".into(), "x".into()));
    let forged = [
        change("SignatureValue", &"0".repeat(64)),
        change("OutSum", "1.000000"),
        change("OutSum", "299.00"),
        with_shp,
    ];
    for (count, fields) in (1..).zip(forged) {
        let refused = lk.accept(fields).await.unwrap_err();
        assert!(
            matches!(refused, CallbackRefused::BadSignature(_)),
            "{refused}"
        );
        assert_eq!(lk.app.forged.last().len(), count);
    }
    assert_eq!(lk.callbacks().await, []);
    assert_eq!(lk.sent().await, []);
    assert_eq!(lk.invoice(invoice.id).await, invoice);
}

async fn another_amount_is_a_mismatch_for_a_person_to_decide(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let fields = lk.signed(Mode::Live, "1.000000", &id);
    let accepted = lk.accept(fields.clone()).await.unwrap();
    assert_eq!(accepted.answer, format!("OK{id}"));
    assert_eq!(accepted.verdict, Verdict::Mismatch);
    let held = lk.invoice(invoice.id).await;
    assert_eq!(held.status, InvoiceStatus::Mismatch);
    assert_eq!(
        held.cause.as_deref(),
        Some("paid 1.000000 instead of 299.00")
    );
    assert!(lk.ledger().await.is_empty() && lk.entitlements().await.is_empty());
    assert!(
        lk.sent_of("tg_robokassa", "payment_callback")
            .await
            .is_empty()
    );
    assert_eq!(lk.sent_of("arm_sync_lk", "invoice_changed").await.len(), 1);
    let [told] = lk.sent_of("tg_notify", "notify").await.try_into().unwrap();
    assert_eq!(told.data["event"], "payment_mismatch");
    let [alert] = lk
        .sent_of("info_in", "payment_mismatched")
        .await
        .try_into()
        .unwrap();
    assert_eq!(alert.level.as_deref(), Some("error"));

    let again = lk.accept(fields).await.unwrap();
    assert_eq!(again.verdict, Verdict::Repeated);
    // The right amount after a wrong one is money that nobody asked for.
    let right = lk.signed(Mode::Live, "299.000000", &id);
    let unexpected = lk.accept(right).await.unwrap();
    assert_eq!(unexpected.verdict, Verdict::Unexpected);
    assert_eq!(lk.invoice(invoice.id).await, held);
    assert_eq!(lk.sent_of("info_in", "callback_unexpected").await.len(), 1);
}

async fn a_fraction_of_a_kopeck_is_a_mismatch(lk: TestLk) {
    for out_sum in ["299.000001", "299.001", "298.999999", "1000000000000000.00"] {
        let invoice = lk.invoice_made(Utc::now()).await;
        let fields = lk.signed(Mode::Live, out_sum, &invoice.id.to_string());
        let accepted = lk.accept(fields).await.unwrap();
        assert_eq!(accepted.verdict, Verdict::Mismatch, "{out_sum}");
        assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Mismatch);
    }
    assert!(lk.ledger().await.is_empty());
}

async fn zeros_below_the_kopeck_are_the_same_amount(lk: TestLk) {
    for out_sum in ["299", "299.0", "299.00", "299.000000", "0299.00"] {
        let invoice = lk.invoice_made(Utc::now()).await;
        let fields = lk.signed(Mode::Live, out_sum, &invoice.id.to_string());
        let accepted = lk.accept(fields).await.unwrap();
        assert_eq!(accepted.verdict, Verdict::Credited, "{out_sum}");
    }
    // A copy whose sum is written otherwise is still a copy.
    let paid = lk.ledger().await[0].invoice_id.to_string();
    let copy = lk.signed(Mode::Live, "299.0000", &paid);
    assert_eq!(lk.accept(copy).await.unwrap().verdict, Verdict::Repeated);
    assert_eq!(lk.ledger().await.len(), 5);
}

async fn a_valid_payment_of_an_unknown_invoice_is_kept_and_alerts(lk: TestLk) {
    for inv_id in ["4242", "9223372036854775807"] {
        lk.forget_sent().await;
        let fields = lk.signed_with(
            Mode::Live,
            "100.000000",
            inv_id,
            &[("shp_interface".into(), "invoice".into())],
        );
        let accepted = lk.accept(fields).await.unwrap();
        assert_eq!(accepted.answer, format!("OK{inv_id}"));
        assert_eq!(accepted.verdict, Verdict::Unknown);
        let [alert] = lk.sent().await.try_into().unwrap();
        assert_eq!(alert.action, "payment_unknown");
        assert_eq!(alert.level.as_deref(), Some("error"));
    }
    let rows = lk.callbacks().await;
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row.invoice_id.is_none() && row.verdict == "unknown")
    );
    assert!(lk.ledger().await.is_empty());
    // A test payment is kept as well, and is no alarm: no money has moved.
    lk.forget_sent().await;
    let test = lk.signed(Mode::Test, "100.00", "4242");
    assert_eq!(lk.accept(test).await.unwrap().verdict, Verdict::Unknown);
    let [told] = lk.sent().await.try_into().unwrap();
    assert_eq!(told.level.as_deref(), Some("warn"));
    assert_eq!(told.data["mode"], "test");
    assert!(lk.ledger().await.is_empty());
}

async fn a_test_payment_never_pays_a_live_invoice(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    assert_eq!(invoice.mode, Mode::Live);
    let mut fields = lk.signed(Mode::Test, "299.00", &invoice.id.to_string());
    for is_test in [None, Some("1"), Some("0")] {
        if let Some(value) = is_test {
            fields.push(("IsTest".into(), value.into()));
        }
        let refused = lk.accept(fields.clone()).await.unwrap_err();
        assert!(matches!(refused, CallbackRefused::BadSignature(_)));
    }
    assert_eq!(lk.invoice(invoice.id).await, invoice);

    // Nor does a live signature pay a test invoice.
    let mut test_invoice = invoice.clone();
    test_invoice.id = InvoiceId::new(invoice.id.get() ^ 1).unwrap();
    test_invoice.mode = Mode::Test;
    assert!(invoices::insert(&lk.db, &test_invoice).await.unwrap());
    let live = lk.signed(Mode::Live, "299.00", &test_invoice.id.to_string());
    assert!(matches!(
        lk.accept(live).await,
        Err(CallbackRefused::BadSignature(_))
    ));
    let test = lk.signed(Mode::Test, "299.00", &test_invoice.id.to_string());
    assert_eq!(lk.accept(test).await.unwrap().verdict, Verdict::Credited);
    assert_eq!(lk.ledger().await[0].mode, "test");
}

async fn money_that_comes_after_expiry_is_taken(lk: TestLk) {
    let long_ago = Utc::now() - TimeDelta::days(3);
    let invoice = lk.invoice_made(long_ago).await;
    assert_eq!(expire::run(&lk.app, Utc::now(), 50).await.unwrap(), 1);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Expired);
    assert_eq!(lk.sent_of("tg_robokassa", "invoice_expired").await.len(), 1);
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    assert_eq!(lk.accept(fields).await.unwrap().verdict, Verdict::Credited);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Paid);
    assert_eq!(
        lk.sent_of("tg_robokassa", "payment_callback").await.len(),
        1
    );
    // A paid invoice does not expire.
    assert_eq!(expire::run(&lk.app, Utc::now(), 50).await.unwrap(), 0);
}

async fn money_that_comes_after_cancellation_is_taken(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let cancelled = invoices::cancel(&lk.db, invoice.id).await.unwrap().unwrap();
    assert_eq!(cancelled.status, InvoiceStatus::Cancelled);
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    assert_eq!(lk.accept(fields).await.unwrap().verdict, Verdict::Credited);
    assert_eq!(lk.ledger().await.len(), 1);
}

async fn money_beyond_the_invoice_alerts_once_it_is_paid(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let paid = lk.signed(Mode::Live, "299.000000", &id);
    lk.accept(paid).await.unwrap();
    let other = lk.signed(Mode::Live, "500.000000", &id);
    let accepted = lk.accept(other.clone()).await.unwrap();
    assert_eq!(accepted.verdict, Verdict::Unexpected);
    assert_eq!(accepted.answer, format!("OK{id}"));
    assert_eq!(lk.accept(other).await.unwrap().verdict, Verdict::Repeated);
    assert_eq!(lk.sent_of("info_in", "callback_unexpected").await.len(), 1);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Paid);
    assert_eq!(lk.ledger().await.len(), 1);
}

async fn what_is_no_callback_is_refused(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let good = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    let without = |name: &str| {
        let mut fields = good.clone();
        fields.retain(|field| field.0 != name);
        fields
    };
    let with = |name: &str, value: &str| {
        let mut fields = without(name);
        fields.push((name.into(), value.into()));
        fields
    };
    let twice = |name: &str| {
        let mut fields = good.clone();
        fields.push((name.into(), "1".into()));
        fields
    };
    let many = (0..101)
        .map(|n| (format!("a{n}"), String::new()))
        .chain(good.clone())
        .collect::<Fields>();
    let malformed = [
        Fields::new(),
        without("InvId"),
        without("OutSum"),
        without("SignatureValue"),
        twice("InvId"),
        twice("OutSum"),
        twice("SignatureValue"),
        with("InvId", ""),
        with("InvId", "12a"),
        with("InvId", "-1"),
        with("InvId", "+1"),
        with("InvId", "٣"),
        with("InvId", "9223372036854775808"),
        with("InvId", &"1".repeat(60_000)),
        with("OutSum", "1e3"),
        with("OutSum", "demo"),
        with("SignatureValue", "not hex"),
        with("SignatureValue", "abcd"),
        many,
    ];
    for fields in malformed {
        let shown = format!("{fields:.200?}");
        match lk.accept(fields).await {
            Err(CallbackRefused::Malformed(_)) => {}
            other => panic!("{shown}: {other:?}"),
        }
    }
    assert!(matches!(
        lk.accept(twice("InvId")).await,
        Err(CallbackRefused::Malformed(why)) if why.contains("InvId")
    ));
    // 0 is a number that Robokassa may send and that is never ours.
    let zero = lk.signed(Mode::Live, "1.00", "0");
    assert_eq!(lk.accept(zero).await.unwrap().verdict, Verdict::Unknown);
    assert_eq!(lk.invoice(invoice.id).await, invoice);
}

async fn a_database_that_fails_gets_no_ok(lk: TestLk) {
    use sea_orm::ConnectionTrait;
    let invoice = lk.invoice_made(Utc::now()).await;
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    lk.db
        .execute_unprepared("ALTER TABLE ledger RENAME TO ledger_away")
        .await
        .unwrap();
    let refused = lk.accept(fields.clone()).await.unwrap_err();
    assert!(matches!(refused, CallbackRefused::NotStored(_)));
    // Nothing of it holds, so that the repeat finds the invoice as it was.
    assert_eq!(lk.invoice(invoice.id).await, invoice);
    assert_eq!(lk.callbacks().await, []);
    assert_eq!(lk.sent().await, []);
    lk.db
        .execute_unprepared("ALTER TABLE ledger_away RENAME TO ledger")
        .await
        .unwrap();
    assert_eq!(lk.accept(fields).await.unwrap().verdict, Verdict::Credited);
}
