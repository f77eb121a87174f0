//! Refunds: set aside before they are made, made at most once, never more than came.

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::payment::gateway::{RefundProgress, RefundStart, Standing};
use geobot_lk::refunds::{by_hand, call, poll, request};
use geobot_lk::store::invoices::Invoice;
use geobot_lk::store::refunds as rows;
use geobot_lk::upkeep::republish;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::topics::lk_sync_orm::{RefundRecorded, RefundRequested, RefundResolved};
use geobot_shared::topics::states::{InvoiceStatus, RefundStage};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::on_both_databases;
use crate::support::{TestLk, paid};

on_both_databases!(
    a_whole_refund_takes_the_right_back,
    a_part_goes_back_and_the_rest_stays,
    the_operation_key_is_asked_for_when_it_is_not_known,
    a_payment_without_a_key_is_refunded_by_hand,
    a_refusal_is_final_and_gives_the_sum_free,
    a_cancelled_refund_gives_the_sum_free,
    what_can_not_be_refunded_is_refused_and_shown,
    a_message_that_comes_twice_is_one_refund,
    fifty_concurrent_refunds_never_exceed_what_came,
    no_answer_is_unknown_and_never_repeated,
    a_kill_between_call_and_answer_never_calls_again,
    a_call_that_was_not_sent_is_made_again,
    a_person_says_what_became_of_an_unknown_refund,
    another_sum_than_asked_for_is_a_persons,
    a_refund_made_elsewhere_is_entered,
    a_refunded_invoice_is_not_delivered_any_more,
    the_database_itself_refuses_a_second_entry,
);

async fn bought(lk: &TestLk) -> Invoice {
    let invoice = lk.invoice_made(Utc::now()).await;
    let callback = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    lk.accept(callback).await.unwrap();
    lk.gateway.report(invoice.id, paid(Some(29_900), None));
    lk.forget_sent().await;
    lk.invoice(invoice.id).await
}

async fn refund_as(lk: &TestLk, invoice: InvoiceId, kopecks: i64, cause: &Cause) -> Handled {
    let wish = RefundRequested {
        invoice_id: invoice,
        amount: Money::from_kopecks(kopecks),
        staff: "owner".into(),
        reason: "goodwill".into(),
    };
    request::requested(&lk.app, wish, cause, Utc::now()).await
}

async fn refund(lk: &TestLk, invoice: InvoiceId, kopecks: i64) -> Handled {
    refund_as(lk, invoice, kopecks, &Cause::new_story()).await
}

async fn call_and_poll(lk: &TestLk) {
    let now = Utc::now();
    call::run(&lk.app, now, 50).await.unwrap();
    poll::run(&lk.app, now + TimeDelta::days(1), 50)
        .await
        .unwrap();
}

async fn stages(lk: &TestLk, invoice: InvoiceId) -> Vec<RefundStage> {
    let refunds = rows::of_invoice(&lk.db, invoice).await.unwrap();
    refunds.iter().map(|refund| refund.state).collect()
}

fn sums(invoice: &Invoice) -> (i64, i64) {
    let funds = &invoice.funds;
    (funds.refunded.kopecks(), funds.reserved.kopecks())
}

async fn balance(lk: &TestLk, invoice: InvoiceId) -> i64 {
    let id = invoice.get().cast_signed();
    let entries = lk.ledger().await;
    let mine = entries.iter().filter(|entry| entry.invoice_id == id);
    mine.map(|entry| entry.amount).sum()
}

