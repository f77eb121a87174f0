//! The pages. They work without JavaScript; every change is a POST with the session's form token.

mod account;
mod audit;
mod chats;
mod files;
mod language;
mod maintenance;
mod messages;
mod overview;
mod payment_card;
mod payments;
mod product_form;
mod products;
mod promo_form;
mod promos;
mod sign_in;
mod staff;
mod talk;
mod tasks;
mod user_card;
mod users;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::failure::Failure;
use super::page::{Page, show_as};
use super::upload::LONGEST_FORM;
use super::{LONGEST_UPLOAD, assets, same_origin};
use crate::app::App;

/// What a page answers.
type Answer = Result<Response, Failure>;

/// What a form answers: the next page, or the form again.
type Sent = Result<Response, Failure>;

pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(overview::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/account", get(account::show))
        .route("/account/password", post(account::change_password))
        .route("/payments", get(payments::list))
        .route("/payments/{id}", get(payment_card::show))
        .route("/payments/{id}/{deed}", post(payment_card::decide))
        .route("/users", get(users::list))
        .route("/users/{id}", get(user_card::show))
        .route("/users/{id}/{deed}", post(user_card::change))
        .route("/messages", get(messages::list))
        .route("/messages/{id}", get(messages::show))
        .route(
            "/messages/{id}/answer",
            post(messages::answer).layer(DefaultBodyLimit::max(LONGEST_FORM)),
        )
        .route("/messages/{id}/close", post(messages::close))
        .route(
            "/products",
            get(products::list)
                .post(products::create)
                .layer(DefaultBodyLimit::max(LONGEST_FORM)),
        )
        .route("/products/new", get(products::blank))
        .route(
            "/products/{id}",
            get(products::show)
                .post(products::update)
                .layer(DefaultBodyLimit::max(LONGEST_FORM)),
        )
        .route("/products/{id}/archive", post(products::archive))
        .route("/products/{id}/restore", post(products::restore))
        .route(
            "/products/{id}/keys",
            post(products::upload_keys).layer(DefaultBodyLimit::max(LONGEST_UPLOAD)),
        )
        .route("/chats", get(chats::list))
        .route("/files/{sha256}/{name}", get(files::serve))
        .route("/promos", get(promos::list).post(promos::create))
        .route("/promos/new", get(promos::blank))
        .route("/promos/{code}", get(promos::show).post(promos::update))
        .route("/staff", get(staff::list).post(staff::add))
        .route("/staff/{id}/{deed}", post(staff::change))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}/retry", post(tasks::retry))
        .route("/audit", get(audit::list))
        .route("/maintenance", post(maintenance::change))
        .route("/language/{code}", get(language::choose))
        .fallback(|| async { Failure::NotFound })
        .layer(from_fn(same_origin::only))
        .layer(from_fn_with_state(Arc::clone(app), explain))
        .route("/assets/{name}", get(assets::serve))
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    p: &'a Page,
    code: StatusCode,
    words: &'a str,
}

/// Puts a page around a failure, in the reader's language.
async fn explain(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let page = Page::at(&app, request.headers(), uri.path());
    let response = next.run(request).await;
    let Some(failure) = response.extensions().get::<Failure>().copied() else {
        return response;
    };
    let (code, key) = failure.words();
    let shown = FailurePage {
        p: &page,
        code,
        words: &page.t(key),
    };
    show_as(code, &shown).unwrap_or_else(|_| code.into_response())
}
