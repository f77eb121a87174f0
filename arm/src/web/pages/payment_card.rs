//! The card of a payment, and what staff decide there. What moves money is confirmed on a page of its own.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use geobot_shared::ids::InvoiceId;
use geobot_shared::money::Money;
use geobot_shared::topics::states::{InvoiceStatus, RefundEntry};
use serde::Deserialize;
use uuid::Uuid;

use super::{Answer, Sent};
use crate::app::App;
use crate::decisions::{self, Decision, DecisionError, LONGEST_REASON, Possible};
use crate::store::{entitlements, events, invoices, micros, tasks, users};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::{Fields, Posted};
use crate::web::session::Visit;

/// A refund as the card shows it.
struct RefundRow {
    id: String,
    amount: i64,
    state: &'static str,
    who: String,
    reason: String,
    cause: Option<String>,
    at: i64,
    unknown: bool,
}

impl From<RefundEntry> for RefundRow {
    fn from(refund: RefundEntry) -> RefundRow {
        RefundRow {
            id: refund.refund_id.to_string(),
            amount: refund.amount.kopecks(),
            state: refund.state.as_str(),
            who: refund.staff,
            reason: refund.reason,
            cause: refund.cause,
            at: micros(refund.at),
            unknown: refund.state == geobot_shared::topics::states::RefundStage::Unknown,
        }
    }
}

#[derive(Template)]
#[template(path = "payment.html")]
struct PaymentPage<'a> {
    p: &'a Page,
    invoice: invoices::Model,
    who: String,
    entitlement: Option<entitlements::Model>,
    heard: Vec<events::Model>,
    refunds: Vec<RefundRow>,
    jobs: Vec<tasks::Model>,
    possible: Possible,
    may_decide: bool,
    /// The most that can be given back, as it is typed.
    refundable: String,
    longest_reason: usize,
    sent: bool,
    wrong: Option<String>,
}

