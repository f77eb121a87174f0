//! The kinds of jobs a worker can do, each with the code that does it.

mod deliver_webhook;
mod reverse_geocode;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use geobot_shared::bus::HandleError;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::{self, DeliverWebhook, Job as _, ReverseGeocode};
use serde_json::Value;

use crate::App;

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// With this result.
    Done(Value),
    /// It will not be done, for this reason.
    Failed(String),
}

/// What doing a job comes to: its end, or an error of the bus's classes when it is to be tried again.
pub(crate) type Outcome = Result<End, HandleError>;

/// Does one task. One that comes again must do no harm.
pub(crate) type Job = fn(Arc<App>, Task) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The registry.
pub(crate) struct Jobs {
    by_kind: HashMap<&'static str, Job>,
}

impl Jobs {
    /// The kinds this version can do.
    pub(crate) fn known() -> Jobs {
        Jobs::of([
            (DeliverWebhook::KIND, |app, task| {
                Box::pin(async move { deliver_webhook::run(&app, &task).await })
            }),
            (ReverseGeocode::KIND, |app, task| {
                Box::pin(async move { reverse_geocode::run(&app, &task).await })
            }),
        ])
    }

    fn of<const N: usize>(kinds: [(&'static str, Job); N]) -> Jobs {
        Jobs {
            by_kind: HashMap::from(kinds),
        }
    }

    /// The code for a kind; `None` for one that is not known.
    pub(crate) fn find(&self, kind: &str) -> Option<Job> {
        self.by_kind.get(kind).copied()
    }
}

/// The arguments of a task that is known to be of this kind.
fn arguments<J: tasks::Job>(task: &Task) -> Result<J, End> {
    match task.read::<J>() {
        Some(Ok(job)) => Ok(job),
        Some(Err(error)) => Err(End::Failed(format!("the arguments can't be read: {error}"))),
        None => Err(End::Failed(format!(
            "it is no job of the kind `{}`",
            J::KIND
        ))),
    }
}

/// A job that is done.
fn done<R: serde::Serialize>(result: &R) -> Outcome {
    serde_json::to_value(result)
        .map(End::Done)
        .map_err(|error| HandleError::BadData(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_by_its_kind() {
        let jobs = Jobs::known();
        assert!(jobs.find("deliver_webhook").is_some());
        assert!(jobs.find("reverse_geocode").is_some());
        assert!(jobs.find("Deliver_webhook").is_none());
        assert!(jobs.find("fly").is_none());
    }
}
