//! P9's `held`: its cause is shown, and it is delivered once the cause clears.

use chrono::{TimeDelta, Utc};
use geobot_lk::held;
use geobot_lk::routing;
use geobot_lk::store::invoices::Invoice;
use geobot_lk::upkeep::republish;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::{ChatId, InvoiceId, Mode, TelegramUserId};
use geobot_shared::topics::lk_sync_orm::{DeliveredByHand, DeliveryRetryRequested};
use geobot_shared::topics::lk_sync_tg::{DeliveryFailed, PaymentRefused, PaymentRouted};
use geobot_shared::topics::states::Routing;

use crate::on_both_databases;
use crate::support::{Sent, TestLk, USER};

on_both_databases!(
    a_person_who_comes_back_gets_what_was_held,
    a_second_failure_is_a_new_answer,
    a_chat_given_back_delivers_the_links_into_it,
    staff_may_have_it_delivered_again,
    staff_may_deliver_by_hand,
    what_is_not_held_is_not_delivered_again,
);

const BLOCKED: &str = "unreachable: Forbidden: bot was blocked by the user";

async fn bought(lk: &TestLk) -> (Invoice, Sent) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let callback = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    lk.accept(callback).await.unwrap();
    let [record] = lk
        .sent_of("tg_robokassa", "payment_callback")
        .await
        .try_into()
        .unwrap();
    lk.forget_sent().await;
    (lk.invoice(invoice.id).await, record)
}

/// The bot's answers carry ids that it derives from the record it answers, so they are the same for each copy.
fn answer_to(record: &Sent) -> Cause {
    Cause {
        message_id: format!("answer-to-{}", record.message_id),
        ..Cause::new_story()
    }
}

async fn fails(lk: &TestLk, invoice: &Invoice, cause: &str, answer: &Cause) {
    let failed = DeliveryFailed {
        invoice_id: invoice.id,
        user_id: invoice.user,
        cause: cause.into(),
    };
    routing::delivery_failed(&lk.app, failed, answer, Utc::now())
        .await
        .unwrap();
}

async fn a_person_who_comes_back_gets_what_was_held(lk: TestLk) {
    let (invoice, record) = bought(&lk).await;
    fails(&lk, &invoice, BLOCKED, &answer_to(&record)).await;
    let held = lk.invoice(invoice.id).await;
    assert_eq!(held.routing, Routing::Held);
    assert_eq!(held.cause.as_deref(), Some(BLOCKED));
    lk.forget_sent().await;

    // Somebody else comes: nothing happens.
    held::person_returned(&lk.app, TelegramUserId(1), Utc::now())
        .await
        .unwrap();
    assert!(lk.sent().await.is_empty());
    for _ in 0..2 {
        held::person_returned(&lk.app, USER, Utc::now())
            .await
            .unwrap();
    }
    let waiting = lk.invoice(invoice.id).await;
    assert_eq!((waiting.routing, waiting.cause), (Routing::Waiting, None));
    let [again] = lk
        .sent_of("tg_robokassa", "payment_callback")
        .await
        .try_into()
        .unwrap();
    assert_eq!(again, record);
    let [shown] = lk
        .sent_of("arm_sync_lk", "invoice_changed")
        .await
        .try_into()
        .unwrap();
    assert_eq!(shown.data["routing"], "waiting");
    assert_eq!(shown.data["version"], held.version + 1);
    // From now on it is published again as any paid invoice.
    let later = Utc::now() + TimeDelta::seconds(61);
    assert_eq!(republish::run(&lk.app, later, 50).await.unwrap(), 1);
}

async fn a_second_failure_is_a_new_answer(lk: TestLk) {
    let (invoice, record) = bought(&lk).await;
    let answer = answer_to(&record);
    fails(&lk, &invoice, BLOCKED, &answer).await;
    held::person_returned(&lk.app, USER, Utc::now())
        .await
        .unwrap();
    lk.forget_sent().await;
    let other = "Telegram refuses: not enough rights";
    fails(&lk, &invoice, other, &answer).await;
    let held = lk.invoice(invoice.id).await;
    assert_eq!(held.routing, Routing::Held);
    assert_eq!(held.cause.as_deref(), Some(other));
    // A copy of it is none.
    fails(&lk, &invoice, other, &answer).await;
    assert_eq!(lk.invoice(invoice.id).await, held);
    assert_eq!(lk.sent_of("info_in", "delivery_failed").await.len(), 1);
    // The person's coming does not help with that one.
    held::person_returned(&lk.app, USER, Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.invoice(invoice.id).await, held);
}

