//! The whole graph as processes, started once and shared by all tests of a binary.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::arm::Arm;
use crate::kafka::Kafka;
use crate::ledger::{Ledger, new_postgres_database};
use crate::lk::Lk;
use crate::ordeal::Bots;
use crate::ports;
use crate::process::{self, Process, Signal};
use crate::robokassa::Robokassa;
use crate::sandbox::Sandbox;
use crate::servers::Servers;
use crate::watchdog::Watchdog;

/// A process of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Telegram, Robokassa and Logstash.
    Sandbox,
    /// `info_in` to Logstash.
    Logger,
    /// The staff workplace.
    Arm,
    /// The personal cabinet.
    Lk,
    /// The first worker.
    Worker0,
    /// The second worker.
    Worker1,
    /// The bot.
    Bot,
}

impl Service {
    /// In the order of their start.
    pub const ALL: [Service; 7] = [
        Service::Sandbox,
        Service::Logger,
        Service::Arm,
        Service::Lk,
        Service::Worker0,
        Service::Worker1,
        Service::Bot,
    ];

    /// The name of its log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Service::Sandbox => "sandbox",
            Service::Logger => "logger",
            Service::Arm => "arm",
            Service::Lk => "lk",
            Service::Worker0 => "worker-0",
            Service::Worker1 => "worker-1",
            Service::Bot => "bot",
        }
    }

    /// The name of its program.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Service::Sandbox => "geobot-sandbox",
            Service::Logger => "geobot-logger",
            Service::Arm => "geobot-arm",
            Service::Lk => "geobot-lk",
            Service::Worker0 | Service::Worker1 => "geobot-worker",
            Service::Bot => "geobot-bot",
        }
    }

    /// The setting that says where it listens.
    #[must_use]
    pub const fn listen_setting(self) -> &'static str {
        match self {
            Service::Sandbox => "SANDBOX_LISTEN",
            Service::Logger => "LOGGER_LISTEN",
            Service::Arm => "ARM_LISTEN",
            Service::Lk => "LK_LISTEN",
            Service::Worker0 | Service::Worker1 => "WORKER_LISTEN",
            Service::Bot => "BOT_LISTEN",
        }
    }
}

/// LK's and ARM's bearer tokens.
pub const LK_API_TOKEN: &str = "e2e-lk-api-token-0123456789";
/// See [`LK_API_TOKEN`].
pub const ARM_API_TOKEN: &str = "e2e-arm-api-token-0123456789";
/// The secret of the bot's webhook.
pub const WEBHOOK_SECRET: &str = "e2e-webhook-secret-0123456789";

/// The running graph and clients for it.
pub struct Stack {
    /// The stand-ins and their control API.
    pub sandbox: Sandbox,
    /// ARM's JSON API.
    pub arm: Arm,
    /// LK's endpoints and pages.
    pub lk: Lk,
    /// Records straight into and out of Kafka.
    pub kafka: Kafka,
    /// Signs callbacks as Robokassa does.
    pub robokassa: Robokassa,
    /// LK's ledger, read from its database.
    pub ledger: Ledger,
    /// Where Kafka and Redis are.
    pub servers: Servers,
    /// Settings that name LK's and ARM's PostgreSQL databases; LK's first. Empty: SQLite.
    databases: Vec<(&'static str, String)>,
    folder: PathBuf,
    addresses: BTreeMap<Service, String>,
    processes: BTreeMap<Service, Process>,
    /// Services that run with other settings than usual.
    special: Vec<Service>,
    http: reqwest::Client,
    watchdog: Arc<Watchdog>,
}

impl Stack {
    /// Starts everything and waits until it is ready. When somebody takes a port in the moment between choosing and
    /// listening, all is tried once more.
    ///
    /// # Errors
    /// What is missing, or what a service said.
    pub async fn start() -> Result<Stack> {
        Stack::start_on(Servers::from_environment()?).await
    }

    /// As [`Stack::start`], on these servers.
    ///
    /// # Errors
    /// As there.
    pub async fn start_on(servers: Servers) -> Result<Stack> {
        match Stack::try_start(servers.clone()).await {
            Err(error) if is_port_taken(&error) => Stack::try_start(servers).await,
            result => result,
        }
    }

