//! Every text that the code names is there, and every text that is there is named by the code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::Path;

use geobot_shared::i18n;

const RU: &str = include_str!("../texts/ru.ftl");

/// Texts whose names are put together: the bot's commands and the states of an invoice.
const MADE: [&str; 2] = ["command-", "status-"];

/// What looks like the name of a text and is none.
const NO_TEXTS: [&str; 3] = [
    "geobot-bot",
    "tg-control",
    "x-telegram-bot-api-secret-token",
];

fn read(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, all);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let code = std::fs::read_to_string(&path).unwrap();
            // What tests say is no text of the bot.
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            all.push_str(code);
        }
    }
}

/// The string literals of the sources that are written as names of texts are.
fn named() -> BTreeSet<String> {
    let mut code = String::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut code,
    );
    let is_name = |text: &&str| {
        text.contains('-')
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.ends_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(is_name)
        .filter(|text| !NO_TEXTS.contains(text))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_text_that_the_code_names_is_there() {
    let keys = i18n::keys(RU);
    let missing: Vec<_> = named()
        .into_iter()
        .filter(|it| !keys.contains(it))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_text_that_is_there_is_said() {
    let named = named();
    let made = |key: &str| MADE.iter().any(|begin| key.starts_with(begin));
    // One word is no name that could be told from other words.
    let unsaid: Vec<_> = i18n::keys(RU)
        .into_iter()
        .filter(|key| key.contains('-') && !made(key) && !named.contains(key.as_str()))
        .collect();
    assert_eq!(unsaid, Vec::<String>::new());
}
