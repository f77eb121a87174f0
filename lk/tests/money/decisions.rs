//! What a person decides about money: another amount than asked, a balance.

use chrono::Utc;
use geobot_lk::balance;
use geobot_lk::payment::gateway::RefundProgress;
use geobot_lk::payment::mismatch;
use geobot_lk::refunds::{call, poll, request};
use geobot_lk::store::invoices::Invoice;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::route_token::GrantSource;
use geobot_shared::topics::lk_sync_orm::{BalanceAdjusted, MismatchResolved, RefundRequested};
use geobot_shared::topics::states::{InvoiceStatus, Routing};
use geobot_shared::topics::tg_robokassa::PaymentConfirmed;

use crate::on_both_databases;
use crate::support::{TestLk, USER, paid};

on_both_databases!(
    an_accepted_mismatch_is_delivered_and_entered_as_it_came,
    a_rejected_mismatch_waits_for_its_refund,
    only_a_mismatch_is_decided_about,
    a_balance_is_corrected_with_a_reason,
);

async fn mismatched(lk: &TestLk, out_sum: &str) -> Invoice {
    let invoice = lk.invoice_made(Utc::now()).await;
    let callback = lk.signed(Mode::Live, out_sum, &invoice.id.to_string());
    lk.accept(callback).await.unwrap();
    lk.forget_sent().await;
    lk.invoice(invoice.id).await
}

async fn resolve(lk: &TestLk, id: InvoiceId, accepted: bool) -> Handled {
    let it = MismatchResolved {
        invoice_id: id,
        accepted,
        staff: "owner".into(),
        reason: "an old price".into(),
    };
    mismatch::resolved(&lk.app, it, &Cause::new_story(), Utc::now()).await
}

async fn an_accepted_mismatch_is_delivered_and_entered_as_it_came(lk: TestLk) {
    let invoice = mismatched(&lk, "250.000000").await;
    assert_eq!(invoice.status, InvoiceStatus::Mismatch);
    resolve(&lk, invoice.id, true).await.unwrap();
    let paid = lk.invoice(invoice.id).await;
    assert_eq!(paid.status, InvoiceStatus::Paid);
    assert_eq!(paid.routing, Routing::Waiting);
    assert_eq!(paid.source, Some(GrantSource::Staff));
    let [entry] = lk.ledger().await.try_into().unwrap();
    assert_eq!(
        (entry.amount, entry.reason.as_str()),
        (25_000, "accepted by owner: an old price")
    );
    let [record] = lk
        .sent_of("tg_robokassa", "payment_confirmed")
        .await
        .try_into()
        .unwrap();
    let record: PaymentConfirmed = serde_json::from_value(record.data).unwrap();
    let granted = &record.granted;
    // The bot compares with the route token, which was made over what was asked for.
    assert_eq!(granted.amount, invoice.amount);
    assert_eq!(granted.source, GrantSource::Staff);
    granted
        .grant
        .verify(&granted.claims(), &lk.app.settings.route_keys)
        .unwrap();
    assert_eq!(lk.entitlements().await.len(), 1);
    assert_eq!(lk.sent_of("info_in", "mismatch_resolved").await.len(), 1);
    assert!(resolve(&lk, invoice.id, true).await.is_err());
    assert_eq!(lk.ledger().await.len(), 1);
}

async fn a_rejected_mismatch_waits_for_its_refund(lk: TestLk) {
    let invoice = mismatched(&lk, "250.000000").await;
    resolve(&lk, invoice.id, false).await.unwrap();
    let rejected = lk.invoice(invoice.id).await;
    assert_eq!(rejected.status, InvoiceStatus::Mismatch);
    assert_eq!(
        rejected.cause.as_deref(),
        Some("paid 250.000000 instead of 299.00; rejected by owner: an old price")
    );
    assert!(lk.ledger().await.is_empty());

    let too_much = RefundRequested {
        invoice_id: invoice.id,
        amount: Money::from_kopecks(25_001),
        staff: "owner".into(),
        reason: "rejected".into(),
    };
    let all = RefundRequested {
        amount: Money::from_kopecks(25_000),
        ..too_much.clone()
    };
    let ask = async |it| request::requested(&lk.app, it, &Cause::new_story(), Utc::now()).await;
    assert!(matches!(ask(too_much).await, Err(HandleError::Refused(_))));
    ask(all).await.unwrap();
    lk.gateway.report(invoice.id, paid(Some(25_000), None));
    lk.gateway
        .progress("r1", RefundProgress::Finished, Some(25_000));
    call::run(&lk.app, Utc::now(), 50).await.unwrap();
    let later = Utc::now() + chrono::TimeDelta::minutes(1);
    poll::run(&lk.app, later, 50).await.unwrap();
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Refunded);
    // What came is entered together with what went back, so that the ledger is the account's.
    let amounts: Vec<i64> = lk.ledger().await.iter().map(|entry| entry.amount).collect();
    assert_eq!(amounts, [25_000, -25_000]);
    assert!(lk.entitlements().await.is_empty());
    assert!(
        lk.sent_of("tg_robokassa", "access_revoked")
            .await
            .is_empty()
    );
    assert_eq!(lk.sent_of("tg_robokassa", "refund_done").await.len(), 1);
}

async fn only_a_mismatch_is_decided_about(lk: TestLk) {
    let unpaid = lk.invoice_made(Utc::now()).await;
    let beyond_counting = mismatched(&lk, "1000000000000000.00").await;
    assert_eq!(beyond_counting.funds.received, None);
    for id in [unpaid.id, beyond_counting.id, InvoiceId::new(1).unwrap()] {
        assert!(matches!(
            resolve(&lk, id, true).await,
            Err(HandleError::Refused(_))
        ));
    }
    assert_eq!(
        lk.sent_of("info_in", "mismatch_resolution_refused")
            .await
            .len(),
        3
    );
    assert!(lk.ledger().await.is_empty());
}

async fn a_balance_is_corrected_with_a_reason(lk: TestLk) {
    let adjust = |amount, reason: &str, cause: Cause| {
        let app = lk.app.clone();
        let it = BalanceAdjusted {
            user_id: USER,
            amount,
            staff: "owner".into(),
            reason: reason.into(),
        };
        async move { balance::adjusted(&app, it, &cause, Utc::now()).await }
    };
    let cause = Cause::new_story();
    adjust(-500, "a fee", cause.clone()).await.unwrap();
    adjust(-500, "a fee", cause).await.unwrap();
    adjust(700, "a present", Cause::new_story()).await.unwrap();
    for (amount, reason) in [(0, "nothing"), (1, " ")] {
        assert!(matches!(
            adjust(amount, reason, Cause::new_story()).await,
            Err(HandleError::Refused(_))
        ));
    }
    let entries: Vec<_> = lk
        .ledger()
        .await
        .into_iter()
        .map(|entry| (entry.invoice_id, entry.amount, entry.reason))
        .collect();
    assert_eq!(
        entries,
        [
            (0, -500, "owner: a fee".to_owned()),
            (0, 700, "owner: a present".to_owned())
        ]
    );
}
