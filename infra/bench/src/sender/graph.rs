//! The bot and the sandbox as processes, and people who can be written to.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use geobot_shared::bus::{Cause, KafkaSettings, Outgoing, Producer};
use geobot_shared::config::SANDBOX_TOKEN;
use geobot_shared::ids::ChatId;
use geobot_shared::topics::TgSend;
use geobot_shared::topics::tg_send::{Priority, SendMessage};
use geobot_tests::kafka::Kafka;
use geobot_tests::ordeal::Bots;
use geobot_tests::ports;
use geobot_tests::process::{self, Process, Signal};
use geobot_tests::sandbox::Sandbox;
use geobot_tests::servers::Servers;
use geobot_tests::watchdog::Watchdog;
use serde_json::{Value, json};

/// Everything that a measurement needs.
pub(crate) struct Graph {
    servers: Servers,
    folder: tempfile::TempDir,
    watchdog: Arc<Watchdog>,
    http: reqwest::Client,
    sandbox_address: String,
    bot_address: String,
    _sandbox: Process,
    bot: Option<Process>,
    producer: Producer,
    people: Vec<i64>,
}

impl Graph {
    /// Starts the sandbox and makes people who have started the bot. The bot itself is not started yet.
    pub(crate) async fn start(people: usize) -> anyhow::Result<Graph> {
        let servers = Servers::from_environment().context(
            "`sender` needs a throw-away stack: sh init.sh test-stack FILE, then . FILE",
        )?;
        let folder = tempfile::tempdir()?;
        // The services look for .env in parent folders as well; they find this empty one first.
        std::fs::write(folder.path().join(".env"), "")?;
        let watchdog = Arc::new(Watchdog::start(folder.path())?);
        let [sandbox_port, bot_port] = ports::free(2)[..] else {
            anyhow::bail!("no free ports")
        };
        let sandbox_address = format!("127.0.0.1:{sandbox_port}");
        let bot_address = format!("127.0.0.1:{bot_port}");
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .build()?;
        let command = process::command(
            "geobot-sandbox",
            folder.path(),
            &[("SANDBOX_LISTEN".to_owned(), sandbox_address.clone())],
        )?;
        let mut sandbox = Process::start(
            "sandbox",
            command,
            &sandbox_address,
            folder.path(),
            &watchdog,
        )?;
        sandbox.ready(&http).await?;
        servers.empty_redis().await?;
        let producer = Producer::new(&KafkaSettings::plaintext(&servers.kafka), "ARM")?;
        let mut graph = Graph {
            servers,
            folder,
            watchdog,
            http,
            sandbox_address,
            bot_address,
            _sandbox: sandbox,
            bot: None,
            producer,
            people: Vec::new(),
        };
        graph.ensure_topics().await?;
        graph.meet_people(people).await?;
        graph.fill_redis().await?;
        Ok(graph)
    }

