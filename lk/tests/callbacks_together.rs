//! Callbacks that are committed together (SQLite) or beside each other (PostgreSQL): what happens to one is nobody
//! else's, and nobody is answered OK for what was not committed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use futures_util::future::BoxFuture;
use geobot_lk::app::App;
use geobot_lk::payment::gateway::{
    CallbackDoubt, NamedPayment, NoPayForm, PayForm, PaymentGateway, PaymentReport, RefundOrder,
    RefundReport, RefundStart, Unanswered, VerifiedCallback,
};
use geobot_lk::payment::{Accepted, CallbackRefused, accept_callback};
use geobot_lk::store::callbacks::Verdict;
use geobot_lk::store::invoices::Invoice;
use geobot_lk::store::ledger;
use geobot_shared::bus::outbox::Outbox;
use geobot_shared::bus::{KafkaSettings, Producer};
use geobot_shared::i18n::Language;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::robokassa::form::Fields;
use geobot_shared::sql;
use geobot_shared::topics::states::InvoiceStatus;
use sea_orm::{ConnectionTrait, DatabaseBackend};
use support::{FakeGateway, TestLk, settings};
use tokio::task::JoinHandle;

on_both_databases!(
    one_that_can_not_be_stored_takes_no_other_along,
    a_commit_that_fails_gets_no_ok,
    a_caller_that_hangs_up_takes_no_other_along,
    a_panic_is_no_ok_and_the_next_are_settled,
);

/// Invoices of different people and moments, each with its signed callback.
async fn offers(lk: &TestLk, count: i64) -> Vec<(Invoice, Fields)> {
    let mut offers = Vec::new();
    for n in 0..count {
        // Two hours apart, so that none is offered again.
        let invoice = lk.invoice_made(Utc::now() - TimeDelta::hours(2 * n)).await;
        let fields = lk.signed(Mode::Live, "299.000000", &invoice.id.to_string());
        offers.push((invoice, fields));
    }
    offers
}

type Answer = Result<Accepted, CallbackRefused>;

/// Calls with all of them while the database is kept busy, so that on SQLite they form groups.
async fn call_at_once(
    lk: &TestLk,
    app: &Arc<App>,
    offers: &[(Invoice, Fields)],
) -> Vec<JoinHandle<Answer>> {
    let busy = sql::begin(&lk.db).await.unwrap();
    let calls = offers
        .iter()
        .map(|(_, fields)| {
            let (app, fields) = (Arc::clone(app), fields.clone());
            tokio::spawn(
                async move { accept_callback(&app, fields, support::REMOTE, Utc::now()).await },
            )
        })
        .collect();
    if lk.db.get_database_backend() == DatabaseBackend::Sqlite {
        // The first are on their way, the others wait for the next commit.
        let begin = Instant::now();
        while app.settling.count() < offers.len() {
            assert!(
                begin.elapsed() < Duration::from_secs(10),
                "they do not wait"
            );
            tokio::task::yield_now().await;
        }
    }
    busy.rollback().await.unwrap();
    calls
}

async fn one_that_can_not_be_stored_takes_no_other_along(lk: TestLk) {
    let offers = offers(&lk, 12).await;
    // An entry that should not be there: the invoice can't be credited, whoever tries.
    let poisoned = &offers[5].0;
    let entry = ledger::Entry {
        invoice: Some(poisoned.id),
        kind: ledger::PAYMENT.to_owned(),
        user: poisoned.user,
        amount: poisoned.amount,
        mode: poisoned.mode,
        reason: "by a mistake",
    };
    ledger::enter(&lk.db, &entry, Utc::now()).await.unwrap();

    let calls = call_at_once(&lk, &lk.app, &offers).await;
    for (call, (invoice, _)) in calls.into_iter().zip(&offers) {
        let answer = call.await.unwrap();
        let now = lk.invoice(invoice.id).await;
        if invoice.id == poisoned.id {
            assert!(matches!(answer, Err(CallbackRefused::NotStored(_))));
            assert_eq!(now, *invoice);
        } else {
            assert_eq!(answer.unwrap().answer, format!("OK{}", invoice.id));
            assert_eq!(now.status, InvoiceStatus::Paid);
        }
    }
    assert_eq!(lk.ledger().await.len(), 12);
    assert_eq!(lk.callbacks().await.len(), 11);
    assert_eq!(
        lk.sent_of("tg_robokassa", "payment_callback").await.len(),
        11
    );
}

/// Every transaction that keeps a callback fails at its very end: what it left is checked when it commits.
async fn break_commits(lk: &TestLk) {
    let statements: &[&str] = match lk.db.get_database_backend() {
        DatabaseBackend::Sqlite => &[
            "CREATE TABLE never (id BIGINT PRIMARY KEY)",
            "CREATE TABLE unkept (id BIGINT REFERENCES never(id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER break_commit AFTER INSERT ON callbacks BEGIN INSERT INTO unkept VALUES (1); END",
        ],
        _ => &[
            "CREATE TABLE never (id BIGINT PRIMARY KEY)",
            "CREATE TABLE unkept (id BIGINT REFERENCES never(id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE FUNCTION break_commit() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO unkept VALUES (1); RETURN NEW; END $$",
            "CREATE TRIGGER break_commit AFTER INSERT ON callbacks FOR EACH ROW EXECUTE FUNCTION break_commit()",
        ],
    };
    for statement in statements {
        lk.db.execute_unprepared(statement).await.unwrap();
    }
}

