//! The servers that `sh init.sh test` runs for the tests.

use anyhow::{Context, Result, bail};

use crate::own_kafka::OwnKafka;

/// Where Kafka and Redis are.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Kafka's listener without a password, for the tests themselves.
    pub kafka: String,
    /// Kafka's listener with SCRAM-SHA-256, for the services: that is how production runs.
    pub kafka_sasl: String,
    /// The services' user there.
    pub kafka_user: String,
    /// Its password.
    pub kafka_password: String,
    /// Redis, with a database that nobody else uses.
    pub redis: String,
    /// PostgreSQL, when LK and ARM are to use it in place of SQLite.
    pub postgres: Option<String>,
    /// Stands in the names of the databases there, so that two stacks have each their own.
    pub database: &'static str,
}

/// The Redis database of the stack's bot. Other tests use the first ones.
const REDIS_DATABASE: u32 = 12;
/// That of a second stack, which has a Kafka of its own.
const SECOND_REDIS_DATABASE: u32 = 13;

/// Which database LK and ARM use in these tests: sqlite (the default) or postgres.
const DATABASE: &str = "GEOBOT_E2E_DATABASE";

impl Servers {
    /// From the environment.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_environment() -> Result<Servers> {
        let redis = variable("GEOBOT_TEST_REDIS")?;
        Ok(Servers {
            kafka: variable("GEOBOT_TEST_KAFKA")?,
            kafka_sasl: variable("GEOBOT_TEST_KAFKA_SASL")?,
            kafka_user: variable("GEOBOT_TEST_KAFKA_USER")?,
            kafka_password: variable("GEOBOT_TEST_KAFKA_PASSWORD")?,
            redis: format!("{}/{REDIS_DATABASE}", redis.trim_end_matches('/')),
            postgres: match std::env::var(DATABASE).unwrap_or_default().as_str() {
                "" | "sqlite" => None,
                "postgres" => Some(variable("GEOBOT_TEST_POSTGRES")?),
                other => bail!("{DATABASE} must be sqlite or postgres, got `{other}`"),
            },
            database: "geobot_e2e",
        })
    }

    /// The same servers for a second stack, but for this Kafka.
    ///
    /// # Errors
    /// As [`Servers::from_environment`].
    pub fn with_kafka(kafka: &OwnKafka) -> Result<Servers> {
        let redis = variable("GEOBOT_TEST_REDIS")?;
        let (user, password) = kafka.account();
        Ok(Servers {
            kafka: kafka.internal(),
            kafka_sasl: kafka.sasl(),
            kafka_user: user.to_owned(),
            kafka_password: password.to_owned(),
            redis: format!("{}/{SECOND_REDIS_DATABASE}", redis.trim_end_matches('/')),
            database: "geobot_e2e_second",
            ..Servers::from_environment()?
        })
    }

    /// Empties the bot's Redis database.
    ///
    /// # Errors
    /// Redis's.
    pub async fn empty_redis(&self) -> Result<()> {
        let mut connection = self.redis().await?;
        redis::cmd("FLUSHDB").exec_async(&mut connection).await?;
        Ok(())
    }

    /// The bot forgets what it sent for an invoice, as it does by itself after a week; not that it routed it.
    /// Returns how many sendings are forgotten.
    ///
    /// # Errors
    /// Redis's.
    pub async fn forget_sendings(&self, invoice: u64) -> Result<usize> {
        let mut connection = self.redis().await?;
        let pattern = format!("geobot:sent:invoice-{invoice}-*");
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut connection)
            .await?;
        if !keys.is_empty() {
            redis::cmd("DEL")
                .arg(&keys)
                .exec_async(&mut connection)
                .await?;
        }
        Ok(keys.len())
    }

    async fn redis(&self) -> Result<redis::aio::MultiplexedConnection> {
        redis::Client::open(self.redis.as_str())?
            .get_multiplexed_async_connection()
            .await
            .with_context(|| format!("Redis at {} does not answer", self.redis))
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .with_context(|| {
            format!(
                "{name} is not set: run the tests by `sh init.sh test`, which starts the servers"
            )
        })
}