    async fn try_start(servers: Servers) -> Result<Stack> {
        let folder = tempfile::Builder::new()
            .prefix("geobot-e2e-")
            .tempdir()?
            .keep();
        let watchdog = Arc::new(Watchdog::start(&folder)?);
        // The services look for .env in parent folders as well; they find this empty one first.
        std::fs::write(folder.join(".env"), "")?;
        let addresses: BTreeMap<Service, String> = Service::ALL
            .into_iter()
            .zip(ports::free(Service::ALL.len()))
            .map(|(service, port)| (service, format!("127.0.0.1:{port}")))
            .collect();
        let url = |service: Service| format!("http://{}", addresses[&service]);
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .build()?;
        let databases = match &servers.postgres {
            Some(server) => vec![
                (
                    "LK_DATABASE_URL",
                    new_postgres_database(server, &format!("{}_lk", servers.database)).await?,
                ),
                (
                    "ARM_DATABASE_URL",
                    new_postgres_database(server, &format!("{}_arm", servers.database)).await?,
                ),
            ],
            None => Vec::new(),
        };
        let mut stack = Stack {
            sandbox: Sandbox::new(&url(Service::Sandbox), http.clone()),
            arm: Arm::new(&url(Service::Arm), ARM_API_TOKEN, http.clone()),
            lk: Lk::new(&url(Service::Lk), LK_API_TOKEN, http.clone()),
            kafka: Kafka::new(&servers.kafka)?,
            robokassa: Robokassa::new()?,
            ledger: Ledger::new(&match databases.first() {
                Some((_, address)) => address.clone(),
                None => format!(
                    "sqlite://{}?mode=ro",
                    folder.join("data/lk.sqlite").display()
                ),
            }),
            databases,
            servers,
            folder,
            addresses,
            processes: BTreeMap::new(),
            special: Vec::new(),
            http,
            watchdog,
        };
        stack.servers.empty_redis().await?;
        stack.ensure_topics().await?;
        // What other tests have left there would keep the logger from the documents that these tests wait for.
        stack.kafka.lose_records("info_in").await;
        for service in Service::ALL {
            stack.launch(service, &[])?;
            // The others call it from their first moment on.
            if service == Service::Sandbox {
                stack.ready(service).await?;
            }
        }
        for service in Service::ALL {
            stack.ready(service).await?;
        }
        Ok(stack)
    }