async fn a_whole_refund_takes_the_right_back(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 29_900).await.unwrap();
    let reserved = lk.invoice(invoice.id).await;
    assert_eq!(reserved.status, InvoiceStatus::Refunding);
    assert_eq!(sums(&reserved), (0, 29_900));
    assert!(lk.gateway.orders().is_empty());

    call::run(&lk.app, Utc::now(), 50).await.unwrap();
    let [order] = lk.gateway.orders().try_into().unwrap();
    // All of it: the gateway is told no sum.
    assert_eq!((order.op_key.as_str(), order.sum), ("KEY", None));
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Requested]);
    // Still being worked on: nothing has moved. If it takes long, a person is told, once.
    for hour in 0..30 {
        poll::run(&lk.app, Utc::now() + TimeDelta::hours(hour), 50)
            .await
            .unwrap();
    }
    assert_eq!(balance(&lk, invoice.id).await, 29_900);
    assert_eq!(lk.sent_of("info_in", "refund_slow").await.len(), 1);

    lk.forget_sent().await;
    lk.gateway
        .progress("r1", RefundProgress::Finished, Some(29_900));
    poll::run(&lk.app, Utc::now() + TimeDelta::days(2), 50)
        .await
        .unwrap();
    let refunded = lk.invoice(invoice.id).await;
    assert_eq!(refunded.status, InvoiceStatus::Refunded);
    assert_eq!(sums(&refunded), (29_900, 0));
    assert_eq!(balance(&lk, invoice.id).await, 0);
    assert_eq!(lk.ledger().await[1].reason, "owner: goodwill");
    let [right] = lk.entitlements().await.try_into().unwrap();
    assert!(right.revoked);
    assert_eq!(right.version, 2);

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
        ("info_in", "refund_done"),
        ("tg_robokassa", "access_revoked"),
        ("tg_robokassa", "refund_done"),
    ];
    assert_eq!(
        sent,
        expected.map(|(topic, action)| (topic.to_owned(), action.to_owned()))
    );
    let [gone] = lk
        .sent_of("tg_robokassa", "access_revoked")
        .await
        .try_into()
        .unwrap();
    assert_eq!(gone.data["chat_id"], -1_001_234);
    let [done] = lk
        .sent_of("tg_robokassa", "refund_done")
        .await
        .try_into()
        .unwrap();
    assert_eq!(done.data["whole"], true);
    let [shown] = lk
        .sent_of("arm_sync_lk", "invoice_changed")
        .await
        .try_into()
        .unwrap();
    assert_eq!(shown.data["refunded"], 29_900);
    assert_eq!(shown.data["refunds"][0]["state"], "done");
    // It has ended: nobody asks again.
    let polled = lk.gateway.polled();
    poll::run(&lk.app, Utc::now() + TimeDelta::days(9), 50)
        .await
        .unwrap();
    assert_eq!(lk.gateway.polled(), polled);
}

async fn a_part_goes_back_and_the_rest_stays(lk: TestLk) {
    let invoice = bought(&lk).await;
    for (n, kopecks) in [(1, 10_000), (2, 5_000)] {
        refund(&lk, invoice.id, kopecks).await.unwrap();
        lk.gateway
            .progress(&format!("r{n}"), RefundProgress::Finished, Some(kopecks));
        call_and_poll(&lk).await;
    }
    let part = lk.invoice(invoice.id).await;
    assert_eq!(part.status, InvoiceStatus::PartlyRefunded);
    assert_eq!(sums(&part), (15_000, 0));
    assert_eq!(balance(&lk, invoice.id).await, 14_900);
    assert!(!lk.entitlements().await[0].revoked);
    assert!(
        lk.sent_of("tg_robokassa", "access_revoked")
            .await
            .is_empty()
    );
    let orders = lk.gateway.orders();
    assert_eq!(orders[0].sum, Some(Money::from_kopecks(10_000)));

    // The rest: a sum is named, since a part of the operation is gone already.
    refund(&lk, invoice.id, 14_900).await.unwrap();
    lk.gateway.progress("r3", RefundProgress::Finished, None);
    call_and_poll(&lk).await;
    let whole = lk.invoice(invoice.id).await;
    assert_eq!(whole.status, InvoiceStatus::Refunded);
    assert_eq!(balance(&lk, invoice.id).await, 0);
    assert_eq!(
        lk.gateway.orders()[2].sum,
        Some(Money::from_kopecks(14_900))
    );
    assert!(lk.entitlements().await[0].revoked);
    assert!(matches!(
        refund(&lk, invoice.id, 1).await,
        Err(HandleError::Refused(_))
    ));
}

async fn the_operation_key_is_asked_for_when_it_is_not_known(lk: TestLk) {
    let invoice = bought(&lk).await;
    assert_eq!(invoice.op_key, None);
    refund(&lk, invoice.id, 100).await.unwrap();
    call::run(&lk.app, Utc::now(), 50).await.unwrap();
    assert_eq!(lk.gateway.asked(), [invoice.id]);
    assert_eq!(lk.invoice(invoice.id).await.op_key.as_deref(), Some("KEY"));
    refund(&lk, invoice.id, 100).await.unwrap();
    call::run(&lk.app, Utc::now(), 50).await.unwrap();
    assert_eq!(lk.gateway.asked(), [invoice.id]);
    assert_eq!(lk.gateway.orders().len(), 2);
}

