//! Promo codes, on both databases: what they take off, how often, and what costs nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::invoices::request;
use geobot_lk::promo;
use geobot_lk::store::invoices::Invoice;
use geobot_lk::store::promos;
use geobot_lk::upkeep::expire;
use geobot_shared::bus::{Cause, HandleError};
use geobot_shared::ids::{ChatId, InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::route_token::{Grant, GrantSource, RouteToken};
use geobot_shared::topics::lk_sync_orm::PromoUpserted;
use geobot_shared::topics::lk_sync_tg::InvoiceRequested;
use geobot_shared::topics::states::InvoiceStatus;
use geobot_shared::topics::tg_robokassa::PaymentConfirmed;
use serde_json::json;
use support::{Sent, TestLk, product};

on_both_databases!(
    a_code_takes_its_percent_or_amount_off_in_any_letter_case,
    what_is_not_taken_is_refused,
    a_limit_is_kept_however_many_ask_at_once,
    a_person_uses_a_once_code_once,
    the_same_wish_with_the_same_code_is_the_same_invoice_and_counts_once,
    another_wish_with_the_code_takes_the_place_of_the_open_invoice,
    a_use_is_given_back_when_the_invoice_expires_unpaid,
    a_late_payment_counts_again_beyond_the_limit,
    a_code_of_the_whole_price_is_paid_at_once_by_lks_word,
    an_older_version_of_a_code_changes_nothing_and_uses_stay,
    what_a_person_has_for_nothing_is_not_given_once_more_while_it_lasts,
    many_wishes_at_once_give_one_person_one_thing_for_nothing,
);

fn code(code: &str, percent: u8) -> PromoUpserted {
    PromoUpserted {
        code: code.into(),
        version: 1,
        percent: Some(percent),
        amount: None,
        limit: None,
        once_per_person: false,
        starts_at: None,
        ends_at: None,
        active: true,
    }
}

async fn put(lk: &TestLk, promo: PromoUpserted) {
    promo::promo_upserted(&lk.app, promo, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
}

fn wish(user: i64, product: ProductId, code: &str) -> InvoiceRequested {
    InvoiceRequested {
        user_id: TelegramUserId(user),
        chat_id: ChatId(user),
        product_id: product,
        promo_code: Some(code.into()),
    }
}

/// What the bot is told of the wish.
async fn ask(lk: &TestLk, user: i64, product: ProductId, code: &str, at: DateTime<Utc>) -> Sent {
    let before = lk.sent().await.len();
    request::requested(&lk.app, wish(user, product, code), &Cause::new_story(), at)
        .await
        .unwrap();
    let mut told = lk.sent().await.split_off(before);
    told.retain(|sent| sent.topic == "tg_robokassa" && sent.action != "invoice_expired");
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

async fn made(lk: &TestLk, sent: &Sent) -> Invoice {
    assert_eq!(sent.action, "invoice_ready", "{}", sent.value);
    let id = sent.data["invoice_id"].as_u64().unwrap();
    lk.invoice(InvoiceId::new(id).unwrap()).await
}

fn assert_refused(sent: &Sent) {
    assert_eq!(sent.action, "invoice_refused", "{}", sent.value);
    assert_eq!(sent.data["reason"], "promo_refused");
}

async fn used(lk: &TestLk, code: &str) -> i64 {
    let all = promos::all(&lk.db).await.unwrap();
    all.into_iter()
        .find(|promo| promo.code_key == code)
        .unwrap()
        .used
}

async fn a_code_takes_its_percent_or_amount_off_in_any_letter_case(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(&lk, code("Осень15", 15)).await;
    let fifty_rubles = PromoUpserted {
        percent: None,
        amount: Some(Money::from_kopecks(5_000)),
        ..code("FIFTY", 1)
    };
    put(&lk, fifty_rubles).await;
    let now = Utc::now();
    let told = ask(&lk, 1, product.product_id, " ОСЕНЬ15 ", now).await;
    assert_eq!(told.data["amount"], 25_415);
    assert_eq!(told.data["full_price"], 29_900);
    assert_eq!(told.data["promo_code"], "Осень15");
    let invoice = made(&lk, &told).await;
    assert_eq!(invoice.amount.kopecks(), 25_415);
    let state = lk.sent_of("arm_sync_lk", "invoice_changed").await;
    assert_eq!(
        (&state[0].data["full_price"], &state[0].data["promo_code"]),
        (&json!(29_900), &json!("Осень15"))
    );
    let told = ask(&lk, 1, product.product_id, "fifty", now).await;
    assert_eq!(told.data["amount"], 24_900);
    let counted = lk.sent_of("arm_sync_lk", "promo_used").await;
    assert_eq!(
        counted[0].data,
        json!({"code": "осень15", "version": 1, "used": 1})
    );
    // The discounted sum is what is asked for: another one is a mismatch.
    let whole = lk.signed(Mode::Live, "299.00", &invoice.id.to_string());
    lk.accept(whole).await.unwrap();
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Mismatch);
}

async fn what_is_not_taken_is_refused(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    let now = Utc::now();
    let hour = TimeDelta::hours(1);
    put(&lk, code("GOOD", 10)).await;
    for (name, change) in [
        (
            "OFF",
            PromoUpserted {
                active: false,
                ..code("OFF", 10)
            },
        ),
        (
            "LATER",
            PromoUpserted {
                starts_at: Some(now + hour),
                ..code("LATER", 10)
            },
        ),
        (
            "GONE",
            PromoUpserted {
                ends_at: Some(now),
                ..code("GONE", 10)
            },
        ),
        (
            "NONE",
            PromoUpserted {
                limit: Some(0),
                ..code("NONE", 10)
            },
        ),
    ] {
        put(&lk, change).await;
        assert_refused(&ask(&lk, 1, product.product_id, name, now).await);
    }
    for typed in ["", "  ", "nothing", "GOOD\0", &"x".repeat(5_000), "GO%"] {
        assert_refused(&ask(&lk, 1, product.product_id, typed, now).await);
    }
    let bad = code("BAD", 0);
    let refused = promo::promo_upserted(&lk.app, bad, &Cause::new_story(), now).await;
    assert!(matches!(refused, Err(HandleError::BadData(_))));
}

async fn a_limit_is_kept_however_many_ask_at_once(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(
        &lk,
        PromoUpserted {
            limit: Some(7),
            ..code("SEVEN", 50)
        },
    )
    .await;
    let asking: Vec<_> = (1..=20)
        .map(|user| {
            let app = Arc::clone(&lk.app);
            let wish = wish(user, product.product_id, "seven");
            tokio::spawn(async move {
                request::requested(&app, wish, &Cause::new_story(), Utc::now()).await
            })
        })
        .collect();
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(lk.sent_of("tg_robokassa", "invoice_ready").await.len(), 7);
    assert_eq!(
        lk.sent_of("tg_robokassa", "invoice_refused").await.len(),
        13
    );
    assert_eq!(used(&lk, "seven").await, 7);
}

async fn a_person_uses_a_once_code_once(lk: TestLk) {
    let (first, second) = (product(), product());
    lk.put_product(&first).await;
    lk.put_product(&second).await;
    put(
        &lk,
        PromoUpserted {
            once_per_person: true,
            ..code("ONCE", 10)
        },
    )
    .await;
    let now = Utc::now();
    let invoice = made(&lk, &ask(&lk, 1, first.product_id, "once", now).await).await;
    let paid = lk.signed(Mode::Live, "269.10", &invoice.id.to_string());
    lk.accept(paid).await.unwrap();
    for product in [&first, &second] {
        assert_refused(&ask(&lk, 1, product.product_id, "ONCE", now).await);
    }
    made(&lk, &ask(&lk, 2, first.product_id, "ONCE", now).await).await;
    assert_eq!(used(&lk, "once").await, 2);
}

async fn the_same_wish_with_the_same_code_is_the_same_invoice_and_counts_once(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(
        &lk,
        PromoUpserted {
            limit: Some(1),
            ..code("ONE", 10)
        },
    )
    .await;
    let now = Utc::now();
    let first = made(&lk, &ask(&lk, 1, product.product_id, "one", now).await).await;
    let again = made(&lk, &ask(&lk, 1, product.product_id, "ONE", now).await).await;
    assert_eq!(first.id, again.id);
    assert_eq!(used(&lk, "one").await, 1);
    // Without the code it is another invoice, at the whole price.
    lk.forget_sent().await;
    let plain = InvoiceRequested {
        promo_code: None,
        ..wish(1, product.product_id, "")
    };
    request::requested(&lk.app, plain, &Cause::new_story(), now)
        .await
        .unwrap();
    let told = lk.sent_of("tg_robokassa", "invoice_ready").await;
    assert_eq!(told[0].data["amount"], 29_900);
    assert!(told[0].data.get("full_price").is_none());
}

async fn another_wish_with_the_code_takes_the_place_of_the_open_invoice(lk: TestLk) {
    let (first, second) = (product(), product());
    lk.put_product(&first).await;
    lk.put_product(&second).await;
    let one = PromoUpserted {
        once_per_person: true,
        limit: Some(1),
        ..code("ONE", 10)
    };
    put(&lk, one).await;
    let now = Utc::now();
    let before = made(&lk, &ask(&lk, 1, first.product_id, "one", now).await).await;
    let after = made(&lk, &ask(&lk, 1, second.product_id, "one", now).await).await;
    assert_ne!(before.id, after.id);
    assert_eq!(lk.invoice(before.id).await.status, InvoiceStatus::Cancelled);
    let gone = lk.sent_of("tg_robokassa", "invoice_expired").await;
    assert_eq!(gone[0].data["invoice_id"], before.id.get());
    assert_eq!(used(&lk, "one").await, 1);
    // Somebody else does not get it meanwhile.
    assert_refused(&ask(&lk, 2, first.product_id, "one", now).await);
    assert_eq!(lk.invoice(after.id).await.status, InvoiceStatus::Created);
}

async fn a_use_is_given_back_when_the_invoice_expires_unpaid(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(
        &lk,
        PromoUpserted {
            limit: Some(1),
            ..code("ONE", 10)
        },
    )
    .await;
    let now = Utc::now();
    made(&lk, &ask(&lk, 1, product.product_id, "one", now).await).await;
    assert_refused(&ask(&lk, 2, product.product_id, "one", now).await);
    for _ in 0..2 {
        expire::run(&lk.app, now + TimeDelta::days(2), 50)
            .await
            .unwrap();
    }
    assert_eq!(used(&lk, "one").await, 0);
    made(&lk, &ask(&lk, 2, product.product_id, "one", now).await).await;
}

async fn a_late_payment_counts_again_beyond_the_limit(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(
        &lk,
        PromoUpserted {
            limit: Some(1),
            ..code("ONE", 10)
        },
    )
    .await;
    let now = Utc::now();
    let late = made(&lk, &ask(&lk, 1, product.product_id, "one", now).await).await;
    expire::run(&lk.app, now + TimeDelta::days(2), 50)
        .await
        .unwrap();
    made(&lk, &ask(&lk, 2, product.product_id, "one", now).await).await;
    let paid = lk.signed(Mode::Live, "269.10", &late.id.to_string());
    lk.accept(paid.clone()).await.unwrap();
    lk.accept(paid).await.unwrap();
    assert_eq!(lk.invoice(late.id).await.status, InvoiceStatus::Paid);
    assert_eq!(used(&lk, "one").await, 2);
    assert_eq!(lk.sent_of("info_in", "promo_used_late").await.len(), 1);
}

async fn a_code_of_the_whole_price_is_paid_at_once_by_lks_word(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(
        &lk,
        PromoUpserted {
            once_per_person: true,
            ..code("FREE", 100)
        },
    )
    .await;
    let now = Utc::now();
    let told = ask(&lk, 1, product.product_id, "free", now).await;
    assert_eq!(told.action, "payment_confirmed");
    let record: PaymentConfirmed = serde_json::from_value(told.data.clone()).unwrap();
    let granted = &record.granted;
    assert_eq!(
        (granted.source, granted.amount, granted.mode),
        (GrantSource::Promo, Money::ZERO, Mode::Live)
    );
    let keys = &lk.app.settings.route_keys;
    let token = RouteToken::verify(&record.route_token, keys).unwrap();
    assert_eq!(
        (token.invoice, token.amount),
        (granted.invoice_id, Money::ZERO)
    );
    let grant: &Grant = &granted.grant;
    grant.verify(&granted.claims(), keys).unwrap();

    let invoice = lk.invoice(granted.invoice_id).await;
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    assert_eq!(invoice.full_price, Some(product.price));
    let ledger = lk.ledger().await;
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        (ledger[0].amount, ledger[0].reason.as_str()),
        (0, "free by promo code")
    );
    let rights = lk.entitlements().await;
    assert_eq!(rights.len(), 1);
    assert!(rights[0].ends_at.is_some());
    assert_refused(&ask(&lk, 1, product.product_id, "FREE", now).await);
    assert_eq!(used(&lk, "free").await, 1);

    // An amount above the price leaves nothing to pay either.
    let more = PromoUpserted {
        percent: None,
        amount: Some(Money::from_kopecks(30_000)),
        ..code("MORE", 1)
    };
    put(&lk, more).await;
    let told = ask(&lk, 2, product.product_id, "more", now).await;
    assert_eq!(told.action, "payment_confirmed");
}

async fn an_older_version_of_a_code_changes_nothing_and_uses_stay(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    put(
        &lk,
        PromoUpserted {
            version: 3,
            ..code("Code", 10)
        },
    )
    .await;
    let now = Utc::now();
    ask(&lk, 1, product.product_id, "code", now).await;
    for version in [2, 3] {
        put(
            &lk,
            PromoUpserted {
                version,
                ..code("CODE", 90)
            },
        )
        .await;
    }
    put(
        &lk,
        PromoUpserted {
            version: 4,
            limit: Some(1),
            ..code("CODE", 20)
        },
    )
    .await;
    assert_eq!(used(&lk, "code").await, 1);
    assert_refused(&ask(&lk, 2, product.product_id, "code", now).await);
    let all = promos::all(&lk.db).await.unwrap();
    assert_eq!(
        (all.len(), all[0].percent, all[0].code.as_str()),
        (1, Some(20), "CODE")
    );
}

async fn what_a_person_has_for_nothing_is_not_given_once_more_while_it_lasts(lk: TestLk) {
    let month = product();
    lk.put_product(&month).await;
    put(&lk, code("FREE", 100)).await;
    put(&lk, code("GRATIS", 100)).await;
    put(&lk, code("HALF", 50)).await;
    let now = Utc::now();
    let given = async |user, code: &str, at| {
        let told = ask(&lk, user, month.product_id, code, at).await;
        if told.action != "payment_confirmed" {
            assert_refused(&told);
        }
        told.action == "payment_confirmed"
    };
    assert!(given(1, "free", now).await);
    assert!(!given(1, "free", now).await);
    assert!(!given(1, "gratis", now).await, "nor by another code");
    assert!(given(2, "free", now).await, "somebody else");
    assert_eq!(used(&lk, "free").await, 2);
    // A month later it has ended.
    let later = now + TimeDelta::days(31);
    assert!(given(1, "free", later).await);

    // Who has paid for it may get more of it for nothing, once.
    let half = made(&lk, &ask(&lk, 3, month.product_id, "half", now).await).await;
    let paid = lk.signed(Mode::Live, "149.50", &half.id.to_string());
    lk.accept(paid).await.unwrap();
    assert!(given(3, "free", now).await);
    assert!(!given(3, "free", now).await);
}

async fn many_wishes_at_once_give_one_person_one_thing_for_nothing(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    for name in ["FREE", "GRATIS"] {
        put(&lk, code(name, 100)).await;
    }
    lk.start_person(TelegramUserId(1), "ru").await;
    let asking: Vec<_> = (0..10)
        .map(|n| {
            let app = Arc::clone(&lk.app);
            let name = ["free", "gratis"][n % 2];
            let wish = wish(1, product.product_id, name);
            tokio::spawn(async move {
                request::requested(&app, wish, &Cause::new_story(), Utc::now()).await
            })
        })
        .collect();
    for asked in asking {
        asked.await.unwrap().unwrap();
    }
    let given = lk.sent_of("tg_robokassa", "payment_confirmed").await;
    let refused = lk.sent_of("tg_robokassa", "invoice_refused").await;
    assert_eq!((given.len(), refused.len()), (1, 9));
    assert_eq!(lk.entitlements().await.len(), 1);
}
