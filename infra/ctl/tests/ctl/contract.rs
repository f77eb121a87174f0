//! docs/asyncapi.yaml is what the topic types say.

use std::path::Path;

use crate::command::ctl;

#[test]
fn the_contract_in_docs_is_that_of_the_topic_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/asyncapi.yaml");
    let ended = ctl(&["contract", "--check", file.to_str().unwrap()], &[]);
    assert_eq!(
        ended.code,
        Some(0),
        "{}\ncargo run -p geobot-ctl -- contract > docs/asyncapi.yaml",
        ended.err
    );
}

#[test]
fn a_contract_that_differs_is_named_with_its_first_line() {
    let printed = ctl(&["contract"], &[]);
    assert_eq!(printed.code, Some(0), "{}", printed.err);
    assert!(printed.out.contains("\nasyncapi: \"3.0.0\"\n"));
    assert_eq!(
        printed.out,
        ctl(&["contract"], &[]).out,
        "the same every time"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asyncapi.yaml");
    std::fs::write(
        &file,
        printed.out.replacen("title: geobot", "title: other", 1),
    )
    .unwrap();
    let ended = ctl(&["contract", "--check", file.to_str().unwrap()], &[]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .err
            .contains("line 4 is `title: other`, not `title: geobot`"),
        "{}",
        ended.err
    );

    std::fs::write(&file, format!("{}more: 1\n", printed.out)).unwrap();
    assert_eq!(
        ctl(&["contract", "--check", file.to_str().unwrap()], &[]).code,
        Some(1)
    );
    std::fs::write(&file, printed.out).unwrap();
    assert_eq!(
        ctl(&["contract", "--check", file.to_str().unwrap()], &[]).code,
        Some(0)
    );
    let ended = ctl(&["contract", "--check", "/nowhere/asyncapi.yaml"], &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
}