async fn a_payment_without_a_key_is_refunded_by_hand(lk: TestLk) {
    let invoice = bought(&lk).await;
    lk.gateway.report_standing(
        invoice.id,
        Standing::Paid {
            paid: Some(invoice.amount),
            credited: None,
        },
    );
    refund(&lk, invoice.id, 100).await.unwrap();
    call::run(&lk.app, Utc::now(), 50).await.unwrap();
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Refused]);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Paid);

    // A gateway that does not find the payment gets some time, then a person looks.
    let other = bought(&lk).await;
    lk.gateway.report_standing(other.id, Standing::NotFound);
    refund(&lk, other.id, 100).await.unwrap();
    let mut now = Utc::now();
    for _ in 0..7 {
        assert_eq!(stages(&lk, other.id).await, [RefundStage::Reserved]);
        call::run(&lk.app, now, 50).await.unwrap();
        now += TimeDelta::hours(1);
    }
    assert_eq!(stages(&lk, other.id).await, [RefundStage::Refused]);
    assert!(lk.gateway.orders().is_empty());
}

async fn a_refusal_is_final_and_gives_the_sum_free(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 29_900).await.unwrap();
    lk.gateway
        .next_start(RefundStart::Refused("NotEnoughOperationFunds".into()));
    call_and_poll(&lk).await;
    let free = lk.invoice(invoice.id).await;
    assert_eq!(free.status, InvoiceStatus::Paid);
    assert_eq!(sums(&free), (0, 0));
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Refused]);
    let shown = lk.sent_of("arm_sync_lk", "invoice_changed").await;
    let last = &shown.last().unwrap().data["refunds"][0];
    assert_eq!(last["cause"], "NotEnoughOperationFunds");
    assert_eq!(lk.sent_of("info_in", "refund_refused").await.len(), 1);
    // It is not made again by itself; another one may be.
    call::run(&lk.app, Utc::now() + TimeDelta::days(1), 50)
        .await
        .unwrap();
    assert_eq!(lk.gateway.orders().len(), 1);
    refund(&lk, invoice.id, 29_900).await.unwrap();
    call_and_poll(&lk).await;
    assert_eq!(lk.gateway.orders().len(), 2);
}

async fn a_cancelled_refund_gives_the_sum_free(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 29_900).await.unwrap();
    lk.gateway
        .progress("r1", RefundProgress::Cancelled, Some(29_900));
    call_and_poll(&lk).await;
    let free = lk.invoice(invoice.id).await;
    assert_eq!((free.status, sums(&free)), (InvoiceStatus::Paid, (0, 0)));
    assert_eq!(balance(&lk, invoice.id).await, 29_900);
    assert!(!lk.entitlements().await[0].revoked);
}

async fn what_can_not_be_refunded_is_refused_and_shown(lk: TestLk) {
    let invoice = bought(&lk).await;
    let unpaid = lk.invoice_made(Utc::now()).await;
    for (id, kopecks) in [
        (invoice.id, 0),
        (invoice.id, -1),
        (invoice.id, 29_901),
        (invoice.id, i64::MAX),
        (unpaid.id, 100),
        (InvoiceId::new(1).unwrap(), 100),
    ] {
        let refused = refund(&lk, id, kopecks).await;
        assert!(matches!(refused, Err(HandleError::Refused(_))), "{kopecks}");
    }
    let seen = lk.invoice(invoice.id).await;
    assert_eq!((seen.status, sums(&seen)), (InvoiceStatus::Paid, (0, 0)));
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Refused; 4]);
    assert_eq!(lk.sent_of("info_in", "refund_refused").await.len(), 6);
    let shown = lk.sent_of("arm_sync_lk", "invoice_changed").await;
    let of_invoice: Vec<_> = shown
        .iter()
        .filter(|sent| sent.data["invoice_id"] == invoice.id.get())
        .collect();
    let causes = of_invoice.last().unwrap().data["refunds"]
        .as_array()
        .unwrap();
    assert!(causes[2]["cause"].as_str().unwrap().contains("299.00 came"));
    assert_eq!(call::run(&lk.app, Utc::now(), 50).await.unwrap(), 0);

    // Sums that the database could not even add.
    refund(&lk, invoice.id, 100).await.unwrap();
    for kopecks in [i64::MAX, i64::MAX - 1] {
        assert!(matches!(
            refund(&lk, invoice.id, kopecks).await,
            Err(HandleError::Refused(_))
        ));
        let it = RefundRecorded {
            invoice_id: invoice.id,
            amount: Money::from_kopecks(kopecks),
            staff: "owner".into(),
            reason: "a slip".into(),
        };
        assert!(matches!(
            by_hand::recorded(&lk.app, it, &Cause::new_story(), Utc::now()).await,
            Err(HandleError::Refused(_))
        ));
    }

    // A test payment moved no money; that it is undone can only be entered.
    let mut test = unpaid.clone();
    test.id = InvoiceId::new(unpaid.id.get() ^ 1).unwrap();
    test.mode = Mode::Test;
    geobot_lk::store::invoices::insert(&lk.db, &test)
        .await
        .unwrap();
    let callback = lk.signed(Mode::Test, "299.00", &test.id.to_string());
    lk.accept(callback).await.unwrap();
    assert!(matches!(
        refund(&lk, test.id, 100).await,
        Err(HandleError::Refused(why)) if why.contains("test")
    ));
}

