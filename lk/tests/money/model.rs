//! Random lives of invoices against a simple model: callbacks of every kind, questions, decisions, refunds, kills and
//! expiries in any order. After each step the database says what the model says, and nothing is credited, called or
//! paid back twice.
//!
//! A short run belongs to every `cargo test`; GEOBOT_MODEL_SEQUENCES=10000 makes a long one. GEOBOT_MODEL_FIRST is the
//! number of the first sequence, to repeat one that failed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::payment::gateway::{RefundProgress, RefundStart, Standing};
use geobot_lk::payment::{accept_callback, check_now, mismatch};
use geobot_lk::refunds::{by_hand, call, poll, request};
use geobot_lk::store::invoices;
use geobot_lk::store::refunds as rows;
use geobot_lk::upkeep::{expire, reconcile, republish};
use geobot_lk::{held, routing};
use geobot_shared::bus::Cause;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::robokassa::form::Fields;
use geobot_shared::topics::lk_sync_orm::{
    MismatchResolved, PaymentCheckRequested, RefundRecorded, RefundRequested, RefundResolved,
};
use geobot_shared::topics::lk_sync_tg::{DeliveryFailed, PaymentRouted};
use geobot_shared::topics::states::{InvoiceStatus, RefundStage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::support::{REMOTE, TestLk, USER, paid};

/// What an invoice over 299 rubles is for.
const ASKED: i64 = 29_900;
/// Sequences of a short run.
const SHORT_RUN: u64 = 250;
/// Sequences on one database before the next one is made.
const PER_DATABASE: u64 = 250;

/// What must be true of one invoice.
struct Model {
    id: InvoiceId,
    mode: Mode,
    /// Kopecks that came, once some did.
    received: Option<i64>,
    granted: bool,
    /// The mismatch, if it is one, was signed.
    signed_mismatch: bool,
    /// The payment is in the ledger.
    entered: bool,
    refunded: i64,
    reserved: i64,
    refunds: BTreeMap<Uuid, (i64, RefundStage)>,
    ledger: i64,
    /// Every callback that was accepted.
    accepted: Vec<(Fields, i64)>,
    /// Every refund message that was handled.
    messages: Vec<(Cause, i64)>,
}

impl Model {
    fn status(&self) -> Option<InvoiceStatus> {
        let received = self.received?;
        Some(if self.reserved > 0 {
            InvoiceStatus::Refunding
        } else if self.refunded > 0 && self.refunded == received {
            InvoiceStatus::Refunded
        } else if self.refunded > 0 {
            InvoiceStatus::PartlyRefunded
        } else if self.granted {
            InvoiceStatus::Paid
        } else {
            InvoiceStatus::Mismatch
        })
    }

    fn left(&self) -> i64 {
        self.received.unwrap_or(0) - self.refunded - self.reserved
    }

    fn credit(&mut self, received: i64) {
        self.received = Some(received);
        self.granted = true;
        self.entered = true;
        self.ledger += received;
    }

    fn callback(&mut self, kopecks: i64) {
        let open_to_correction =
            self.status() == Some(InvoiceStatus::Mismatch) && !self.signed_mismatch;
        match self.received {
            None if kopecks == ASKED => self.credit(ASKED),
            None => {
                self.received = Some(kopecks);
                self.signed_mismatch = true;
            }
            Some(_) if open_to_correction && kopecks == ASKED => self.credit(ASKED),
            Some(_) => {}
        }
    }

    fn went_back(&mut self, kopecks: i64) {
        if !self.entered {
            self.entered = true;
            self.ledger += self.received.unwrap_or(0);
        }
        self.refunded += kopecks;
        self.ledger -= kopecks;
    }

    fn in_stage(&self, stage: RefundStage) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for (id, (_, at)) in &self.refunds {
            if *at == stage {
                ids.push(*id);
            }
        }
        ids
    }

    /// A refund ends.
    fn end(&mut self, id: Uuid, done: bool) {
        let (kopecks, stage) = self.refunds.get_mut(&id).unwrap();
        let kopecks = *kopecks;
        *stage = if done {
            RefundStage::Done
        } else {
            RefundStage::Refused
        };
        self.reserved -= kopecks;
        if done {
            self.went_back(kopecks);
        }
    }

    fn set(&mut self, ids: &[Uuid], stage: RefundStage) {
        for id in ids {
            self.refunds.get_mut(id).unwrap().1 = stage;
        }
    }
}

