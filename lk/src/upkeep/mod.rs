//! What has to be done without anybody asking, every second, in numbered steps and bounded batches:
//!
//! 1. [`expire`]: invoices whose time to pay is over say so.
//! 2. [`republish`]: paid invoices that the bot has not answered for are published again (P9).
//! 3. [`reconcile`]: the gateway is asked about invoices that may have been paid (P7).
//! 4. [`refunds::call`](crate::refunds::call): refunds that were set aside are made, once each.
//! 5. [`refunds::call::sweep`](crate::refunds::call::sweep): calls whose answer never came become a person's.
//! 6. [`refunds::poll`](crate::refunds::poll): refunds on their way are asked about.
//! 7. [`subscriptions::remind`]: people are reminded of what ends soon.
//! 8. [`subscriptions::end`]: what is over is taken back, unless it was bought again.
//!
//! Each row is claimed by a conditional statement, so replicas may run the same steps. Steps 3 and 4 to 6 wait for the
//! outside world, so they have loops of their own.

pub mod expire;
pub mod reconcile;
pub mod republish;
pub mod subscriptions;
mod turn;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use geobot_shared::bus::outbox::OutboxError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::turn::{REFUND, Turn};
use crate::app::App;
use crate::refunds::{call, poll};

/// The pause between rounds.
const EVERY: Duration = Duration::from_secs(1);
/// Rows that one step takes in one transaction; small, because SQLite has one writer and callbacks come first.
const BATCH: u64 = 50;
/// Batches of one step in one round.
const BATCHES: usize = 10;

/// One of the steps above.
#[derive(Clone, Copy, Debug)]
enum Step {
    Expire = 1,
    Republish = 2,
    Reconcile = 3,
    MakeRefunds = 4,
    SweepRefunds = 5,
    PollRefunds = 6,
    Remind = 7,
    EndRights = 8,
}

/// Steps that only use the database.
const INSIDE: &[Step] = &[Step::Expire, Step::Republish, Step::Remind, Step::EndRights];
/// Steps that wait for somebody else, each group at its own pace.
const OUTSIDE: [&[Step]; 2] = [
    &[Step::Reconcile],
    &[Step::SweepRefunds, Step::MakeRefunds, Step::PollRefunds],
];

impl Step {
    /// Does a batch. True: it was a full one, more may be waiting.
    async fn run(self, app: &App) -> Result<bool, OutboxError> {
        let now = Utc::now();
        // Refunds one at a time, so that a stop never waits for more than one call.
        let limit = match self {
            Step::MakeRefunds | Step::PollRefunds => 1,
            _ => BATCH,
        };
        let done = match self {
            Step::Expire => expire::run(app, now, limit).await?,
            Step::Republish => republish::run(app, now, limit).await?,
            Step::Reconcile => reconcile::run(app, now, limit).await?,
            Step::MakeRefunds | Step::SweepRefunds | Step::PollRefunds => {
                let Some(turn) = Turn::take(&app.db, REFUND).await? else {
                    return Ok(false);
                };
                let done = match self {
                    Step::MakeRefunds => call::run(app, now, limit).await?,
                    Step::SweepRefunds => call::sweep(app, now, limit).await?,
                    _ => poll::run(app, now, limit).await?,
                };
                turn.end().await?;
                done
            }
            Step::Remind => subscriptions::remind(app, now, limit).await?,
            Step::EndRights => subscriptions::end(app, now, limit).await?,
        };
        Ok(done == limit)
    }
}

/// Runs the steps until `stop`.
///
/// # Errors
/// None: a step that fails is logged and tried again in the next round.
pub async fn run(app: Arc<App>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut loops = JoinSet::new();
    for steps in std::iter::once(INSIDE).chain(OUTSIDE) {
        loops.spawn(rounds(Arc::clone(&app), stop.clone(), steps));
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(failure) = ended
            && failure.is_panic()
        {
            std::panic::resume_unwind(failure.into_panic());
        }
    }
    Ok(())
}

async fn rounds(app: Arc<App>, stop: CancellationToken, steps: &[Step]) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        for &step in steps {
            match step {
                // Questions under way are dropped at once: they change nothing and are asked again.
                Step::Reconcile => tokio::select! {
                    () = stop.cancelled() => return,
                    () = batches(&app, &stop, step) => {}
                },
                // A refund's call is not: its answer is worth the wait.
                _ => batches(&app, &stop, step).await,
            }
        }
    }
}

/// A few full batches of one step.
async fn batches(app: &App, stop: &CancellationToken, step: Step) {
    for _ in 0..BATCHES {
        match step.run(app).await {
            Ok(true) if !stop.is_cancelled() => {}
            Ok(_) => return,
            Err(error) => {
                warn!(step = step as u8, %error, "upkeep_failed");
                return;
            }
        }
    }
}
