//! Everything the request handlers share.

use std::sync::atomic::AtomicBool;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::counters::Counters;
use crate::events::Events;
use crate::faults::Faults;
use crate::guarded::Guarded;
use crate::logstash::documents::Documents;
use crate::robokassa::payments::Payments;
use crate::saved_state::Saved;
use crate::settings::{SandboxToken, Settings};
use crate::telegram::calls::CallLog;
use crate::telegram::world::World;

/// The sandbox's state and its ways to the outside.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) token: SandboxToken,
    /// Telegram's side: people, chats, updates.
    pub(crate) world: Guarded<World>,
    /// Counts up whenever an update was queued or the webhook changed.
    pub(crate) updates_changed: watch::Sender<u64>,
    /// A getUpdates call is waiting.
    pub(crate) polling: AtomicBool,
    pub(crate) calls: Guarded<CallLog>,
    pub(crate) payments: Guarded<Payments>,
    pub(crate) documents: Guarded<Documents>,
    pub(crate) faults: Faults,
    pub(crate) events: Events,
    pub(crate) counters: Counters,
    /// Calls the shop and the bot's webhook.
    pub(crate) outside: reqwest::Client,
    pub(crate) stopping: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl App {
    /// A sandbox that goes on from what an earlier run saved.
    pub(crate) fn new(
        settings: Settings,
        token: SandboxToken,
        saved: Saved,
    ) -> Result<Self, reqwest::Error> {
        let outside = reqwest::Client::builder()
            // Only this machine is called: a proxy set for the outside must not see it.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(30))
            .user_agent("geobot-sandbox")
            .build()?;
        let world = World::new(&settings, &token, clock::unix_now(), saved.telegram);
        Ok(Self {
            world: Guarded::new(world),
            updates_changed: watch::channel(0).0,
            polling: AtomicBool::new(false),
            calls: Guarded::default(),
            payments: Guarded::new(Payments::restored(saved.payments)),
            documents: Guarded::default(),
            faults: Faults::default(),
            events: Events::new(),
            counters: Counters::default(),
            outside,
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            settings,
            token,
        })
    }

    /// Wakes whoever waits for updates.
    pub(crate) fn wake_updates(&self) {
        self.updates_changed.send_modify(|count| *count += 1);
    }

    /// Forgets everything but the ids already used.
    pub(crate) fn reset(&self) {
        self.world.lock().forget();
        self.payments.lock().forget();
        self.calls.lock().forget();
        self.documents.lock().forget();
        self.faults.clear();
        self.wake_updates();
        self.events.publish(serde_json::json!({"kind": "reset"}));
    }
}
