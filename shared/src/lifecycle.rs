//! The life of a process: parts are started, signals end them in order, nothing is left behind.
//!
//! Shutdown has two steps. First the *intake* ends (HTTP, consumers, polling): readiness goes off, what is running may
//! finish. Then the *services* end (outbox relay and the like) that the intake needed until then. Each step has a
//! share of one budget.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// All of a shutdown takes at most this long.
pub const SHUTDOWN_BUDGET: Duration = Duration::from_secs(10);

/// Which step of the shutdown ends a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Takes work in: HTTP, consumers, polling.
    Intake,
    /// Serves the intake: outbox relay, upkeep.
    Services,
}

/// The parts of a process and their end.
#[derive(Clone)]
pub struct Lifecycle {
    intake: Tier,
    services: Tier,
    failed: Arc<AtomicBool>,
}

#[derive(Clone, Default)]
struct Tier {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle::new()
    }
}

impl Lifecycle {
    /// No parts yet. SIGTERM and SIGINT are watched from now on, so that a process which is still starting ends in
    /// order too. Must be called within a tokio runtime.
    pub fn new() -> Lifecycle {
        let this = Lifecycle {
            intake: Tier::default(),
            services: Tier::default(),
            failed: Arc::default(),
        };
        let stop = this.intake.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                name = signalled() => {
                    info!(signal = name, "shutdown_begun");
                    stop.cancel();
                }
                () = stop.cancelled() => {}
            }
        });
        this
    }

    /// Starts a part. It gets a token that is cancelled when it must end. A part that ends by itself with an error
    /// ends the process: a service that half works is worse than one that is started again.
    pub fn spawn<F, R, E>(&self, step: Step, name: &'static str, part: F)
    where
        F: FnOnce(CancellationToken) -> R,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + Send,
    {
        let tier = match step {
            Step::Intake => &self.intake,
            Step::Services => &self.services,
        };
        let stop = tier.stop.clone();
        let work = part(stop.clone());
        let this = self.clone();
        tier.tasks.spawn(async move {
            match work.await {
                Ok(()) if stop.is_cancelled() => {}
                Ok(()) => this.fail(name, "it ended by itself"),
                Err(error) => this.fail(name, &error.to_string()),
            }
        });
    }

    fn fail(&self, name: &str, reason: &str) {
        error!(part = name, reason, "part_failed");
        warn!("shutdown_begun");
        self.failed.store(true, Ordering::Release);
        self.intake.stop.cancel();
    }

    /// Cancelled as soon as the process begins to end; readiness looks at it.
    pub fn stopping(&self) -> CancellationToken {
        self.intake.stop.clone()
    }

    /// Waits for SIGTERM, SIGINT or the failure of a part, then ends all parts in order and runs `last` (flushing the
    /// producer, for example).
    pub async fn run(self, last: impl Future<Output = ()>) -> ExitCode {
        self.intake.stop.cancelled().await;
        let end = tokio::time::Instant::now() + SHUTDOWN_BUDGET;
        let mut clean = true;
        for (tier, share) in [
            (&self.intake, SHUTDOWN_BUDGET.mul_f32(0.75)),
            (&self.services, SHUTDOWN_BUDGET),
        ] {
            tier.stop.cancel();
            tier.tasks.close();
            let limit = (end - (SHUTDOWN_BUDGET - share)).max(tokio::time::Instant::now());
            clean &= tokio::time::timeout_at(limit, tier.tasks.wait())
                .await
                .is_ok();
        }
        clean &= tokio::time::timeout(Duration::from_secs(2), last)
            .await
            .is_ok();
        info!(clean, "shutdown_done");
        if self.failed.load(Ordering::Acquire) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

async fn signalled() -> &'static str {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        error!("signals can't be watched");
        return "none";
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn intake_ends_before_the_services_it_needs() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let life = Lifecycle::new();
        for (step, name) in [(Step::Services, "relay"), (Step::Intake, "http")] {
            let order = order.clone();
            life.spawn(step, name, move |stop| async move {
                stop.cancelled().await;
                order.lock().unwrap().push(name);
                Ok::<(), String>(())
            });
        }
        life.stopping().cancel();
        let code = life.run(async {}).await;
        assert_eq!(*order.lock().unwrap(), ["http", "relay"]);
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
    }

    #[tokio::test]
    async fn a_part_that_fails_ends_the_process() {
        let life = Lifecycle::new();
        life.spawn(Step::Intake, "broken", |_| async { Err("no") });
        let code = life.run(async {}).await;
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    }
}
