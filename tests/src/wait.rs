//! Waiting for what must come, without fixed pauses.

use std::time::{Duration, Instant};

/// How long a hop may take before it is called missing. It is long, so that a busy machine fails no test; a passing
/// test never waits for it.
pub const LIMIT: Duration = Duration::from_secs(30);
/// How often is looked.
const PACE: Duration = Duration::from_millis(40);

/// Looks until `look` says Ok, and prints the hop with its time: a failing test shows how far it came.
///
/// # Panics
/// When it is not seen within [`LIMIT`]; the message names the hop and what was seen last.
pub async fn eventually<T>(hop: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    within(LIMIT, hop, look).await
}

/// As [`eventually`], with a limit of its own.
///
/// # Panics
/// As there.
pub async fn within<T>(
    limit: Duration,
    hop: &str,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let begin = Instant::now();
    loop {
        let seen = match look().await {
            Ok(found) => {
                println!("  ✓ {hop} ({} ms)", begin.elapsed().as_millis());
                return found;
            }
            Err(seen) => seen,
        };
        assert!(
            begin.elapsed() < limit,
            "missing after {} s: {hop}\n  last seen: {seen}",
            limit.as_secs()
        );
        tokio::time::sleep(PACE).await;
    }
}

/// Looks for a while and takes it that what `look` calls Ok stays so: for what must *not* happen. Keep it short, and
/// wait first for something that happens after it would have.
///
/// # Panics
/// When `look` says Err; the message names what came.
pub async fn stays(what: &str, mut look: impl AsyncFnMut() -> Result<(), String>) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(400) {
        if let Err(seen) = look().await {
            panic!("no longer true: {what}\n  seen: {seen}");
        }
        tokio::time::sleep(PACE).await;
    }
    println!("  ✓ {what}");
}
