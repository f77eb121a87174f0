//! Updates waiting for the bot, and getUpdates: long polling with the offset as the acknowledgement.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::answer::{Answer, ApiError};
use super::params::Params;
use crate::app::App;

/// Telegram keeps an update for a day.
const LIFETIME: i64 = 24 * 60 * 60;
/// Updates kept while nobody takes them; the oldest go first.
const KEPT: usize = 100_000;
/// Bot API: most updates in one answer.
const MOST_AT_ONCE: i64 = 100;
/// Longest wait in one getUpdates call.
const LONGEST_WAIT: u64 = 50;

/// One update the bot has not acknowledged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) update_id: u64,
    /// Whose order it belongs to.
    pub(crate) chat_id: i64,
    pub(crate) made_at: i64,
    pub(crate) update: Value,
}

/// The queue of updates.
#[derive(Debug)]
pub(crate) struct UpdateQueue {
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) next_id: u64,
    /// Kinds the bot asked for; empty is all but the few that must be asked for.
    pub(crate) allowed: Vec<String>,
}

impl UpdateQueue {
    pub(crate) fn new(next_id: u64, pending: VecDeque<Pending>) -> Self {
        Self {
            pending,
            next_id,
            allowed: Vec::new(),
        }
    }

    /// Queues an update, unless the bot does not want its kind. Update ids increase.
    pub(crate) fn push(&mut self, kind: &str, chat_id: i64, content: Value, now: i64) -> u64 {
        let update_id = self.number();
        if self.wants(kind) {
            let update = json!({"update_id": update_id, kind: content});
            self.queue(update_id, chat_id, update, now);
        }
        update_id
    }

    /// Queues an update of any form, wanted or not.
    pub(crate) fn push_as_it_is(&mut self, update: Map<String, Value>, now: i64) -> u64 {
        let update_id = self.number();
        let about = update.values().find_map(|it| {
            let id = |name: &str| it.get(name)?.get("id")?.as_i64();
            id("chat").or_else(|| id("from"))
        });
        let mut numbered = json!({"update_id": update_id});
        if let Some(fields) = numbered.as_object_mut() {
            fields.extend(update);
        }
        self.queue(update_id, about.unwrap_or_default(), numbered, now);
        update_id
    }

    fn number(&mut self) -> u64 {
        let update_id = self.next_id;
        self.next_id += 1;
        update_id
    }

    fn queue(&mut self, update_id: u64, chat_id: i64, update: Value, now: i64) {
        self.pending.push_back(Pending {
            update_id,
            chat_id,
            made_at: now,
            update,
        });
        if self.pending.len() > KEPT {
            self.pending.pop_front();
        }
    }

    /// Bot API: without a list, all kinds but chat_member and reactions.
    fn wants(&self, kind: &str) -> bool {
        match self.allowed.is_empty() {
            true => !matches!(
                kind,
                "chat_member" | "message_reaction" | "message_reaction_count"
            ),
            false => self.allowed.iter().any(|name| name == kind),
        }
    }

    /// Remembers `allowed_updates`; it holds for updates made from now on.
    pub(crate) fn allow(&mut self, params: &Params) -> Answer<()> {
        if let Some(list) = params.json("allowed_updates", "allowed updates")? {
            self.allowed = serde_json::from_value(list.clone())
                .map_err(|_| ApiError::bad_request("can't parse allowed updates"))?;
        }
        Ok(())
    }

    pub(crate) fn expire(&mut self, now: i64) {
        while self
            .pending
            .front()
            .is_some_and(|update| now - update.made_at >= LIFETIME)
        {
            self.pending.pop_front();
        }
    }

    /// Bot API: an offset above an update's id acknowledges it; a negative one keeps only the last so many.
    fn acknowledge(&mut self, offset: i64) {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let surplus = self.pending.len().saturating_sub(keep);
            self.pending.drain(..surplus);
        } else {
            while self
                .pending
                .front()
                .is_some_and(|update| (update.update_id as i64) < offset)
            {
                self.pending.pop_front();
            }
        }
    }

    /// A webhook took this update.
    pub(crate) fn remove(&mut self, update_id: u64) {
        if let Ok(at) = self
            .pending
            .binary_search_by_key(&update_id, |update| update.update_id)
        {
            self.pending.remove(at);
        }
    }
}

