//! Robokassa's addresses. `/robokassa/result` and `/robokassa/result2` take what is signed and change things; the other
//! two are pages.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use geobot_shared::i18n::Language;
use geobot_shared::ids::InvoiceId;
use geobot_shared::robokassa::form::{self, Fields};
use geobot_shared::robokassa::redirect::{FailReturn, SuccessReturn};
use geobot_shared::robokassa::result_url2::NotificationError;
use geobot_shared::route_token::RouteToken;
use geobot_shared::topics::states::InvoiceStatus;
use sea_orm::DbErr;
use tracing::{debug, error};

use super::{language, page, pay};
use crate::app::App;
use crate::gateways::robokassa::ROUTE;
use crate::gateways::robokassa::notified::{self, NotificationRefused};
use crate::payment::forged::Forged;
use crate::payment::{CallbackRefused, accept_callback};
use crate::store::invoices::{self, Invoice};

/// ResultURL and ResultURL2.
pub(super) fn result() -> Router<Arc<App>> {
    Router::new()
        .route("/robokassa/result", get(result_get).post(result_post))
        .route("/robokassa/result2", post(result2))
}

/// SuccessURL and FailURL.
pub(super) fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/robokassa/success", get(success_get).post(success_post))
        .route("/robokassa/fail", get(fail_get).post(fail_post))
}

async fn result_get(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let remote = match allowed(&app, peer, &headers) {
        Ok(remote) => remote,
        Err(refusal) => return refusal.into_response(),
    };
    take_result(&app, form::decode(&query.unwrap_or_default()), remote).await
}

/// Who is calling, through the proxies that are trusted.
fn caller(app: &App, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        // What is no text ends the search, as any entry that can't be read.
        .map(|line| line.to_str().unwrap_or("unreadable"))
        .collect();
    let trusted = &app.settings.trusted_proxies;
    trusted.caller(peer.ip(), forwarded.into_iter())
}

/// The optional second barrier; the signature is the proof.
fn allowed(
    app: &App,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<IpAddr, (StatusCode, &'static str)> {
    let remote = caller(app, peer, headers);
    let allowed = &app.settings.allowed_callers;
    if allowed.is_empty() || allowed.contains(remote) {
        return Ok(remote);
    }
    metrics::counter!("geobot_callbacks_total", "verdict" => "foreign_address").increment(1);
    app.forged.keep(Forged {
        at: Utc::now(),
        remote,
        number: String::new(),
        reason: "the address is not in ROBOKASSA_ALLOWED_IPS".to_owned(),
    });
    Err((StatusCode::FORBIDDEN, "this address may not call here"))
}

/// By POST only the body counts: a query beside it is not Robokassa's.
async fn result_post(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let remote = match allowed(&app, peer, &headers) {
        Ok(remote) => remote,
        Err(refusal) => return refusal.into_response(),
    };
    match form_fields(&headers, body) {
        Ok(fields) => take_result(&app, fields, remote).await,
        Err(refusal) => {
            debug!(%remote, status = refusal.0.as_u16(), "callback_refused");
            metrics::counter!("geobot_callbacks_total", "verdict" => "malformed").increment(1);
            refusal.into_response()
        }
    }
}

async fn take_result(app: &Arc<App>, fields: Fields, remote: IpAddr) -> Response {
    let started = Instant::now();
    let Ok(_permit) = app.callbacks.try_acquire() else {
        metrics::counter!("geobot_callbacks_total", "verdict" => "busy").increment(1);
        return (StatusCode::SERVICE_UNAVAILABLE, "busy, come again").into_response();
    };
    let result = accept_callback(app, fields, remote, Utc::now()).await;
    metrics::histogram!("geobot_callback_seconds").record(started.elapsed().as_secs_f64());
    match result {
        // Robokassa: the body is `OK{InvId}` and nothing else.
        Ok(accepted) => (StatusCode::OK, accepted.answer).into_response(),
        Err(CallbackRefused::Malformed(why)) => {
            (StatusCode::BAD_REQUEST, format!("malformed: {why}")).into_response()
        }
        Err(CallbackRefused::BadSignature(_) | CallbackRefused::Unverifiable) => {
            (StatusCode::BAD_REQUEST, "bad sign").into_response()
        }
        Err(
            CallbackRefused::NotStored(_)
            | CallbackRefused::NoPasswords(_)
            | CallbackRefused::NotLookedAt,
        ) => (StatusCode::SERVICE_UNAVAILABLE, "come again").into_response(),
    }
}

/// ResultURL2. The body is the bare token, whatever its content type says.
async fn result2(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(certificate) = &app.settings.certificate else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return (rejection.status(), rejection.body_text()).into_response(),
    };
    let Ok(_permit) = app.callbacks.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "busy, come again").into_response();
    };
    let remote = caller(&app, peer, &headers);
    let text = String::from_utf8_lossy(&body);
    let taken = notified::take(&app, certificate, &text, remote, Utc::now()).await;
    let verdict = match &taken {
        Ok(notified) => notified.as_str(),
        Err(NotificationRefused::NotBelieved(_)) => "refused",
        Err(NotificationRefused::NotStored(_)) => "unavailable",
    };
    metrics::counter!("geobot_notifications_total", "verdict" => verdict).increment(1);
    match taken {
        // Robokassa: any 2xx ends its repeats.
        Ok(_) => (StatusCode::OK, "OK").into_response(),
        Err(NotificationRefused::NotBelieved(NotificationError::CertificateNotValid)) => {
            error!("certificate_not_valid");
            (StatusCode::SERVICE_UNAVAILABLE, "come again").into_response()
        }
        Err(NotificationRefused::NotBelieved(why)) => {
            debug!(%remote, %why, "notification_refused");
            (StatusCode::BAD_REQUEST, why.to_string()).into_response()
        }
        Err(NotificationRefused::NotStored(failure)) => {
            error!(%remote, %failure, "notification_not_stored");
            (StatusCode::SERVICE_UNAVAILABLE, "come again").into_response()
        }
    }
}

