//! The Python peer: confluent-kafka in batches, in an environment of its own.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tokio::process::Command;

const SCRIPT: &str = include_str!("peer.py");
const PACKAGE: &str = "confluent-kafka==2.12.1";

/// A Python that has the package, and the script.
pub(super) struct Interpreter {
    python: PathBuf,
    script: PathBuf,
}

impl Interpreter {
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script);
        command
    }
}

/// Makes the environment unless it is there already; it stays in the user's cache folder.
pub(super) async fn prepare() -> anyhow::Result<Interpreter> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("geobot")
        .join("bench-python");
    let found = Interpreter {
        python: cache.join("bin").join("python"),
        script: cache.join("peer.py"),
    };
    if !works(&found).await {
        run(Command::new("python3").args(["-m", "venv"]).arg(&cache)).await?;
        run(Command::new(&found.python)
            .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:"])
            .args(["--disable-pip-version-check", PACKAGE]))
        .await?;
        if !works(&found).await {
            bail!("confluent-kafka was installed but can't be imported");
        }
    }
    std::fs::write(&found.script, SCRIPT)
        .with_context(|| format!("writing {}", found.script.display()))?;
    Ok(found)
}

async fn works(interpreter: &Interpreter) -> bool {
    let import = Command::new(&interpreter.python)
        .args(["-c", "import confluent_kafka"])
        .output()
        .await;
    import.is_ok_and(|output| output.status.success())
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .output()
        .await
        .with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}", said.trim());
    }
    Ok(())
}
