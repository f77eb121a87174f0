//! Starts the sandbox: settings, state, server, and an end within two seconds of SIGTERM or SIGINT.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use geobot_sandbox::{Settings, StartError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // A missing .env is normal: settings come from the environment then.
    let _ = dotenvy::dotenv();
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            return refuse(
                error
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or("error: wrong settings"),
            );
        }
    };
    log_to_stderr(&settings);
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<StartError>() {
            Some(reason) => refuse(&format!("error: {reason}")),
            None => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn refuse(line: &str) -> ExitCode {
    eprintln!("{line}");
    ExitCode::from(2)
}

fn log_to_stderr(settings: &Settings) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    if settings.log_format == "json" {
        lines.json().flatten_event(true).init();
    } else {
        lines.init();
    }
}

#[tokio::main]
async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("SIGINT cannot be watched")?;

    let sandbox = geobot_sandbox::start(settings).await?;
    println!("geobot-sandbox: chat page on http://{}/", sandbox.address());

    tokio::select! {
        _ = terminated.recv() => tracing::info!(signal = "SIGTERM", "shutdown_requested"),
        _ = interrupted.recv() => tracing::info!(signal = "SIGINT", "shutdown_requested"),
    }
    sandbox.stop().await;
    Ok(())
}
