//! A service to test the bus with: it writes down what it handled, and misbehaves when told to.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geobot_shared::bus::{
    Consumer, ConsumerHealth, ConsumerOptions, Event, Handled, Inbox, KafkaSettings, Producer,
};
use geobot_shared::topics::CreateUserIn;
use geobot_shared::topics::create_user_in::CreateUser;
use rdkafka::error::KafkaError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::kafka;

type Behaviour = dyn Fn(&str, u64) -> Pin<Box<dyn Future<Output = Handled> + Send>> + Send + Sync;

/// What a member of the group shares with the test.
pub(crate) struct App {
    /// (key, number) of every record whose handler ended well, in that order.
    pub(crate) done: Mutex<Vec<(String, u64)>>,
    behaviour: Box<Behaviour>,
}

impl App {
    /// `behaviour` runs for every record, before it is written down.
    pub(crate) fn new<F, R>(behaviour: F) -> Arc<App>
    where
        F: Fn(&str, u64) -> R + Send + Sync + 'static,
        R: Future<Output = Handled> + Send + 'static,
    {
        Arc::new(App {
            done: Mutex::default(),
            behaviour: Box::new(move |key, n| Box::pin(behaviour(key, n))),
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.done.lock().unwrap().len()
    }

    /// The numbers that were handled, by key, in order.
    pub(crate) fn by_key(&self) -> HashMap<String, Vec<u64>> {
        let mut keys: HashMap<String, Vec<u64>> = HashMap::new();
        for (key, n) in self.done.lock().unwrap().iter() {
            keys.entry(key.clone()).or_default().push(*n);
        }
        keys
    }
}

async fn create_user(app: Arc<App>, event: Event<CreateUser>) -> Handled {
    let key = event.data.fields["user_id"].as_str().unwrap().to_owned();
    let n = event.data.fields["n"].as_u64().unwrap();
    (app.behaviour)(&key, n).await?;
    app.done.lock().unwrap().push((key, n));
    Ok(())
}

/// Options with short waits.
pub(crate) fn quick() -> ConsumerOptions {
    ConsumerOptions {
        attempts: 3,
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(100),
        commit_every: Duration::from_millis(200),
        ..ConsumerOptions::default()
    }
}

/// The group that a [`Member`] of this topic is in.
pub(crate) fn group(topic: &str) -> String {
    format!("test.{topic}")
}

/// A running consumer.
pub(crate) struct Member {
    pub(crate) health: ConsumerHealth,
    stop: CancellationToken,
    running: JoinHandle<Result<(), KafkaError>>,
}

impl Member {
    pub(crate) fn start(topic: &str, app: &Arc<App>, options: ConsumerOptions) -> Member {
        Member::start_with(&kafka::settings(), topic, app, options)
    }

    pub(crate) fn start_with(
        settings: &KafkaSettings,
        topic: &str,
        app: &Arc<App>,
        options: ConsumerOptions,
    ) -> Member {
        let producer = Producer::new(settings, "TEST").unwrap();
        let inbox = Inbox::<App, CreateUserIn>::new().on(create_user);
        let consumer = Consumer::start_on(
            &[topic],
            settings,
            producer,
            Arc::clone(app),
            inbox,
            options,
        )
        .unwrap();
        let stop = CancellationToken::new();
        Member {
            health: consumer.health(),
            running: tokio::spawn(consumer.run(stop.clone())),
            stop,
        }
    }

    /// Stops it as a shutdown does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}