async fn a_commit_that_fails_gets_no_ok(lk: TestLk) {
    let offers = offers(&lk, 5).await;
    break_commits(&lk).await;
    for call in call_at_once(&lk, &lk.app, &offers).await {
        let answer = call.await.unwrap();
        assert!(
            matches!(answer, Err(CallbackRefused::NotStored(_))),
            "{answer:?}"
        );
    }
    assert_eq!(lk.callbacks().await, []);
    assert_eq!(lk.ledger().await, []);
    assert_eq!(lk.sent().await, []);

    // The gateway repeats.
    let mend = match lk.db.get_database_backend() {
        DatabaseBackend::Sqlite => "DROP TRIGGER break_commit",
        _ => "DROP TRIGGER break_commit ON callbacks",
    };
    lk.db.execute_unprepared(mend).await.unwrap();
    for call in call_at_once(&lk, &lk.app, &offers).await {
        assert_eq!(call.await.unwrap().unwrap().verdict, Verdict::Credited);
    }
}

async fn a_caller_that_hangs_up_takes_no_other_along(lk: TestLk) {
    let offers = offers(&lk, 8).await;
    let busy = sql::begin(&lk.db).await.unwrap();
    let first = {
        let (app, fields) = (lk.app.clone(), offers[0].1.clone());
        tokio::spawn(
            async move { accept_callback(&app, fields, support::REMOTE, Utc::now()).await },
        )
    };
    tokio::task::yield_now().await;
    first.abort();
    busy.rollback().await.unwrap();
    let _ = first.await;
    for call in call_at_once(&lk, &lk.app, &offers[1..]).await {
        assert_eq!(call.await.unwrap().unwrap().verdict, Verdict::Credited);
    }
    // Nobody was told, so it comes again.
    let again = lk.accept(offers[0].1.clone()).await.unwrap();
    assert_eq!(again.answer, format!("OK{}", offers[0].0.id));
    assert_eq!(lk.ledger().await.len(), 8);
}

async fn a_panic_is_no_ok_and_the_next_are_settled(lk: TestLk) {
    let offers = offers(&lk, 6).await;
    let checked = settings(&[]).check().unwrap();
    let gateway = Arc::new(Panicking {
        inner: FakeGateway::new(&checked),
        armed: AtomicBool::new(true),
    });
    let producer = Producer::new(&KafkaSettings::plaintext("127.0.0.1:1"), "LK").unwrap();
    let mut app = App::new(
        checked,
        lk.db.clone(),
        Outbox::new(producer.clone()),
        producer,
    )
    .unwrap();
    app.gateway = gateway.clone();
    let app = Arc::new(app);

    for call in call_at_once(&lk, &app, &offers).await {
        // On PostgreSQL the panic is the caller's own.
        assert!(!matches!(call.await, Ok(Ok(_))));
    }
    assert_eq!(lk.callbacks().await, []);

    gateway.armed.store(false, Ordering::SeqCst);
    for call in call_at_once(&lk, &app, &offers).await {
        assert_eq!(call.await.unwrap().unwrap().answer.get(..2), Some("OK"));
    }
    assert_eq!(lk.ledger().await.len(), 6);
}

/// Panics while it is asked for its name, which is what a ledger entry needs.
struct Panicking {
    inner: FakeGateway,
    armed: AtomicBool,
}

impl Panicking {
    fn is_armed(&self) -> bool {
        self.armed.load(Ordering::SeqCst)
    }
}

impl PaymentGateway for Panicking {
    fn name(&self) -> &'static str {
        assert!(!self.is_armed(), "as the test wishes");
        self.inner.name()
    }

    fn pay_form(
        &self,
        invoice: &Invoice,
        route_token: &str,
        language: Language,
    ) -> Result<PayForm, NoPayForm> {
        self.inner.pay_form(invoice, route_token, language)
    }

    fn name_payment(&self, fields: &Fields) -> Result<NamedPayment, CallbackDoubt> {
        self.inner.name_payment(fields)
    }

    fn verify_callback(
        &self,
        fields: Fields,
        mode: Mode,
    ) -> Result<VerifiedCallback, CallbackDoubt> {
        self.inner.verify_callback(fields, mode)
    }

    fn ask_payment(&self, invoice: InvoiceId) -> BoxFuture<'_, Result<PaymentReport, Unanswered>> {
        self.inner.ask_payment(invoice)
    }

    fn refunds_possible(&self) -> Result<(), String> {
        self.inner.refunds_possible()
    }

    fn start_refund(&self, order: RefundOrder) -> BoxFuture<'_, RefundStart> {
        self.inner.start_refund(order)
    }

    fn ask_refund(&self, request_id: String) -> BoxFuture<'_, Result<RefundReport, Unanswered>> {
        self.inner.ask_refund(request_id)
    }
}