async fn a_chat_given_back_delivers_the_links_into_it(lk: TestLk) {
    let (invoice, record) = bought(&lk).await;
    let cause = "Telegram refuses: Bad Request: not enough rights";
    fails(&lk, &invoice, cause, &answer_to(&record)).await;
    held::chat_regained(&lk.app, ChatId(-1), Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.invoice(invoice.id).await.routing, Routing::Held);
    held::chat_regained(&lk.app, ChatId(-1_001_234), Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.invoice(invoice.id).await.routing, Routing::Waiting);
    let again = lk.sent_of("tg_robokassa", "payment_callback").await;
    assert_eq!(again, [record]);
}

async fn retry(lk: &TestLk, id: InvoiceId) -> Handled {
    let it = DeliveryRetryRequested {
        invoice_id: id,
        staff: "owner".into(),
        reason: "the key is right now".into(),
    };
    held::retry_requested(&lk.app, it, &Cause::new_story(), Utc::now()).await
}

async fn by_hand(lk: &TestLk, id: InvoiceId) -> Handled {
    let it = DeliveredByHand {
        invoice_id: id,
        staff: "owner".into(),
        reason: "sent by e-mail".into(),
    };
    held::delivered_by_hand(&lk.app, it, &Cause::new_story(), Utc::now()).await
}

async fn staff_may_have_it_delivered_again(lk: TestLk) {
    let (invoice, record) = bought(&lk).await;
    let refused = PaymentRefused {
        invoice_id: invoice.id,
        user_id: USER,
        reason: "LK's grant is wrong".into(),
    };
    routing::payment_refused(&lk.app, refused, &answer_to(&record), Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.invoice(invoice.id).await.routing, Routing::Held);
    retry(&lk, invoice.id).await.unwrap();
    let again = lk.sent_of("tg_robokassa", "payment_callback").await;
    assert_eq!(again, std::slice::from_ref(&record));
    let [told] = lk
        .sent_of("info_in", "delivery_retry_requested")
        .await
        .try_into()
        .unwrap();
    assert_eq!(told.data["staff"], "owner");
    let routed = PaymentRouted {
        invoice_id: invoice.id,
        user_id: USER,
        at: Utc::now(),
    };
    routing::payment_routed(&lk.app, routed, &answer_to(&record), Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.invoice(invoice.id).await.routing, Routing::Delivered);
    assert!(retry(&lk, invoice.id).await.is_err());
}

async fn staff_may_deliver_by_hand(lk: TestLk) {
    let (invoice, record) = bought(&lk).await;
    fails(&lk, &invoice, BLOCKED, &answer_to(&record)).await;
    by_hand(&lk, invoice.id).await.unwrap();
    let delivered = lk.invoice(invoice.id).await;
    assert_eq!(
        (delivered.routing, delivered.cause),
        (Routing::Delivered, None)
    );
    assert!(lk.entitlements().await[0].delivered_at.is_some());
    lk.forget_sent().await;
    held::person_returned(&lk.app, USER, Utc::now())
        .await
        .unwrap();
    assert!(lk.sent().await.is_empty());
    assert!(matches!(
        by_hand(&lk, invoice.id).await,
        Err(HandleError::Refused(_))
    ));
}

async fn what_is_not_held_is_not_delivered_again(lk: TestLk) {
    let unpaid = lk.invoice_made(Utc::now()).await;
    let mismatch = lk.invoice_made(Utc::now()).await;
    let callback = lk.signed(Mode::Live, "1.00", &mismatch.id.to_string());
    lk.accept(callback).await.unwrap();
    for id in [unpaid.id, mismatch.id, InvoiceId::new(1).unwrap()] {
        assert!(matches!(retry(&lk, id).await, Err(HandleError::Refused(_))));
        assert!(matches!(
            by_hand(&lk, id).await,
            Err(HandleError::Refused(_))
        ));
    }
    assert!(
        lk.sent_of("tg_robokassa", "payment_callback")
            .await
            .is_empty()
    );
}
