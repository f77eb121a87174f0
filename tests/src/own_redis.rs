//! A Redis of a test's own, as durable as the real one, to be killed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::ports;
use crate::watchdog::{Watchdog, Watched};

const LIMIT: Duration = Duration::from_secs(15);
const PACE: Duration = Duration::from_millis(20);

/// The server.
pub struct OwnRedis {
    /// Ends before its folder is removed.
    process: Option<Watched>,
    folder: tempfile::TempDir,
    port: u16,
    watchdog: Arc<Watchdog>,
}

impl OwnRedis {
    /// Starts it, empty, and waits until it answers.
    ///
    /// # Errors
    /// When there is no redis-server, or it does not answer.
    pub async fn start(watchdog: &Arc<Watchdog>) -> Result<OwnRedis> {
        let port = ports::free(1).first().copied().context("no free port")?;
        let mut redis = OwnRedis {
            folder: tempfile::Builder::new().prefix("geobot-redis-").tempdir()?,
            port,
            process: None,
            watchdog: Arc::clone(watchdog),
        };
        redis.run().await?;
        Ok(redis)
    }

    /// Its address, database 0.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// A connection.
    ///
    /// # Errors
    /// Redis's.
    pub async fn connection(&self) -> Result<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    /// SIGKILL, and a new start from what is on the disk.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn kill_and_run(&mut self) -> Result<()> {
        self.process = None;
        self.run().await
    }

    async fn run(&mut self) -> Result<()> {
        let folder: PathBuf = self.folder.path().to_owned();
        // As infra/native/redis.conf has it: a mark is on the disk before Redis answers.
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", "", "--maxmemory-policy", "noeviction"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let process = Watched::start(&mut command, &self.watchdog)
            .context("redis-server can't be started")?;
        self.process = Some(process);
        let begin = Instant::now();
        loop {
            if let Ok(mut connection) = self.connection().await
                && redis::cmd("PING").exec_async(&mut connection).await.is_ok()
            {
                return Ok(());
            }
            ensure!(begin.elapsed() < LIMIT, "our Redis does not answer");
            tokio::time::sleep(PACE).await;
        }
    }
}
