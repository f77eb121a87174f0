//! What every service serves: `/health/live`, `/health/ready`, `/metrics`.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config;

type Check =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// The health of a service: what it stands on, each with a check.
#[derive(Clone)]
pub struct Health {
    checks: Vec<(&'static str, Check)>,
    stopping: CancellationToken,
    metrics: PrometheusHandle,
}

/// A check that does not answer for this long has failed.
const CHECK_LIMIT: Duration = Duration::from_secs(3);

impl Health {
    /// A service without dependencies, ready until `stopping`.
    pub fn new(stopping: CancellationToken) -> Health {
        Health {
            checks: Vec::new(),
            stopping,
            metrics: recorder(),
        }
    }

    /// Adds a dependency: the service is ready only while `check` says Ok.
    pub fn needs<F, R>(mut self, name: &'static str, check: F) -> Health
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks
            .push((name, Arc::new(move || Box::pin(check()))));
        self
    }

    /// The three routes, to be merged into the service's own.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/health/live", get(|| async { "ok" }))
            .route("/health/ready", get(ready))
            .route(
                "/metrics",
                get(|State(health): State<Health>| async move {
                    (
                        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
                        health.metrics.render(),
                    )
                }),
            )
            .with_state(self)
    }
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let mut answers = serde_json::Map::new();
    let mut ok = true;
    if health.stopping.is_cancelled() {
        ok = false;
        answers.insert("shutdown".to_owned(), "begun".into());
    }
    let checks = health.checks.iter().map(|(name, check)| {
        let running = check();
        async move {
            let result = tokio::time::timeout(CHECK_LIMIT, running).await;
            (
                *name,
                result.unwrap_or_else(|_| Err("no answer".to_owned())),
            )
        }
    });
    for (name, result) in futures_util::future::join_all(checks).await {
        ok &= result.is_ok();
        answers.insert(
            name.to_owned(),
            result.map_or_else(Into::into, |()| "ok".into()),
        );
    }
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(serde_json::json!({ "ready": ok, "checks": answers })),
    )
}

/// Sets up the process's metrics, once. Whoever keeps a handle of a metric calls it first: a handle that is made before
/// there is a recorder never counts.
pub fn start_metrics() {
    recorder();
}

/// How often the samples of the histograms are put into their buckets. Until then each sample is kept, so that without
/// this a service that nobody scrapes would grow for ever.
const METRICS_UPKEEP: Duration = Duration::from_secs(1);

/// The process's metrics; the first call sets them up.
fn recorder() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let seconds = [
                0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
            ];
            let builder = PrometheusBuilder::new();
            let builder = match builder
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
            {
                Ok(builder) => builder,
                Err(_) => PrometheusBuilder::new(),
            };
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::debug!("another metrics recorder was set before");
            }
            let upkeep = handle.clone();
            let thread = std::thread::Builder::new().name("metrics".to_owned());
            let started = thread.spawn(move || {
                loop {
                    std::thread::sleep(METRICS_UPKEEP);
                    upkeep.run_upkeep();
                }
            });
            if let Err(error) = started {
                tracing::warn!(%error, "metrics_upkeep_failed");
            }
            handle
        })
        .clone()
}

/// Binds the service's address. A taken port ends the process with one line and exit code 2.
pub async fn bind(address: SocketAddr, setting: &str) -> TcpListener {
    match TcpListener::bind(address).await {
        Ok(listener) => {
            if let Ok(bound) = listener.local_addr() {
                info!(address = %bound, "listening_begun");
            }
            listener
        }
        Err(error) => config::refuse(&format!(
            "{setting}={address} can't be listened on: {error}"
        )),
    }
}

/// Serves until `stop`, then finishes what is running.
///
/// # Errors
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readiness_names_what_is_down_and_goes_off_at_shutdown() {
        let stopping = CancellationToken::new();
        let health = Health::new(stopping.clone())
            .needs("redis", || async { Err("connection refused".to_owned()) })
            .needs("kafka", || async { Ok(()) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = CancellationToken::new();
        tokio::spawn(serve(listener, health.routes(), server.clone()));
        let answer = reqwest::get(format!("http://{address}/health/ready"))
            .await
            .unwrap();
        assert_eq!(answer.status(), 503);
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["checks"]["redis"], "connection refused");
        assert_eq!(body["checks"]["kafka"], "ok");
        stopping.cancel();
        let body: serde_json::Value = reqwest::get(format!("http://{address}/health/ready"))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(body["checks"]["shutdown"], "begun");
        server.cancel();
    }
}