struct Run {
    lk: TestLk,
    rng: StdRng,
    now: DateTime<Utc>,
    model: Model,
    /// Calls of refunds since the database was made.
    calls: usize,
}

const STEPS: [&str; 22] = [
    "callback",
    "callback",
    "other amount",
    "repeated",
    "forged",
    "other mode",
    "asked: paid",
    "asked: other sum",
    "asked: nothing",
    "accept",
    "reject",
    "refund",
    "refund",
    "refund repeated",
    "call",
    "call",
    "poll",
    "kill during call",
    "sweep",
    "resolve",
    "recorded elsewhere",
    "time and restart",
];

impl Run {
    fn any(&mut self, end: i64) -> i64 {
        self.rng.random_range(0..end)
    }

    fn pass(&mut self, most: TimeDelta) {
        let seconds = self.any(most.num_seconds()) + 20;
        self.now += TimeDelta::seconds(seconds);
    }

    async fn accept(&mut self, fields: Fields) -> bool {
        accept_callback(&self.lk.app, fields, REMOTE, self.now)
            .await
            .is_ok()
    }

    async fn callback(&mut self, kopecks: i64) {
        let decimals = ["", "0000"].choose(&mut self.rng).unwrap();
        let text = format!("{}{decimals}", Money::from_kopecks(kopecks).to_out_sum());
        let number = self.model.id.to_string();
        let fields = self.lk.signed(self.model.mode, &text, &number);
        assert!(self.accept(fields.clone()).await);
        self.model.callback(kopecks);
        self.model.accepted.push((fields, kopecks));
        self.know_operation();
    }

    /// The gateway knows a payment that came.
    fn know_operation(&self) {
        let report = paid(self.model.received, None);
        self.lk.gateway.report(self.model.id, report);
    }

    async fn ask(&mut self, report: Option<i64>) {
        match report {
            Some(kopecks) => {
                let report = paid(Some(kopecks), None);
                self.lk.gateway.report(self.model.id, report);
            }
            None => {
                let standings = [
                    Standing::NotFound,
                    Standing::Pending,
                    Standing::Failed("cancelled".into()),
                    Standing::Suspicious("suspended".into()),
                ];
                let standing = standings.choose(&mut self.rng).unwrap().clone();
                self.lk.gateway.report_standing(self.model.id, standing);
            }
        }
        let question = PaymentCheckRequested {
            invoice_id: self.model.id,
        };
        check_now::requested(&self.lk.app, question, &Cause::new_story(), self.now)
            .await
            .unwrap();
        reconcile::run(&self.lk.app, self.now, 50).await.unwrap();
        let model = &mut self.model;
        if let (None, Some(kopecks), Mode::Live) = (model.received, report, model.mode) {
            if kopecks == ASKED {
                model.credit(ASKED);
            } else {
                model.received = Some(kopecks);
            }
        }
        if model.received.is_some() {
            self.know_operation();
        }
    }

    async fn decide(&mut self, accepted: bool) {
        let it = MismatchResolved {
            invoice_id: self.model.id,
            accepted,
            staff: "owner".into(),
            reason: "model".into(),
        };
        let taken = mismatch::resolved(&self.lk.app, it, &Cause::new_story(), self.now).await;
        let possible = self.model.status() == Some(InvoiceStatus::Mismatch);
        assert_eq!(taken.is_ok(), possible);
        if possible && accepted {
            let received = self.model.received.unwrap();
            self.model.credit(received);
        }
    }

    async fn refund(&mut self, cause: &Cause, kopecks: i64) -> bool {
        let it = RefundRequested {
            invoice_id: self.model.id,
            amount: Money::from_kopecks(kopecks),
            staff: "owner".into(),
            reason: "model".into(),
        };
        request::requested(&self.lk.app, it, cause, self.now)
            .await
            .is_ok()
    }

    async fn new_refund(&mut self) {
        let left = self.model.left();
        let kopecks = match self.any(5) {
            0 => left,
            1 => left + 1 + self.any(100),
            2 => -self.any(2),
            _ => 1 + self.any(left.max(2)),
        };
        let cause = Cause::new_story();
        let taken = self.refund(&cause, kopecks).await;
        let model = &mut self.model;
        let possible = model.mode == Mode::Live
            && model.received.is_some()
            && kopecks > 0
            && kopecks <= model.left();
        assert_eq!(taken, possible, "{kopecks} of {left}");
        let stage = if possible {
            model.reserved += kopecks;
            RefundStage::Reserved
        } else {
            RefundStage::Refused
        };
        model
            .refunds
            .insert(request::id_of(&cause), (kopecks, stage));
        model.messages.push((cause, kopecks));
    }

