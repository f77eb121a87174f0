//! What follows from the end of a job.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Cause;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::envelope::Level;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::{DeliverWebhook, Job as _, Place, ReverseGeocode};
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use geobot_shared::topics::{InfoIn, TgNotify};
use sea_orm::ConnectionTrait;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;

use crate::app::App;
use crate::store::tasks::{self, Model};
use crate::store::users;

/// Carries on what a worker has answered: the result, or why there is none.
///
/// # Errors
/// The database's.
pub(crate) async fn ended(
    app: &App,
    transaction: &impl ConnectionTrait,
    job: &Model,
    result: Result<&Value, &str>,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let task = match job.task() {
        Ok(task) => task,
        // A worker has spoken of it, so it has ended all the same.
        Err(error) => {
            warn!(task_id = job.task_id, %error, "task_unreadable");
            return Ok(());
        }
    };
    match (task.kind.as_str(), result) {
        (ReverseGeocode::KIND, result) => {
            let place = result.ok().and_then(|it| Place::deserialize(it).ok());
            city(app, transaction, &task, place, cause, now).await
        }
        (DeliverWebhook::KIND, Err(reason)) => {
            not_delivered(app, transaction, job, reason, cause, now).await
        }
        _ => Ok(()),
    }
}

/// The person has paid and the other system has not heard of it: staff must look.
async fn not_delivered(
    app: &App,
    transaction: &impl ConnectionTrait,
    job: &Model,
    reason: &str,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let line = InfoIn::new(
        "webhook_failed",
        "A paid product could not be ordered from the other system: look at ARM's tasks",
        json!({ "task_id": job.task_id, "invoice_id": job.invoice_id, "reason": reason }),
    )
    .at(Level::Error)
    .keyed(cause.correlation_id.as_str());
    app.outbox
        .put::<InfoIn>(transaction, line, cause, 0, now)
        .await
}

/// The person is told their city. Where exactly they are is forgotten.
async fn city(
    app: &App,
    transaction: &impl ConnectionTrait,
    task: &Task,
    place: Option<Place>,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let asked = task.read::<ReverseGeocode>();
    let user = asked.and_then(Result::ok).and_then(|job| job.user_id);
    tasks::forget_arguments(transaction, task.task_id, &json!({ "user_id": user })).await?;
    let Some(user_id) = user else {
        return Ok(());
    };
    let event = match place {
        Some(Place {
            city: Some(city),
            country,
            ..
        }) => {
            users::take_city(transaction, user_id, &city, country.as_ref(), now).await?;
            NotifyEvent::CityFound {
                city,
                country: country.unwrap_or_default(),
            }
        }
        _ => NotifyEvent::CityNotFound,
    };
    let told = Notify { user_id, event };
    app.outbox
        .put::<TgNotify>(transaction, told, cause, 0, now)
        .await
}
