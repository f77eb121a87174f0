//! Group commit: callbacks that come while a commit is under way are committed together by the next one. SQLite has one
//! writer, and a commit waits for the disk: with one commit each, callbacks would wait for one another's.
//!
//! Promise P1 is each callback's own: it is answered after the commit that holds it, and an error leaves nothing of its
//! group behind. Then each of the group is settled alone, so that one that can't be stored takes no other along.
//!
//! PostgreSQL commits its connections' transactions together by itself; there each callback has its own.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::ids::InvoiceId;
use geobot_shared::sql;
use sea_orm::{DatabaseBackend, DbErr};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::accept::{self, Accepted, CallbackRefused, Signed};
use crate::app::App;
use crate::store::invoices::{self, Invoice};

/// The most callbacks of one commit: a callback waits for those before it and for its own group.
const LARGEST: usize = 32;
/// For so long a failed group's callbacks are tried one by one. A database that is locked fails each of them only after
/// a wait of its own; the rest are to come again.
const TRYING: Duration = Duration::from_secs(5);

type Outcome = Result<Accepted, CallbackRefused>;

/// The callbacks that wait for the next commit.
#[derive(Default)]
pub struct Waiting {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    callbacks: VecDeque<Entrant>,
    /// Those whose commit is under way.
    under_way: usize,
    /// A task settles them, and goes on until none is left.
    at_work: bool,
}

struct Entrant {
    signed: Signed,
    answer: oneshot::Sender<Outcome>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many callbacks are not answered yet.
    #[must_use]
    pub fn count(&self) -> usize {
        let inner = self.lock();
        inner.callbacks.len() + inner.under_way
    }

    /// Enters a callback. True: nobody is at work, the caller has to see to it.
    fn enter(&self, entrant: Entrant) -> bool {
        let mut inner = self.lock();
        inner.callbacks.push_back(entrant);
        !std::mem::replace(&mut inner.at_work, true)
    }

    /// The next group; `None` when there is none, and then nobody is at work any more.
    fn next(&self) -> Option<Vec<Entrant>> {
        let mut inner = self.lock();
        let size = inner.callbacks.len().min(LARGEST);
        inner.at_work = size > 0;
        inner.under_way = size;
        (size > 0).then(|| inner.callbacks.drain(..size).collect())
    }
}

/// Settles a callback, together with those that come at the same time, and returns once that is committed.
///
/// # Errors
/// [`CallbackRefused`]; then nothing of it is stored.
pub(super) async fn settle(app: &Arc<App>, signed: Signed) -> Outcome {
    if app.db.get_database_backend() != DatabaseBackend::Sqlite {
        return alone(app, &signed).await;
    }
    let (answer, answered) = oneshot::channel();
    if app.settling.enter(Entrant { signed, answer }) {
        // A task of its own: a caller that hangs up must not take the others' transaction along.
        tokio::spawn(work(Arc::clone(app)));
    }
    answered.await.unwrap_or_else(|_| Err(given_up()))
}

/// Nobody will settle it any more: a panic or the end of the process.
fn given_up() -> CallbackRefused {
    DbErr::Custom("its settling was given up".to_owned()).into()
}

async fn work(app: Arc<App>) {
    while let Some(group) = app.settling.next() {
        let (signed, answers): (Vec<Signed>, Vec<_>) = group
            .into_iter()
            .map(|entrant| (entrant.signed, entrant.answer))
            .unzip();
        let outcomes = match guarded(&app, &signed).await {
            Some(Ok(outcomes)) => outcomes,
            Some(Err(failure)) if signed.len() == 1 => vec![Err(failure.into())],
            failed => {
                if let Some(Err(failure)) = failed {
                    warn!(callbacks = signed.len(), %failure, "callbacks_settled_singly");
                }
                singly(&app, &signed).await
            }
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A caller that has gone will come again.
            let _ = answer.send(outcome);
        }
    }
}

async fn singly(app: &App, group: &[Signed]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(group.len());
    let began = Instant::now();
    for signed in group {
        if began.elapsed() >= TRYING {
            outcomes.push(Err(given_up()));
            continue;
        }
        outcomes.push(match guarded(app, std::slice::from_ref(signed)).await {
            Some(Ok(mut outcome)) => outcome.pop().unwrap_or_else(|| Err(given_up())),
            Some(Err(failure)) => Err(failure.into()),
            None => Err(given_up()),
        });
    }
    outcomes
}

async fn alone(app: &App, signed: &Signed) -> Outcome {
    let mut outcome = together(app, std::slice::from_ref(signed)).await?;
    outcome.pop().unwrap_or_else(|| Err(given_up()))
}

/// [`together`], where a panic is an outcome too: whoever is at work must not end with callbacks left. `None`: it
/// panicked, and its transaction is rolled back.
async fn guarded(app: &App, group: &[Signed]) -> Option<Result<Vec<Outcome>, OutboxError>> {
    let result = AssertUnwindSafe(together(app, group)).catch_unwind().await;
    if result.is_err() {
        error!(callbacks = group.len(), "callback_settling_panicked");
    }
    result.ok()
}

/// One transaction for all of them. On an error nothing of it holds.
async fn together(app: &App, group: &[Signed]) -> Result<Vec<Outcome>, OutboxError> {
    let txn = sql::begin(&app.db).await?;
    let ids = group.iter().filter_map(|signed| signed.named.invoice);
    let known: HashMap<InvoiceId, Invoice> = invoices::find_all(&txn, ids)
        .await?
        .into_iter()
        .map(|invoice| (invoice.id, invoice))
        .collect();
    let of = |signed: &Signed| signed.named.invoice.and_then(|id| known.get(&id));
    let mut outcomes = Vec::with_capacity(group.len());
    for signed in group {
        outcomes.push(accept::settle_one(app, &txn, signed, of(signed)).await?);
    }
    app.commit(txn).await?;
    metrics::counter!("geobot_callback_commits_total").increment(1);
    for (signed, outcome) in group.iter().zip(&outcomes) {
        if let Ok(accepted) = outcome {
            accept::log_settled(signed, of(signed), accepted.verdict);
        }
    }
    Ok(outcomes)
}
