//! Running the tool without the settings of whoever runs the tests.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// What became of one run.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `geobot-ctl` with these arguments and variables.
pub(crate) fn ctl(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    ctl_reading(arguments, variables, "")
}

/// The same with a text on standard input.
pub(crate) fn ctl_reading(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_geobot-ctl"))
        .args(arguments)
        .env_clear()
        // Nobody listens there: a test must not reach what else runs on this machine.
        .envs([
            ("ARM_URL", "http://127.0.0.1:1/"),
            ("SANDBOX_URL", "http://127.0.0.1:1/"),
            ("KAFKA_BROKERS", "127.0.0.1:1"),
        ])
        .envs(variables.iter().copied())
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    Ended {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Variables for the throw-away Kafka of the test stack.
pub(crate) fn real_kafka() -> (String, Vec<(&'static str, String)>) {
    let brokers = std::env::var("GEOBOT_TEST_KAFKA")
        .expect("GEOBOT_TEST_KAFKA is not set: run `sh init.sh test`");
    let variables = vec![
        ("KAFKA_BROKERS", brokers.clone()),
        ("KAFKA_SECURITY", "plaintext".to_owned()),
    ];
    (brokers, variables)
}
