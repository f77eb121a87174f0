//! What staff decide about payments, people and one another.

use geobot_arm::access::Role;
use geobot_arm::store::{audit, invoices, staff, users};
use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::topics::states::{
    InvoiceFunds, InvoiceStatus, RefundEntry, RefundStage, Routing,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::{Arm, PASSWORD, published_as};
use crate::browser::{Browser, Seen};
use crate::databases::on_both;
use crate::demo;
use crate::shop::call;

const PAID: u64 = 900;
const MISMATCH: u64 = 901;
const OPEN: u64 = 902;
const UNKNOWN: u64 = 903;

fn refund(state: RefundStage, amount: i64) -> RefundEntry {
    RefundEntry {
        refund_id: Uuid::from_u128(42),
        amount: Money::from_kopecks(amount),
        state,
        cause: Some("no answer <b>".to_owned()),
        staff: "owner".to_owned(),
        reason: "asked".to_owned(),
        at: chrono::DateTime::from_timestamp_micros(1_795_000_000_000_000).unwrap(),
    }
}

/// A paid invoice with 299 rubles of which 100 went back and 50 are on their way, a mismatch, an open one, and one
/// whose refund got no answer.
async fn fill(arm: &Arm) {
    let funds = |received: i64, refunded: i64, reserved: i64, refunds| InvoiceFunds {
        received: Some(Money::from_kopecks(received)),
        refunded: Money::from_kopecks(refunded),
        reserved: Money::from_kopecks(reserved),
        refunds,
    };
    let mut paid = demo::invoice(PAID, 1, InvoiceStatus::PartlyRefunded);
    paid.routing = Routing::Held;
    paid.funds = funds(29_900, 10_000, 5_000, Vec::new());
    paid.full_price = Some(Money::from_kopecks(39_900));
    paid.promo_code = Some("AUTUMN".to_owned());
    let mut mismatch = demo::invoice(MISMATCH, 1, InvoiceStatus::Mismatch);
    mismatch.funds = funds(10_000, 0, 0, Vec::new());
    let open = demo::invoice(OPEN, 1, InvoiceStatus::Pending);
    let mut unknown = demo::invoice(UNKNOWN, 1, InvoiceStatus::Refunding);
    unknown.routing = Routing::Delivered;
    unknown.funds = funds(
        29_900,
        0,
        29_900,
        vec![refund(RefundStage::Unknown, 29_900)],
    );
    for state in [paid, mismatch, open, unknown] {
        invoices::take(arm.db(), &state).await.unwrap();
    }
    users::take(arm.db(), &demo::user(demo::USER, 1, "Анна"))
        .await
        .unwrap();
}

async fn decide(browser: &Browser, id: u64, deed: &str, more: &[(&str, &str)]) -> Seen {
    let form = Uuid::now_v7().to_string();
    let mut fields = vec![("form", form.as_str())];
    fields.extend_from_slice(more);
    browser
        .submit(&format!("/payments/{id}/{deed}"), &fields)
        .await
}

async fn asked(arm: &Arm, action: &str) -> Vec<Value> {
    published_as(arm.db(), "lk_sync_orm", action).await
}

#[tokio::test]
async fn funds_and_promo_code_are_kept_on_both_databases() {
    on_both(async |db| {
        let mut state = demo::invoice(9, 1, InvoiceStatus::Refunding);
        state.full_price = Some(Money::from_kopecks(39_900));
        state.promo_code = Some("Осень".to_owned());
        state.funds = InvoiceFunds {
            received: Some(Money::from_kopecks(29_900)),
            refunded: Money::from_kopecks(1),
            reserved: Money::from_kopecks(2),
            refunds: vec![refund(RefundStage::Unknown, 2)],
        };
        invoices::take(db, &state).await.unwrap();
        let row = invoices::get(db, state.invoice_id).await.unwrap().unwrap();
        assert_eq!(row.state().unwrap().funds, state.funds);
        assert_eq!(row.state().unwrap().promo_code, state.promo_code);
        assert_eq!(row.refundable(), 29_897);
        let unknown = invoices::Wanted::RefundUnknown;
        assert_eq!(invoices::count(db, unknown).await.unwrap(), 1);
        state.version = 2;
        state.funds.refunds[0].state = RefundStage::Done;
        invoices::take(db, &state).await.unwrap();
        assert_eq!(invoices::count(db, unknown).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_refund_is_confirmed_on_a_page_of_its_own_and_asked_for_once() {
    let arm = Arm::start().await;
    fill(&arm).await;
    let manager = Browser::of(&arm, "manager").await;
    let card = manager.open(&format!("/payments/{PAID}")).await;
    assert!(card.body.contains("AUTUMN") && card.body.contains("value=\"149.00\""));
    let refund = [("amount", "149"), ("reason", "по просьбе  клиента")];
    let page = decide(&manager, PAID, "refund", &refund).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Вернуть деньги?"));
    assert!(asked(&arm, "refund_requested").await.is_empty());
    let (form, amount) = (page.field("form"), page.field("amount"));
    assert_eq!(amount, "149.00");
    let confirmed = [
        ("form", form.as_str()),
        ("amount", amount.as_str()),
        ("reason", "по просьбе клиента"),
        ("confirmed", "yes"),
    ];
    for _ in 0..2 {
        let path = format!("/payments/{PAID}/refund");
        let seen = manager.submit(&path, &confirmed).await;
        assert_eq!(
            (seen.status, seen.location()),
            (StatusCode::SEE_OTHER, &*format!("/payments/{PAID}?sent=1"))
        );
    }
    assert_eq!(
        asked(&arm, "refund_requested").await,
        [
            json!({"invoice_id": PAID, "amount": 14_900, "staff": "manager", "reason": "по просьбе клиента"})
        ]
    );
    let deeds = audit::list(arm.db(), 0, 1).await.unwrap();
    assert_eq!(
        (deeds[0].action.as_str(), deeds[0].detail.as_str()),
        ("refund_requested", "149.00 RUB: по просьбе клиента")
    );
}

#[tokio::test]
async fn never_more_is_refunded_than_came_and_is_left() {
    let arm = Arm::start().await;
    fill(&arm).await;
    let owner = Browser::of(&arm, "owner").await;
    for amount in [
        "149.01", "299", "0", "-1", "", "1e2", "1.001", "149.00.0", "сто",
    ] {
        for deed in ["refund", "refund-recorded"] {
            for confirmed in ["", "yes"] {
                let fields = [
                    ("amount", amount),
                    ("reason", "x"),
                    ("confirmed", confirmed),
                ];
                let seen = decide(&owner, PAID, deed, &fields).await;
                assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{deed} {amount}");
                assert!(seen.body.contains("не больше, чем 149"), "{deed} {amount}");
            }
        }
    }
    let silent = [("amount", "1"), ("reason", " "), ("confirmed", "yes")];
    let seen = decide(&owner, PAID, "refund", &silent).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(seen.body.contains("Напишите причину"));
    let unpaid = [("amount", "1"), ("reason", "x"), ("confirmed", "yes")];
    for id in [OPEN, UNKNOWN] {
        let seen = decide(&owner, id, "refund", &unpaid).await;
        assert_eq!(seen.status, StatusCode::CONFLICT, "{id}");
    }
    assert!(asked(&arm, "refund_requested").await.is_empty());
    assert!(asked(&arm, "refund_recorded").await.is_empty());
}

#[tokio::test]
async fn each_decision_asks_lk_for_what_it_says() {
    let arm = Arm::start().await;
    fill(&arm).await;
    let owner = Browser::of(&arm, "owner").await;
    let why = ("reason", "почему");
    let resolved = ("refund_id", "00000000-0000-0000-0000-00000000002a");
    let (amount, yes) = (("amount", "1,50"), ("confirmed", "yes"));
    let by = |mut data: Value| {
        data["staff"] = "owner".into();
        data["reason"] = "почему".into();
        data
    };
    for (id, deed, fields, action, data) in [
        (
            OPEN,
            "check",
            vec![],
            "payment_check_requested",
            json!({"invoice_id": OPEN}),
        ),
        (
            MISMATCH,
            "accept",
            vec![why],
            "mismatch_resolved",
            by(json!({"invoice_id": MISMATCH, "accepted": true})),
        ),
        (
            MISMATCH,
            "reject",
            vec![why],
            "mismatch_resolved",
            by(json!({"invoice_id": MISMATCH, "accepted": false})),
        ),
        (
            PAID,
            "refund-recorded",
            vec![why, amount, yes],
            "refund_recorded",
            by(json!({"invoice_id": PAID, "amount": 150})),
        ),
        (
            PAID,
            "deliver-again",
            vec![why],
            "delivery_retry_requested",
            by(json!({"invoice_id": PAID})),
        ),
        (
            PAID,
            "delivered-by-hand",
            vec![why],
            "delivered_by_hand",
            by(json!({"invoice_id": PAID})),
        ),
        (
            UNKNOWN,
            "refund-done",
            vec![why, resolved],
            "refund_resolved",
            by(json!({"refund_id": Uuid::from_u128(42), "done": true})),
        ),
        (
            UNKNOWN,
            "refund-not-done",
            vec![why, resolved],
            "refund_resolved",
            by(json!({"refund_id": Uuid::from_u128(42), "done": false})),
        ),
    ] {
        let seen = decide(&owner, id, deed, &fields).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{deed}: {}", seen.body);
        assert_eq!(asked(&arm, action).await.last(), Some(&data), "{deed}");
    }
    for (id, deed, status) in [
        (PAID, "accept", StatusCode::CONFLICT),
        (PAID, "check", StatusCode::CONFLICT),
        (OPEN, "deliver-again", StatusCode::CONFLICT),
        (UNKNOWN, "delivered-by-hand", StatusCode::CONFLICT),
        (OPEN, "burn", StatusCode::NOT_FOUND),
        (5, "check", StatusCode::NOT_FOUND),
    ] {
        let seen = decide(&owner, id, deed, &[why]).await;
        assert_eq!(seen.status, status, "{id} {deed}");
    }
    let nobody = ("refund_id", "00000000-0000-0000-0000-000000000001");
    let seen = decide(&owner, UNKNOWN, "refund-done", &[why, nobody]).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    let odd = ("refund_id", "x");
    let seen = decide(&owner, UNKNOWN, "refund-done", &[why, odd]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let path = format!("/payments/{OPEN}/check");
    let seen = owner.submit(&path, &[("form", "x")]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn support_asks_robokassa_and_decides_nothing_else() {
    let arm = Arm::start().await;
    fill(&arm).await;
    let support = Browser::of(&arm, "support").await;
    for id in [PAID, MISMATCH, UNKNOWN] {
        let card = support.open(&format!("/payments/{id}")).await;
        assert_eq!(card.status, StatusCode::OK);
        assert!(!card.body.contains("name=\"reason\""), "{id}");
    }
    let person = support.open(&format!("/users/{}", demo::USER)).await;
    assert!(!person.body.contains("name=\"reason\""));
    assert_eq!(
        decide(&support, OPEN, "check", &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let fields = [("reason", "x"), ("amount", "1"), ("confirmed", "yes")];
    for deed in [
        "accept",
        "reject",
        "refund",
        "refund-recorded",
        "deliver-again",
        "delivered-by-hand",
    ] {
        for id in [PAID, MISMATCH] {
            let seen = decide(&support, id, deed, &fields).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{id} {deed}");
        }
    }
    for deed in ["block", "unblock", "balance"] {
        let path = format!("/users/{}/{deed}", demo::USER);
        let seen = support.submit(&path, &fields).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{deed}");
    }
    let path = format!("/payments/{PAID}/refund");
    let owner = Browser::of(&arm, "owner").await;
    assert_eq!(
        owner.send(&path, &fields).await.status,
        StatusCode::FORBIDDEN,
        "no form token"
    );
    assert!(asked(&arm, "refund_requested").await.is_empty());
    assert!(asked(&arm, "user_blocked").await.is_empty());
}

#[tokio::test]
async fn a_person_is_blocked_let_in_and_gets_a_balance_corrected() {
    let arm = Arm::start().await;
    fill(&arm).await;
    let manager = Browser::of(&arm, "manager").await;
    let user = demo::USER;
    let change = async |deed: &str, fields: &[(&str, &str)]| {
        let form = Uuid::now_v7().to_string();
        let mut all = vec![("form", form.as_str())];
        all.extend_from_slice(fields);
        let path = format!("/users/{user}/{deed}");
        // A second press of the button.
        manager.submit(&path, &all).await;
        manager.submit(&path, &all).await
    };
    let seen = change("block", &[("reason", "спам")]).await;
    assert_eq!(seen.location(), format!("/users/{user}?sent=1"));
    assert_eq!(
        asked(&arm, "user_blocked").await,
        [json!({"user_id": user, "reason": "спам"})]
    );
    assert_eq!(
        change("block", &[]).await.status,
        StatusCode::BAD_REQUEST,
        "a block needs a reason"
    );
    assert_eq!(change("unblock", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        asked(&arm, "user_unblocked").await,
        [json!({"user_id": user})]
    );
    change("balance", &[("amount", "-1 299,50"), ("reason", "ошибка")]).await;
    assert_eq!(
        asked(&arm, "balance_adjusted").await,
        [json!({"user_id": user, "amount": -129_950, "staff": "manager", "reason": "ошибка"})]
    );
    for amount in ["", "0", "1.001", "много", "1000001", "-1000000.01"] {
        let seen = change("balance", &[("amount", amount), ("reason", "x")]).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{amount}");
        assert!(seen.body.contains("не ноль"), "{amount}");
    }
    let form = Uuid::now_v7().to_string();
    let fields = [("form", form.as_str()), ("reason", "x")];
    for path in ["/users/5/block", "/users/x/block", "/users/100000001/burn"] {
        let seen = manager.submit(path, &fields).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
    }
    let deeds = audit::list(arm.db(), 0, 10).await.unwrap();
    let done: Vec<&str> = deeds.iter().map(|deed| deed.action.as_str()).collect();
    assert_eq!(
        done[..3],
        ["balance_adjusted", "user_unblocked", "user_blocked"]
    );
}

#[tokio::test]
async fn decisions_are_made_by_the_api_too() {
    let arm = Arm::start().await;
    fill(&arm).await;
    let request = Uuid::from_u128(77);
    let body = json!({"amount": "149.00", "reason": "api", "request_id": request});
    let path = format!("/api/invoices/{PAID}/refund");
    for _ in 0..2 {
        let (status, answer) = call(&arm, Method::POST, &path, &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    }
    assert_eq!(
        asked(&arm, "refund_requested").await,
        [json!({"invoice_id": PAID, "amount": 14_900, "staff": "api", "reason": "api"})]
    );
    for (path, body, status) in [
        (
            format!("/api/invoices/{PAID}/refund"),
            json!({"reason": "x"}),
            400,
        ),
        (
            format!("/api/invoices/{PAID}/refund"),
            json!({"reason": "x", "amount": 14_901}),
            400,
        ),
        (
            format!("/api/invoices/{PAID}/refund"),
            json!({"reason": "x", "amount": -1}),
            400,
        ),
        (
            format!("/api/invoices/{PAID}/refund"),
            json!({"amount": 100}),
            400,
        ),
        (
            format!("/api/invoices/{PAID}/accept"),
            json!({"reason": "x"}),
            409,
        ),
        (format!("/api/invoices/{OPEN}/check"), json!({}), 202),
        (
            format!("/api/invoices/{UNKNOWN}/refund-done"),
            json!({"reason": "x"}),
            400,
        ),
        (
            format!("/api/invoices/{PAID}/burn"),
            json!({"reason": "x"}),
            404,
        ),
        ("/api/invoices/5/check".to_owned(), json!({}), 404),
        ("/api/invoices/x/check".to_owned(), json!({}), 404),
        (
            format!("/api/users/{}/block", demo::USER),
            json!({"reason": "x"}),
            202,
        ),
        (format!("/api/users/{}/block", demo::USER), json!({}), 400),
        (
            format!("/api/users/{}/balance", demo::USER),
            json!({"reason": "x", "amount": -5}),
            202,
        ),
        (
            format!("/api/users/{}/balance", demo::USER),
            json!({"reason": "x", "amount": "-5.00"}),
            202,
        ),
        (
            format!("/api/users/{}/balance", demo::USER),
            json!({"reason": "x"}),
            400,
        ),
        (
            format!("/api/users/{}/balance", demo::USER),
            json!({"reason": "x", "amount": 0}),
            400,
        ),
        ("/api/users/5/block".to_owned(), json!({"reason": "x"}), 404),
        (format!("/api/users/{}/block", demo::USER), json!([]), 400),
    ] {
        let (seen, answer) = call(&arm, Method::POST, &path, &body).await;
        assert_eq!(seen.as_u16(), status, "{path} {body}: {answer}");
    }
    let id = InvoiceId::new(PAID).unwrap();
    let (_, shown) = call(
        &arm,
        Method::GET,
        &format!("/api/invoices/{id}"),
        &json!({}),
    )
    .await;
    assert_eq!(
        (&shown["received"], &shown["refunded"], &shown["promo_code"]),
        (&json!(29_900), &json!(10_000), &json!("AUTUMN"))
    );
}

#[tokio::test]
async fn a_new_member_gets_a_one_time_password_that_only_changes_itself() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let added = owner
        .submit("/staff", &[("login", "Анна@shop"), ("role", "manager")])
        .await;
    assert_eq!(added.status, StatusCode::OK);
    let password = shown_password(&added);
    let again = owner.open("/staff").await;
    assert!(again.body.contains("анна@shop") && !again.body.contains(&password));
    let deeds = audit::list(arm.db(), 0, 1).await.unwrap();
    assert_eq!(
        (deeds[0].action.as_str(), deeds[0].object_id.as_str()),
        ("staff_created", "анна@shop")
    );

    let anna = Browser::new(&arm);
    let seen = anna.sign_in("анна@shop", &password).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    for path in ["/", "/payments", "/products", "/messages"] {
        let seen = anna.open(path).await;
        assert_eq!(
            (seen.status, seen.location()),
            (StatusCode::SEE_OTHER, "/account"),
            "{path}"
        );
    }
    let seen = anna.submit("/products", &[("title", "x")]).await;
    assert_eq!(seen.location(), "/account");
    assert!(
        anna.open("/account")
            .await
            .body
            .contains("одноразовый пароль")
    );
    let same = [
        ("current", password.as_str()),
        ("new", password.as_str()),
        ("repeated", password.as_str()),
    ];
    let seen = anna.submit("/account/password", &same).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    let own = [
        ("current", password.as_str()),
        ("new", "my own password"),
        ("repeated", "my own password"),
    ];
    let seen = anna.submit("/account/password", &own).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    assert_eq!(anna.open("/products").await.status, StatusCode::OK);
    assert_eq!(anna.open("/staff").await.status, StatusCode::FORBIDDEN);
}

fn shown_password(seen: &Seen) -> String {
    let (_, rest) = seen.body.split_once("class=\"secret\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_account_is_disabled_let_in_and_given_a_new_password() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let support = Browser::of(&arm, "support").await;
    let id = staff::by_login(arm.db(), "support")
        .await
        .unwrap()
        .unwrap()
        .id;
    let press = async |deed: &str| owner.submit(&format!("/staff/{id}/{deed}"), &[]).await;
    assert_eq!(press("disable").await.location(), "/staff");
    assert_eq!(support.open("/").await.location(), "/sign-in");
    let seen = support.sign_in("support", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    press("enable").await;
    let seen = support.sign_in("support", PASSWORD).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    let password = shown_password(&press("password").await);
    assert_eq!(
        support.open("/").await.location(),
        "/sign-in",
        "its sessions have ended"
    );
    assert_eq!(
        Browser::new(&arm).sign_in("support", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        Browser::new(&arm)
            .sign_in("support", &password)
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    let deeds = audit::list(arm.db(), 0, 20).await.unwrap();
    for action in ["staff_disabled", "staff_enabled", "staff_password_reset"] {
        assert!(deeds.iter().any(|deed| deed.action == action), "{action}");
    }
    assert!(deeds.iter().all(|deed| !deed.detail.contains(&password)));
    assert_eq!(press("burn").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        owner.submit("/staff/999/disable", &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn nobody_but_the_owner_manages_staff_and_nobody_shuts_themselves_out() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let me = staff::by_login(arm.db(), "owner")
        .await
        .unwrap()
        .unwrap()
        .id;
    for deed in ["disable", "password"] {
        let seen = owner.submit(&format!("/staff/{me}/{deed}"), &[]).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{deed}");
    }
    for (login, role, status) in [
        ("owner", "owner", StatusCode::CONFLICT),
        (" OWNER ", "owner", StatusCode::CONFLICT),
        ("a", "owner", StatusCode::BAD_REQUEST),
        ("a b", "owner", StatusCode::BAD_REQUEST),
        ("anna", "root", StatusCode::BAD_REQUEST),
    ] {
        let seen = owner
            .submit("/staff", &[("login", login), ("role", role)])
            .await;
        assert_eq!(seen.status, status, "{login} {role}");
    }
    for login in ["manager", "support"] {
        let browser = Browser::of(&arm, login).await;
        assert_eq!(browser.open("/staff").await.status, StatusCode::FORBIDDEN);
        assert!(!browser.open("/").await.body.contains("href=\"/staff\""));
        for path in [
            "/staff".to_owned(),
            format!("/staff/{me}/disable"),
            format!("/staff/{me}/password"),
        ] {
            let seen = browser
                .submit(&path, &[("login", "anna"), ("role", "owner")])
                .await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{login} {path}");
        }
    }
    let rows = staff::all(arm.db()).await.unwrap();
    assert_eq!(rows.len(), Role::ALL.len());
    assert!(rows.iter().all(|row| !row.disabled && !row.must_change));
}
