//! A member of the group, as a process: it makes one record of each that it reads.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use geobot_shared::bus::{
    Consumer, ConsumerOptions, Event, HandleError, Handled, Inbox, KafkaSettings, Producer,
};
use geobot_shared::lifecycle::{Lifecycle, Step};
use geobot_shared::topics::CreateUserIn;
use geobot_shared::topics::create_user_in::CreateUser;
use tokio::process::{Child, Command};

#[derive(clap::Args)]
pub(crate) struct MemberOptions {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    from: String,
    #[arg(long)]
    to: String,
    /// What it stands on: while nobody listens there, its handlers say so.
    #[arg(long)]
    dependency: Option<SocketAddr>,
}

struct App {
    producer: Producer,
    to: String,
    down: AtomicBool,
}

async fn create_user(app: Arc<App>, event: Event<CreateUser>) -> Handled {
    if app.down.load(Ordering::Acquire) {
        return Err(HandleError::unavailable("dependency", "nobody listens"));
    }
    // One key is slower than all others.
    if event
        .data
        .fields
        .get("user_id")
        .is_some_and(|id| id == "k0")
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    app.producer
        .publish_caused_to::<CreateUserIn>(&app.to, event.data, &event.cause, 0)
        .await?;
    Ok(())
}

pub(crate) async fn run(options: MemberOptions) -> anyhow::Result<()> {
    let settings = KafkaSettings::plaintext(&options.brokers);
    let producer = Producer::new(&settings, "CHAOS")?;
    let app = Arc::new(App {
        producer: producer.clone(),
        to: options.to,
        down: AtomicBool::new(false),
    });
    let inbox = Inbox::<App, CreateUserIn>::new().on(create_user);
    let life = Lifecycle::new();
    let consumer = Consumer::start_on(
        &[&options.from],
        &settings,
        producer.clone(),
        Arc::clone(&app),
        inbox,
        ConsumerOptions::default(),
    )?;
    life.spawn(Step::Intake, "consumer", |stop| consumer.run(stop));
    if let Some(address) = options.dependency {
        tokio::spawn(async move {
            loop {
                let found = tokio::net::TcpStream::connect(address).await.is_ok();
                app.down.store(!found, Ordering::Release);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    life.run(async {
        let _ = producer.flush(Duration::from_secs(2)).await;
    })
    .await;
    Ok(())
}

/// The process.
pub(super) struct Member(Child);

impl Member {
    pub(super) fn start(
        brokers: &str,
        from: &str,
        to: &str,
        dependency: Option<SocketAddr>,
    ) -> anyhow::Result<Member> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("chaos-member")
            .args(["--brokers", brokers, "--from", from, "--to", to]);
        if let Some(address) = dependency {
            command.args(["--dependency", &address.to_string()]);
        }
        Ok(Member(spawn(&mut command)?))
    }

    /// SIGKILL.
    pub(super) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.0.kill().await?)
    }

    /// SIGTERM, and waits.
    pub(super) async fn terminate(mut self) -> anyhow::Result<()> {
        let pid = self.0.id().context("the member has ended by itself")?;
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &pid.to_string()]).status().await?;
        self.0.wait().await?;
        Ok(())
    }
}

/// Starts a process that says nothing and dies with its parent's handle.
pub(super) fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command
        .env("RUST_LOG", "off")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {command:?}"))
}
