//! The payment page: opened by a signed link, decided by its buttons.

use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use chrono::Utc;
use serde_json::json;

use super::form::Form;
use super::payments::{CannotPay, How, Payment, State as PaymentState};
use super::receipt::{Line, Receipt};
use super::request::{PageError, check};
use super::{callback, redirect, result_url2};
use crate::app::App;
use crate::connection::Connection;
use crate::faults::{self, Lost, Target};

/// Robokassa: a longer GET link may fail; long ones go by POST.
const LONGEST_LINK: usize = 2_083;

/// A template as an answer.
pub(crate) struct Page<T>(pub(crate) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => Html(text).into_response(),
            Err(error) => {
                tracing::error!(%error, "page_failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

#[derive(Template)]
#[template(path = "pay.html")]
struct PayPage<'a> {
    payment: &'a Payment,
    scheme: String,
    lines: Vec<Line>,
}

impl<'a> PayPage<'a> {
    fn of(payment: &'a Payment) -> Self {
        let json = payment.receipt.as_deref().unwrap_or_default();
        let receipt = Receipt::parse(json).ok();
        Self {
            payment,
            scheme: receipt
                .as_ref()
                .and_then(|receipt| receipt.sno.clone())
                .unwrap_or_default(),
            lines: receipt
                .map(|receipt| receipt.items.iter().map(|item| item.shown()).collect())
                .unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "pay_error.html")]
struct ErrorPage {
    code: u16,
    reason: String,
}

/// A form that sends itself: SuccessUrl2 and FailUrl2 by POST.
#[derive(Template)]
#[template(path = "post_redirect.html")]
pub(crate) struct PostRedirect {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// Also tells the code in a header, so that a test need not read the page.
impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let header = [(
            HeaderName::from_static("x-robokassa-error"),
            self.code.to_string(),
        )];
        let page = Page(ErrorPage {
            code: self.code,
            reason: self.reason.into_owned(),
        });
        (StatusCode::BAD_REQUEST, header, page).into_response()
    }
}

pub(crate) async fn open_by_get(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    if query.len() > LONGEST_LINK {
        return PageError::bad_parameter(
            "a GET link is longer than 2083 characters: use a POST form",
        )
        .into_response();
    }
    open(app, connection, Form::parse(query.as_bytes())).await
}

pub(crate) async fn open_by_post(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    body: Bytes,
) -> Response {
    open(app, connection, Form::parse(&body)).await
}

async fn open(app: Arc<App>, connection: Connection, form: Form) -> Response {
    let fault = app.faults.strike(Target::Robokassa, "Index", None);
    let work = async {
        app.counters.payment_pages.add(1);
        let opened = check(&form, &app.settings, Utc::now())
            .and_then(|request| app.payments.lock().open(request));
        match opened {
            Ok(payment) => {
                app.events
                    .publish(json!({"kind": "payment", "payment": payment.view()}));
                Page(PayPage::of(&payment)).into_response()
            }
            Err(refused) => {
                app.counters.payment_page_errors.add(1);
                tracing::info!(
                    code = refused.code,
                    reason = %refused.reason,
                    "payment_link_refused"
                );
                refused.into_response()
            }
        }
    };
    faults::under(
        fault,
        &connection,
        &app.stopping,
        faults::bare_refusal,
        work,
    )
    .await
}

/// A button of the payment page.
pub(crate) async fn decide(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let number = form
        .get("inv_id")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let key = (number, form.get("is_test") == Some("1"));
    let page_key = form.sent("page_key");
    let shown = app
        .payments
        .lock()
        .get(key)
        .map(|payment| (payment.page_key.clone(), payment.state));
    match shown {
        Some((_, PaymentState::Paid)) => return PageError::REPEATED.into_response(),
        Some((known, _)) if Some(known.as_str()) == page_key => {}
        _ => {
            return PageError::bad_parameter("this page is no longer valid: open the link again")
                .into_response();
        }
    }
    let decided = match form.get("decision") {
        Some(how @ ("pay" | "pay_twice" | "pay_lost")) => {
            let paying = Paying {
                copies: if how == "pay_twice" { 2 } else { 1 },
                told_sum: None,
                lose_callback: how == "pay_lost",
            };
            pay(&app, key, paying).map(|payment| redirect::to_success(&payment, &app.settings))
        }
        Some("confirm") => {
            confirm(&app, key).map(|payment| Page(PayPage::of(&payment)).into_response())
        }
        Some("decline") => {
            decline(&app, key).map(|payment| redirect::to_fail(&payment, &app.settings))
        }
        _ => return PageError::bad_parameter("no such decision").into_response(),
    };
    decided.unwrap_or_else(|refused| match refused {
        CannotPay::Paid(_) => PageError::REPEATED.into_response(),
        _ => PageError::bad_parameter("this page is no longer valid: open the link again")
            .into_response(),
    })
}

/// How the person pays, as the page's buttons and the control API say it.
#[derive(Debug, Clone)]
pub(crate) struct Paying {
    /// ResultURL calls at once.
    pub(crate) copies: u32,
    /// Stands for OutSum in the callbacks.
    pub(crate) told_sum: Option<String>,
    /// The shop is never told, as under the fault `lose_callback`.
    pub(crate) lose_callback: bool,
}

/// The person pays; ResultURL and ResultURL2 are called in the background.
pub(crate) fn pay(app: &Arc<App>, key: (i64, bool), paying: Paying) -> Result<Payment, CannotPay> {
    let copies = paying.copies;
    let mut payments = app.payments.lock();
    // A fault is used up only by a payment that can be paid.
    payments.payable(key)?;
    let lost = match paying.lose_callback {
        true => Lost::BOTH,
        false => app.faults.lost_callbacks(),
    };
    let payment = payments.pay(
        key,
        &How {
            copies,
            told_sum: paying.told_sum,
            lost,
            has_result_url2: app.settings.result2_url.is_some(),
        },
    )?;
    drop(payments);
    tracing::info!(
        inv_id = payment.inv_id,
        is_test = payment.is_test,
        copies,
        lost = lost.result_url,
        "payment_paid"
    );
    app.events
        .publish(json!({"kind": "payment", "payment": payment.view()}));
    callback::start(app, &payment, payment.due);
    result_url2::start(app, &payment);
    Ok(payment)
}

/// The person declines.
pub(crate) fn decline(app: &App, key: (i64, bool)) -> Result<Payment, CannotPay> {
    let payment = app.payments.lock().decline(key)?;
    app.events
        .publish(json!({"kind": "payment", "payment": payment.view()}));
    Ok(payment)
}

/// The person confirmed, the bank has not answered.
pub(crate) fn confirm(app: &App, key: (i64, bool)) -> Result<Payment, CannotPay> {
    let payment = app.payments.lock().confirm(key)?;
    app.events
        .publish(json!({"kind": "payment", "payment": payment.view()}));
    Ok(payment)
}
