//! A producer's connection, which is replaced when it can't go on.
//!
//! A producer numbers its records, and the broker finds repeats and gaps by these numbers. Two things make them worthless:
//! a *fatal* error, after which librdkafka sends nothing more and leaves what waits in the queue there, and a Kafka that
//! was wiped: it gives the same producer ids again, to others, takes a record for a repeat that is none, and drops it.
//! Then a new connection begins with a new id, and whoever waits for an answer of the old one is told to publish again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer,
};
use tracing::{debug, error, warn};

use super::delivery::Slot;

/// How librdkafka names the lines that say "nothing more will be sent" and "another cluster answers at this address".
/// Its event of a fatal error carries the code of the cause, which need not be fatal.
const GIVE_UP: [(&str, &str); 2] = [
    ("FATAL", "fatal error"),
    ("CLUSTERID", "another Kafka answers"),
];
/// How soon what did not work is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// How long a connection stays at least, so that a fault that comes back at once makes no storm of them.
const AT_LEAST: Duration = Duration::from_secs(1);

pub(super) type Client = ThreadedProducer<Context>;
pub(super) type Ready<'a> = BaseRecord<'a, [u8], [u8], Arc<Slot>>;

pub(super) struct Connection {
    config: ClientConfig,
    current: RwLock<Arc<Instance>>,
    replaced: AtomicU64,
}

impl Connection {
    /// Does not wait for Kafka.
    pub(super) fn new(mut config: ClientConfig) -> Result<Arc<Connection>, KafkaError> {
        // Whatever the log level of the service: what makes us give up is said in such lines.
        config.set_log_level(RDKafkaLogLevel::Warning);
        let first = Instance::new(&config)?;
        let connection = Arc::new(Connection {
            current: RwLock::new(Arc::clone(&first)),
            replaced: AtomicU64::new(0),
            config,
        });
        first.belongs_to(&connection);
        Ok(connection)
    }

    /// What it was made with.
    #[cfg(feature = "sql")]
    pub(super) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The one in use.
    pub(super) fn now(&self) -> Arc<Instance> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often it was replaced.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Acquire)
    }

    /// Puts a new one in the place of the one in use, and ends that.
    fn replace(self: Arc<Connection>, reason: &'static str) {
        let age = self.now().made.elapsed();
        std::thread::sleep(AT_LEAST.saturating_sub(age));
        let new = loop {
            match Instance::new(&self.config) {
                Ok(new) => break new,
                // The same settings have worked before: the machine is out of something.
                Err(error) => warn!(%error, "producer_not_made"),
            }
            std::thread::sleep(AGAIN);
        };
        new.belongs_to(&self);
        let old = std::mem::replace(
            &mut *self.current.write().unwrap_or_else(PoisonError::into_inner),
            new,
        );
        old.end();
        self.replaced.fetch_add(1, Ordering::AcqRel);
        metrics::counter!("geobot_producer_replaced_total").increment(1);
        error!(reason, "producer_replaced");
    }
}

/// One connection, from its first record to its end.
pub(super) struct Instance {
    kafka: Client,
    made: Instant,
    /// Held for reading while a record is handed over: none slips in behind the end.
    ended: RwLock<bool>,
}

impl Instance {
    fn new(config: &ClientConfig) -> Result<Arc<Instance>, KafkaError> {
        Ok(Arc::new(Instance {
            kafka: config.create_with_context(Context::default())?,
            made: Instant::now(),
            ended: RwLock::new(false),
        }))
    }

    fn belongs_to(&self, connection: &Arc<Connection>) {
        let context = self.kafka.client().context();
        // Nobody else sets it.
        let _ = context.connection.set(Arc::downgrade(connection));
    }

    /// Hands a record to librdkafka's queue.
    #[expect(
        clippy::result_large_err,
        reason = "librdkafka gives the record back; its caller keeps the headers only"
    )]
    pub(super) fn send<'a>(&self, record: Ready<'a>) -> Result<(), (KafkaError, Ready<'a>)> {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            let purged = KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue);
            return Err((purged, record));
        }
        self.kafka.send(record).inspect_err(|(error, _)| {
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                self.kafka.client().context().give_up("fatal error");
            }
        })
    }

    pub(super) fn kafka(&self) -> &Client {
        &self.kafka
    }

    /// Takes no more records. Those that have no answer yet get one: they may or may not be in Kafka.
    fn end(&self) {
        *self.ended.write().unwrap_or_else(PoisonError::into_inner) = true;
        self.kafka.purge(PurgeConfig::default().queue().inflight());
    }
}

/// What librdkafka's producer tells us, on the thread that polls it.
#[derive(Default)]
pub(super) struct Context {
    connection: OnceLock<Weak<Connection>>,
    given_up: AtomicBool,
}

impl Context {
    /// Asks once for another connection, on a thread of its own: this one belongs to the one that ends.
    fn give_up(&self, reason: &'static str) {
        let connection = self.connection.get().and_then(Weak::upgrade);
        if let Some(connection) = connection
            && !self.given_up.swap(true, Ordering::AcqRel)
        {
            let begun = std::thread::Builder::new()
                .name("new producer".to_owned())
                .spawn(move || connection.replace(reason));
            if let Err(error) = begun {
                self.given_up.store(false, Ordering::Release);
                error!(%error, "producer_not_replaced");
            }
        }
    }
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        // Connection errors repeat until the broker is back; librdkafka reconnects by itself.
        debug!(%error, reason, "kafka_connection_failed");
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if level as i32 > RDKafkaLogLevel::Warning as i32 {
            debug!(facility, message, "kafka_client_spoke");
            return;
        }
        warn!(facility, message, "kafka_client_warned");
        if let Some((_, reason)) = GIVE_UP.iter().find(|(name, _)| *name == facility) {
            self.give_up(reason);
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Slot>;

    fn delivery(&self, result: &DeliveryResult<'_>, slot: Arc<Slot>) {
        slot.fill(result.as_ref().err().map(|(error, _)| error.clone()));
    }
}
