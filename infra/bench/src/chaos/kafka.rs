//! A Kafka of our own, to be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use geobot_shared::bus::KafkaSettings;
use tokio::process::{Child, Command};

/// Start after a kill: Kafka waits for its old session to end.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct OwnKafka {
    libs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl OwnKafka {
    pub(super) async fn start(home: &Path) -> anyhow::Result<OwnKafka> {
        let folder = tempfile::Builder::new().prefix("geobot-chaos.").tempdir()?;
        let (port, controller) = (free_port()?, free_port()?);
        let data = folder.path().join("data");
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             controller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={}\n\
             auto.create.topics.enable=false\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=8\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             share.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.consumer.session.timeout.ms=5000\n\
             group.consumer.min.session.timeout.ms=3000\n\
             group.consumer.heartbeat.interval.ms=1000\n\
             group.consumer.min.heartbeat.interval.ms=500\n\
             group.initial.rebalance.delay.ms=0\n\
             broker.session.timeout.ms=3000\n\
             broker.heartbeat.interval.ms=500\n\
             log.cleaner.dedupe.buffer.size=16777216\n",
            data.display()
        );
        std::fs::write(folder.path().join("server.properties"), properties)?;
        let mut kafka = OwnKafka {
            libs: home.join("libs"),
            folder,
            port,
            process: None,
        };
        let id = kafka
            .java("kafka.tools.StorageTool")
            .arg("random-uuid")
            .output()
            .await
            .context("running java")?;
        let id = String::from_utf8(id.stdout)?.trim().to_owned();
        let formatted = kafka
            .java("kafka.tools.StorageTool")
            .args(["format", "-t", &id, "-c"])
            .arg(kafka.properties())
            .output()
            .await?;
        if !formatted.status.success() {
            bail!(
                "Kafka's storage could not be formatted: {}",
                String::from_utf8_lossy(&formatted.stderr)
            );
        }
        kafka.run().await?;
        Ok(kafka)
    }

    fn properties(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command
            .args(["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-cp"])
            .arg(format!("{}/*", self.libs.display()))
            .arg(class)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it answers.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::create(self.folder.path().join("kafka.log"))?;
        let process = self
            .java("kafka.Kafka")
            .arg(self.properties())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.process = Some(process);
        let began = Instant::now();
        let settings = KafkaSettings::plaintext(self.address());
        loop {
            let settings = settings.clone();
            let check = tokio::task::spawn_blocking(move || settings.check(Duration::from_secs(2)));
            if check.await?.is_ok() {
                return Ok(());
            }
            if began.elapsed() > LIMIT {
                bail!("our Kafka does not answer");
            }
        }
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
