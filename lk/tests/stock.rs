//! Keys from a stock, on both databases: one per invoice, never twice, and nobody's money without a key is forgotten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::invoices::request;
use geobot_lk::payment::accept_callback;
use geobot_lk::store::invoices::{self, Invoice};
use geobot_lk::store::{products, stock as stock_rows};
use geobot_lk::upkeep::{expire, republish};
use geobot_lk::{held, stock};
use geobot_shared::bus::{Cause, HandleError};
use geobot_shared::ids::{ChatId, InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::topics::lk_sync_orm::{DeliveryRetryRequested, KeysUploaded};
use geobot_shared::topics::lk_sync_tg::InvoiceRequested;
use geobot_shared::topics::states::{Delivery, InvoiceStatus, ProductState, Routing};
use serde_json::{Value, json};
use support::{REMOTE, TestLk, product};
use uuid::Uuid;

on_both_databases!(
    fifty_payments_for_thirty_keys_give_thirty_distinct_keys_and_hold_twenty,
    a_paid_invoice_has_its_key_in_the_granted_text_of_every_copy,
    a_product_without_keys_is_hidden_and_can_not_be_bought,
    the_last_key_hides_the_product_and_new_keys_show_it_again,
    new_keys_go_first_to_those_who_wait_in_order_of_payment,
    a_key_that_the_product_has_is_not_taken_again,
    an_upload_handled_twice_adds_its_keys_once,
    staff_are_warned_once_when_few_keys_are_left_and_when_none_is,
    an_archived_product_stays_hidden_when_keys_come,
    a_waiting_invoice_is_not_delivered_without_a_key,
);

fn key_product(low_stock: Option<u32>) -> ProductState {
    ProductState {
        delivery: Delivery::Key {
            text: "Ваш ключ: {key}".into(),
        },
        low_stock,
        ..product()
    }
}

fn keys(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{prefix}-{n:03}")).collect()
}

fn upload_of(product: ProductId, keys: Vec<String>) -> KeysUploaded {
    KeysUploaded {
        product_id: product,
        upload_id: Uuid::now_v7(),
        keys,
    }
}

async fn upload(lk: &TestLk, product: ProductId, keys: Vec<String>) {
    let upload = upload_of(product, keys);
    stock::keys_uploaded(&lk.app, upload, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
}

/// An open invoice of this person.
async fn invoice_of(lk: &TestLk, user: i64, product: ProductId) -> Invoice {
    let wish = InvoiceRequested {
        user_id: TelegramUserId(user),
        chat_id: ChatId(user),
        product_id: product,
        promo_code: None,
    };
    request::requested(&lk.app, wish, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let made = ready
        .iter()
        .rfind(|sent| sent.data["user_id"] == user)
        .unwrap();
    let id = made.data["invoice_id"].as_u64().unwrap();
    lk.invoice(InvoiceId::new(id).unwrap()).await
}

async fn pay(lk: &TestLk, invoice: &Invoice, at: DateTime<Utc>) {
    let id = invoice.id.to_string();
    let fields = lk.signed(Mode::Live, &invoice.amount.to_out_sum(), &id);
    let accepted = accept_callback(&lk.app, fields, REMOTE, at).await.unwrap();
    assert_eq!(accepted.answer, format!("OK{id}"));
}

async fn free(lk: &TestLk, product: ProductId) -> (i64, i64, i64) {
    let all = stock_rows::all(&lk.db).await.unwrap();
    let row = all
        .into_iter()
        .find(|row| row.product_id == product.to_string())
        .unwrap();
    (row.free, row.given, row.waiting)
}

/// The text that the bot is to deliver.
fn granted_text(data: &Value) -> String {
    let delivery: Value =
        serde_json::from_str(data["granted"]["delivery"].as_str().unwrap()).unwrap();
    assert_eq!(delivery["kind"], "text");
    delivery["text"].as_str().unwrap().to_owned()
}

async fn fifty_payments_for_thirty_keys_give_thirty_distinct_keys_and_hold_twenty(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 30)).await;
    let mut open = Vec::new();
    for user in 1..=50 {
        open.push(invoice_of(&lk, user, product.product_id).await);
    }
    lk.forget_sent().await;
    let paying: Vec<_> = open
        .iter()
        .map(|invoice| {
            let app = Arc::clone(&lk.app);
            let fields = lk.signed(
                Mode::Live,
                &invoice.amount.to_out_sum(),
                &invoice.id.to_string(),
            );
            tokio::spawn(async move { accept_callback(&app, fields, REMOTE, Utc::now()).await })
        })
        .collect();
    for payment in paying {
        payment.await.unwrap().unwrap();
    }

    let told = lk.sent_of("tg_robokassa", "payment_callback").await;
    let given: BTreeSet<String> = told.iter().map(|sent| granted_text(&sent.data)).collect();
    assert_eq!((told.len(), given.len()), (30, 30));
    let expected: BTreeSet<String> = keys("Ваш ключ: K", 30).into_iter().collect();
    assert_eq!(given, expected);
    let (mut waiting, mut sold_out) = (0, 0);
    for invoice in &open {
        let now = lk.invoice(invoice.id).await;
        assert_eq!(
            now.status,
            InvoiceStatus::Paid,
            "money is taken in any case"
        );
        match now.routing {
            Routing::Waiting => waiting += 1,
            Routing::Held => {
                sold_out += 1;
                assert_eq!(now.cause.as_deref(), Some(stock::SOLD_OUT));
            }
            Routing::Delivered => panic!("nothing was delivered yet"),
        }
    }
    assert_eq!((waiting, sold_out), (30, 20));
    assert_eq!(free(&lk, product.product_id).await, (0, 30, 20));
    assert_eq!(lk.ledger().await.len(), 50);
    assert_eq!(lk.entitlements().await.len(), 50);
    let held = lk.sent_of("info_in", "payment_held").await;
    assert_eq!(held.len(), 20);
    assert!(
        held.iter()
            .all(|sent| sent.level.as_deref() == Some("error"))
    );
    assert_eq!(lk.sent_of("info_in", "stock_sold_out").await.len(), 1);
    assert!(lk.sent_of("info_in", "").await.is_empty());
    for sent in lk.sent().await {
        let tells_key = sent.value.contains("K-0");
        assert!(!tells_key || sent.topic == "tg_robokassa", "{}", sent.value);
    }
}

async fn a_paid_invoice_has_its_key_in_the_granted_text_of_every_copy(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 2)).await;
    let invoice = invoice_of(&lk, 1, product.product_id).await;
    let now = Utc::now();
    pay(&lk, &invoice, now).await;
    pay(&lk, &invoice, now).await;
    republish::run(&lk.app, now + TimeDelta::hours(1), 10)
        .await
        .unwrap();
    let told = lk.sent_of("tg_robokassa", "payment_callback").await;
    assert_eq!(told.len(), 2);
    assert_eq!(granted_text(&told[0].data), "Ваш ключ: K-001");
    assert_eq!(told[0].value, told[1].value);
    assert_eq!(free(&lk, product.product_id).await, (1, 1, 0));
    let key = stock_rows::keys::of_invoice(&lk.db, invoice.id)
        .await
        .unwrap();
    assert_eq!(key.as_deref(), Some("K-001"));
}

