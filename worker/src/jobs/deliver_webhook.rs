//! `deliver_webhook`: another system is told that something was bought.

use chrono::Utc;
use geobot_shared::bus::HandleError;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::{DeliverWebhook, WebhookAnswer};
use serde_json::Value;
use tracing::{info, warn};

use super::{End, Outcome, arguments, done};
use crate::App;
use crate::webhook::Called;

/// Calls, and calls again for some minutes when it may help. The bus parks the task between two calls, so that it holds
/// up no other; each call carries the task's id, by which the receiver knows a repeat.
pub(super) async fn run(app: &App, task: &Task) -> Outcome {
    let job: DeliverWebhook = match arguments(task) {
        Ok(job) => job,
        Err(end) => return Ok(end),
    };
    let body = body_of(&job).map_err(|error| HandleError::BadData(error.to_string()))?;
    let Some(caller) = &app.webhooks else {
        return Ok(End::Failed(
            "the worker has no WEBHOOK_KEY, and calls are not made unsigned".to_owned(),
        ));
    };
    let called = caller.call(&job.url, task.task_id, &body, Utc::now()).await;
    match called {
        Called::Accepted(status) => {
            app.retries.forget(task.task_id);
            info!(task_id = %task.task_id, invoice_id = %job.invoice_id, status, "webhook_delivered");
            done(&WebhookAnswer { status })
        }
        Called::Refused(reason) => {
            app.retries.forget(task.task_id);
            Ok(End::Failed(reason))
        }
        Called::TryAgain { reason, after } => match app.retries.next(task.task_id, after) {
            Some(pause) => {
                warn!(task_id = %task.task_id, invoice_id = %job.invoice_id, pause_ms = pause.as_millis(), reason, "webhook_not_delivered");
                Err(HandleError::retry_after(reason, pause))
            }
            None => Ok(End::Failed(format!("given up: {reason}"))),
        },
    }
}

/// The job's fields but the address, which is the shop's own affair.
fn body_of(job: &DeliverWebhook) -> Result<Vec<u8>, serde_json::Error> {
    let mut fields = serde_json::to_value(job)?;
    if let Value::Object(fields) = &mut fields {
        fields.remove("url");
    }
    serde_json::to_vec(&fields)
}
