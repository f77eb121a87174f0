//! What happened, told to every open page at once.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{broadcast, watch};

/// Events a slow page may lag behind before it is told to load everything again.
const BACKLOG: usize = 1_024;

/// The hub of live events. Every change of state goes through it, so it also knows that there is something to save.
#[derive(Debug)]
pub(crate) struct Events {
    pages: broadcast::Sender<Arc<str>>,
    changed: watch::Sender<u64>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self {
            pages: broadcast::channel(BACKLOG).0,
            changed: watch::channel(0).0,
        }
    }

    /// Tells the pages; the event's `kind` says what happened.
    pub(crate) fn publish(&self, event: impl Serialize) {
        self.touch();
        if self.pages.receiver_count() > 0
            && let Ok(text) = serde_json::to_string(&event)
        {
            // No page is listening any more: nothing to tell.
            let _ = self.pages.send(text.into());
        }
    }

    /// Notes a change that no page shows.
    pub(crate) fn touch(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.pages.subscribe()
    }

    /// Resolves when something changed since the last look.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
