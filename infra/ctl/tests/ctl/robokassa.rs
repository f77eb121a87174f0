//! Signatures explained and checked.

use crate::command::{ctl, ctl_reading};

const SHOP: [(&str, &str); 3] = [
    ("ROBOKASSA_LOGIN", "geobot-demo"),
    ("ROBOKASSA_PASSWORD1", "correcthorse1"),
    ("ROBOKASSA_PASSWORD2", "correcthorse2"),
];
/// `100.000000:1001:correcthorse2`, SHA-256.
const GENUINE: &str = "OutSum=100.000000&InvId=1001&SignatureValue=";

/// The signature a genuine callback would carry, taken from the explanation of a forged one.
fn genuine() -> String {
    let zeros = "0".repeat(64);
    let ended = ctl(
        &["robokassa", "explain", &format!("{GENUINE}{zeros}")],
        &SHOP,
    );
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let signature = ended
        .out
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 64 && **word != zeros)
        .expect("the explanation shows the right signature");
    format!("{GENUINE}{signature}")
}

#[test]
fn a_callback_is_explained_from_the_argument_and_from_standard_input() {
    let callback = genuine();
    let ended = ctl(&["robokassa", "explain", &callback], &SHOP);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let ended = ctl_reading(
        &["robokassa", "explain", "--mode", "live"],
        &SHOP,
        &callback,
    );
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    assert!(!ended.out.contains("correcthorse"), "{}", ended.out);
}

#[test]
fn a_shop_without_passwords_is_a_wrong_setting() {
    let ended = ctl(&["robokassa", "explain", GENUINE], &[]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
}

#[test]
fn vectors_end_with_their_count() {
    let folder = tempfile::tempdir().unwrap();
    let run = |json: &str| {
        let file = folder.path().join("vectors.json");
        std::fs::write(&file, json).unwrap();
        ctl(&["robokassa", "vectors", file.to_str().unwrap()], &[])
    };
    let ended = run(r#"[{"id": "odd", "kind": "no such kind"}]"#);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.ends_with("0 passed, 1 failed\n"), "{}", ended.out);
    let ended = run("[]");
    assert_eq!(ended.code, Some(1), "no vectors prove nothing");
    assert_eq!(run("junk").code, Some(2));
}

#[test]
fn the_vectors_of_the_project_pass() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/tests/vectors");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let json = std::fs::read_to_string(&file).unwrap();
        // Other files in that folder have forms of their own.
        if !json.trim_start().starts_with('[') || !json.contains("\"base_string\"") {
            continue;
        }
        files += 1;
        let ended = ctl(&["robokassa", "vectors", file.to_str().unwrap()], &[]);
        assert_eq!(ended.code, Some(0), "{}", ended.out);
        assert!(ended.out.ends_with(" passed, 0 failed\n"), "{}", ended.out);
    }
    assert!(files > 0, "there are vectors to check");
}
