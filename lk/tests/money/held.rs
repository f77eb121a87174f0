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
use geobot_shared::topics::states::{Delivery, ProductState, Routing, StoredFile};
use geobot_shared::topics::tg_robokassa::Granted;

use crate::on_both_databases;
use crate::support::{Sent, TestLk, USER, product};

on_both_databases!(
    a_person_who_comes_back_gets_what_was_held,
    a_second_failure_is_a_new_answer,
    a_chat_given_back_delivers_the_links_into_it,
    staff_may_have_it_delivered_again,
    staff_may_deliver_by_hand,
    what_is_not_held_is_not_delivered_again,
    a_stored_file_and_a_webhook_are_granted_held_and_delivered_again_as_they_were_bought,
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

async fn a_stored_file_and_a_webhook_are_granted_held_and_delivered_again_as_they_were_bought(
    lk: TestLk,
) {
    let file = Delivery::StoredFile {
        file: StoredFile {
            sha256: "ab".repeat(32),
            name: "Книга.pdf".into(),
            size: 1_234_567,
            media_type: Some("application/pdf".into()),
        },
        caption: Some("Спасибо!".into()),
    };
    let webhook = Delivery::Webhook {
        url: "https://partner.example/give".into(),
        text: None,
    };
    for delivery in [file, webhook] {
        let bought = ProductState {
            delivery: delivery.clone(),
            ..product()
        };
        lk.put_product(&bought).await;
        lk.ask_invoice(bought.product_id, Utc::now()).await;
        let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
        let id = ready[0].data["invoice_id"].as_u64().unwrap();
        // The product becomes another one before it is paid.
        let changed = ProductState {
            version: 2,
            delivery: Delivery::Text { text: "x".into() },
            ..bought.clone()
        };
        lk.put_product(&changed).await;
        lk.forget_sent().await;
        let callback = lk.signed(Mode::Live, "299.000000", &id.to_string());
        lk.accept(callback).await.unwrap();
        let id = InvoiceId::new(id).unwrap();
        let granted = async || {
            let [record] = lk
                .sent_of("tg_robokassa", "payment_callback")
                .await
                .try_into()
                .unwrap();
            let it: Granted = serde_json::from_value(record.data["granted"].clone()).unwrap();
            let keys = &lk.app.settings.route_keys;
            it.grant.verify(&it.claims(), keys).unwrap();
            assert_eq!(
                serde_json::from_str::<Delivery>(&it.delivery).unwrap(),
                delivery
            );
            record
        };
        let record = granted().await;
        // Neither needs a chat: nothing to leave at its end.
        let [right] = lk
            .entitlements()
            .await
            .into_iter()
            .filter(|right| right.invoice_id == id.get().cast_signed())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        assert_eq!((right.chat_id, right.ends_at), (None, None));

        let invoice = lk.invoice(id).await;
        fails(&lk, &invoice, "the file store is down", &answer_to(&record)).await;
        assert_eq!(lk.invoice(id).await.routing, Routing::Held);
        lk.forget_sent().await;
        retry(&lk, id).await.unwrap();
        assert_eq!(granted().await.message_id, record.message_id);
        assert_eq!(lk.invoice(id).await.routing, Routing::Waiting);
        lk.forget_sent().await;
        lk.ask_invoice(bought.product_id, Utc::now()).await;
        let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
        let next = ready[0].data["invoice_id"].as_u64().unwrap();
        let next = lk.invoice(InvoiceId::new(next).unwrap()).await;
        assert_eq!(
            serde_json::from_str::<Delivery>(&next.delivery).unwrap(),
            changed.delivery,
            "what is bought from now on is the changed product"
        );
        lk.forget_sent().await;
    }
}