async fn a_message_that_comes_twice_is_one_refund(lk: TestLk) {
    let invoice = bought(&lk).await;
    let cause = Cause::new_story();
    refund_as(&lk, invoice.id, 100, &cause).await.unwrap();
    refund_as(&lk, invoice.id, 100, &cause).await.unwrap();
    assert_eq!(stages(&lk, invoice.id).await.len(), 1);
    assert_eq!(sums(&lk.invoice(invoice.id).await), (0, 100));
    // Even with the memory of handled messages gone.
    geobot_shared::bus::dedupe::Entity::delete_many()
        .exec(&lk.db)
        .await
        .unwrap();
    assert!(refund_as(&lk, invoice.id, 100, &cause).await.is_err());
    assert_eq!(stages(&lk, invoice.id).await.len(), 1);
    assert_eq!(sums(&lk.invoice(invoice.id).await), (0, 100));
}

async fn fifty_concurrent_refunds_never_exceed_what_came(lk: TestLk) {
    let invoice = bought(&lk).await;
    let wishes: Vec<_> = (0..50)
        .map(|n| {
            let (app, id) = (lk.app.clone(), invoice.id);
            tokio::spawn(async move {
                let wish = RefundRequested {
                    invoice_id: id,
                    amount: Money::from_kopecks(1_000 + n),
                    staff: "owner".into(),
                    reason: "goodwill".into(),
                };
                request::requested(&app, wish, &Cause::new_story(), Utc::now()).await
            })
        })
        .collect();
    let mut taken = 0;
    for wish in wishes {
        match wish.await.unwrap() {
            Ok(()) => taken += 1,
            Err(HandleError::Refused(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let reserved = lk.invoice(invoice.id).await.funds.reserved.kopecks();
    assert!((1..=29).contains(&taken), "{taken}");
    assert!((28_000..=29_900).contains(&reserved), "{reserved}");
    // And neither do their calls, made by several replicas at once.
    let now = Utc::now();
    let replicas: Vec<_> = (0..4)
        .map(|_| {
            let app = lk.app.clone();
            tokio::spawn(async move { call::run(&app, now, 50).await })
        })
        .collect();
    for replica in replicas {
        replica.await.unwrap().unwrap();
    }
    assert_eq!(lk.gateway.orders().len(), taken);
    for n in 1..=taken {
        lk.gateway
            .progress(&format!("r{n}"), RefundProgress::Finished, None);
    }
    let replicas: Vec<_> = (0..4)
        .map(|_| {
            let app = lk.app.clone();
            let later = now + TimeDelta::days(1);
            tokio::spawn(async move { poll::run(&app, later, 50).await })
        })
        .collect();
    for replica in replicas {
        replica.await.unwrap().unwrap();
    }
    let after = lk.invoice(invoice.id).await;
    assert_eq!(sums(&after), (reserved, 0));
    assert_eq!(balance(&lk, invoice.id).await, 29_900 - reserved);
}

async fn no_answer_is_unknown_and_never_repeated(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 10_000).await.unwrap();
    lk.gateway
        .next_start(RefundStart::Unknown("no answer in time".into()));
    let now = Utc::now();
    call::run(&lk.app, now, 50).await.unwrap();
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Unknown]);
    let [alert] = lk
        .sent_of("info_in", "refund_unknown")
        .await
        .try_into()
        .unwrap();
    assert_eq!(alert.level.as_deref(), Some("error"));
    let seen = lk.invoice(invoice.id).await;
    assert_eq!(
        (seen.status, sums(&seen)),
        (InvoiceStatus::Refunding, (0, 10_000))
    );
    for day in 0..40 {
        let later = now + TimeDelta::days(day);
        call::run(&lk.app, later, 50).await.unwrap();
        call::sweep(&lk.app, later, 50).await.unwrap();
        poll::run(&lk.app, later, 50).await.unwrap();
    }
    assert_eq!(lk.gateway.orders().len(), 1);
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Unknown]);
    // What is left can still go back.
    refund(&lk, invoice.id, 19_900).await.unwrap();
    assert!(refund(&lk, invoice.id, 1).await.is_err());
}

