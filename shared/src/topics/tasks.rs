//! The kinds of jobs that ARM hands to workers, and what each needs to know: the `args` of a [`Task`].

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::states::Task;
use crate::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use crate::money::Money;

/// The arguments of one kind of job.
pub trait Job: Serialize + DeserializeOwned {
    /// The kind, as [`Task::kind`] names it.
    const KIND: &'static str;
    /// What comes out of it, the `result` of `task_done`.
    type Result: Serialize + DeserializeOwned;
}

impl Task {
    /// A job under a given name. The name makes it the same job when it is asked for again.
    ///
    /// # Errors
    /// Only for arguments that can't be JSON.
    pub fn of<J: Job>(task_id: Uuid, args: &J) -> Result<Task, serde_json::Error> {
        Ok(Task {
            task_id,
            kind: J::KIND.to_owned(),
            args: serde_json::to_value(args)?,
        })
    }

    /// The arguments, when it is a job of this kind.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub fn read<J: Job>(&self) -> Option<Result<J, serde_json::Error>> {
        (self.kind == J::KIND).then(|| J::deserialize(&self.args))
    }
}

/// Tell another system that something was bought, so that it gives it to the person.
///
/// The call is a POST of these fields but `url` as JSON, signed as in Standard Webhooks (headers `webhook-id`,
/// `webhook-timestamp`, `webhook-signature`). It is repeated until an answer 2xx comes, so the receiver knows a repeat by
/// `webhook-id`, which is the task's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// What is called.
    pub url: String,
    /// The invoice that was paid.
    pub invoice_id: InvoiceId,
    /// Who paid.
    pub user_id: TelegramUserId,
    /// What was bought.
    pub product_id: ProductId,
    /// Its title.
    pub title: String,
    /// How much was paid, in kopecks.
    pub amount: Money,
    /// Live money or a test.
    pub mode: Mode,
    /// When the bot took it on.
    pub at: DateTime<Utc>,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "deliver_webhook";
    type Result = WebhookAnswer;
}

/// How a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookAnswer {
    /// The HTTP status, 200 to 299.
    pub status: u16,
}

/// Find the city of a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReverseGeocode {
    /// Whose place it is; nobody's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<TelegramUserId>,
    /// WGS 84, degrees north.
    pub latitude: f64,
    /// WGS 84, degrees east.
    pub longitude: f64,
}

impl Job for ReverseGeocode {
    const KIND: &'static str = "reverse_geocode";
    type Result = Place;
}

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The nearest city, as GeoNames writes it; absent when none is near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The region, as GeoNames writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_as_its_own_kind_only() {
        let place = ReverseGeocode {
            user_id: None,
            latitude: 55.7558,
            longitude: 37.6173,
        };
        let task = Task::of(Uuid::nil(), &place).unwrap();
        assert_eq!(task.kind, "reverse_geocode");
        assert_eq!(task.read::<ReverseGeocode>().unwrap().unwrap(), place);
        assert!(task.read::<DeliverWebhook>().is_none());
    }

    #[test]
    fn wrong_arguments_are_named() {
        let task = Task {
            task_id: Uuid::nil(),
            kind: "reverse_geocode".into(),
            args: serde_json::json!({ "latitude": "north" }),
        };
        let error = task.read::<ReverseGeocode>().unwrap().unwrap_err();
        assert!(error.to_string().contains("north"), "{error}");
    }
}