/// The fields of a form body. Without a content type it is taken for a form: a payment is not lost over a header.
fn form_fields(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Fields, (StatusCode, String)> {
    let body = body.map_err(|rejection| (rejection.status(), rejection.body_text()))?;
    let form_type = "application/x-www-form-urlencoded";
    let is_form = headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        value.to_str().is_ok_and(|value| {
            let kind = value.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case(form_type)
        })
    });
    if !is_form {
        return Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the body must be {form_type}"),
        ));
    }
    let text = std::str::from_utf8(&body)
        .map_err(|_| (StatusCode::BAD_REQUEST, "the body is not text".to_owned()))?;
    Ok(form::decode(text))
}

async fn success_get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    success(&app, &headers, form::decode(&query.unwrap_or_default())).await
}

async fn success_post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match form_fields(&headers, body) {
        Ok(fields) => success(&app, &headers, fields).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The buyer came back. The signature decides only whether the invoice's page is shown; what it shows is LK's own.
async fn success(app: &App, headers: &HeaderMap, fields: Fields) -> Response {
    let reader = language::of_reader(headers);
    match signed_invoice(app, fields).await {
        Ok(Some(id)) => Redirect::to(&pay::address_after_payment(app, id)).into_response(),
        Ok(None) => page::notice(app, StatusCode::OK, reader, "success-title", "success-text"),
        Err(failure) => page::unavailable(app, reader, failure),
    }
}

async fn signed_invoice(app: &App, fields: Fields) -> Result<Option<InvoiceId>, DbErr> {
    let Some(invoice) = named_invoice(app, &fields).await? else {
        return Ok(None);
    };
    let Ok(credentials) = app.settings.shop.credentials(invoice.mode) else {
        return Ok(None);
    };
    let genuine = SuccessReturn::receive(fields, &credentials).is_ok();
    Ok(genuine.then_some(invoice.id))
}

async fn named_invoice(app: &App, fields: &Fields) -> Result<Option<Invoice>, DbErr> {
    match form::value(fields, "InvId").and_then(|text| text.parse::<InvoiceId>().ok()) {
        Some(id) => invoices::find(&app.db, id).await,
        None => Ok(None),
    }
}

async fn fail_get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    fail(&app, &headers, form::decode(&query.unwrap_or_default())).await
}

async fn fail_post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match form_fields(&headers, body) {
        Ok(fields) => fail(&app, &headers, fields).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The buyer came back without paying, and may still go back and pay. Robokassa does not sign this, so only whoever
/// holds the invoice's route token (its buyer) gets the link to its page.
async fn fail(app: &App, headers: &HeaderMap, fields: Fields) -> Response {
    let reader = language::of_reader(headers);
    let (language, link) = match token_holder(app, &fields).await {
        Ok(Some((invoice, language))) => {
            let url = app.settings.links.url(invoice.id);
            let still_open = invoice.status != InvoiceStatus::Paid;
            (language, still_open.then_some(("fail-again", url)))
        }
        Ok(None) => (reader, None),
        Err(failure) => return page::unavailable(app, reader, failure),
    };
    page::notice_with_link(
        app,
        StatusCode::OK,
        language,
        "fail-title",
        "fail-text",
        link,
    )
}

async fn token_holder(app: &App, fields: &Fields) -> Result<Option<(Invoice, Language)>, DbErr> {
    let Ok(returned) = FailReturn::parse(fields) else {
        return Ok(None);
    };
    let token = returned
        .shp_value(ROUTE)
        .and_then(|text| RouteToken::verify(text, &app.settings.route_keys).ok());
    let Some(id) = token
        .map(|token| token.invoice)
        .filter(|&id| returned.invoice == Some(id))
    else {
        return Ok(None);
    };
    let Some(invoice) = invoices::find(&app.db, id).await? else {
        return Ok(None);
    };
    let language = language::of_account(app, invoice.user).await?;
    Ok(Some((invoice, language)))
}
