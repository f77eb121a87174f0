//! `chaos`: the delivery promises while things are killed. Members and services are processes of their own, ended with
//! SIGKILL in the middle of their work; every effect is counted afterwards: none lost, none doubled once the repeats
//! are recognised by their message-id, and each key in order.

mod check;
mod kafka;
mod member;
mod outbox_service;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use geobot_shared::topics::dead_letter_topic;
use serde::Serialize;
use tracing::info;

use self::check::Outcome;
use self::kafka::OwnKafka;
use self::member::Member;
pub(crate) use self::member::{MemberOptions, run as run_member};
use self::outbox_service::OutboxService;
pub(crate) use self::outbox_service::{ServiceOptions, run as run_service};
use crate::broker::Broker;
use crate::{Json, usage};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The broker, without a password; not needed with --kafka-home.
    #[arg(long, env = "GEOBOT_TEST_KAFKA", default_value = "localhost:9093")]
    brokers: String,
    /// A folder with Kafka's `libs`: a broker of our own is started from it, and killed in the scenario kill-broker.
    #[arg(long, env = "GEOBOT_TEST_KAFKA_HOME")]
    kafka_home: Option<PathBuf>,
    /// Records of each scenario.
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Only these scenarios.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    #[command(flatten)]
    json: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Scenario {
    /// Members are killed every two seconds.
    KillConsumers,
    /// Members join and leave in order every two seconds.
    JoinAndLeave,
    /// A service with an outbox is killed every two seconds while it writes and relays.
    KillService,
    /// What the members stand on goes away for two seconds, again and again.
    StopDependency,
    /// The broker is killed twice (a broker of our own only).
    KillBroker,
}

#[derive(Serialize)]
struct Report {
    machine: String,
    records: u64,
    ok: bool,
    scenarios: BTreeMap<Scenario, Outcome>,
}

const KEYS: u64 = 10_000;
const POISON: u64 = 100;
const EVERY: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let mut report = Report {
        machine: usage::machine(),
        records: options.records,
        ok: true,
        scenarios: BTreeMap::new(),
    };
    let mut own = match &options.kafka_home {
        Some(home) => Some(OwnKafka::start(home).await?),
        None => None,
    };
    let brokers = own
        .as_ref()
        .map_or(options.brokers.clone(), OwnKafka::address);
    for scenario in Scenario::value_variants() {
        if !options.only.is_empty() && !options.only.contains(scenario) {
            continue;
        }
        if *scenario == Scenario::KillBroker && own.is_none() {
            println!("kill-broker: left out, there is no broker of our own (--kafka-home)");
            continue;
        }
        let outcome = play(*scenario, &brokers, options.records, own.as_mut())
            .await
            .with_context(|| format!("{scenario:?}"))?;
        println!("{scenario:?}: {outcome}");
        report.ok &= outcome.is_ok();
        report.scenarios.insert(*scenario, outcome);
    }
    options.json.write(&report)?;
    if !report.ok {
        bail!("a promise was broken");
    }
    Ok(())
}

/// One scenario's topics and where its records come from.
struct Stage {
    broker: Broker,
    from: String,
    to: String,
    records: u64,
}

async fn play(
    scenario: Scenario,
    brokers: &str,
    records: u64,
    own: Option<&mut OwnKafka>,
) -> anyhow::Result<Outcome> {
    let broker = Broker::new(brokers)?;
    let name = format!("chaos_{:08x}", rand::random::<u32>());
    let (from, to) = (format!("{name}_in"), format!("{name}_out"));
    let made = [from.clone(), to.clone(), dead_letter_topic(&from)];
    broker.create(&made).await?;
    broker.create_if_missing("info_in").await?;
    let stage = Stage {
        broker,
        from,
        to,
        records,
    };
    let began = Instant::now();
    match scenario {
        Scenario::KillConsumers => stage.change_members(true).await?,
        Scenario::JoinAndLeave => stage.change_members(false).await?,
        Scenario::KillService => stage.kill_service().await?,
        Scenario::StopDependency => stage.stop_dependency().await?,
        Scenario::KillBroker => {
            let Some(own) = own else {
                bail!("no broker of our own");
            };
            stage.kill_broker(own).await?;
        }
    }
    let poison = match scenario {
        Scenario::KillService => 0,
        _ => POISON,
    };
    let outcome = check::count(&stage.broker, &stage.to, &stage.from, records, poison)?;
    stage.broker.delete(&made).await;
    Ok(outcome.took(began.elapsed()))
}