    /// `geobot-ctl topics ensure`.
    ///
    /// # Errors
    /// What it said.
    pub async fn ensure_topics(&self) -> Result<()> {
        let mut command = process::command("geobot-ctl", &self.folder, &self.base_settings())?;
        let output =
            tokio::task::spawn_blocking(move || command.args(["topics", "ensure"]).output())
                .await??;
        ensure!(
            output.status.success(),
            "`geobot-ctl topics ensure` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Where a service listens, host:port.
    #[must_use]
    pub fn address(&self, service: Service) -> &str {
        &self.addresses[&service]
    }

    /// What every program of the graph is told.
    fn base_settings(&self) -> Vec<(String, String)> {
        let url = |service: Service| format!("http://{}", self.address(service));
        let sandbox = url(Service::Sandbox);
        let lk = url(Service::Lk);
        let (shop, servers) = (&self.robokassa, &self.servers);
        let mut all: Vec<(String, String)> = [
            ("RUST_LOG", "info"),
            ("BOT_TOKEN", ""),
            ("KAFKA_BROKERS", &servers.kafka_sasl),
            ("KAFKA_SECURITY", "scram"),
            ("KAFKA_USERNAME", &servers.kafka_user),
            ("KAFKA_PASSWORD", &servers.kafka_password),
            ("REDIS_URL", &servers.redis),
            ("TELEGRAM_API_URL", &format!("{sandbox}/")),
            ("ROBOKASSA_PAY_URL", &format!("{sandbox}/Merchant")),
            (
                "ROBOKASSA_SERVICES_URL",
                &format!("{sandbox}/robokassa-services"),
            ),
            ("LOGSTASH_URL", &format!("{sandbox}/logstash")),
            ("LOGSTASH_USER", "geobot"),
            ("LOGSTASH_PASSWORD", "e2e-logstash-password"),
            ("SANDBOX_URL", &sandbox),
            ("SANDBOX_RESULT_URL", &format!("{lk}/robokassa/result")),
            // Not taken while LK has no certificate.
            ("SANDBOX_RESULT2_URL", &format!("{lk}/robokassa/result2")),
            ("SANDBOX_PROCESSING_MS", "300"),
            ("SANDBOX_SUCCESS_URL", &format!("{lk}/robokassa/success")),
            ("SANDBOX_FAIL_URL", &format!("{lk}/robokassa/fail")),
            ("SANDBOX_RETRY_UNIT_MS", "200"),
            // Telegram's limits hold, but a test need not wait for them.
            ("SANDBOX_LIMIT_PRIVATE_PER_SECOND", "20"),
            ("SANDBOX_LIMIT_ALL_PER_SECOND", "400"),
            ("BOT_LIMIT_PRIVATE", "20"),
            ("BOT_LIMIT_ALL", "200"),
            ("LK_PUBLIC_URL", &lk),
            ("LK_API_TOKEN", LK_API_TOKEN),
            (
                "LK_LINK_KEY",
                "e2e-link-key-0123456789abcdef0123456789abcdef",
            ),
            ("LK_LEGACY_GET", "true"),
            ("LK_REPUBLISH_AFTER", "3"),
            ("ARM_URL", &url(Service::Arm)),
            ("ARM_API_TOKEN", ARM_API_TOKEN),
            ("ARM_OWNER_PASSWORD", "e2e-owner-password"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let data = self.folder.join("data");
        all.push(("DATA_DIR".to_owned(), data.display().to_string()));
        all.extend(shop.settings());
        all.extend(
            self.databases
                .iter()
                .map(|(name, address)| ((*name).to_owned(), address.clone())),
        );
        all
    }

    /// What a service is told.
    #[must_use]
    pub fn settings(&self, service: Service) -> Vec<(String, String)> {
        let mut all = self.base_settings();
        let listen = service.listen_setting().to_owned();
        all.push((listen, self.address(service).to_owned()));
        let worker = match service {
            Service::Worker0 => Some("WORKER_0"),
            Service::Worker1 => Some("WORKER_1"),
            _ => None,
        };
        all.extend(worker.map(|name| ("WORKER_NAME".to_owned(), name.to_owned())));
        all
    }

    /// Bots besides the stack's own, which must be stopped first: they would share the work with it.
    #[must_use]
    pub fn more_bots(&self, count: usize, changed: &[(&str, Option<&str>)]) -> Bots {
        let addresses = ports::free(count);
        Bots::new(
            change(self.settings(Service::Bot), changed),
            addresses
                .iter()
                .map(|port| format!("127.0.0.1:{port}"))
                .collect(),
            self.folder.clone(),
            &self.watchdog,
        )
    }

    /// Ends processes that a test starts by itself when the tests end.
    #[must_use]
    pub fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    /// Runs a service's program with some settings changed (or, with `None`, left out) until it ends by itself, and
    /// returns how it ended and what it printed to standard error. For settings that are refused.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn run_with(
        &self,
        service: Service,
        changed: &[(&str, Option<&str>)],
    ) -> Result<(ExitStatus, String)> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join(".env"), "")?;
        // Not the port and the database of the running one, and no log lines between what is looked for.
        let data = folder.path().display().to_string();
        let quiet = [
            (service.listen_setting(), Some("127.0.0.1:0")),
            ("DATA_DIR", Some(data.as_str())),
            ("LK_DATABASE_URL", None),
            ("ARM_DATABASE_URL", None),
            ("RUST_LOG", Some("off")),
        ];
        let settings = change(change(self.settings(service), &quiet), changed);
        let mut child = process::command(service.binary(), folder.path(), &settings)?
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()?;
        let pid = child.id();
        self.watchdog.watch(pid);
        let mut errors = child.stderr.take().context("standard error")?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut errors, &mut text);
            text
        });
        let ended = crate::wait::within(
            Duration::from_secs(25),
            &format!("{} refuses {changed:?}", service.binary()),
            async || match child.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err("it runs".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        )
        .await;
        self.watchdog.forget(pid);
        Ok((ended, reading.await?))
    }

    /// The process of a service that runs.
    ///
    /// # Panics
    /// When it does not.
    pub fn process(&mut self, service: Service) -> &mut Process {
        self.processes
            .get_mut(&service)
            .unwrap_or_else(|| panic!("{} does not run", service.name()))
    }

