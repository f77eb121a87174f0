//! The kinds of jobs a worker can do, each with the code that does it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use geobot_shared::bus::{Event, Handled};
use geobot_shared::topics::states::Task;

use crate::App;

/// Does one task and answers it on `worker_done_orm`. A task that comes again must do no harm.
pub(crate) type Job = fn(Arc<App>, Event<Task>) -> Pin<Box<dyn Future<Output = Handled> + Send>>;

/// The registry.
pub(crate) struct Jobs {
    by_kind: HashMap<&'static str, Job>,
}

impl Jobs {
    /// The kinds this version can do. None yet: every task is answered as failed.
    pub(crate) fn known() -> Jobs {
        Jobs::of([])
    }

    pub(crate) fn of<const N: usize>(kinds: [(&'static str, Job); N]) -> Jobs {
        Jobs {
            by_kind: HashMap::from(kinds),
        }
    }

    /// The code for a kind; `None` for one that is not known.
    pub(crate) fn find(&self, kind: &str) -> Option<Job> {
        self.by_kind.get(kind).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_by_its_kind() {
        let report: Job = |_, _| Box::pin(async { Ok(()) });
        let jobs = Jobs::of([("report", report)]);
        assert!(jobs.find("report").is_some());
        assert!(jobs.find("Report").is_none());
        assert!(Jobs::known().find("fly").is_none());
    }
}
