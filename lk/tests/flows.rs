//! What people, staff and the bot cause, on both databases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use chrono::{TimeDelta, Utc};
use geobot_lk::invoices::{checks, request};
use geobot_lk::routing;
use geobot_lk::store::{accounts as account_rows, invoices, products};
use geobot_lk::upkeep::{expire, republish};
use geobot_lk::{accounts, catalog};
use geobot_shared::bus::{Cause, HandleError};
use geobot_shared::ids::{ChatId, InvoiceId, Mode, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::lk_sync_orm::ProductArchived;
use geobot_shared::topics::lk_sync_tg::{
    DeliveryFailed, InvoiceRequested, PaymentCheckAsked, PaymentRefused, PaymentRouted,
};
use geobot_shared::topics::states::{InvoiceStatus, NotifySettings, Routing};
use support::{TestLk, USER, product};

on_both_databases!(
    starting_makes_an_account_once_and_keeps_the_chosen_language,
    a_block_of_somebody_unknown_holds_when_they_come,
    a_record_handled_twice_has_one_effect,
    an_older_product_changes_nothing,
    an_archived_product_leaves_the_menu_and_can_not_be_bought,
    the_whole_catalogue_includes_archived_products,
    a_wish_to_buy_becomes_an_invoice_with_a_signed_link,
    the_same_wish_within_the_hour_is_the_same_invoice,
    another_price_or_an_older_offer_is_a_new_invoice,
    what_can_not_be_bought_is_refused_with_its_reason,
    a_taken_invoice_number_is_not_overwritten,
    an_open_invoice_expires_once,
    a_paid_invoice_is_published_again_until_the_bot_answers,
    a_delivered_invoice_stays_delivered,
    a_held_invoice_shows_its_cause_and_may_be_delivered_later,
    an_answer_for_an_unpaid_or_foreign_invoice_is_refused_with_an_alert,
    only_the_owner_is_told_of_an_invoice,
    payments_and_subscriptions_are_the_last_twenty,
);

async fn starting_makes_an_account_once_and_keeps_the_chosen_language(lk: TestLk) {
    lk.start_person(USER, "en").await;
    let account = account_rows::find(&lk.db, USER).await.unwrap().unwrap();
    assert_eq!((account.version, account.language.as_str()), (1, "en"));
    let silence = NotifySettings {
        news: false,
        reminders: true,
    };
    let wishes = accounts::Wishes {
        language: Some("ru".into()),
        settings: Some(silence),
    };
    accounts::changed_by_person(&lk.app, USER, wishes, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    lk.start_person(USER, "en").await;
    let account = account_rows::find(&lk.db, USER).await.unwrap().unwrap();
    assert_eq!((account.version, account.language.as_str()), (2, "ru"));
    assert_eq!(account.settings, silence);
    // The bot is told each time, ARM too: either may have lost it.
    let told = lk.sent_of("tg_notify", "user_state_changed").await;
    let versions: Vec<_> = told.iter().map(|s| s.data["version"].as_i64()).collect();
    assert_eq!(versions, [Some(1), Some(2), Some(2)]);
    assert_eq!(lk.sent_of("arm_sync_lk", "user_upserted").await.len(), 3);
    assert_eq!(lk.sent_of("info_in", "account_created").await.len(), 1);
}

async fn a_block_of_somebody_unknown_holds_when_they_come(lk: TestLk) {
    accounts::block(&lk.app, USER, true, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    lk.start_person(USER, "en").await;
    let account = account_rows::find(&lk.db, USER).await.unwrap().unwrap();
    assert!(account.blocked);
    assert_eq!(
        (account.first_name.as_str(), account.language.as_str()),
        ("Анна", "en")
    );
    accounts::block(&lk.app, USER, false, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let account = account_rows::find(&lk.db, USER).await.unwrap().unwrap();
    assert!(!account.blocked);
}

async fn a_record_handled_twice_has_one_effect(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    let cause = Cause::new_story();
    let wish = InvoiceRequested {
        user_id: USER,
        chat_id: ChatId(USER.get()),
        product_id: product.product_id,
        promo_code: None,
    };
    request::requested(&lk.app, wish.clone(), &cause, Utc::now())
        .await
        .unwrap();
    let sent = lk.sent().await;
    request::requested(&lk.app, wish, &cause, Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.sent().await, sent);
}

async fn an_older_product_changes_nothing(lk: TestLk) {
    let mut newer = product();
    newer.version = 5;
    lk.put_product(&newer).await;
    for version in [4, 5] {
        let mut older = newer.clone();
        older.version = version;
        older.title = "Старое".into();
        lk.put_product(&older).await;
    }
    let known = products::find(&lk.db, newer.product_id).await.unwrap();
    assert_eq!(known.unwrap().item.title, newer.title);
    assert_eq!(lk.sent_of("tg_notify", "catalog_changed").await.len(), 1);
    newer.version = 6;
    newer.price = Money::from_kopecks(100);
    lk.put_product(&newer).await;
    let told = lk.sent_of("tg_notify", "catalog_changed").await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].data["products"][0]["price"], 100);
    assert_eq!(told[1].key, Some(newer.product_id.to_string()));

    let mut negative = product();
    negative.price = Money::from_kopecks(-1);
    let refused =
        catalog::product_upserted(&lk.app, negative, &Cause::new_story(), Utc::now()).await;
    assert!(matches!(refused, Err(HandleError::BadData(_))));
}

async fn archive(lk: &TestLk, id: geobot_shared::ids::ProductId, version: i64) {
    let gone = ProductArchived {
        product_id: id,
        version,
    };
    catalog::product_archived(&lk.app, gone, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
}

async fn an_archived_product_leaves_the_menu_and_can_not_be_bought(lk: TestLk) {
    let mut known = product();
    known.version = 3;
    lk.put_product(&known).await;
    archive(&lk, known.product_id, 2).await;
    archive(&lk, product().product_id, 9).await;
    assert_eq!(lk.sent_of("tg_notify", "catalog_changed").await.len(), 1);
    archive(&lk, known.product_id, 4).await;
    let told = lk.sent_of("tg_notify", "catalog_changed").await;
    assert_eq!(told[1].data["products"][0]["active"], false);
    lk.ask_invoice(known.product_id, Utc::now()).await;
    let refused = lk.sent_of("tg_robokassa", "invoice_refused").await;
    assert_eq!(refused[0].data["reason"], "product_unavailable");
}

async fn the_whole_catalogue_includes_archived_products(lk: TestLk) {
    let request = || async {
        catalog::requested(&lk.app, &Cause::new_story(), Utc::now())
            .await
            .unwrap();
        let all = lk.sent_of("tg_notify", "catalog_changed").await;
        lk.forget_sent().await;
        all.into_iter()
            .map(|sent| sent.data["products"].as_array().unwrap().len())
            .collect::<Vec<_>>()
    };
    assert_eq!(request().await, [0]);
    let first = product();
    lk.put_product(&first).await;
    archive(&lk, first.product_id, 2).await;
    for _ in 0..100 {
        lk.put_product(&product()).await;
    }
    lk.forget_sent().await;
    assert_eq!(request().await, [100, 1]);
}

async fn a_wish_to_buy_becomes_an_invoice_with_a_signed_link(lk: TestLk) {
    let product = product();
    lk.put_product(&product).await;
    let now = Utc::now();
    lk.ask_invoice(product.product_id, now).await;
    let [ready] = lk
        .sent_of("tg_robokassa", "invoice_ready")
        .await
        .try_into()
        .unwrap();
    let id = InvoiceId::new(ready.data["invoice_id"].as_u64().unwrap()).unwrap();
    let url = ready.data["pay_url"].as_str().unwrap();
    let signed = url.strip_prefix("http://127.0.0.1:5500/pay/").unwrap();
    assert_eq!(lk.app.settings.links.verify(signed), Some(id));
    assert_eq!(ready.key, Some(USER.to_string()));
    let invoice = lk.invoice(id).await;
    assert_eq!(invoice.status, InvoiceStatus::Created);
    assert_eq!(invoice.amount, product.price);
    assert_eq!(invoice.mode, Mode::Live);
    let delivery = serde_json::to_string(&product.delivery).unwrap();
    assert_eq!(invoice.delivery, delivery);
    assert_eq!(invoice.expires_at, invoice.created_at + TimeDelta::days(1));
    assert_eq!(lk.sent_of("arm_sync_lk", "invoice_changed").await.len(), 1);
    assert_eq!(lk.sent_of("info_in", "invoice_created").await.len(), 1);
    // Somebody whom a restored database has forgotten gets an account, too.
    assert_eq!(lk.sent_of("arm_sync_lk", "user_upserted").await.len(), 1);
}

async fn the_same_wish_within_the_hour_is_the_same_invoice(lk: TestLk) {
    let now = Utc::now();
    let invoice = lk.invoice_made(now - TimeDelta::minutes(59)).await;
    lk.ask_invoice(invoice.product, now).await;
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    assert_eq!(ready[0].data["invoice_id"], invoice.id.get());
    assert!(
        lk.sent_of("arm_sync_lk", "invoice_changed")
            .await
            .is_empty()
    );
    // What is paid is bought again as something new.
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    lk.accept(fields).await.unwrap();
    lk.forget_sent().await;
    lk.ask_invoice(invoice.product, now).await;
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    assert_ne!(ready[0].data["invoice_id"], invoice.id.get());
}

async fn another_price_or_an_older_offer_is_a_new_invoice(lk: TestLk) {
    let now = Utc::now();
    let mut product = product();
    lk.put_product(&product).await;
    lk.ask_invoice(product.product_id, now - TimeDelta::minutes(61))
        .await;
    lk.ask_invoice(product.product_id, now).await;
    product.version = 2;
    product.price = Money::from_kopecks(39_900);
    lk.put_product(&product).await;
    lk.ask_invoice(product.product_id, now).await;
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let ids: std::collections::BTreeSet<_> = ready
        .iter()
        .map(|sent| sent.data["invoice_id"].as_u64())
        .collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ready[2].data["amount"], 39_900);
}

async fn what_can_not_be_bought_is_refused_with_its_reason(lk: TestLk) {
    let wanted = product();
    let mut free = product();
    free.price = Money::ZERO;
    lk.put_product(&free).await;
    lk.put_product(&wanted).await;
    let ask = async |id, promo_code: Option<&str>| {
        let wish = InvoiceRequested {
            user_id: USER,
            chat_id: ChatId(USER.get()),
            product_id: id,
            promo_code: promo_code.map(str::to_owned),
        };
        request::requested(&lk.app, wish, &Cause::new_story(), Utc::now())
            .await
            .unwrap();
        let refused = lk.sent_of("tg_robokassa", "invoice_refused").await;
        lk.forget_sent().await;
        refused[0].data["reason"].clone()
    };
    assert_eq!(ask(product().product_id, None).await, "product_unavailable");
    assert_eq!(ask(free.product_id, None).await, "product_unavailable");
    assert_eq!(ask(wanted.product_id, Some("SALE")).await, "promo_refused");
    accounts::block(&lk.app, USER, true, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    assert_eq!(ask(wanted.product_id, None).await, "user_blocked");
}

async fn a_taken_invoice_number_is_not_overwritten(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let mut other = invoice.clone();
    other.user = TelegramUserId(1);
    assert!(!invoices::insert(&lk.db, &other).await.unwrap());
    assert_eq!(lk.invoice(invoice.id).await, invoice);
}

async fn an_open_invoice_expires_once(lk: TestLk) {
    let now = Utc::now();
    let invoice = lk.invoice_made(now - TimeDelta::hours(23)).await;
    assert_eq!(expire::run(&lk.app, now, 50).await.unwrap(), 0);
    let later = now + TimeDelta::hours(1);
    assert_eq!(expire::run(&lk.app, later, 50).await.unwrap(), 1);
    assert_eq!(expire::run(&lk.app, later, 50).await.unwrap(), 0);
    assert_eq!(lk.invoice(invoice.id).await.status, InvoiceStatus::Expired);
    assert_eq!(lk.sent_of("tg_robokassa", "invoice_expired").await.len(), 1);
    assert_eq!(lk.sent_of("arm_sync_lk", "invoice_changed").await.len(), 1);
}

async fn pay(lk: &TestLk) -> geobot_lk::store::invoices::Invoice {
    let invoice = lk.invoice_made(Utc::now()).await;
    let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
    lk.accept(fields).await.unwrap();
    lk.invoice(invoice.id).await
}

async fn a_paid_invoice_is_published_again_until_the_bot_answers(lk: TestLk) {
    let invoice = pay(&lk).await;
    let paid_at = invoice.paid_at.unwrap();
    // Seconds after the payment at which upkeep looks, and how many records there are then.
    for (seconds, records) in [(59, 1), (60, 2), (179, 2), (180, 3), (419, 3), (420, 4)] {
        let now = paid_at + TimeDelta::seconds(seconds);
        republish::run(&lk.app, now, 50).await.unwrap();
        let sent = lk.sent_of("tg_robokassa", "payment_callback").await;
        assert_eq!(sent.len(), records, "after {seconds} s");
        assert!(sent.iter().all(|copy| copy == &sent[0]));
    }
    // The state that others see did not change.
    assert_eq!(lk.invoice(invoice.id).await.version, invoice.version);
    routed(&lk, &invoice, &Cause::new_story()).await.unwrap();
    let much_later = paid_at + TimeDelta::days(2);
    assert_eq!(republish::run(&lk.app, much_later, 50).await.unwrap(), 0);
}

async fn routed(
    lk: &TestLk,
    invoice: &geobot_lk::store::invoices::Invoice,
    cause: &Cause,
) -> Result<(), HandleError> {
    let answer = PaymentRouted {
        invoice_id: invoice.id,
        user_id: invoice.user,
        at: Utc::now(),
    };
    routing::payment_routed(&lk.app, answer, cause, Utc::now()).await
}

async fn a_delivered_invoice_stays_delivered(lk: TestLk) {
    let invoice = pay(&lk).await;
    lk.forget_sent().await;
    routed(&lk, &invoice, &Cause::new_story()).await.unwrap();
    let delivered = lk.invoice(invoice.id).await;
    assert_eq!(delivered.routing, Routing::Delivered);
    assert_eq!(delivered.version, invoice.version + 1);
    assert!(lk.entitlements().await[0].delivered_at.is_some());
    assert_eq!(lk.sent_of("arm_sync_lk", "invoice_changed").await.len(), 1);
    // Another copy was answered as well, and then one was refused.
    routed(&lk, &invoice, &Cause::new_story()).await.unwrap();
    let refused = PaymentRefused {
        invoice_id: invoice.id,
        user_id: invoice.user,
        reason: "the grant is wrong".into(),
    };
    routing::payment_refused(&lk.app, refused, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    assert_eq!(lk.invoice(invoice.id).await, delivered);
    assert_eq!(lk.sent_of("arm_sync_lk", "invoice_changed").await.len(), 1);
    let [alert] = lk
        .sent_of("info_in", "payment_refused")
        .await
        .try_into()
        .unwrap();
    assert_eq!(alert.level.as_deref(), Some("error"));
}

async fn a_held_invoice_shows_its_cause_and_may_be_delivered_later(lk: TestLk) {
    let invoice = pay(&lk).await;
    lk.forget_sent().await;
    let failed = DeliveryFailed {
        invoice_id: invoice.id,
        user_id: invoice.user,
        cause: "бот заблокирован ".repeat(100),
    };
    routing::delivery_failed(&lk.app, failed, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let held = lk.invoice(invoice.id).await;
    assert_eq!(held.routing, Routing::Held);
    assert_eq!(held.status, InvoiceStatus::Paid);
    assert_eq!(held.cause.as_ref().unwrap().chars().count(), 500);
    let later = Utc::now() + TimeDelta::days(2);
    assert_eq!(republish::run(&lk.app, later, 50).await.unwrap(), 0);
    let [alert] = lk
        .sent_of("info_in", "delivery_failed")
        .await
        .try_into()
        .unwrap();
    assert_eq!(alert.level.as_deref(), Some("error"));
    routed(&lk, &invoice, &Cause::new_story()).await.unwrap();
    let delivered = lk.invoice(invoice.id).await;
    assert_eq!(
        (delivered.routing, delivered.cause),
        (Routing::Delivered, None)
    );
    assert_eq!(lk.sent_of("arm_sync_lk", "invoice_changed").await.len(), 2);
}

async fn an_answer_for_an_unpaid_or_foreign_invoice_is_refused_with_an_alert(lk: TestLk) {
    let unpaid = lk.invoice_made(Utc::now()).await;
    let refused = routed(&lk, &unpaid, &Cause::new_story()).await;
    assert!(matches!(refused, Err(HandleError::Refused(_))));
    let mut foreign = unpaid.clone();
    foreign.user = TelegramUserId(1);
    let refused = routed(&lk, &foreign, &Cause::new_story()).await;
    assert!(matches!(refused, Err(HandleError::Refused(_))));
    let mut unknown = unpaid.clone();
    unknown.id = InvoiceId::new(1).unwrap();
    let refused = routed(&lk, &unknown, &Cause::new_story()).await;
    assert!(matches!(refused, Err(HandleError::Refused(_))));
    assert_eq!(lk.sent_of("info_in", "payment_routed").await.len(), 3);
    assert_eq!(lk.invoice(unpaid.id).await, unpaid);
}

async fn only_the_owner_is_told_of_an_invoice(lk: TestLk) {
    let invoice = lk.invoice_made(Utc::now()).await;
    let ask = |user_id, invoice_id| {
        let question = PaymentCheckAsked {
            user_id,
            invoice_id,
        };
        let app = lk.app.clone();
        async move { checks::payment_state(&app, question, &Cause::new_story(), Utc::now()).await }
    };
    ask(USER, invoice.id).await.unwrap();
    for (user, id) in [
        (TelegramUserId(1), invoice.id),
        (USER, InvoiceId::new(1).unwrap()),
    ] {
        assert!(matches!(ask(user, id).await, Err(HandleError::Refused(_))));
    }
    let [told] = lk.sent_of("tg_notify", "notify").await.try_into().unwrap();
    assert_eq!(told.data["event"], "payment_state");
    assert_eq!(told.data["invoice"]["status"], "created");
}

async fn payments_and_subscriptions_are_the_last_twenty(lk: TestLk) {
    for _ in 0..21 {
        pay(&lk).await;
    }
    let long_ago = Utc::now() - TimeDelta::days(9);
    lk.invoice_made(long_ago).await;
    expire::run(&lk.app, Utc::now(), 50).await.unwrap();
    lk.forget_sent().await;
    checks::payments(&lk.app, USER, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    checks::subscriptions(&lk.app, USER, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let told = lk.sent_of("tg_notify", "notify").await;
    let invoices = told[0].data["invoices"].as_array().unwrap();
    assert_eq!(invoices.len(), 20);
    assert!(invoices.iter().all(|invoice| invoice["status"] == "paid"));
    let times: Vec<_> = invoices.iter().map(|i| i["created_at"].as_str()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));
    assert_eq!(told[1].data["entitlements"].as_array().unwrap().len(), 20);
}