impl Stage {
    fn member(&self) -> anyhow::Result<Member> {
        Member::start(&self.broker.settings().brokers, &self.from, &self.to, None)
    }

    /// Writes the records in the background, over about ten seconds, with poison among them.
    fn fill(&self) -> tokio::task::JoinHandle<anyhow::Result<()>> {
        let settings = self.broker.settings().clone();
        let (topic, records) = (self.from.clone(), self.records);
        tokio::task::spawn_blocking(move || check::fill(&settings, &topic, records, KEYS, POISON))
    }

    async fn finished(&self, written: u64) -> anyhow::Result<bool> {
        // Repeats make it more; fewer can't be all.
        if self.broker.records_in(&self.to)?.unwrap_or(0) < written as i64 {
            return Ok(false);
        }
        let (broker, to) = (&self.broker, &self.to);
        tokio::task::block_in_place(|| Ok(check::distinct(broker, to)? == written))
    }

    async fn until_finished(&self, written: u64) -> anyhow::Result<()> {
        let began = Instant::now();
        while !self.finished(written).await? {
            if began.elapsed() > LIMIT {
                // The count says what is missing.
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Dead letters are written beside the effects.
        let letters = dead_letter_topic(&self.from);
        while self.broker.records_in(&letters)?.unwrap_or(0) < POISON as i64
            && began.elapsed() < LIMIT
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    async fn change_members(&self, kill: bool) -> anyhow::Result<()> {
        let mut members = vec![self.member()?, self.member()?];
        let filling = self.fill();
        let mut changes = 0;
        while !filling.is_finished() || changes < 5 {
            tokio::time::sleep(EVERY).await;
            let oldest = members.remove(0);
            if kill {
                oldest.kill().await?;
            } else {
                oldest.terminate().await?;
            }
            members.push(self.member()?);
            changes += 1;
            info!(changes, kill, "member_replaced");
        }
        filling.await??;
        self.until_finished(self.records).await?;
        for member in members {
            member.terminate().await?;
        }
        Ok(())
    }

    async fn kill_service(&self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("service.sqlite");
        let start = || {
            OutboxService::start(
                &self.broker.settings().brokers,
                &self.to,
                &database,
                self.records,
            )
        };
        let mut service = start()?;
        let began = Instant::now();
        while !self.finished(self.records).await? && began.elapsed() < LIMIT {
            let next = Instant::now() + EVERY;
            while Instant::now() < next && !self.finished(self.records).await? {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            service.kill().await?;
            service = start()?;
            info!("service_replaced");
        }
        service.kill().await
    }

    async fn stop_dependency(&self) -> anyhow::Result<()> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let brokers = &self.broker.settings().brokers;
        let members = [
            Member::start(brokers, &self.from, &self.to, Some(address))?,
            Member::start(brokers, &self.from, &self.to, Some(address))?,
        ];
        let filling = self.fill();
        let mut listener = Some(listener);
        for _ in 0..4 {
            tokio::time::sleep(EVERY).await;
            drop(listener.take());
            info!("dependency_stopped");
            tokio::time::sleep(EVERY).await;
            listener = Some(std::net::TcpListener::bind(address)?);
            info!("dependency_started");
        }
        filling.await??;
        self.until_finished(self.records).await?;
        for member in members {
            member.terminate().await?;
        }
        Ok(())
    }

    async fn kill_broker(&self, own: &mut OwnKafka) -> anyhow::Result<()> {
        let members = [self.member()?, self.member()?];
        let filling = self.fill();
        for _ in 0..2 {
            tokio::time::sleep(EVERY * 2).await;
            own.kill().await?;
            info!("broker_killed");
            own.run().await?;
            info!("broker_started");
        }
        filling.await??;
        self.until_finished(self.records).await?;
        for member in members {
            member.terminate().await?;
        }
        Ok(())
    }
}
