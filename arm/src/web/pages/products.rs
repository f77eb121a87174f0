//! Products: the list, and the page that adds or changes one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use chrono::Utc;
use geobot_shared::files::{FileError, LONGEST_FILE};
use geobot_shared::ids::ProductId;
use geobot_shared::topics::states::{Delivery, ProductState};
use serde::Deserialize;
use uuid::Uuid;

use super::product_form::{Form, ReceiptWords, kind};
use super::{Answer, Sent, files};
use crate::access::Role;
use crate::app::App;
use crate::catalog::{
    self, ChangeError, Draft, LONGEST_DESCRIPTION, LONGEST_TITLE, MOST_IN_UPLOAD, Saved,
    UploadError,
};
use crate::store::{chats, products, stocks};
use crate::web::failure::Failure;
use crate::web::page::{self, Page, show_as};
use crate::web::posted::Posted;
use crate::web::session::{Staff, Visit};
use crate::web::upload::Upload;

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
    /// Chats that access can be sold to, or could be.
    chats: Vec<chats::Model>,
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
    async fn new(
        app: &App,
        visit: &'a Visit,
        id: Option<String>,
        form: Form,
    ) -> Result<ProductPage<'a>, Failure> {
        Ok(ProductPage {
            p: &visit.page,
            id,
            new_id: ProductId::generate(Utc::now(), rand::random()).to_string(),
            active: true,
            may_change: visit.staff.role.may_change_products(),
            longest_title: LONGEST_TITLE,
            longest_description: LONGEST_DESCRIPTION,
            form,
            chats: chats::all(&app.db).await?,
            words: ReceiptWords::all(),
            wrong: None,
            stock: None,
            most_keys: MOST_IN_UPLOAD as u64,
            upload_id: Uuid::now_v7().to_string(),
            sent: None,
            wrong_keys: None,
        })
    }

    /// The file that the form holds: its name, and where staff finds it.
    fn file(&self) -> Option<(String, String)> {
        let file = self.form.file()?;
        let address = files::address(&file.sha256, &file.name);
        Some((file.name, address))
    }

    fn longest_file(&self) -> u64 {
        LONGEST_FILE / 1_024 / 1_024
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
            ..ProductPage::new(app, visit, Some(row.product_id), Form::of(&state)).await?
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

pub(super) async fn blank(State(app): State<Arc<App>>, visit: Visit) -> Answer {
    may_change(&visit.staff)?;
    page::show(&ProductPage::new(&app, &visit, None, Form::blank()).await?)
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

/// Why a form is refused, with the status that says so.
struct Refused(StatusCode, String);

impl Refused {
    fn bad(words: String) -> Refused {
        Refused(StatusCode::BAD_REQUEST, words)
    }
}

/// What the form describes.
fn draft(p: &Page, form: &Form, refused: Option<&FileError>) -> Result<Draft, Refused> {
    if let Some(error) = refused {
        let key = match error {
            FileError::Empty => "file-empty",
            _ => "file-long",
        };
        return Err(Refused::bad(p.n(key, LONGEST_FILE / 1_024 / 1_024)));
    }
    form.draft().map_err(|error| Refused::bad(p.t(error.key())))
}

/// What became of it: a refusal that the form is shown again with, or an answer.
fn saved(p: &Page, result: Result<Saved, ChangeError>) -> Result<Sent, Refused> {
    match result {
        Err(ChangeError::NoFile) => Err(Refused::bad(p.t("wrong-stored-file"))),
        Err(ChangeError::Stale) => Err(Refused(StatusCode::CONFLICT, p.t("wrong-stale"))),
        result => Ok(done(result)),
    }
}

pub(super) async fn create(State(app): State<Arc<App>>, upload: Upload) -> Sent {
    let sent = upload.read(Role::may_change_products, &app.files).await?;
    let visit = &sent.visit;
    let id: ProductId = sent
        .fields
        .get("new_id")
        .parse()
        .map_err(|_| Failure::BadForm)?;
    let form = Form::sent(&sent.fields, sent.file.as_ref());
    let result = match draft(&visit.page, &form, sent.refused.as_ref()) {
        Ok(draft) => {
            let login = &visit.staff.login;
            let result = catalog::create(&app, login, Some(id), draft, Utc::now()).await;
            saved(&visit.page, result)
        }
        Err(refused) => Err(refused),
    };
    match result {
        Ok(answer) => answer,
        Err(Refused(status, words)) => {
            let shown = ProductPage {
                new_id: id.to_string(),
                wrong: Some(words),
                ..ProductPage::new(&app, visit, None, form).await?
            };
            show_as(status, &shown)
        }
    }
}

pub(super) async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    upload: Upload,
) -> Sent {
    let sent = upload.read(Role::may_change_products, &app.files).await?;
    let visit = &sent.visit;
    let id = product_id(&id)?;
    let form = Form::sent(&sent.fields, sent.file.as_ref());
    let version: i64 = form.version.parse().map_err(|_| Failure::BadForm)?;
    let result = match draft(&visit.page, &form, sent.refused.as_ref()) {
        Ok(draft) => {
            let login = &visit.staff.login;
            let result = catalog::update(&app, login, id, draft, Some(version), Utc::now()).await;
            saved(&visit.page, result)
        }
        Err(refused) => Err(refused),
    };
    match result {
        Ok(answer) => answer,
        Err(Refused(status, words)) => {
            let shown = ProductPage {
                wrong: Some(words),
                ..ProductPage::new(&app, visit, Some(id.to_string()), form).await?
            };
            show_as(status, &shown)
        }
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
        Err(ChangeError::Stale | ChangeError::NoFile) => Err(Failure::BadForm),
        Err(ChangeError::Outbox(error)) => Err(error.into()),
    }
}
