//! The state file: people, their chats and payments, so that a restart does not lose the newcomer's chat.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::app::App;
use crate::robokassa::payments::Payment;
use crate::telegram::world::SavedWorld;

/// Changes are gathered this long before they are written.
const GATHER: Duration = Duration::from_millis(500);

/// What is kept between runs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Saved {
    pub(crate) telegram: SavedWorld,
    pub(crate) payments: Vec<Payment>,
}

/// Why the state file cannot be used.
#[derive(Debug, Error)]
pub enum SavedStateError {
    /// It is there and cannot be read; check its rights.
    #[error("SANDBOX_STATE={path}: {reason}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// It is not what the sandbox wrote; delete it to start with nothing.
    #[error("SANDBOX_STATE={path}: not a state file ({reason}); delete it to start with nothing", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        reason: serde_json::Error,
    },
}

/// Reads the file; none is an empty state.
pub(crate) fn load(path: &Path) -> Result<Saved, SavedStateError> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|reason| SavedStateError::Foreign {
            path: path.to_owned(),
            reason,
        }),
        Err(reason) if reason.kind() == ErrorKind::NotFound => Ok(Saved::default()),
        Err(reason) => Err(SavedStateError::Unreadable {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// Writes the file soon after each change, and once more at the end.
pub(crate) async fn keep(app: Arc<App>) {
    if app.settings.state.as_os_str().is_empty() {
        return;
    }
    let mut changes = app.events.changes();
    loop {
        tokio::select! {
            _ = changes.changed() => {}
            () = app.stopping.cancelled() => break,
        }
        tokio::select! {
            () = tokio::time::sleep(GATHER) => {}
            () = app.stopping.cancelled() => break,
        }
        changes.mark_unchanged();
        save(&app).await;
    }
    save(&app).await;
}

async fn save(app: &App) {
    let saved = Saved {
        telegram: app.world.lock().saved(),
        payments: app.payments.lock().all().cloned().collect(),
    };
    let path = app.settings.state.clone();
    let written = tokio::task::spawn_blocking(move || write(&path, &saved)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "state_not_saved"),
        Err(error) => tracing::warn!(%error, "state_not_saved"),
    }
}

/// A reader sees the old file or the new one, never a part.
fn write(path: &Path, saved: &Saved) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension("new");
    let mut file = std::fs::File::create(&fresh)?;
    serde_json::to_writer(std::io::BufWriter::new(&mut file), saved)?;
    file.flush()?;
    file.sync_all()?;
    std::fs::rename(fresh, path)
}