async fn a_kill_between_call_and_answer_never_calls_again(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 29_900).await.unwrap();
    lk.gateway.hang_once();
    let now = Utc::now();
    let (app, gateway) = (lk.app.clone(), lk.gateway.clone());
    let calling = tokio::spawn(async move { call::run(&app, now, 50).await });
    gateway.hanging.notified().await;
    calling.abort();
    assert!(calling.await.unwrap_err().is_cancelled());

    let lk = lk.restarted().await;
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Calling]);
    // It may still be under way in another process.
    call::sweep(&lk.app, now + TimeDelta::seconds(60), 50)
        .await
        .unwrap();
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Calling]);
    for day in 0..10 {
        let later = now + call::LOST_AFTER + TimeDelta::days(day);
        call::run(&lk.app, later, 50).await.unwrap();
        call::sweep(&lk.app, later, 50).await.unwrap();
    }
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Unknown]);
    assert_eq!(lk.gateway.orders().len(), 1);
    assert_eq!(lk.sent_of("info_in", "refund_unknown").await.len(), 1);
}

async fn a_call_that_was_not_sent_is_made_again(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 29_900).await.unwrap();
    let mut now = Utc::now();
    for _ in 0..3 {
        lk.gateway
            .next_start(RefundStart::NotSent("Connection refused".into()));
        call::run(&lk.app, now, 50).await.unwrap();
        assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Reserved]);
        // Not at once.
        assert_eq!(call::run(&lk.app, now, 50).await.unwrap(), 0);
        now += TimeDelta::minutes(1);
    }
    call::run(&lk.app, now, 50).await.unwrap();
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Requested]);
    assert_eq!(lk.gateway.orders().len(), 4);
}

async fn unknown_refund(lk: &TestLk) -> (Invoice, uuid::Uuid) {
    let invoice = bought(lk).await;
    refund(lk, invoice.id, 29_900).await.unwrap();
    lk.gateway
        .next_start(RefundStart::Unknown("no answer in time".into()));
    call::run(&lk.app, Utc::now(), 50).await.unwrap();
    let [refund] = rows::of_invoice(&lk.db, invoice.id)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    (invoice, refund.id)
}

async fn resolve(lk: &TestLk, refund_id: uuid::Uuid, done: bool) -> Handled {
    let it = RefundResolved {
        refund_id,
        done,
        staff: "owner".into(),
        reason: "seen in the cabinet".into(),
    };
    by_hand::resolved(&lk.app, it, &Cause::new_story(), Utc::now()).await
}

async fn a_person_says_what_became_of_an_unknown_refund(lk: TestLk) {
    let (invoice, id) = unknown_refund(&lk).await;
    resolve(&lk, id, true).await.unwrap();
    let after = lk.invoice(invoice.id).await;
    assert_eq!(
        (after.status, sums(&after)),
        (InvoiceStatus::Refunded, (29_900, 0))
    );
    assert_eq!(balance(&lk, invoice.id).await, 0);
    for done in [true, false] {
        assert!(matches!(
            resolve(&lk, id, done).await,
            Err(HandleError::Refused(_))
        ));
    }
    assert_eq!(balance(&lk, invoice.id).await, 0);

    let (invoice, id) = unknown_refund(&lk).await;
    resolve(&lk, id, false).await.unwrap();
    let after = lk.invoice(invoice.id).await;
    assert_eq!((after.status, sums(&after)), (InvoiceStatus::Paid, (0, 0)));
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Refused]);
    assert!(resolve(&lk, uuid::Uuid::nil(), true).await.is_err());
}

