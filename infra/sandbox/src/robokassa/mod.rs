//! The Robokassa stand-in: payment page, ResultURL and ResultURL2, SuccessURL and FailURL, OpStateExt, refunds, second
//! receipts.

pub(crate) mod amount;
pub(crate) mod attempt;
pub(crate) mod callback;
pub(crate) mod decimal;
pub(crate) mod form;
pub(crate) mod jws;
pub(crate) mod op_state;
pub(crate) mod pages;
pub(crate) mod payments;
pub(crate) mod receipt;
pub(crate) mod receipt_api;
pub(crate) mod redirect;
pub(crate) mod refund_api;
pub(crate) mod refunds;
pub(crate) mod request;
pub(crate) mod result_url2;
pub(crate) mod second_receipts;
pub(crate) mod shop;
pub(crate) mod signature;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/Merchant/Index.aspx",
            get(pages::open_by_get).post(pages::open_by_post),
        )
        .route("/Merchant/Decide", post(pages::decide))
        .route(
            "/Merchant/WebService/Service.asmx/OpStateExt",
            get(op_state::by_get).post(op_state::by_post),
        )
        .route(
            "/robokassa-services/RefundService/Refund/Create",
            post(refund_api::create),
        )
        .route(
            "/robokassa-services/RefundService/Refund/GetState",
            get(refund_api::state),
        )
        .route(
            "/robokassa-services/RoboFiscal/Receipt/Attach",
            post(receipt_api::attach),
        )
        .route(
            "/robokassa-services/RoboFiscal/Receipt/Status",
            post(receipt_api::status),
        )
}