    /// Calls that are made by upkeep, all with the same kind of answer.
    async fn call(&mut self) {
        let due = self.model.in_stage(RefundStage::Reserved);
        let kind = self.any(4);
        for _ in &due {
            match kind {
                0 => self
                    .lk
                    .gateway
                    .next_start(RefundStart::Refused("no".into())),
                1 => self
                    .lk
                    .gateway
                    .next_start(RefundStart::NotSent("no".into())),
                2 => self.lk.gateway.next_start(RefundStart::Unknown("?".into())),
                _ => {}
            }
        }
        self.now += TimeDelta::hours(1);
        call::run(&self.lk.app, self.now, 50).await.unwrap();
        self.calls += due.len();
        match kind {
            0 => due.iter().for_each(|&id| self.model.end(id, false)),
            1 => {}
            2 => self.model.set(&due, RefundStage::Unknown),
            _ => self.model.set(&due, RefundStage::Requested),
        }
    }

    /// LK is killed after the first call was sent.
    async fn kill_during_call(mut self) -> Run {
        if self.model.in_stage(RefundStage::Reserved).is_empty() {
            return self;
        }
        self.now += TimeDelta::hours(1);
        self.lk.gateway.hang_once();
        let (app, now) = (self.lk.app.clone(), self.now);
        let calling = tokio::spawn(async move { call::run(&app, now, 1).await });
        self.lk.gateway.hanging.notified().await;
        calling.abort();
        assert!(calling.await.unwrap_err().is_cancelled());
        self.calls += 1;
        // Which of them it was only the database can say.
        let refunds = rows::of_invoice(&self.lk.db, self.model.id).await.unwrap();
        let called: Vec<Uuid> = refunds
            .iter()
            .filter(|refund| refund.state == RefundStage::Calling)
            .map(|refund| refund.id)
            .filter(|id| self.model.refunds[id].1 == RefundStage::Reserved)
            .collect();
        assert_eq!(called.len(), 1);
        self.model.set(&called, RefundStage::Calling);
        self.lk = fast(self.lk.restarted().await).await;
        self
    }

    async fn poll(&mut self) {
        let refunds = rows::of_invoice(&self.lk.db, self.model.id).await.unwrap();
        let progress = [
            RefundProgress::Finished,
            RefundProgress::Cancelled,
            RefundProgress::Processing,
        ];
        let progress = *progress.choose(&mut self.rng).unwrap();
        for refund in refunds {
            if let (RefundStage::Requested, Some(request_id)) = (refund.state, refund.request_id) {
                self.lk.gateway.progress(&request_id, progress, None);
            }
        }
        self.now += TimeDelta::hours(2);
        poll::run(&self.lk.app, self.now, 50).await.unwrap();
        for id in self.model.in_stage(RefundStage::Requested) {
            match progress {
                RefundProgress::Finished => self.model.end(id, true),
                RefundProgress::Cancelled => self.model.end(id, false),
                RefundProgress::Processing => {}
            }
        }
    }

    async fn sweep(&mut self) {
        self.now += call::LOST_AFTER;
        call::sweep(&self.lk.app, self.now, 50).await.unwrap();
        let lost = self.model.in_stage(RefundStage::Calling);
        self.model.set(&lost, RefundStage::Unknown);
    }

    async fn resolve(&mut self) {
        let mut ids = self.model.in_stage(RefundStage::Unknown);
        if ids.is_empty() || self.rng.random_bool(0.2) {
            ids = self.model.refunds.keys().copied().collect();
        }
        let Some(&refund_id) = ids.choose(&mut self.rng) else {
            return;
        };
        let done = self.rng.random_bool(0.5);
        let it = RefundResolved {
            refund_id,
            done,
            staff: "owner".into(),
            reason: "model".into(),
        };
        let taken = by_hand::resolved(&self.lk.app, it, &Cause::new_story(), self.now).await;
        let possible = self.model.refunds[&refund_id].1 == RefundStage::Unknown;
        assert_eq!(taken.is_ok(), possible);
        if possible {
            self.model.end(refund_id, done);
        }
    }

