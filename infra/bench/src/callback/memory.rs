//! A process's memory over a run: whether it is flat.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use crate::usage;

const EVERY: Duration = Duration::from_millis(250);

/// Resident memory in MB.
#[derive(Serialize)]
pub(super) struct Memory {
    start_mb: f64,
    middle_mb: f64,
    end_mb: f64,
    /// Since the process began.
    peak_mb: f64,
}

/// Looks at a process again and again until it is ended.
pub(super) struct Watch {
    pid: u32,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Watch {
    pub(super) fn start(pid: u32) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = vec![usage::resident_mb(pid)];
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(EVERY);
                seen.push(usage::resident_mb(pid));
            }
            seen
        });
        Watch { pid, stop, thread }
    }

    pub(super) fn end(self) -> Memory {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.thread.join().unwrap_or_default();
        let at = |place: usize| seen.get(place).copied().unwrap_or_default();
        Memory {
            start_mb: at(0),
            middle_mb: at(seen.len() / 2),
            end_mb: at(seen.len().saturating_sub(1)),
            peak_mb: usage::peak_mb_of(self.pid),
        }
    }
}
