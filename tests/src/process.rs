//! One service as a process: started, asked whether it is ready, stopped, killed; and what it logged.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::watchdog::{Watchdog, Watched};

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(40);
/// How long a stop may take; the services promise 10 s.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);
const PACE: Duration = Duration::from_millis(30);

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Please end.
    Term,
    /// As Ctrl-C.
    Int,
    /// End now.
    Kill,
}

/// The binary of a package of this workspace, found beside the running test.
///
/// # Errors
/// When it was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("where the test itself is")?;
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "there is no {name} beside {}: run `cargo build --workspace` first",
            test.display()
        )
    })
}

/// A command for a binary of this workspace with exactly these settings, in a folder of its own.
///
/// # Errors
/// When the binary was not built.
pub fn command(name: &str, folder: &Path, settings: &[(String, String)]) -> Result<Command> {
    let mut command = Command::new(binary(name)?);
    command
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok(command)
}

/// A running service.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Watched,
    address: String,
    log: PathBuf,
}

impl Process {
    /// Starts a binary; its output goes to the end of `<folder>/<name>.log`.
    ///
    /// # Errors
    /// When the binary is missing.
    pub fn start(
        name: &'static str,
        mut command: Command,
        address: &str,
        folder: &Path,
        watchdog: &Arc<Watchdog>,
    ) -> Result<Process> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        command
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0);
        let child = Watched::start(&mut command, watchdog)
            .with_context(|| format!("{name} can't be started"))?;
        Ok(Process {
            name,
            child,
            address: address.to_owned(),
            log,
        })
    }

    /// Waits until `/health/ready` says yes.
    ///
    /// # Errors
    /// When the process ends or the time is up; with the end of its log.
    pub async fn ready(&mut self, http: &reqwest::Client) -> Result<()> {
        let begin = Instant::now();
        let address = format!("http://{}/health/ready", self.address);
        let mut last = "no answer".to_owned();
        loop {
            if let Some(status) = self.ended()? {
                bail!(
                    "{} ended while it was starting ({status}):\n{}",
                    self.name,
                    self.tail(15)
                );
            }
            match http.get(&address).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => last = answer.text().await.unwrap_or_default(),
                Err(error) => {
                    last = if error.is_connect() {
                        last
                    } else {
                        error.to_string()
                    }
                }
            }
            ensure!(
                begin.elapsed() < START_LIMIT,
                "{} is not ready after {} s ({last}):\n{}",
                self.name,
                START_LIMIT.as_secs(),
                self.tail(15)
            );
            tokio::time::sleep(PACE).await;
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// How the process ended, if it has.
    ///
    /// # Errors
    /// The system's.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.ended()?)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if signal == Signal::Kill {
            return Ok(self.child.kill()?);
        }
        let word = if signal == Signal::Term {
            "TERM"
        } else {
            "INT"
        };
        // The shell's own `kill`: safe Rust has no signals, and not every machine has a program of that name.
        let sent = Command::new("/bin/sh")
            .args(["-c", &format!("kill -{word} {}", self.pid())])
            .status()?;
        ensure!(sent.success(), "{} does not take SIG{word}", self.name);
        Ok(())
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it takes longer than [`STOP_LIMIT`] and a little.
    pub async fn wait(&mut self) -> Result<(ExitStatus, Duration)> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok((status, begin.elapsed()));
            }
            ensure!(
                begin.elapsed() < STOP_LIMIT + Duration::from_secs(2),
                "{} does not end:\n{}",
                self.name,
                self.tail(15)
            );
            tokio::time::sleep(PACE).await;
        }
    }

    /// Where the log ends now.
    #[must_use]
    pub fn log_length(&self) -> u64 {
        self.log.metadata().map_or(0, |it| it.len())
    }

    /// What was logged since a place in the log.
    #[must_use]
    pub fn log_since(&self, place: u64) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(&self.log)
            && file.seek(SeekFrom::Start(place)).is_ok()
        {
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn tail(&self, lines: usize) -> String {
        let text = self.log_since(0);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// An end in words: `exit code 0` or `signal 9`.
#[must_use]
pub fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