async fn a_product_without_keys_is_hidden_and_can_not_be_bought(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    let told = lk.sent_of("tg_notify", "catalog_changed").await;
    assert_eq!(told[0].data["products"][0]["active"], false);
    lk.ask_invoice(product.product_id, Utc::now()).await;
    let refused = lk.sent_of("tg_robokassa", "invoice_refused").await;
    assert_eq!(refused[0].data["reason"], "product_unavailable");
}

async fn the_last_key_hides_the_product_and_new_keys_show_it_again(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 1)).await;
    let invoice = invoice_of(&lk, 1, product.product_id).await;
    pay(&lk, &invoice, Utc::now()).await;
    upload(&lk, product.product_id, keys("L", 1)).await;
    let told = lk.sent_of("tg_notify", "catalog_changed").await;
    let shown: Vec<bool> = told
        .iter()
        .map(|sent| sent.data["products"][0]["active"].as_bool().unwrap())
        .collect();
    assert_eq!(shown, [false, true, false, true]);
    let versions: Vec<i64> = told
        .iter()
        .map(|sent| sent.data["products"][0]["version"].as_i64().unwrap())
        .collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");

    let mut newer = product.clone();
    newer.version = 2;
    newer.title = "Другое имя".into();
    lk.put_product(&newer).await;
    let known = products::find(&lk.db, product.product_id).await.unwrap();
    let item = known.unwrap().item;
    assert!(item.active && item.version > *versions.last().unwrap());
}

