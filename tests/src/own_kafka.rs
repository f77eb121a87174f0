//! A Kafka of a test's own, set up as the real one, that may lose all it has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use geobot_shared::bus::KafkaSettings;
use geobot_shared::topics::PARTITIONS;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::ports;
use crate::watchdog::{Watchdog, Watched};

/// The folder with Kafka's `libs`.
const HOME: &str = "GEOBOT_TEST_KAFKA_HOME";
/// As the native way of `init.sh` has it.
const PROPERTIES: &str = include_str!("../../infra/kafka/server.properties");
const USER: &str = "geobot";
const PASSWORD: &str = "e2e-kafka-password";
const LIMIT: Duration = Duration::from_secs(90);

/// The broker.
pub struct OwnKafka {
    /// Ends before its folder is removed.
    process: Option<Watched>,
    folder: tempfile::TempDir,
    libs: PathBuf,
    sasl_port: u16,
    internal_port: u16,
    watchdog: Arc<Watchdog>,
}

impl OwnKafka {
    /// Starts it, without topics, and waits until it answers.
    ///
    /// # Errors
    /// When the variable, Java or an answer is missing.
    pub async fn start(watchdog: &Arc<Watchdog>) -> Result<OwnKafka> {
        let home = std::env::var(HOME).ok().filter(|it| !it.is_empty());
        let home = home.with_context(|| {
            format!("{HOME} is not set: run the tests by `sh init.sh test`, which fetches Kafka")
        })?;
        let found: [u16; 3] = ports::free(3).try_into().ok().context("three free ports")?;
        let [sasl_port, internal_port, controller_port] = found;
        let folder = tempfile::Builder::new().prefix("geobot-kafka-").tempdir()?;
        let mut properties = PROPERTIES.to_owned();
        for (name, value) in [
            ("@SASL_PORT@", sasl_port.to_string()),
            ("@INTERNAL_PORT@", internal_port.to_string()),
            ("@CONTROLLER_PORT@", controller_port.to_string()),
            ("@INTERNAL_HOST@", "127.0.0.1".to_owned()),
            ("@DATA_DIR@", data_in(&folder).display().to_string()),
        ] {
            properties = properties.replace(name, &value);
        }
        // The account comes with the storage, its rights with this line, which stands for the earlier one.
        properties.push_str(&format!("\nsuper.users=User:ANONYMOUS;User:{USER}\n"));
        std::fs::write(folder.path().join("server.properties"), properties)?;
        let mut kafka = OwnKafka {
            folder,
            libs: Path::new(&home).join("libs"),
            sasl_port,
            internal_port,
            process: None,
            watchdog: Arc::clone(watchdog),
        };
        kafka.run_anew().await?;
        Ok(kafka)
    }

    /// The listener without a password.
    #[must_use]
    pub fn internal(&self) -> String {
        format!("127.0.0.1:{}", self.internal_port)
    }

    /// The services' listener.
    #[must_use]
    pub fn sasl(&self) -> String {
        format!("127.0.0.1:{}", self.sasl_port)
    }

    /// The services' user and its password.
    #[must_use]
    pub fn account(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// SIGKILL, all that it kept is deleted, and a new one starts in its place: other ids, no topics, no groups.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn lose_everything(&mut self) -> Result<()> {
        self.process = None;
        std::fs::remove_dir_all(data_in(&self.folder))?;
        self.run_anew().await?;
        println!("  ✓ Kafka has lost everything and is up again, empty");
        Ok(())
    }

    /// Makes a topic, with as many partitions as each has.
    ///
    /// # Errors
    /// Kafka's.
    pub async fn make_topic(&self, name: &str) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = KafkaSettings::plaintext(self.internal())
            .client("e2e")
            .create()?;
        let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
        let made = admin.create_topics(&[topic], &AdminOptions::new()).await?;
        for result in made {
            result.map_err(|(name, code)| anyhow::anyhow!("{name} can't be made: {code}"))?;
        }
        Ok(())
    }

    async fn run_anew(&mut self) -> Result<()> {
        let mut format = self.java("kafka.tools.StorageTool");
        format
            .args(["format", "-t", &new_cluster_id(), "-c"])
            .arg(self.folder.path().join("server.properties"))
            .arg("--add-scram")
            .arg(format!("SCRAM-SHA-256=[name={USER},password={PASSWORD}]"));
        let formatted = tokio::task::spawn_blocking(move || format.output()).await??;
        ensure!(
            formatted.status.success(),
            "Kafka's storage can't be formatted: {}",
            String::from_utf8_lossy(&formatted.stderr)
        );
        let log = std::fs::File::create(self.folder.path().join("kafka.log"))?;
        let mut command = self.java("kafka.Kafka");
        command
            .arg(self.folder.path().join("server.properties"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let process =
            Watched::start(&mut command, &self.watchdog).context("java can't be started")?;
        self.process = Some(process);
        let settings = KafkaSettings::plaintext(self.internal());
        let answer = tokio::task::spawn_blocking(move || settings.check(LIMIT)).await?;
        answer.map_err(|error| anyhow::anyhow!("our Kafka does not come up: {error}"))
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command
            .args(["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-cp"])
            .arg(format!("{}/*", self.libs.display()))
            .arg(class)
            .current_dir(self.folder.path());
        command
    }
}

fn data_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("data")
}

/// Sixteen bytes in base64url; it may not begin with a dash.
fn new_cluster_id() -> String {
    use base64::Engine as _;
    let bytes: [u8; 16] = rand::random();
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    format!("A{}", &text[1..])
}
