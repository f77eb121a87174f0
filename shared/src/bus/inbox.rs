//! The registry of handlers: which code handles which action of a topic.

use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Cause, HandleError, Handled, Record};
use crate::envelope::{Envelope, Level};
use crate::topics::{Action, Topic};

/// One record for a handler: the action's fields, who sent them, and the identity to hand on.
#[derive(Clone, Debug)]
pub struct Event<E> {
    /// The action's fields.
    pub data: E,
    /// The action's name.
    pub action: String,
    /// Who wrote the record.
    pub service: String,
    /// The line for people.
    pub message: String,
    /// How much it matters.
    pub level: Level,
    /// When it happened: the sender's time, else Kafka's.
    pub at: DateTime<Utc>,
    /// Identity of the record, for dedupe and for what it causes.
    pub cause: Cause,
}

/// A handler at work.
pub(super) type Running = Pin<Box<dyn Future<Output = Handled> + Send>>;
type Handler<C> = Box<dyn Fn(Arc<C>, Envelope, &Record) -> Running + Send + Sync>;

/// The handlers of one topic, chosen by action.
pub struct Inbox<C, T> {
    by_action: HashMap<&'static str, Handler<C>>,
    otherwise: Option<Handler<C>>,
    topic: PhantomData<fn() -> T>,
}

impl<C: Send + Sync + 'static, T: Topic> Default for Inbox<C, T> {
    fn default() -> Self {
        Inbox::new()
    }
}

impl<C: Send + Sync + 'static, T: Topic> Inbox<C, T> {
    /// No handlers yet.
    pub fn new() -> Inbox<C, T> {
        Inbox {
            by_action: HashMap::new(),
            otherwise: None,
            topic: PhantomData,
        }
    }

    /// Adds the handler of an action; which one is told by the type that the handler takes.
    pub fn on<E, F, R>(mut self, handler: F) -> Inbox<C, T>
    where
        E: Action<T>,
        F: Fn(Arc<C>, Event<E>) -> R + Send + Sync + 'static,
        R: Future<Output = Handled> + Send + 'static,
    {
        self.by_action.insert(
            E::NAME,
            Box::new(
                move |context, envelope, record| match E::decode(&envelope.data) {
                    Ok(data) => Box::pin(handler(context, event(data, envelope, record))),
                    Err(error) => {
                        let why = format!("the data of `{}` can't be read: {error}", E::NAME);
                        Box::pin(async move { Err(HandleError::BadData(why)) })
                    }
                },
            ),
        );
        self
    }

    /// Adds the handler of every action that has none of its own; it gets the fields as JSON.
    pub fn otherwise<F, R>(mut self, handler: F) -> Inbox<C, T>
    where
        F: Fn(Arc<C>, Event<serde_json::Value>) -> R + Send + Sync + 'static,
        R: Future<Output = Handled> + Send + 'static,
    {
        self.otherwise = Some(Box::new(
            move |context, envelope, record| match serde_json::from_str(envelope.data.get()) {
                Ok(data) => Box::pin(handler(context, event(data, envelope, record))),
                Err(error) => {
                    let why = format!("the data of `{}` can't be read: {error}", envelope.action);
                    Box::pin(async move { Err(HandleError::BadData(why)) })
                }
            },
        ));
        self
    }

    /// The topic's actions that have no handler here: their records go to the dead letters.
    pub fn unhandled(&self) -> Vec<&'static str> {
        if self.otherwise.is_some() {
            return Vec::new();
        }
        T::ACTIONS
            .iter()
            .copied()
            .filter(|action| !self.by_action.contains_key(action))
            .collect()
    }

    /// Reads a record and runs its handler.
    ///
    /// # Errors
    /// [`HandleError::BadData`] when the record can't be read or nobody handles its action; else the handler's own.
    pub async fn handle(&self, context: Arc<C>, record: &Record) -> Handled {
        self.begin(context, record)?.await
    }

    /// Reads a record and makes its handler's future.
    pub(super) fn begin(&self, context: Arc<C>, record: &Record) -> Result<Running, HandleError> {
        let envelope =
            Envelope::parse(&record.value).map_err(|e| HandleError::BadData(e.to_string()))?;
        let handler = self
            .by_action
            .get(envelope.action.as_str())
            .or(self.otherwise.as_ref());
        match handler {
            Some(handler) => Ok(handler(context, envelope, record)),
            None => Err(HandleError::BadData(format!(
                "nobody handles the action `{}` of {}",
                envelope.action.chars().take(100).collect::<String>(),
                T::NAME
            ))),
        }
    }
}

fn event<E>(data: E, envelope: Envelope, record: &Record) -> Event<E> {
    Event {
        data,
        action: envelope.action,
        service: envelope.service,
        message: envelope.message,
        level: envelope.level,
        at: envelope
            .timestamp
            .or(record.timestamp)
            .unwrap_or_else(Utc::now),
        cause: record.cause.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::topics::LkSyncTg;
    use crate::topics::lk_sync_tg::{CatalogRequested, UserStarted};

    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);

    async fn user_started(seen: Arc<Seen>, event: Event<UserStarted>) -> Handled {
        seen.0
            .lock()
            .unwrap()
            .push(format!("started {}", event.data.user_id));
        Ok(())
    }

    async fn catalog_requested(seen: Arc<Seen>, _: Event<CatalogRequested>) -> Handled {
        seen.0.lock().unwrap().push("catalog".into());
        Ok(())
    }

    fn record(value: &str) -> Record {
        Record {
            topic: "lk_sync_tg".into(),
            partition: 0,
            offset: 0,
            timestamp: None,
            key: None,
            value: value.as_bytes().to_vec(),
            headers: vec![],
            cause: Cause {
                message_id: "m".into(),
                correlation_id: "c".into(),
                traceparent: None,
            },
        }
    }

    #[tokio::test]
    async fn a_handler_is_chosen_by_action() {
        let seen = Arc::new(Seen::default());
        let inbox = Inbox::<Seen, LkSyncTg>::new()
            .on(user_started)
            .on(catalog_requested);
        let started = r#"{"service":"TG","action":"user_started","payload":{"data":{"user_id":7,"chat_id":7,"at":"2026-11-23T10:00:00Z"}}}"#;
        inbox.handle(seen.clone(), &record(started)).await.unwrap();
        inbox
            .handle(
                seen.clone(),
                &record(r#"{"service":"TG","action":"catalog_requested"}"#),
            )
            .await
            .unwrap();
        assert_eq!(*seen.0.lock().unwrap(), ["started 7", "catalog"]);
        assert!(inbox.unhandled().contains(&"payment_routed"));
    }

    #[tokio::test]
    async fn an_unknown_action_is_an_error_with_a_name() {
        let inbox = Inbox::<Seen, LkSyncTg>::new().on(user_started);
        let error = inbox
            .handle(
                Arc::default(),
                &record(r#"{"service":"TG","action":"fly"}"#),
            )
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad data: nobody handles the action `fly` of lk_sync_tg"
        );
        let error = inbox
            .handle(
                Arc::default(),
                &record(r#"{"action":"user_started","data":{"user_id":"x"}}"#),
            )
            .await;
        assert!(matches!(error, Err(HandleError::BadData(why)) if why.contains("user_started")));
    }
}