async fn another_sum_than_asked_for_is_a_persons(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 10_000).await.unwrap();
    lk.gateway
        .progress("r1", RefundProgress::Finished, Some(9_000));
    call_and_poll(&lk).await;
    assert_eq!(stages(&lk, invoice.id).await, [RefundStage::Unknown]);
    assert_eq!(balance(&lk, invoice.id).await, 29_900);

    // All of an operation may be more than was asked for: the buyer's commission goes back as well.
    let other = bought(&lk).await;
    refund(&lk, other.id, 29_900).await.unwrap();
    lk.gateway
        .progress("r2", RefundProgress::Finished, Some(31_096));
    call_and_poll(&lk).await;
    assert_eq!(stages(&lk, other.id).await, [RefundStage::Done]);
}

async fn a_refund_made_elsewhere_is_entered(lk: TestLk) {
    let invoice = bought(&lk).await;
    let record = |kopecks, cause: Cause| {
        let app = lk.app.clone();
        let it = RefundRecorded {
            invoice_id: invoice.id,
            amount: Money::from_kopecks(kopecks),
            staff: "owner".into(),
            reason: "refunded in the cabinet".into(),
        };
        async move { by_hand::recorded(&app, it, &cause, Utc::now()).await }
    };
    let cause = Cause::new_story();
    record(10_000, cause.clone()).await.unwrap();
    record(10_000, cause).await.unwrap();
    let part = lk.invoice(invoice.id).await;
    assert_eq!(
        (part.status, sums(&part)),
        (InvoiceStatus::PartlyRefunded, (10_000, 0))
    );
    for kopecks in [0, -5, 19_901] {
        assert!(matches!(
            record(kopecks, Cause::new_story()).await,
            Err(HandleError::Refused(_))
        ));
    }
    record(19_900, Cause::new_story()).await.unwrap();
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Refunded);
    assert_eq!(balance(&lk, invoice.id).await, 0);
    assert!(lk.entitlements().await[0].revoked);
    assert!(lk.gateway.orders().is_empty());
    assert_eq!(lk.sent_of("tg_robokassa", "refund_done").await.len(), 2);
}

async fn a_refunded_invoice_is_not_delivered_any_more(lk: TestLk) {
    let invoice = bought(&lk).await;
    let much_later = Utc::now() + TimeDelta::days(2);
    refund(&lk, invoice.id, 29_900).await.unwrap();
    assert_eq!(republish::run(&lk.app, much_later, 50).await.unwrap(), 0);
    lk.gateway.progress("r1", RefundProgress::Finished, None);
    call_and_poll(&lk).await;
    assert_eq!(republish::run(&lk.app, much_later, 50).await.unwrap(), 0);
    // A part that went back takes nothing from the person.
    let other = bought(&lk).await;
    refund(&lk, other.id, 100).await.unwrap();
    lk.gateway.progress("r2", RefundProgress::Finished, None);
    call_and_poll(&lk).await;
    assert_eq!(republish::run(&lk.app, much_later, 50).await.unwrap(), 1);
}

/// The last line of defence: UNIQUE(invoice, refund) in the ledger.
async fn the_database_itself_refuses_a_second_entry(lk: TestLk) {
    let invoice = bought(&lk).await;
    refund(&lk, invoice.id, 10_000).await.unwrap();
    lk.gateway.progress("r1", RefundProgress::Finished, None);
    call_and_poll(&lk).await;
    // Somebody turns the refund back by hand, and sets the sum aside again.
    for statement in [
        "UPDATE refunds SET state = 'requested', next_at = 0",
        "UPDATE invoices SET reserved = 10000",
    ] {
        lk.db.execute_unprepared(statement).await.unwrap();
    }
    let far: DateTime<Utc> = Utc::now() + TimeDelta::days(30);
    assert!(poll::run(&lk.app, far, 50).await.is_err());
    assert_eq!(balance(&lk, invoice.id).await, 19_900);
    assert_eq!(sums(&lk.invoice(invoice.id).await), (10_000, 10_000));
}