    async fn ensure_topics(&self) -> anyhow::Result<()> {
        let mut command =
            process::command("geobot-ctl", self.folder.path(), &self.kafka_settings())?;
        let output =
            tokio::task::spawn_blocking(move || command.args(["topics", "ensure"]).output())
                .await??;
        ensure!(
            output.status.success(),
            "topics ensure: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// People are those who have written to the bot; what they wrote is taken away before the bot can answer it.
    async fn meet_people(&mut self, count: usize) -> anyhow::Result<()> {
        let control = self.control();
        for n in 0..count {
            let person = control.person(&format!("Person {n}")).await;
            control.write(person.id, "/start").await;
            self.people.push(person.id);
        }
        let mut offset = 0;
        loop {
            let url = format!(
                "http://{}/bot{SANDBOX_TOKEN}/getUpdates",
                self.sandbox_address
            );
            let answer: Value = self
                .http
                .post(url)
                .json(&json!({"offset": offset, "limit": 100}))
                .send()
                .await?
                .json()
                .await?;
            let updates = answer["result"].as_array().cloned().unwrap_or_default();
            let Some(last) = updates
                .last()
                .and_then(|update| update["update_id"].as_i64())
            else {
                return Ok(());
            };
            offset = last + 1;
        }
    }

    /// Bulk waits until LK has told the bot about its people; there is no LK here.
    async fn fill_redis(&self) -> anyhow::Result<()> {
        let client = redis::Client::open(self.servers.redis.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("SET")
            .arg("geobot:filled")
            .arg(1)
            .exec_async(&mut connection)
            .await?;
        Ok(())
    }

    fn kafka_settings(&self) -> Vec<(String, String)> {
        [
            ("RUST_LOG", "warn"),
            ("BOT_TOKEN", ""),
            ("KAFKA_BROKERS", &self.servers.kafka_sasl),
            ("KAFKA_SECURITY", "scram"),
            ("KAFKA_USERNAME", &self.servers.kafka_user),
            ("KAFKA_PASSWORD", &self.servers.kafka_password),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    fn bot_settings(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = self.kafka_settings();
        let route_key = format!("1:{}", "ab".repeat(32));
        let usual = [
            ("BOT_LISTEN", self.bot_address.as_str()),
            (
                "TELEGRAM_API_URL",
                &format!("http://{}/", self.sandbox_address),
            ),
            ("REDIS_URL", &self.servers.redis),
            ("ROBOKASSA_LOGIN", "bench"),
            ("ROBOKASSA_PASSWORD1", "bench-password-1"),
            ("ROBOKASSA_PASSWORD2", "bench-password-2"),
            ("ROUTE_KEY", &route_key),
        ];
        settings.extend(
            usual
                .iter()
                .chain(more)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        settings
    }

    /// Starts the bot with these settings besides the usual ones; a running one is ended first.
    pub(super) async fn run_bot(&mut self, more: &[(&str, &str)]) -> anyhow::Result<()> {
        if let Some(mut bot) = self.bot.take() {
            bot.signal(Signal::Term)?;
            bot.wait().await?;
        }
        let settings = self.bot_settings(more);
        let command = process::command("geobot-bot", self.folder.path(), &settings)?;
        let mut bot = Process::start(
            "bot",
            command,
            &self.bot_address,
            self.folder.path(),
            &self.watchdog,
        )?;
        bot.ready(&self.http).await?;
        self.bot = Some(bot);
        Ok(())
    }

    /// Ends the bot and takes away what waits for it.
    pub(super) async fn forget_queue(&mut self) -> anyhow::Result<()> {
        if let Some(mut bot) = self.bot.take() {
            bot.signal(Signal::Term)?;
            bot.wait().await?;
        }
        let kafka = Kafka::new(self.brokers())?;
        for topic in ["tg_send", "tg_send_bulk"] {
            kafka.lose_records(topic).await;
        }
        Ok(())
    }

    /// Switches the emulator's limits.
    pub(super) async fn set_limits(&self, enabled: bool) -> anyhow::Result<()> {
        let url = format!("http://{}/control/limits", self.sandbox_address);
        self.http
            .post(url)
            .json(&json!({"enabled": enabled}))
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// The sandbox's control API.
    pub(crate) fn control(&self) -> Sandbox {
        let url = format!("http://{}", self.sandbox_address);
        Sandbox::new(&url, self.http.clone())
    }

    /// Kafka's listener without a password.
    pub(crate) fn brokers(&self) -> &str {
        &self.servers.kafka
    }

    /// Ends processes when this one ends.
    pub(crate) fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    /// Several bots with these settings besides the usual ones.
    pub(crate) fn bots(&self, count: usize, more: &[(&str, &str)]) -> Bots {
        let addresses = ports::free(count);
        Bots::new(
            self.bot_settings(more),
            addresses
                .iter()
                .map(|port| format!("127.0.0.1:{port}"))
                .collect(),
            self.folder.path().to_owned(),
            &self.watchdog,
        )
    }

    pub(crate) fn people(&self) -> &[i64] {
        &self.people
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(super) fn sandbox_address(&self) -> &str {
        &self.sandbox_address
    }

    /// The bot's resident memory now, in MB, and its processor time until now.
    pub(super) fn bot_memory_mb(&self) -> f64 {
        let pid = self.bot.as_ref().map_or(0, Process::pid);
        crate::usage::resident_mb(pid)
    }

    /// Puts messages on tg_send, many in flight, and waits until Kafka has them.
    pub(super) async fn publish(
        &self,
        messages: impl Iterator<Item = (i64, String, Priority)>,
    ) -> anyhow::Result<()> {
        let mut batch = Vec::with_capacity(10_000);
        for (chat, text, priority) in messages {
            let wish = SendMessage {
                chat_id: ChatId(chat),
                text,
                parse_mode: None,
                buttons: Vec::new(),
                priority,
                broadcast_id: (priority == Priority::Bulk).then(|| "bench".to_owned()),
            };
            batch.push(Outgoing::new(
                "ARM",
                &TgSend::from(wish),
                &Cause::new_story(),
                chrono::Utc::now(),
            )?);
            if batch.len() == 10_000 {
                self.send(&batch).await?;
                batch.clear();
            }
        }
        self.send(&batch).await
    }

    async fn send(&self, batch: &[Outgoing]) -> anyhow::Result<()> {
        for result in self.producer.send_all(batch).await {
            result?;
        }
        Ok(())
    }
}
