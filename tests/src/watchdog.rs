//! Ends the services when the tests end, in whatever way: the test harness leaves by `exit`, which runs no
//! destructor, and a killed process runs nothing at all.
//!
//! The watchdog is a small shell script that reads from a pipe whose only writer is the test process. When that
//! process is gone, the pipe ends; then it kills what still runs and removes the folder. It stands in a process group
//! of its own, so that Ctrl-C in a terminal does not end it first.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

const SCRIPT: &str = r#"
pids=' '
while read -r word pid; do
    case $word in
        watch) pids="$pids$pid " ;;
        forget) case $pids in *" $pid "*) pids="${pids%% "$pid" *} ${pids#* "$pid" }" ;; esac ;;
    esac
done
for pid in $pids; do kill -9 "$pid"; done
rm -rf "$1"
"#;

/// Watches over the processes of one stack.
#[derive(Debug)]
pub struct Watchdog {
    shell: Mutex<Child>,
}

impl Watchdog {
    /// Starts watching. `folder` is removed at the end.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start(folder: &Path) -> Result<Watchdog> {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "geobot-tests-watchdog"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("/bin/sh can't be started")?;
        Ok(Watchdog {
            shell: Mutex::new(shell),
        })
    }

    /// Kills this process at the end.
    pub fn watch(&self, pid: u32) {
        self.tell("watch", pid);
    }

    /// This process has ended; its number may belong to another one soon.
    pub fn forget(&self, pid: u32) {
        self.tell("forget", pid);
    }

    fn tell(&self, word: &str, pid: u32) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = &mut shell.stdin {
            // Without a watchdog the tests go on; a leftover is all that can come of it.
            let _ = writeln!(pipe, "{word} {pid}");
        }
    }
}

/// A process that is killed when it is dropped, or else when the tests end.
#[derive(Debug)]
pub struct Watched {
    child: Child,
    watchdog: Arc<Watchdog>,
}

impl Watched {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(command: &mut Command, watchdog: &Arc<Watchdog>) -> std::io::Result<Watched> {
        let child = command.spawn()?;
        watchdog.watch(child.id());
        Ok(Watched {
            child,
            watchdog: Arc::clone(watchdog),
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system's.
    pub fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.watchdog.forget(self.child.id());
        }
        Ok(status)
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When it has ended.
    pub fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.watchdog.forget(self.child.id());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn what_was_watched_ends_with_the_watcher_and_what_was_forgotten_does_not() {
        let folder = tempfile::tempdir().unwrap().keep();
        let mut sleepers: Vec<Child> = (0..3)
            .map(|_| Command::new("sleep").arg("60").spawn().unwrap())
            .collect();
        let watchdog = Watchdog::start(&folder).unwrap();
        sleepers.iter().for_each(|it| watchdog.watch(it.id()));
        watchdog.forget(sleepers[1].id());
        // What the kernel does with the pipe of a process that is gone.
        watchdog.shell.lock().unwrap().stdin = None;
        let end = Instant::now() + Duration::from_secs(10);
        while folder.exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!folder.exists());
        assert!(sleepers[1].try_wait().unwrap().is_none());
        sleepers[1].kill().unwrap();
        for sleeper in &mut sleepers {
            assert!(!sleeper.wait().unwrap().success());
        }
    }
}
