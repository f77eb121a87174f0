//! The bus of one service: its producer and its consumers, tied to the life of the process.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;

use super::consumer::ConsumerHealth;
use super::{Consumer, ConsumerOptions, Inbox, KafkaSettings, Producer, StartError};
use crate::http::Health;
use crate::lifecycle::{Lifecycle, Step};
use crate::topics::Topic;

/// How long a start waits for Kafka.
const START_LIMIT: Duration = Duration::from_secs(15);

/// What a service's `main` needs of the bus.
pub struct Bus {
    settings: KafkaSettings,
    producer: Producer,
    lifecycle: Lifecycle,
    consumers: Vec<ConsumerHealth>,
}

impl Bus {
    /// Checks that Kafka lets us in and makes the producer. `service` is the name in the records.
    ///
    /// # Errors
    /// [`StartError`], one line for the operator.
    pub async fn connect(
        settings: &KafkaSettings,
        service: &str,
        lifecycle: &Lifecycle,
    ) -> Result<Bus, StartError> {
        let (checked, stop) = (settings.clone(), lifecycle.stopping());
        let check = move || checked.check_unless(START_LIMIT, &stop);
        match tokio::task::spawn_blocking(check).await {
            Ok(result) => result?,
            Err(_) => return Err(StartError::Settings(KafkaError::Canceled)),
        }
        Ok(Bus {
            producer: Producer::new(settings, service)?,
            settings: settings.clone(),
            lifecycle: lifecycle.clone(),
            consumers: Vec::new(),
        })
    }

    /// The service's producer.
    pub fn producer(&self) -> Producer {
        self.producer.clone()
    }

    /// Reads a topic until the process ends.
    ///
    /// # Errors
    /// A setting that librdkafka does not take.
    pub fn consume<C, T>(
        &mut self,
        context: &Arc<C>,
        inbox: Inbox<C, T>,
        options: ConsumerOptions,
    ) -> Result<(), StartError>
    where
        C: Send + Sync + 'static,
        T: Topic,
    {
        let consumer = Consumer::start(
            &self.settings,
            self.producer(),
            Arc::clone(context),
            inbox,
            options,
        )?;
        self.consumers.push(consumer.health());
        self.lifecycle
            .spawn(Step::Intake, T::NAME, |stop| consumer.run(stop));
        Ok(())
    }

    /// Adds Kafka and the consumers to what the service's readiness looks at.
    pub fn health(&self, health: Health) -> Health {
        let producer = self.producer();
        let consumers = self.consumers.clone();
        health
            .needs("kafka", move || {
                let producer = producer.clone();
                async move { producer.probe().await }
            })
            .needs("consumers", move || {
                let wrong: Vec<String> = consumers.iter().filter_map(|c| c.check().err()).collect();
                async move {
                    if wrong.is_empty() {
                        Ok(())
                    } else {
                        Err(wrong.join("; "))
                    }
                }
            })
    }
}
