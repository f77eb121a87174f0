//! Products: the list, and the page that adds or changes one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use geobot_shared::ids::ProductId;
use geobot_shared::topics::states::{Delivery, ProductState};
use serde::Deserialize;
use uuid::Uuid;

use super::product_form::{Form, ReceiptWords, kind};
use super::{Answer, Sent};
use crate::app::App;
use crate::catalog::{
    self, ChangeError, LONGEST_DESCRIPTION, LONGEST_TITLE, MOST_IN_UPLOAD, Saved, UploadError,
};
use crate::store::{products, stocks};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::Posted;
use crate::web::session::{Staff, Visit};

struct Row {
    id: String,
    title: String,
    price: i64,
    delivery: &'static str,
    position: i32,
    version: i64,
    active: bool,
    updated_at: i64,
    /// Of a product that is sold from a stock.
    stock: Option<Stock>,
}

/// A stock as staff sees it.
struct Stock {
    free: i64,
    given: i64,
    waiting: i64,
    low: bool,
}

impl Stock {
    fn of(state: &ProductState, row: &stocks::Model) -> Option<Stock> {
        matches!(state.delivery, Delivery::Key { .. }).then(|| Stock {
            free: row.free,
            given: row.given,
            waiting: row.waiting,
            low: row.free > 0 && state.low_stock.is_some_and(|left| row.free <= left.into()),
        })
    }
}

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage<'a> {
    p: &'a Page,
    rows: Vec<Row>,
    may_change: bool,
}

pub(super) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Answer {
    let stocks = stocks::all(&app.db).await?;
    let empty = stocks::Model::default();
    let rows = products::all(&app.db)
        .await?
        .into_iter()
        .map(|row| {
            let state = row.state()?;
            let stock = stocks.get(&row.product_id).unwrap_or(&empty);
            Ok(Row {
                stock: Stock::of(&state, stock),
                id: row.product_id,
                title: state.title,
                price: state.price.kopecks(),
                delivery: kind(&state.delivery),
                position: state.position,
                version: state.version,
                active: state.active,
                updated_at: row.updated_at,
            })
        })
        .collect::<Result<Vec<_>, sea_orm::DbErr>>()?;
    page::show(&ProductsPage {
        p: &visit.page,
        rows,
        may_change: visit.staff.role.may_change_products(),
    })
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage<'a> {
    p: &'a Page,
    /// The product's id; none while it is new.
    id: Option<String>,
    /// The id that a new product will have, so that a second press of the button makes no second product.
    new_id: String,
    active: bool,
    may_change: bool,
    longest_title: usize,
    longest_description: usize,
    form: Form,
    words: ReceiptWords,
    wrong: Option<String>,
    /// Of a product that is sold from a stock.
    stock: Option<Stock>,
    most_keys: u64,
    /// Makes a second press of the button harmless.
    upload_id: String,
    /// Keys that were just sent.
    sent: Option<u64>,
    wrong_keys: Option<String>,
}

