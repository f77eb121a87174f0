//! What happened: Bot API calls, log documents, and everything live.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::app::App;
use crate::logstash::documents;

/// A filter that is empty in the query is no filter.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[derive(Deserialize)]
pub(super) struct CallQuery {
    method: Option<String>,
    chat_id: Option<i64>,
    #[serde(default)]
    after: u64,
}

pub(super) async fn calls(
    State(app): State<Arc<App>>,
    Query(query): Query<CallQuery>,
) -> Json<Value> {
    let calls = app
        .calls
        .lock()
        .find(given(query.method).as_deref(), query.chat_id, query.after);
    Json(json!({"calls": calls}))
}

#[derive(Deserialize)]
pub(super) struct LogQuery {
    executer: Option<String>,
    action: Option<String>,
    contains: Option<String>,
    #[serde(default)]
    after: u64,
    /// Only the newest so many.
    last: Option<usize>,
}

pub(super) async fn logs(
    State(app): State<Arc<App>>,
    Query(query): Query<LogQuery>,
) -> Json<Value> {
    let wanted = documents::Query {
        executer: given(query.executer),
        action: given(query.action),
        contains: given(query.contains),
        after: query.after,
    };
    let mut found = app.documents.lock().find(&wanted);
    if let Some(last) = query.last {
        found.drain(..found.len().saturating_sub(last));
    }
    Json(json!({"documents": found}))
}

/// Server-sent events; a page that lagged behind is told to load everything again.
pub(super) async fn events(
    State(app): State<Arc<App>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = app.events.subscribe();
    let hello = Some(Event::default().data(r#"{"kind":"hello"}"#));
    let events = stream::unfold(
        (receiver, app, hello),
        |(mut receiver, app, mut hello)| async move {
            if let Some(event) = hello.take() {
                return Some((Ok(event), (receiver, app, None)));
            }
            let event = tokio::select! {
                event = receiver.recv() => event,
                () = app.stopping.cancelled() => return None,
            };
            match event {
                Ok(text) => Some((Ok(Event::default().data(&*text)), (receiver, app, None))),
                Err(RecvError::Lagged(_)) => Some((
                    Ok(Event::default().data(r#"{"kind":"lagged"}"#)),
                    (receiver, app, None),
                )),
                Err(RecvError::Closed) => None,
            }
        },
    );
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
