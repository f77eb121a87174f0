//! The program itself: what it refuses to start with, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geobot-sandbox"));
    command.env_clear().current_dir(std::env::temp_dir());
    command
}

#[test]
fn wrong_settings_are_one_line_and_exit_code_2() {
    for (name, value, word) in [
        (
            "BOT_TOKEN",
            "123456789:AAF-real-looking-token",
            "real bot token",
        ),
        ("BOT_TOKEN", "SANDBOX", "BOT_TOKEN"),
        ("SANDBOX_LISTEN", "0.0.0.0:0", "loopback only"),
        ("SANDBOX_LISTEN", "nowhere", "127.0.0.1:8081"),
        ("ROBOKASSA_HASH", "crc32", "ripemd160"),
        ("SANDBOX_STATE", "/dev/null/state.json", "SANDBOX_STATE"),
    ] {
        let ended = program()
            .env("SANDBOX_LISTEN", "127.0.0.1:0")
            .env(name, value)
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{name}={value}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains(word), "{said}");
        assert!(!said.contains("AAF-real"), "{said}");
    }
}

#[test]
fn a_taken_port_is_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = program().env("SANDBOX_LISTEN", &address).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(
        said.trim_end().lines().count() == 1 && said.contains(&address),
        "{said}"
    );
}

#[test]
fn both_signals_end_it_cleanly_and_quickly() {
    for signal in ["-TERM", "-INT"] {
        let mut running = program()
            .env("SANDBOX_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(running.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(
            line.starts_with("geobot-sandbox: chat page on http://127.0.0.1:"),
            "{line}"
        );
        let started = Instant::now();
        assert!(
            Command::new("kill")
                .args([signal, &running.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(running.wait().unwrap().code(), Some(0));
        assert!(started.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn help_explains_every_setting() {
    let said = program().arg("--help").output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    for name in [
        "SANDBOX_LISTEN",
        "BOT_TOKEN",
        "ROBOKASSA_PASSWORD1",
        "SANDBOX_RESULT_URL",
        "SANDBOX_RESULT2_URL",
        "SANDBOX_PROCESSING_MS",
        "ROBOKASSA_PASSWORD3",
        "LOGSTASH_USER",
    ] {
        assert!(text.contains(name), "{name}");
    }
    assert_eq!(said.status.code(), Some(0));
}