impl PaymentPage<'_> {
    /// Each form has a number of its own, which makes a second press of its button harmless.
    fn form(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

impl<'a> PaymentPage<'a> {
    async fn of(
        app: &App,
        visit: &'a Visit,
        invoice: invoices::Model,
    ) -> Result<PaymentPage<'a>, Failure> {
        let person = users::get(&app.db, invoice.user_id).await?;
        let status = InvoiceStatus::from_name(&invoice.status);
        let refunds = invoice.refunds()?.into_iter().map(RefundRow::from);
        Ok(PaymentPage {
            p: &visit.page,
            who: person.map_or_else(|| invoice.user_id.to_string(), |person| person.called()),
            entitlement: entitlements::of_invoice(&app.db, invoice.invoice_id).await?,
            heard: events::of_invoice(&app.db, invoice.invoice_id, 50).await?,
            refunds: refunds.collect(),
            jobs: tasks::of_invoice(&app.db, invoice.invoice_id).await?,
            possible: status
                .map_or_else(Possible::default, |status| Possible::of(&invoice, status)),
            may_decide: visit.staff.role.may_decide_payments(),
            refundable: Money::from_kopecks(invoice.refundable().max(0)).to_out_sum(),
            longest_reason: LONGEST_REASON,
            sent: false,
            wrong: None,
            invoice,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Asked {
    sent: Option<String>,
}

async fn find(app: &App, id: &str) -> Result<(InvoiceId, invoices::Model), Failure> {
    let id: InvoiceId = id.parse().map_err(|_| Failure::NotFound)?;
    let invoice = invoices::get(&app.db, id).await?.ok_or(Failure::NotFound)?;
    Ok((id, invoice))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let (_, invoice) = find(&app, &id).await?;
    page::show(&PaymentPage {
        sent: asked.sent.is_some(),
        ..PaymentPage::of(&app, &visit, invoice).await?
    })
}

/// What a form of the card asks for. The amount is read strictly.
fn read(deed: &str, fields: &Fields) -> Result<Decision, Failure> {
    let amount = || {
        let text = fields.get("amount").trim().replace(',', ".");
        // Zero is refused with the limits, in words.
        Money::parse_rubles(&text).unwrap_or(Money::ZERO)
    };
    Ok(match deed {
        "check" => Decision::CheckNow,
        "accept" => Decision::AcceptMismatch,
        "reject" => Decision::RejectMismatch,
        "refund" => Decision::Refund(amount()),
        "refund-recorded" => Decision::RecordRefund(amount()),
        "refund-done" | "refund-not-done" => {
            let id = fields.get("refund_id").parse();
            Decision::ResolveRefund(id.map_err(|_| Failure::BadForm)?, deed == "refund-done")
        }
        "deliver-again" => Decision::DeliverAgain,
        "delivered-by-hand" => Decision::DeliveredByHand,
        _ => return Err(Failure::NotFound),
    })
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    p: &'a Page,
    title: String,
    action: String,
    back: String,
    lines: Vec<(String, String)>,
    hidden: Vec<(&'static str, String)>,
    button: String,
}

pub(super) async fn decide(
    State(app): State<Arc<App>>,
    Path((id, deed)): Path<(String, String)>,
    Posted { visit, fields }: Posted,
) -> Sent {
    let decision = read(&deed, &fields)?;
    if decision != Decision::CheckNow && !visit.staff.role.may_decide_payments() {
        return Err(Failure::Forbidden);
    }
    let form: Uuid = fields.get("form").parse().map_err(|_| Failure::BadForm)?;
    let (id, invoice) = find(&app, &id).await?;
    let why = fields.get("reason");
    let confirmed = fields.get("confirmed") == "yes";
    let result = match decision {
        Decision::Refund(amount) | Decision::RecordRefund(amount) if !confirmed => {
            let checked = decision
                .fits(&invoice)
                .and_then(|()| decisions::reason(why));
            match checked {
                Ok(why) => {
                    let asked = Money::kopecks(amount);
                    return confirm(&visit.page, &deed, &invoice, asked, why, form);
                }
                Err(error) => Err(error),
            }
        }
        _ => {
            let staff = &visit.staff.login;
            decisions::decide(&app, staff, id, decision, why, form, Utc::now()).await
        }
    };
    let p = &visit.page;
    let (status, words) = match result {
        Ok(()) => return Ok(Redirect::to(&format!("/payments/{id}?sent=1")).into_response()),
        Err(DecisionError::NotFound) => return Err(Failure::NotFound),
        Err(DecisionError::Outbox(error)) => return Err(error.into()),
        Err(DecisionError::NotNow) => (StatusCode::CONFLICT, p.t("wrong-decision-now")),
        Err(DecisionError::Amount(most)) => {
            let words = format!("{} {}", p.t("wrong-decision-amount"), p.rubles(&most));
            (StatusCode::BAD_REQUEST, words)
        }
        Err(DecisionError::Reason) => (
            StatusCode::BAD_REQUEST,
            p.n("wrong-reason", LONGEST_REASON as u64),
        ),
    };
    let shown = PaymentPage {
        wrong: Some(words),
        ..PaymentPage::of(&app, &visit, invoice).await?
    };
    show_as(status, &shown)
}

/// Money moves only after a second look.
fn confirm(
    p: &Page,
    deed: &str,
    invoice: &invoices::Model,
    amount: i64,
    why: String,
    form: Uuid,
) -> Sent {
    let number = invoice.invoice_id.to_string();
    let back = format!("/payments/{number}");
    let key = match deed {
        "refund" => "confirm-refund",
        _ => "confirm-refund-recorded",
    };
    page::show(&ConfirmPage {
        p,
        title: p.t(key),
        action: format!("{back}/{deed}"),
        back,
        lines: vec![
            (p.t("col-invoice"), number),
            (p.t("col-product"), invoice.title.clone()),
            (
                p.t("payment-received"),
                p.rubles(&invoice.received.unwrap_or(0)),
            ),
            (p.t("confirm-amount"), p.rubles(&amount)),
            (p.t("decision-reason"), why.clone()),
        ],
        hidden: vec![
            ("form", form.to_string()),
            ("amount", Money::from_kopecks(amount).to_out_sum()),
            ("reason", why),
            ("confirmed", "yes".to_owned()),
        ],
        button: p.t("confirm-yes"),
    })
}
