//! `/bot<token>/<method>` and `/file/bot<token>/<path>`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use secrecy::ExposeSecret;

use super::answer::{ApiError, respond};
use super::methods::{self, GET_UPDATES};
use super::params::Params;
use super::{request, updates};
use crate::app::App;
use crate::connection::Connection;
use crate::faults::{self, Target};

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/bot{token}/{method}", any(call))
        .route("/file/bot{token}/{*path}", get(download))
        .layer(DefaultBodyLimit::max(request::LARGEST_BODY))
}

async fn call(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Path((token, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    if token != app.token.text.expose_secret() {
        return respond(&Err(ApiError::unauthorized()));
    }
    let params = match request::read(request).await {
        Ok(params) => params,
        Err(refused) => return respond(&Err(refused)),
    };
    let polls = name.eq_ignore_ascii_case(GET_UPDATES);
    let method = methods::find(&name);
    let name = method.map_or(if polls { GET_UPDATES } else { name.as_str() }, |method| {
        method.name
    });

    let fault = app
        .faults
        .strike(Target::Telegram, name, params.chat_hint());
    let refuse = |refusal| refuse_by_fault(&app, name, &params, refusal);
    let work = async {
        if polls {
            return respond(&updates::get_updates(&app, &params).await);
        }
        match method {
            Some(method) => respond(&methods::call(&app, method, &params)),
            None => {
                methods::note(&app, name, &params, Err(Some(404)));
                respond(&Err(ApiError::new(404, "Not Found: method not found")))
            }
        }
    };
    faults::under(fault, &connection, &app.stopping, refuse, work).await
}

fn refuse_by_fault(
    app: &App,
    name: &str,
    params: &Params,
    refusal: Option<faults::Refusal>,
) -> Response {
    if name != GET_UPDATES {
        methods::note(
            app,
            name,
            params,
            Err(refusal.map(|refusal| refusal.status.as_u16())),
        );
    }
    let error = match refusal {
        Some(faults::Refusal {
            retry_after: Some(seconds),
            ..
        }) => ApiError::too_many_requests(seconds),
        Some(faults::Refusal {
            status: StatusCode::UNAUTHORIZED,
            ..
        }) => ApiError::unauthorized(),
        _ => ApiError::new(500, "Internal Server Error"),
    };
    respond(&Err(error))
}

async fn download(
    State(app): State<Arc<App>>,
    Path((token, path)): Path<(String, String)>,
) -> Response {
    if token != app.token.text.expose_secret() {
        return respond(&Err(ApiError::unauthorized()));
    }
    match app.world.lock().files.by_path(&path) {
        Some(file) => (
            [(header::CONTENT_TYPE, "application/octet-stream")],
            file.bytes.clone(),
        )
            .into_response(),
        None => respond(&Err(ApiError::new(404, "Not Found"))),
    }
}