/// Frees the one polling place when the call ends or the client goes away.
struct Place<'a>(&'a App);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.polling.store(false, Ordering::Release);
    }
}

/// getUpdates.
pub(crate) async fn get_updates(app: &App, params: &Params) -> Answer {
    let offset = params.number("offset")?.unwrap_or(0);
    let limit = params
        .number("limit")?
        .unwrap_or(MOST_AT_ONCE)
        .clamp(1, MOST_AT_ONCE) as usize;
    let wait = params
        .number("timeout")?
        .unwrap_or(0)
        .clamp(0, LONGEST_WAIT as i64) as u64;
    if app.polling.swap(true, Ordering::AcqRel) {
        return Err(ApiError::conflict(
            "terminated by other getUpdates request; make sure that only one bot instance is running",
        ));
    }
    let _place = Place(app);
    {
        let mut world = app.world.lock();
        check_no_webhook(world.webhook.is_some())?;
        world.updates.allow(params)?;
        world.updates.acknowledge(offset);
    }
    app.events.touch();
    let deadline = Instant::now() + Duration::from_secs(wait);
    let mut changes = app.updates_changed.subscribe();
    loop {
        {
            let mut world = app.world.lock();
            check_no_webhook(world.webhook.is_some())?;
            world.updates.expire(crate::clock::unix_now());
            let ready: Vec<_> = world
                .updates
                .pending
                .iter()
                .take(limit)
                .map(|pending| pending.update.clone())
                .collect();
            if !ready.is_empty() || Instant::now() >= deadline {
                return Ok(Value::Array(ready));
            }
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = app.stopping.cancelled() => return Ok(json!([])),
        }
    }
}

fn check_no_webhook(webhook: bool) -> Answer<()> {
    match webhook {
        true => Err(ApiError::conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(count: u64) -> UpdateQueue {
        let mut queue = UpdateQueue::new(10, VecDeque::new());
        for _ in 0..count {
            queue.push("message", 5, json!({}), 1_000);
        }
        queue
    }

    fn ids(queue: &UpdateQueue) -> Vec<u64> {
        queue
            .pending
            .iter()
            .map(|update| update.update_id)
            .collect()
    }

    #[test]
    fn an_update_lives_until_an_offset_above_it() {
        let mut queue = queue(3);
        queue.acknowledge(10);
        assert_eq!(ids(&queue), [10, 11, 12]);
        queue.acknowledge(12);
        assert_eq!(ids(&queue), [12]);
        queue.acknowledge(0);
        assert_eq!(ids(&queue), [12]);
    }

    #[test]
    fn a_negative_offset_keeps_the_last_ones() {
        let mut queue = queue(3);
        queue.acknowledge(-1);
        assert_eq!(ids(&queue), [12]);
    }

    #[test]
    fn an_update_expires_after_a_day() {
        let mut queue = queue(1);
        queue.expire(1_000 + LIFETIME - 1);
        assert_eq!(ids(&queue), [10]);
        queue.expire(1_000 + LIFETIME);
        assert!(ids(&queue).is_empty());
    }

    #[test]
    fn only_wanted_kinds_are_queued_but_every_update_has_its_own_id() {
        let mut queue = queue(0);
        assert_eq!(queue.push("chat_member", 5, json!({}), 1), 10);
        queue.allowed = vec!["callback_query".into()];
        assert_eq!(queue.push("message", 5, json!({}), 1), 11);
        assert_eq!(queue.push("callback_query", 5, json!({}), 1), 12);
        assert_eq!(ids(&queue), [12]);
    }

    #[test]
    fn a_webhook_takes_updates_in_any_order() {
        let mut queue = queue(3);
        queue.remove(11);
        queue.remove(99);
        assert_eq!(ids(&queue), [10, 12]);
    }
}