async fn new_keys_go_first_to_those_who_wait_in_order_of_payment(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 1)).await;
    let mut open = Vec::new();
    for user in 1..=4 {
        open.push(invoice_of(&lk, user, product.product_id).await);
    }
    let start = Utc::now();
    // The first takes the only key; the others pay in another order than they asked in.
    for (seconds, at) in [(0, 0), (1, 3), (2, 1), (3, 2)] {
        pay(&lk, &open[at], start + TimeDelta::seconds(seconds)).await;
    }
    lk.forget_sent().await;
    upload(&lk, product.product_id, keys("L", 2)).await;

    let told = lk.sent_of("tg_robokassa", "payment_callback").await;
    let given: Vec<(u64, String)> = told
        .iter()
        .map(|sent| {
            (
                sent.data["granted"]["invoice_id"].as_u64().unwrap(),
                granted_text(&sent.data),
            )
        })
        .collect();
    assert_eq!(
        given,
        [
            (open[3].id.get(), "Ваш ключ: L-001".to_owned()),
            (open[1].id.get(), "Ваш ключ: L-002".to_owned()),
        ]
    );
    assert_eq!(free(&lk, product.product_id).await, (0, 3, 1));
    let again = lk.invoice(open[3].id).await;
    assert_eq!((again.routing, again.cause), (Routing::Waiting, None));
    let known = products::find(&lk.db, product.product_id).await.unwrap();
    assert!(!known.unwrap().item.active, "all new keys are given away");

    upload(&lk, product.product_id, keys("M", 2)).await;
    assert_eq!(free(&lk, product.product_id).await, (1, 4, 0));
    assert_eq!(lk.invoice(open[2].id).await.routing, Routing::Waiting);
    let known = products::find(&lk.db, product.product_id).await.unwrap();
    assert!(known.unwrap().item.active);
    // What was given out is published again like any payment.
    lk.forget_sent().await;
    republish::run(&lk.app, Utc::now() + TimeDelta::hours(1), 10)
        .await
        .unwrap();
    assert_eq!(
        lk.sent_of("tg_robokassa", "payment_callback").await.len(),
        4
    );
}

async fn a_key_that_the_product_has_is_not_taken_again(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 2)).await;
    let invoice = invoice_of(&lk, 1, product.product_id).await;
    pay(&lk, &invoice, Utc::now()).await;
    // One of them is sold, one is free, one is new and stands there twice.
    let again = ["K-001", "K-002", "K-003", " K-003 "].map(str::to_owned);
    upload(&lk, product.product_id, again.to_vec()).await;
    assert_eq!(free(&lk, product.product_id).await, (2, 1, 0));
    let logged = lk.sent_of("info_in", "keys_uploaded").await;
    assert_eq!(
        (&logged[1].data["added"], &logged[1].data["known"]),
        (&json!(1), &json!(2))
    );
    // Another product may have the same key.
    let other = key_product(None);
    lk.put_product(&other).await;
    upload(&lk, other.product_id, keys("K", 1)).await;
    assert_eq!(free(&lk, other.product_id).await, (1, 0, 0));
}

