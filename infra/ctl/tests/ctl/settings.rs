//! Wrong settings and usage: one line and exit code 2.

use crate::command::ctl;

const TOKEN: (&str, &str) = ("ARM_API_TOKEN", "secret");
const GUIDE: [&str; 6] = ["product", "add", "--title", "Гид", "--text", "Привет"];

fn is_refused(arguments: &[&str], variables: &[(&str, &str)], expected: &str) {
    let ended = ctl(arguments, variables);
    assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{arguments:?}: {}", ended.err);
    assert!(ended.err.contains(expected), "{arguments:?}: {}", ended.err);
    assert_eq!(ended.out, "", "{arguments:?}");
}

#[test]
fn wrong_usage_is_one_line_and_exit_code_2() {
    is_refused(&[], &[], "requires a subcommand");
    is_refused(&["fly"], &[], "unrecognized subcommand");
    is_refused(&["topics"], &[], "requires a subcommand");
    is_refused(&["dlq", "show", "nope"], &[], "there is no topic `nope`");
    is_refused(
        &["topics", "ensure", "--replication", "0"],
        &[],
        "--replication",
    );
    is_refused(
        &["robokassa", "vectors", "/nowhere.json"],
        &[],
        "/nowhere.json can't be read",
    );
}

#[test]
fn a_wrong_product_is_refused_before_anybody_is_asked() {
    let add = |more: &[&'static str]| [&GUIDE[..], more].concat();
    for price in ["0", "0.00", "-1", "1,50", "1.234", "free", "1e3"] {
        is_refused(&add(&["--price", price]), &[TOKEN], "--price");
    }
    is_refused(
        &add(&["--price", "1", "--days", "3"]),
        &[TOKEN],
        "--invite-chat",
    );
    is_refused(
        &add(&["--price", "1", "--file-url", "https://example.com/"]),
        &[TOKEN],
        "cannot be used with",
    );
    is_refused(
        &add(&["--price", "1", "--webhook", "https://example.com/"]),
        &[TOKEN],
        "cannot be used with",
    );
    is_refused(
        &add(&["--price", "1", "--webhook-text", "x"]),
        &[TOKEN],
        "--webhook",
    );
    is_refused(
        &add(&["--price", "1", "--caption", "x"]),
        &[TOKEN],
        "--file",
    );
    let webhook = [
        "product",
        "add",
        "--title",
        "x",
        "--price",
        "1",
        "--webhook",
    ];
    is_refused(&[&webhook[..], &["ftp://a/"]].concat(), &[TOKEN], "http://");
    let chat = [
        "product",
        "add",
        "--title",
        "x",
        "--price",
        "1",
        "--invite-chat",
    ];
    is_refused(&[&chat[..], &["5"]].concat(), &[TOKEN], "negative number");
    is_refused(&chat[..6], &[TOKEN], "--text");
    is_refused(&["product", "archive", "x"], &[TOKEN], "UUID");
}

#[test]
fn a_missing_token_is_named() {
    is_refused(&["product", "list"], &[], "ARM_API_TOKEN is empty");
}

#[test]
fn wrong_kafka_settings_are_named() {
    is_refused(
        &["topics", "ensure"],
        &[("KAFKA_SECURITY", "wrong")],
        "--kafka-security",
    );
}

#[test]
fn a_real_token_is_refused_where_things_are_made_up() {
    let real = ("BOT_TOKEN", "123456789:AAF-a-real-one");
    for command in ["try", "demo"] {
        is_refused(&[command], &[real, TOKEN], "BOT_TOKEN is a real one");
    }
    assert!(!ctl(&["try"], &[real]).err.contains("AAF"));
}

#[test]
fn nobody_there_is_exit_code_1() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let ended = ctl(&["product", "list"], &[TOKEN, ("ARM_URL", &url)]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("does not answer"), "{}", ended.err);
    let ended = ctl(&["try"], &[TOKEN, ("ARM_URL", &url)]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
}

#[test]
fn help_explains_every_setting() {
    let ended = ctl(&["try", "--help"], &[]);
    assert_eq!(ended.code, Some(0));
    for setting in [
        "BOT_TOKEN",
        "KAFKA_BROKERS",
        "ARM_API_TOKEN",
        "SANDBOX_URL",
        "--timeout",
    ] {
        assert!(ended.out.contains(setting), "{setting}");
    }
}