    async fn recorded_elsewhere(&mut self) {
        let left = self.model.left();
        let kopecks = self.any(left.max(1) + 2);
        let it = RefundRecorded {
            invoice_id: self.model.id,
            amount: Money::from_kopecks(kopecks),
            staff: "owner".into(),
            reason: "model".into(),
        };
        let cause = Cause::new_story();
        let taken = by_hand::recorded(&self.lk.app, it, &cause, self.now).await;
        let possible = kopecks > 0 && kopecks <= left;
        assert_eq!(taken.is_ok(), possible, "{kopecks} of {left}");
        if possible {
            self.model
                .refunds
                .insert(request::id_of(&cause), (kopecks, RefundStage::Done));
            self.model.went_back(kopecks);
        }
    }

    async fn time_and_restart(mut self) -> Run {
        self.pass(TimeDelta::days(2));
        expire::run(&self.lk.app, self.now, 50).await.unwrap();
        republish::run(&self.lk.app, self.now, 50).await.unwrap();
        self.bot_answers().await;
        if self.rng.random_bool(0.25) {
            self.lk = fast(self.lk.restarted().await).await;
        }
        self
    }

    /// What the bot says moves no money, whatever it says.
    async fn bot_answers(&mut self) {
        let (app, now) = (&self.lk.app, self.now);
        let (invoice_id, user_id) = (self.model.id, USER);
        let cause = Cause::new_story();
        match self.rng.random_range(0..3) {
            0 => {
                let routed = PaymentRouted {
                    invoice_id,
                    user_id,
                    at: now,
                };
                _ = routing::payment_routed(app, routed, &cause, now).await;
            }
            1 => {
                let failed = DeliveryFailed {
                    invoice_id,
                    user_id,
                    cause: "unreachable: blocked".into(),
                };
                _ = routing::delivery_failed(app, failed, &cause, now).await;
            }
            _ => held::person_returned(app, user_id, now).await.unwrap(),
        }
    }

    async fn step(mut self) -> Run {
        let step = *STEPS.choose(&mut self.rng).unwrap();
        println!("  {step}");
        self.pass(TimeDelta::minutes(5));
        let other_sum = [100, 29_899, 29_901, 50_000];
        match step {
            "callback" => self.callback(ASKED).await,
            "other amount" => {
                let kopecks = *other_sum.choose(&mut self.rng).unwrap();
                self.callback(kopecks).await;
            }
            "repeated" => {
                let copy = self.model.accepted.choose(&mut self.rng).cloned();
                if let Some((fields, kopecks)) = copy {
                    assert!(self.accept(fields).await);
                    // It changes something in one case only: it was the truth about a mismatch whose refund was on its
                    // way then, and is no more.
                    self.model.callback(kopecks);
                }
            }
            "forged" => {
                let number = self.model.id.to_string();
                let mut fields = self.lk.signed(self.model.mode, "299.00", &number);
                fields[0].1 = "1.00".into();
                assert!(!self.accept(fields).await);
            }
            "other mode" => {
                let number = self.model.id.to_string();
                let fields = self.lk.signed(self.model.mode.other(), "299.00", &number);
                assert!(!self.accept(fields).await);
            }
            "asked: paid" => self.ask(Some(ASKED)).await,
            "asked: other sum" => {
                let kopecks = *other_sum.choose(&mut self.rng).unwrap();
                self.ask(Some(kopecks)).await;
            }
            "asked: nothing" => self.ask(None).await,
            "accept" => self.decide(true).await,
            "reject" => self.decide(false).await,
            "refund" => self.new_refund().await,
            "refund repeated" => {
                if let Some((cause, kopecks)) = self.model.messages.choose(&mut self.rng).cloned() {
                    assert!(self.refund(&cause, kopecks).await);
                }
            }
            "call" => self.call().await,
            "poll" => self.poll().await,
            "kill during call" => self = self.kill_during_call().await,
            "sweep" => self.sweep().await,
            "resolve" => self.resolve().await,
            "recorded elsewhere" => self.recorded_elsewhere().await,
            _ => self = self.time_and_restart().await,
        }
        self.compare().await;
        self
    }