async fn an_upload_handled_twice_adds_its_keys_once(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    let upload = upload_of(product.product_id, keys("K", 3));
    let cause = Cause::new_story();
    for _ in 0..2 {
        stock::keys_uploaded(&lk.app, upload.clone(), &cause, Utc::now())
            .await
            .unwrap();
    }
    assert_eq!(free(&lk, product.product_id).await, (3, 0, 0));
    assert_eq!(lk.sent_of("arm_sync_lk", "stock_changed").await.len(), 1);
    let bad = upload_of(product.product_id, vec!["a\nb".into()]);
    let refused = stock::keys_uploaded(&lk.app, bad, &Cause::new_story(), Utc::now()).await;
    assert!(matches!(refused, Err(HandleError::BadData(_))));
}

async fn staff_are_warned_once_when_few_keys_are_left_and_when_none_is(lk: TestLk) {
    let product = key_product(Some(2));
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 4)).await;
    for user in 1..=4 {
        let invoice = invoice_of(&lk, user, product.product_id).await;
        pay(&lk, &invoice, Utc::now()).await;
    }
    let low = lk.sent_of("info_in", "stock_low").await;
    assert_eq!(low.len(), 1);
    assert_eq!(
        (low[0].level.as_deref(), &low[0].data["free"]),
        (Some("warn"), &json!(2))
    );
    let gone = lk.sent_of("info_in", "stock_sold_out").await;
    assert_eq!(gone.len(), 1);
    let stock = lk.sent_of("arm_sync_lk", "stock_changed").await;
    assert_eq!(
        stock.last().unwrap().data,
        json!({"product_id": product.product_id, "version": 5, "free": 0, "given": 4, "waiting": 0})
    );
}

async fn an_archived_product_stays_hidden_when_keys_come(lk: TestLk) {
    let product = ProductState {
        active: false,
        ..key_product(None)
    };
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 1)).await;
    let told = lk.sent_of("tg_notify", "catalog_changed").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].data["products"][0]["active"], false);
}

async fn a_waiting_invoice_is_not_delivered_without_a_key(lk: TestLk) {
    let product = key_product(None);
    lk.put_product(&product).await;
    upload(&lk, product.product_id, keys("K", 1)).await;
    let first = invoice_of(&lk, 1, product.product_id).await;
    let second = invoice_of(&lk, 2, product.product_id).await;
    pay(&lk, &first, Utc::now()).await;
    pay(&lk, &second, Utc::now()).await;
    let wish = DeliveryRetryRequested {
        invoice_id: second.id,
        staff: "owner".into(),
        reason: "try".into(),
    };
    let refused = held::retry_requested(&lk.app, wish, &Cause::new_story(), Utc::now()).await;
    assert!(matches!(refused, Err(HandleError::Refused(_))));
    held::person_returned(&lk.app, second.user, Utc::now())
        .await
        .unwrap();
    republish::run(&lk.app, Utc::now() + TimeDelta::days(1), 10)
        .await
        .unwrap();
    expire::run(&lk.app, Utc::now() + TimeDelta::days(9), 10)
        .await
        .unwrap();
    let now = lk.invoice(second.id).await;
    assert_eq!(
        (now.status, now.routing),
        (InvoiceStatus::Paid, Routing::Held)
    );
    for sent in lk.sent_of("tg_robokassa", "payment_callback").await {
        assert_eq!(sent.data["granted"]["invoice_id"], first.id.get());
    }
    // Given by hand, it leaves the queue with the next keys.
    let seen = lk.invoice(second.id).await;
    invoices::set_routing(&lk.db, &seen, Routing::Delivered, None)
        .await
        .unwrap();
    upload(&lk, product.product_id, keys("L", 1)).await;
    assert_eq!(free(&lk, product.product_id).await, (1, 1, 0));
}