impl<'a> ProductPage<'a> {
    fn new(p: &'a Page, staff: &Staff, id: Option<String>, form: Form) -> ProductPage<'a> {
        ProductPage {
            p,
            id,
            new_id: ProductId::generate(Utc::now(), rand::random()).to_string(),
            active: true,
            may_change: staff.role.may_change_products(),
            longest_title: LONGEST_TITLE,
            longest_description: LONGEST_DESCRIPTION,
            form,
            words: ReceiptWords::all(),
            wrong: None,
            stock: None,
            most_keys: MOST_IN_UPLOAD as u64,
            upload_id: Uuid::now_v7().to_string(),
            sent: None,
            wrong_keys: None,
        }
    }

    /// The page of a product that there is.
    async fn of(app: &App, visit: &'a Visit, id: &str) -> Result<ProductPage<'a>, Failure> {
        let id = product_id(id)?;
        let row = products::get(&app.db, id).await?.ok_or(Failure::NotFound)?;
        let state = row.state()?;
        let stock = stocks::of(&app.db, id).await?;
        Ok(ProductPage {
            active: state.active,
            stock: Stock::of(&state, &stock),
            ..ProductPage::new(
                &visit.page,
                &visit.staff,
                Some(row.product_id),
                Form::of(&state),
            )
        })
    }
}

fn may_change(staff: &Staff) -> Result<(), Failure> {
    if staff.role.may_change_products() {
        Ok(())
    } else {
        Err(Failure::Forbidden)
    }
}

fn product_id(text: &str) -> Result<ProductId, Failure> {
    text.parse().map_err(|_| Failure::NotFound)
}

pub(super) async fn blank(visit: Visit) -> Answer {
    may_change(&visit.staff)?;
    page::show(&ProductPage::new(
        &visit.page,
        &visit.staff,
        None,
        Form::blank(),
    ))
}

#[derive(Deserialize)]
pub(super) struct Asked {
    keys: Option<u64>,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    page::show(&ProductPage {
        sent: asked.keys,
        ..ProductPage::of(&app, &visit, &id).await?
    })
}

/// Takes keys for the stock and sends them to LK. They are never shown again.
pub(super) async fn upload_keys(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { visit, fields }: Posted,
) -> Sent {
    may_change(&visit.staff)?;
    let product = product_id(&id)?;
    let upload: Uuid = fields
        .get("upload_id")
        .parse()
        .map_err(|_| Failure::BadForm)?;
    let lines = fields.get("keys").lines();
    let login = &visit.staff.login;
    let p = &visit.page;
    let words = match catalog::upload_keys(&app, login, product, upload, lines, Utc::now()).await {
        Ok(uploaded) => {
            let address = format!("/products/{product}?keys={}", uploaded.keys);
            return Ok(Redirect::to(&address).into_response());
        }
        Err(UploadError::NotFound | UploadError::NoStock) => return Err(Failure::NotFound),
        Err(UploadError::Outbox(error)) => return Err(error.into()),
        Err(UploadError::Empty) => p.t("wrong-keys-none"),
        Err(UploadError::TooMany) => p.n("wrong-keys-many", MOST_IN_UPLOAD as u64),
        Err(UploadError::Bad(line)) => p.n("wrong-keys-line", line as u64),
    };
    let shown = ProductPage {
        wrong_keys: Some(words),
        ..ProductPage::of(&app, &visit, &id).await?
    };
    show_as(StatusCode::BAD_REQUEST, &shown)
}

pub(super) async fn create(State(app): State<Arc<App>>, Posted { visit, fields }: Posted) -> Sent {
    may_change(&visit.staff)?;
    let id: ProductId = fields.get("new_id").parse().map_err(|_| Failure::BadForm)?;
    let form = Form::sent(&fields);
    let draft = match form.draft() {
        Ok(draft) => draft,
        Err(error) => {
            let shown = ProductPage {
                new_id: id.to_string(),
                wrong: Some(visit.page.t(error.key())),
                ..ProductPage::new(&visit.page, &visit.staff, None, form)
            };
            return show_as(StatusCode::BAD_REQUEST, &shown);
        }
    };
    done(catalog::create(&app, &visit.staff.login, Some(id), draft, Utc::now()).await)
}

pub(super) async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Posted { visit, fields }: Posted,
) -> Sent {
    may_change(&visit.staff)?;
    let id = product_id(&id)?;
    let form = Form::sent(&fields);
    let version: i64 = form.version.parse().map_err(|_| Failure::BadForm)?;
    let refuse = |status, form, words| {
        let shown = ProductPage {
            wrong: Some(words),
            ..ProductPage::new(&visit.page, &visit.staff, Some(id.to_string()), form)
        };
        show_as(status, &shown)
    };
    let draft = match form.draft() {
        Ok(draft) => draft,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, form, visit.page.t(error.key())),
    };
    let login = &visit.staff.login;
    match catalog::update(&app, login, id, draft, Some(version), Utc::now()).await {
        Err(ChangeError::Stale) => refuse(StatusCode::CONFLICT, form, visit.page.t("wrong-stale")),
        result => done(result),
    }
}

pub(super) async fn archive(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Sent {
    switch(&app, &id, &posted.visit.staff, false).await
}

pub(super) async fn restore(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    posted: Posted,
) -> Sent {
    switch(&app, &id, &posted.visit.staff, true).await
}

async fn switch(app: &App, id: &str, staff: &Staff, active: bool) -> Sent {
    may_change(staff)?;
    let id = product_id(id)?;
    done(catalog::set_active(app, &staff.login, id, active, Utc::now()).await)
}

fn done(result: Result<Saved, ChangeError>) -> Sent {
    match result {
        Ok(_) => Ok(Redirect::to("/products").into_response()),
        Err(ChangeError::NotFound) => Err(Failure::NotFound),
        Err(ChangeError::Stale) => Err(Failure::BadForm),
        Err(ChangeError::Outbox(error)) => Err(error.into()),
    }
}