    async fn compare(&self) {
        let (lk, model) = (&self.lk, &self.model);
        let invoice = lk.invoice(model.id).await;
        match model.status() {
            Some(status) => assert_eq!(invoice.status, status),
            None => assert!(invoice.status.is_payable(), "{:?}", invoice.status),
        }
        let funds = &invoice.funds;
        assert_eq!(funds.received.map(Money::kopecks), model.received);
        assert_eq!(funds.refunded.kopecks(), model.refunded);
        assert_eq!(funds.reserved.kopecks(), model.reserved);
        assert_eq!(invoice.source.is_some(), model.granted);

        let entries = lk.ledger().await;
        let sum: i64 = entries.iter().map(|entry| entry.amount).sum();
        assert_eq!(sum, model.ledger);
        let payments = entries.iter().filter(|entry| entry.kind == "payment");
        assert_eq!(payments.count(), usize::from(model.entered));
        assert!(sum >= 0, "more went back than came");

        let rights = lk.entitlements().await;
        assert_eq!(rights.len(), usize::from(model.granted));
        if let [right] = rights.as_slice() {
            let whole = model.received == Some(model.refunded);
            assert_eq!(right.revoked, whole);
        }
        let refunds: BTreeMap<Uuid, (i64, RefundStage)> = rows::of_invoice(&lk.db, model.id)
            .await
            .unwrap()
            .into_iter()
            .map(|refund| (refund.id, (refund.amount.kopecks(), refund.state)))
            .collect();
        assert_eq!(refunds, model.refunds);
        assert_eq!(lk.gateway.orders().len(), self.calls);
    }

    /// Everything that was published of the payment is one and the same record.
    async fn compare_records(&self) {
        let sent = self.lk.sent().await;
        let records: BTreeSet<&str> = sent
            .iter()
            .filter(|sent| sent.topic == "tg_robokassa" && sent.action.starts_with("payment_"))
            .map(|sent| sent.message_id.as_str())
            .collect();
        assert_eq!(records.len(), usize::from(self.model.granted));
    }
}

/// What is tested is not the disk.
async fn fast(lk: TestLk) -> TestLk {
    lk.db
        .execute_unprepared("PRAGMA synchronous = OFF")
        .await
        .unwrap();
    lk
}

async fn begin(lk: TestLk, number: u64, calls: usize) -> Run {
    for table in [
        "invoices",
        "callbacks",
        "ledger",
        "entitlements",
        "refunds",
        "handled_messages",
        "outbox",
    ] {
        let clear = format!("DELETE FROM {table}");
        lk.db.execute_unprepared(&clear).await.unwrap();
    }
    let mut rng = StdRng::seed_from_u64(number);
    let now = Utc::now();
    let mut invoice = lk.invoice_made(now).await;
    if rng.random_bool(0.15) {
        invoice.id = InvoiceId::new(invoice.id.get() ^ 1).unwrap();
        invoice.mode = Mode::Test;
        invoices::insert(&lk.db, &invoice).await.unwrap();
    }
    if rng.random_bool(0.7) {
        invoices::open(&lk.db, invoice.id).await.unwrap();
    }
    Run {
        model: Model {
            id: invoice.id,
            mode: invoice.mode,
            received: None,
            granted: false,
            signed_mismatch: false,
            entered: false,
            refunded: 0,
            reserved: 0,
            refunds: BTreeMap::new(),
            ledger: 0,
            accepted: Vec::new(),
            messages: Vec::new(),
        },
        lk,
        rng,
        now,
        calls,
    }
}

fn number_from(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap(),
        Err(_) => default,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_ledger_is_what_the_model_says() {
    let sequences = number_from("GEOBOT_MODEL_SEQUENCES", SHORT_RUN);
    let first = number_from("GEOBOT_MODEL_FIRST", 0);
    let mut lk = fast(TestLk::sqlite().await).await;
    let mut calls = 0;
    for number in first..first + sequences {
        if number > first && number % PER_DATABASE == 0 {
            lk = fast(TestLk::sqlite().await).await;
            calls = 0;
        }
        let mut run = begin(lk, number, calls).await;
        // Said when the sequence fails.
        println!("sequence {number} of mode {}", run.model.mode);
        for _ in 0..run.rng.random_range(5..30) {
            run = run.step().await;
        }
        run.compare_records().await;
        (lk, calls) = (run.lk, run.calls);
    }
}
