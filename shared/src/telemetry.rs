//! Logs. Rules are in docs/logging.md: an event name in the past tense and fields, never a secret or a full text.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Starts logging to standard error. `RUST_LOG` filters; without it ours is `info` and libraries' is `warn`.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "warn,geobot_shared=info,geobot_bot=info,geobot_lk=info,geobot_arm=info,geobot_worker=info,\
             geobot_logger=info,geobot_sandbox=info,geobot_ctl=info,geobot_bench=info",
        )
    });
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Text => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(false),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
