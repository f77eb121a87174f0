//! The one HTTP server: routes, background tasks, start and end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::connection::{Connection, CuttableListener};
use crate::saved_state::{self, Saved, SavedStateError};
use crate::settings::{Settings, SettingsError};
use crate::{control, logstash, page, robokassa, telegram};

/// What is still open this long after the request to stop is cut.
const DRAIN: Duration = Duration::from_millis(1_200);

/// Why the sandbox did not start; each says what to change.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting must be changed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The address cannot be listened on; free it or choose another.
    #[error("SANDBOX_LISTEN={address}: cannot listen: {reason}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] SavedStateError),
    /// The HTTP client for callbacks could not be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A sandbox that serves.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    app: Arc<App>,
    server: JoinHandle<()>,
}

/// Starts the sandbox; it serves when this returns.
///
/// # Errors
/// A wrong setting, a taken port, a state file that cannot be read.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let token = settings.check()?;
    let saved = match settings.state.as_os_str().is_empty() {
        true => Saved::default(),
        false => saved_state::load(&settings.state)?,
    };
    let wanted = settings.listen;
    let listen_error = |reason| StartError::Listen {
        address: wanted,
        reason,
    };
    let listener = TcpListener::bind(wanted).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;

    let app = Arc::new(App::new(settings, token, saved)?);
    app.tasks.spawn(telegram::webhook::deliver(app.clone()));
    app.tasks.spawn(saved_state::keep(app.clone()));
    robokassa::callback::resume(&app);
    robokassa::result_url2::resume(&app);

    let stopping = app.stopping.clone();
    let service = routes(app.clone()).into_make_service_with_connect_info::<Connection>();
    let server = tokio::spawn(async move {
        let serving = axum::serve(CuttableListener(listener), service)
            .with_graceful_shutdown(async move { stopping.cancelled().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "server_failed");
        }
    });
    tracing::info!(%address, "sandbox_started");
    Ok(Running {
        address,
        app,
        server,
    })
}

impl Running {
    /// Where it listens; the port is the real one when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it within two seconds: long polls and event streams are cut, the state is saved.
    pub async fn stop(mut self) {
        self.app.stopping.cancel();
        self.app.tasks.close();
        let _ = tokio::time::timeout(DRAIN, async {
            self.app.tasks.wait().await;
            let _ = (&mut self.server).await;
        })
        .await;
        self.server.abort();
        tracing::info!("sandbox_stopped");
    }
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .merge(telegram::routes())
        .merge(robokassa::routes())
        .merge(logstash::routes())
        .merge(control::routes())
        .merge(page::routes())
        .route("/health/live", get(async || "ok"))
        .route("/health/ready", get(async || "ok"))
        .route(
            "/metrics",
            get(async |State(app): State<Arc<App>>| app.counters.render()),
        )
        .with_state(app)
}