    fn launch(&mut self, service: Service, changed: &[(&str, Option<&str>)]) -> Result<()> {
        let settings = change(self.settings(service), changed);
        let command = process::command(service.binary(), &self.folder, &settings)?;
        let process = Process::start(
            service.name(),
            command,
            self.address(service),
            &self.folder,
            &self.watchdog,
        )?;
        self.processes.insert(service, process);
        Ok(())
    }

    async fn ready(&mut self, service: Service) -> Result<()> {
        let http = self.http.clone();
        self.process(service).ready(&http).await
    }

    /// Starts a stopped service again.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start_again(&mut self, service: Service) {
        self.start_with(service, &[]).await;
    }

    /// Starts a stopped service with some settings changed, until the end of the test.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start_with(&mut self, service: Service, changed: &[(&str, Option<&str>)]) {
        self.special.retain(|other| *other != service);
        if !changed.is_empty() {
            self.special.push(service);
        }
        let begun = match self.launch(service, changed) {
            Ok(()) => self.ready(service).await,
            Err(error) => Err(error),
        };
        begun.unwrap_or_else(|error| panic!("{error:#}"));
        println!("  ✓ {} is up again", service.name());
    }

    /// Ends a service with SIGTERM and waits for it.
    ///
    /// # Panics
    /// When it does not end well within 10 s.
    pub async fn stop(&mut self, service: Service) {
        let took = self.try_stop(service, Signal::Term).await;
        let took = took.unwrap_or_else(|error| panic!("{error:#}"));
        println!("  ✓ {} has ended ({} ms)", service.name(), took.as_millis());
    }

    /// Ends a service with a signal, which it should obey in time with exit code 0.
    ///
    /// # Errors
    /// When it does not.
    pub async fn try_stop(&mut self, service: Service, signal: Signal) -> Result<Duration> {
        let mut process = self
            .processes
            .remove(&service)
            .with_context(|| format!("{} does not run", service.name()))?;
        let place = process.log_length();
        process.signal(signal)?;
        let (status, took) = process.wait().await?;
        if !status.success() || took > process::STOP_LIMIT {
            bail!(
                "{} ended after {} ms with {}:\n{}",
                service.name(),
                took.as_millis(),
                process::how(status),
                process.log_since(place)
            );
        }
        Ok(took)
    }

    /// Kills a service: it has no chance to tidy up.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self, service: Service) {
        drop(self.processes.remove(&service));
        println!("  ✓ {} is killed", service.name());
    }

    /// Brings everything back that a test stopped, set or broke.
    ///
    /// # Errors
    /// When a service does not come back.
    pub async fn restore(&mut self) -> Result<()> {
        self.sandbox.clear_faults().await;
        for service in std::mem::take(&mut self.special) {
            if self.processes.contains_key(&service) {
                self.try_stop(service, Signal::Term).await?;
            }
        }
        for service in Service::ALL {
            let runs = match self.processes.get_mut(&service) {
                Some(process) => process.ended()?.is_none(),
                None => false,
            };
            if !runs {
                self.launch(service, &[])?;
            }
        }
        for service in Service::ALL {
            self.ready(service).await?;
        }
        Ok(())
    }

    /// Where each service's log ends now.
    #[must_use]
    pub fn log_places(&self) -> BTreeMap<Service, u64> {
        self.processes
            .iter()
            .map(|(service, process)| (*service, process.log_length()))
            .collect()
    }

    /// What the services logged since then: complaints, and lines that hold one of the words.
    #[must_use]
    pub fn log_report(&self, since: &BTreeMap<Service, u64>, words: &[String]) -> String {
        const MOST: usize = 25;
        let mut report = String::new();
        for (service, process) in &self.processes {
            let text = process.log_since(since.get(service).copied().unwrap_or_default());
            let worth = |line: &&str| {
                line.contains("WARN")
                    || line.contains("ERROR")
                    || line.contains("panicked")
                    || words.iter().any(|word| line.contains(word.as_str()))
            };
            let lines: Vec<&str> = text.lines().filter(worth).collect();
            for line in &lines[lines.len().saturating_sub(MOST)..] {
                report.push_str(&format!("{:>9} | {line}\n", service.name()));
            }
        }
        report
    }
}

fn change(
    mut settings: Vec<(String, String)>,
    changed: &[(&str, Option<&str>)],
) -> Vec<(String, String)> {
    for (name, value) in changed {
        settings.retain(|(known, _)| known != name);
        settings.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    settings
}

fn is_port_taken(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    text.contains("can't be listened on") || text.contains("cannot listen")
}
