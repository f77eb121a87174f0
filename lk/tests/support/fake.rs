//! A gateway whose answers a test chooses. Forms and callbacks are Robokassa's own.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use geobot_lk::gateways::robokassa::Robokassa;
use geobot_lk::payment::gateway::{
    CallbackDoubt, NamedPayment, NoPayForm, PayForm, PaymentGateway, PaymentReport, RefundOrder,
    RefundProgress, RefundReport, RefundStart, Standing, Unanswered, VerifiedCallback,
};
use geobot_lk::settings::Checked;
use geobot_lk::store::invoices::Invoice;
use geobot_shared::i18n::Language;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::robokassa::form::Fields;
use tokio::sync::Notify;

/// A report of a paid operation, in kopecks.
pub(crate) fn paid(paid: Option<i64>, credited: Option<i64>) -> PaymentReport {
    PaymentReport {
        standing: Standing::Paid {
            paid: paid.map(Money::from_kopecks),
            credited: credited.map(Money::from_kopecks),
        },
        op_key: Some("KEY".to_owned()),
    }
}

pub(crate) struct FakeGateway {
    robokassa: Robokassa,
    world: Mutex<World>,
    /// A call of a refund has begun and will get no answer.
    pub(crate) hanging: Notify,
}

#[derive(Default)]
struct World {
    reports: HashMap<InvoiceId, PaymentReport>,
    silence: Option<Unanswered>,
    asked: Vec<InvoiceId>,
    starts: VecDeque<RefundStart>,
    hang: bool,
    orders: Vec<RefundOrder>,
    progress: HashMap<String, RefundReport>,
    polled: usize,
}

impl FakeGateway {
    pub(crate) fn new(settings: &Checked) -> FakeGateway {
        FakeGateway {
            robokassa: Robokassa::new(settings).unwrap(),
            world: Mutex::default(),
            hanging: Notify::new(),
        }
    }

    /// What is said about an invoice; "not found" until then.
    pub(crate) fn report(&self, invoice: InvoiceId, report: PaymentReport) {
        self.world.lock().unwrap().reports.insert(invoice, report);
    }

    pub(crate) fn report_standing(&self, invoice: InvoiceId, standing: Standing) {
        self.report(
            invoice,
            PaymentReport {
                standing,
                op_key: None,
            },
        );
    }

    /// Questions get no answer, or get one again.
    pub(crate) fn silence(&self, silence: Option<Unanswered>) {
        self.world.lock().unwrap().silence = silence;
    }

    /// The invoices that were asked about so far, in order.
    pub(crate) fn asked(&self) -> Vec<InvoiceId> {
        self.world.lock().unwrap().asked.clone()
    }

    /// What the next call of a refund answers; accepted unless something is said.
    pub(crate) fn next_start(&self, start: RefundStart) {
        self.world.lock().unwrap().starts.push_back(start);
    }

    /// The next call of a refund never gets an answer; [`FakeGateway::hanging`] tells that it was made.
    pub(crate) fn hang_once(&self) {
        self.world.lock().unwrap().hang = true;
    }

    /// Every call of a refund that was made.
    pub(crate) fn orders(&self) -> Vec<RefundOrder> {
        self.world.lock().unwrap().orders.clone()
    }

    /// How often a refund's state was asked for.
    pub(crate) fn polled(&self) -> usize {
        self.world.lock().unwrap().polled
    }

    /// How far the refund of this request id is; processing unless something is said. The ids are `r1`, `r2` … in the
    /// order of the calls.
    pub(crate) fn progress(&self, request_id: &str, progress: RefundProgress, amount: Option<i64>) {
        let report = RefundReport {
            progress,
            amount: amount.map(Money::from_kopecks),
        };
        let mut world = self.world.lock().unwrap();
        world.progress.insert(request_id.to_owned(), report);
    }
}

impl PaymentGateway for FakeGateway {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn pay_form(
        &self,
        invoice: &Invoice,
        route_token: &str,
        language: Language,
    ) -> Result<PayForm, NoPayForm> {
        self.robokassa.pay_form(invoice, route_token, language)
    }

    fn name_payment(&self, fields: &Fields) -> Result<NamedPayment, CallbackDoubt> {
        self.robokassa.name_payment(fields)
    }

    fn verify_callback(
        &self,
        fields: Fields,
        mode: Mode,
    ) -> Result<VerifiedCallback, CallbackDoubt> {
        self.robokassa.verify_callback(fields, mode)
    }

    fn ask_payment(&self, invoice: InvoiceId) -> BoxFuture<'_, Result<PaymentReport, Unanswered>> {
        let mut world = self.world.lock().unwrap();
        world.asked.push(invoice);
        let answer = match &world.silence {
            Some(silence) => Err(silence.clone()),
            None => Ok(world
                .reports
                .get(&invoice)
                .cloned()
                .unwrap_or(PaymentReport {
                    standing: Standing::NotFound,
                    op_key: None,
                })),
        };
        future::ready(answer).boxed()
    }

    fn refunds_possible(&self) -> Result<(), String> {
        self.robokassa.refunds_possible()
    }

    fn start_refund(&self, order: RefundOrder) -> BoxFuture<'_, RefundStart> {
        let mut world = self.world.lock().unwrap();
        world.orders.push(order);
        if std::mem::take(&mut world.hang) {
            self.hanging.notify_one();
            return future::pending().boxed();
        }
        let request_id = format!("r{}", world.orders.len());
        let answer = world
            .starts
            .pop_front()
            .unwrap_or(RefundStart::Accepted { request_id });
        future::ready(answer).boxed()
    }

    fn ask_refund(&self, request_id: String) -> BoxFuture<'_, Result<RefundReport, Unanswered>> {
        let mut world = self.world.lock().unwrap();
        world.polled += 1;
        let answer = match &world.silence {
            Some(silence) => Err(silence.clone()),
            None => Ok(world
                .progress
                .get(&request_id)
                .copied()
                .unwrap_or(RefundReport {
                    progress: RefundProgress::Processing,
                    amount: None,
                })),
        };
        future::ready(answer).boxed()
    }
}
