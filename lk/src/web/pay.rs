//! `/pay/<signed id>`: what is bought, how it stands, and the way to Robokassa.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, Utc};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::i18n::Language;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::sql;
use geobot_shared::topics::states::{InvoiceStatus, Routing};
use tracing::info;

use super::{language, page};
use crate::app::App;
use crate::invoices::announce;
use crate::payment::publish;
use crate::store::invoices::{self, Invoice};

/// The query of the page while the browser comes from a payment.
const RETURNED: &str = "returned=1";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/pay/{signed}", get(pay))
}

async fn pay(
    State(app): State<Arc<App>>,
    Path(signed): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let reader = language::of_reader(&headers);
    let Some(id) = app.settings.links.verify(&signed) else {
        return page::not_found(&app, reader);
    };
    match opened(&app, id).await {
        Ok(Some((invoice, language))) => {
            show(&app, &invoice, language, query.as_deref() == Some(RETURNED))
        }
        Ok(None) => page::not_found(&app, reader),
        Err(failure) => page::unavailable(&app, reader, failure),
    }
}

/// The invoice after its page was opened (created → pending), and its owner's language.
async fn opened(app: &App, id: InvoiceId) -> Result<Option<(Invoice, Language)>, OutboxError> {
    let Some(mut invoice) = invoices::find(&app.db, id).await? else {
        return Ok(None);
    };
    let now = Utc::now();
    if invoice.status == InvoiceStatus::Created && invoice.expires_at > now {
        let txn = sql::begin(&app.db).await?;
        match invoices::open(&txn, id).await? {
            Some(pending) => {
                let cause = announce::once(id, "pending", &pending.story);
                announce::changed(&app.outbox, &txn, &pending, &cause, now).await?;
                if pending.mode == Mode::Live {
                    let first_question = now + app.settings.reconcile_after;
                    invoices::check_later(&txn, id, first_question).await?;
                }
                app.commit(txn).await?;
                info!(invoice_id = %id, "invoice_opened");
                invoice = pending;
            }
            // Somebody else was faster: paid, expired or opened.
            None => {
                txn.rollback().await?;
                if let Some(current) = invoices::find(&app.db, id).await? {
                    invoice = current;
                }
            }
        }
    }
    let language = language::of_account(app, invoice.user).await?;
    Ok(Some((invoice, language)))
}

#[derive(Template)]
#[template(path = "pay.html")]
struct PayPage {
    frame: page::Frame,
    product: String,
    price: page::Price,
    number: String,
    test_notice: Option<String>,
    state: &'static str,
    state_text: String,
    detail: String,
    button: Option<Button>,
    again: Option<(String, String)>,
}

struct Button {
    action: String,
    fields: Vec<(String, String)>,
    text: String,
    hint: String,
}

/// Where the browser goes once Robokassa says that it has paid.
pub(super) fn address_after_payment(app: &App, invoice: InvoiceId) -> String {
    let links = &app.settings.links;
    format!(
        "{}/pay/{}?{RETURNED}",
        links.base_path(),
        links.sign(invoice)
    )
}

/// The page of an invoice as it stands. `returned`: the browser comes from a payment, so that while the callback is
/// still on its way no second payment is offered, and the page looks again by itself.
fn show(app: &App, invoice: &Invoice, language: Language, returned: bool) -> Response {
    let texts = &app.texts;
    let price = page::Price::of(app, language, invoice);
    let confirming = returned && invoice.status.is_payable();
    let open = !confirming && is_open(invoice, Utc::now());
    let button = if open {
        let route_token = publish::route_token(invoice, &app.settings.route_keys);
        match app.gateway.pay_form(invoice, &route_token, language) {
            Ok(form) => Some(Button {
                action: form.action.to_string(),
                fields: form.fields,
                text: texts.format(
                    language,
                    "pay-button",
                    &[("amount", price.amount.as_str().into())],
                ),
                hint: texts.get(language, "pay-hint"),
            }),
            Err(failure) => return page::unavailable(app, language, failure),
        }
    } else {
        None
    };
    let (state, text, detail) = if confirming {
        ("waiting", "state-confirming", "detail-confirming")
    } else {
        wording(invoice, open)
    };
    let on_its_way = invoice.status == InvoiceStatus::Paid && invoice.routing == Routing::Waiting;
    let mut frame = page::Frame::new(app, language, texts.get(language, "pay-title"));
    frame.refresh = confirming || on_its_way;
    let number = invoice.id.to_string();
    let shown = PayPage {
        frame,
        product: invoice.title.clone(),
        price,
        number: texts.format(
            language,
            "pay-number",
            &[("number", number.as_str().into())],
        ),
        test_notice: (invoice.mode == Mode::Test).then(|| texts.get(language, "pay-test")),
        state,
        state_text: texts.get(language, text),
        detail: texts.get(language, detail),
        button,
        again: confirming.then(|| {
            (
                texts.get(language, "to-the-payment"),
                app.settings.links.url(invoice.id),
            )
        }),
    };
    page::html(StatusCode::OK, &shown)
}

/// Whether it is still offered for payment.
pub(super) fn is_open(invoice: &Invoice, now: DateTime<Utc>) -> bool {
    matches!(
        invoice.status,
        InvoiceStatus::Created | InvoiceStatus::Pending
    ) && invoice.expires_at > now
}

/// The look of the state, its text and the sentence below it.
pub(super) fn wording(invoice: &Invoice, open: bool) -> (&'static str, &'static str, &'static str) {
    match (invoice.status, invoice.routing) {
        (InvoiceStatus::Created | InvoiceStatus::Pending, _) if open => {
            ("open", "state-open", "detail-open")
        }
        (InvoiceStatus::Created | InvoiceStatus::Pending | InvoiceStatus::Expired, _) => {
            ("closed", "state-expired", "detail-expired")
        }
        (InvoiceStatus::Cancelled, _) => ("closed", "state-cancelled", "detail-expired"),
        (InvoiceStatus::Paid, Routing::Waiting) => ("paid", "state-paid", "detail-waiting"),
        (InvoiceStatus::Paid, Routing::Delivered) => ("paid", "state-paid", "detail-delivered"),
        (InvoiceStatus::Paid, Routing::Held) => ("paid", "state-paid", "detail-held"),
        (InvoiceStatus::Mismatch, _) => ("held", "state-mismatch", "detail-mismatch"),
        (InvoiceStatus::Refunding, _) => ("closed", "state-refunding", "detail-refund"),
        (InvoiceStatus::Refunded, _) => ("closed", "state-refunded", "detail-refund"),
        (InvoiceStatus::PartlyRefunded, _) => ("closed", "state-partly-refunded", "detail-refund"),
    }
}
