//! ResultURL under attack, over HTTP: odd requests, floods of forgeries, slow callers, and a database that can't write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use geobot_lk::store::invoices::Invoice;
use geobot_shared::ids::Mode;
use geobot_shared::robokassa::form;
use geobot_shared::sql;
use geobot_shared::topics::states::InvoiceStatus;
use reqwest::{Method, StatusCode};
use sea_orm::{ConnectionTrait, Database, Statement};
use support::{Served, TestLk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const RESULT: &str = "/robokassa/result";
const FORM: &str = "application/x-www-form-urlencoded";

async fn genuine(served: &Served) -> (Invoice, String) {
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let fields = served.lk.signed(Mode::Live, "299.000000", &id);
    (invoice, form::encode(&fields))
}

fn ok(invoice: &Invoice) -> (StatusCode, String) {
    (StatusCode::OK, format!("OK{}", invoice.id))
}

async fn call(
    served: &Served,
    method: Method,
    query: &str,
    kind: Option<&str>,
    body: Vec<u8>,
) -> (StatusCode, String) {
    let mut request = served
        .client
        .request(method, format!("{}{RESULT}{query}", served.base))
        .body(body);
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn only_the_place_that_belongs_to_the_method_is_read() {
    let served = Served::new().await;
    let (invoice, good) = genuine(&served).await;
    // By GET a body says nothing, good or bad.
    let (status, _) = call(&served, Method::GET, "", Some(FORM), good.clone().into()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let query = format!("?{good}");
        let (status, body) = call(&served, method, &query, Some(FORM), good.clone().into()).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(!body.contains("OK"));
    }
    for kind in [
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json",
    ] {
        let (status, _) = call(&served, Method::POST, "", Some(kind), good.clone().into()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    assert_eq!(served.lk.callbacks().await, []);
    let poisoned = b"OutSum=1&InvId=1&SignatureValue=00".to_vec();
    let query = format!("?{good}");
    let taken = call(&served, Method::GET, &query, Some(FORM), poisoned).await;
    assert_eq!(taken, ok(&invoice));
    // A header may be written in other ways, or be lost.
    for kind in [
        None,
        Some("application/x-www-form-urlencoded; charset=windows-1251"),
        Some("Application/X-WWW-Form-URLEncoded"),
    ] {
        let taken = call(&served, Method::POST, "", kind, good.clone().into()).await;
        assert_eq!(taken, ok(&invoice), "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_not_signed_may_be_anything() {
    let served = Served::new().await;
    for junk in [
        "Fee=1&Fee=2&Fee=",
        "x=%ff%fe%00&%zz=%&=&&&",
        "EMail=%F0%9F%98%80%0D%0A&OUTSUM=1&invid=2&signaturevalue=3",
        "out_summ=1&inv_id=2&crc=3&IsTest=1&IncSum=-1",
    ] {
        let (invoice, good) = genuine(&served).await;
        let taken = served.post_form(RESULT, format!("{junk}&{good}")).await;
        assert_eq!(taken, ok(&invoice), "{junk}");
        let paid = served.lk.invoice(invoice.id).await;
        assert_eq!((paid.status, paid.mode), (InvoiceStatus::Paid, Mode::Live));
    }
}

#[tokio::test]
async fn ten_thousand_parameters_cost_nothing() {
    let served = Served::new().await;
    let (invoice, good) = genuine(&served).await;
    let began = Instant::now();
    for many in [
        "&a=".repeat(10_000),
        "&Shp_a=1".repeat(5_000),
        "&".repeat(20_000),
    ] {
        let (status, _) = served.post_form(RESULT, format!("{good}{many}")).await;
        let harmless = many.starts_with("&&");
        assert_eq!(status == StatusCode::OK, harmless, "{status}");
    }
    let distinct: String = (0..3_000).map(|n| format!("&Shp_{n}=1")).collect();
    let (status, _) = served.post_form(RESULT, format!("{good}{distinct}")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(served.lk.callbacks().await.len(), 1);
    assert_eq!(
        served.lk.invoice(invoice.id).await.status,
        InvoiceStatus::Paid
    );
}

#[tokio::test]
async fn no_sum_and_no_number_out_of_range_is_taken() {
    let served = Served::new().await;
    let invoice = served.lk.invoice_made(Utc::now()).await;
    let id = invoice.id.to_string();
    let long = "9".repeat(33);
    for out_sum in [
        "-299.00", "NaN", "inf", "1e3", "0x1", "299,00", " 299.00", "+299.00", "٢٩٩", "", &long,
    ] {
        let fields = served.lk.signed(Mode::Live, out_sum, &id);
        let (status, body) = served.post_form(RESULT, form::encode(&fields)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{out_sum}");
        assert!(body.starts_with("malformed"), "{body}");
    }
    for inv_id in [
        "-1",
        "9223372036854775808",
        "18446744073709551617",
        "1.0",
        "0x1",
        " 1",
        "",
    ] {
        let fields = served.lk.signed(Mode::Live, "299.00", inv_id);
        let (status, _) = served.post_form(RESULT, form::encode(&fields)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{inv_id}");
    }
    assert_eq!(served.lk.callbacks().await, []);
    // These can be signed, and pay nothing.
    for out_sum in ["0", "0.00", "99999999999999999999999999999999"] {
        let invoice = served.lk.invoice_made(Utc::now()).await;
        let fields = served
            .lk
            .signed(Mode::Live, out_sum, &invoice.id.to_string());
        let taken = served.post_form(RESULT, form::encode(&fields)).await;
        assert_eq!(taken, ok(&invoice), "{out_sum}");
        assert_eq!(
            served.lk.invoice(invoice.id).await.status,
            InvoiceStatus::Mismatch
        );
    }
    assert!(served.lk.ledger().await.is_empty());
}

async fn forged_flood(served: &Served, forged: &str, callers: usize, each: usize) {
    let calls = (0..callers).map(|_| async {
        for _ in 0..each {
            let (status, body) = served.post_form(RESULT, forged.to_owned()).await;
            assert_ne!(status, StatusCode::OK);
            assert!(!body.contains("OK"));
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn genuine_payments_get_through_a_flood_of_forged_ones() {
    let served = Served::new().await;
    let mut payments = Vec::new();
    for _ in 0..20 {
        payments.push(genuine(&served).await);
    }
    let forged = payments[0].1.replace("OutSum=299", "OutSum=298");
    let pay = async {
        for (invoice, good) in &payments {
            assert_eq!(served.post_form(RESULT, good.clone()).await, ok(invoice));
        }
    };
    tokio::join!(pay, forged_flood(&served, &forged, 20, 100));
    assert_eq!(served.lk.callbacks().await.len(), payments.len());
    assert_eq!(served.lk.app.forged.last().len(), 100);
}

/// A shop that has never tested has no test passwords, so a wrong signature may be that of a test payment.
#[tokio::test(flavor = "multi_thread")]
async fn forged_ones_do_not_queue_for_the_one_connection() {
    let extra = ["--robokassa-test-password1=", "--robokassa-test-password2="];
    let served = Served::of(TestLk::sqlite_with(&extra, "127.0.0.1:1").await).await;
    let (invoice, good) = genuine(&served).await;
    let forged = good.replace("OutSum=299", "OutSum=298");
    let writer = sql::begin(&served.lk.db).await.unwrap();
    let mut calls: FuturesUnordered<_> = (0..50)
        .map(|_| served.post_form(RESULT, forged.clone()))
        .collect();
    // One of them waits for the connection; the others do not.
    for _ in 1..calls.len() {
        let answered = tokio::time::timeout(Duration::from_secs(5), calls.next()).await;
        let (status, _) = answered.expect("an answer without the database").unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    writer.rollback().await.unwrap();
    let (status, body) = calls.next().await.unwrap();
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::BAD_REQUEST, "bad sign")
    );
    assert_eq!(served.post_form(RESULT, good).await, ok(&invoice));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callers_hold_nobody_up() {
    let served = Served::new().await;
    let (invoice, good) = genuine(&served).await;
    let address = served.base.strip_prefix("http://").unwrap();
    let mut slow = Vec::new();
    for _ in 0..500 {
        let mut caller = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {RESULT} HTTP/1.1\r\nhost: lk\r\ncontent-type: {FORM}\r\ncontent-length: {}\r\n\r\n",
            good.len()
        );
        caller.write_all(head.as_bytes()).await.unwrap();
        caller.write_all(&good.as_bytes()[..10]).await.unwrap();
        slow.push(caller);
    }
    assert_eq!(served.post_form(RESULT, good.clone()).await, ok(&invoice));
    // Whoever comes to an end after all is answered.
    let mut last = slow.pop().unwrap();
    last.write_all(&good.as_bytes()[10..]).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = last.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.ends_with(&ok(&invoice).1), "{answer}");
    assert_eq!(served.lk.callbacks().await.len(), 2);
}

async fn database_file(lk: &TestLk) -> String {
    let list = Statement::from_string(lk.db.get_database_backend(), "PRAGMA database_list");
    let row = lk.db.query_one_raw(list).await.unwrap().unwrap();
    row.try_get("", "file").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_no_ok_and_no_endless_wait() {
    let served = Served::new().await;
    let mut payments = Vec::new();
    for _ in 0..20 {
        payments.push(genuine(&served).await);
    }
    let url = format!("sqlite://{}", database_file(&served.lk).await);
    let other = Database::connect(&url).await.unwrap();
    other.execute_unprepared("BEGIN EXCLUSIVE").await.unwrap();
    let began = Instant::now();
    let calls = payments
        .iter()
        .map(|(_, good)| served.post_form(RESULT, good.clone()));
    for (status, body) in futures_util::future::join_all(calls).await {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!body.contains("OK"));
    }
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    other.execute_unprepared("ROLLBACK").await.unwrap();
    for (invoice, good) in &payments {
        assert_eq!(served.post_form(RESULT, good.clone()).await, ok(invoice));
    }
    assert_eq!(served.lk.ledger().await.len(), payments.len());
}

#[tokio::test]
async fn a_full_or_read_only_disk_is_no_ok() {
    let served = Served::new().await;
    let pragma = async |text: &str| {
        served.lk.db.execute_unprepared(text).await.unwrap();
    };
    for (broken, mended) in [
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
        (
            "PRAGMA max_page_count = 1",
            "PRAGMA max_page_count = 1000000",
        ),
    ] {
        let (invoice, good) = genuine(&served).await;
        // Whatever room is left in the pages there are is taken first.
        let filler = "x".repeat(60_000);
        pragma(broken).await;
        let fill = format!("{good}&filler={filler}");
        let (status, body) = served.post_form(RESULT, fill).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "come again"),
            "{broken}"
        );
        assert_eq!(served.lk.invoice(invoice.id).await, invoice);
        pragma(mended).await;
        assert_eq!(
            served.post_form(RESULT, good).await,
            ok(&invoice),
            "{mended}"
        );
    }
    assert_eq!(served.lk.ledger().await.len(), 2);
}
