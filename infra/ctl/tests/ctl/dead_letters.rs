//! Dead letters: counted, shown, put back, dropped.

use crate::shelf::{Shelf, cells};

const A: &[u8] = br#"{"service":"LK","action":"a","payload":{"data":{}}}"#;
const B: &[u8] = br#"{"service":"LK","action":"b","payload":{"data":{}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_put_back_once_and_word_for_word() {
    let shelf = Shelf::new(&["info_in"]).await;
    let junk = b"\x00junk\xff";
    shelf.letter(
        "info_in",
        0,
        Some("7"),
        junk,
        &[
            ("message-id", "m-junk"),
            ("attempt", "2"),
            ("x-own", "kept"),
        ],
    );
    shelf.letter(
        "info_in",
        0,
        None,
        A,
        &[("message-id", "m-a"), ("correlation-id", "story")],
    );

    let dry = shelf.done(&["dlq", "redrive"]);
    assert!(dry.starts_with("2 would be redriven:\n"), "{dry}");
    assert!(
        dry.contains("message-id m-junk") && dry.contains("the database is locked"),
        "{dry}"
    );
    assert!(
        dry.ends_with("Nothing was written. To do it, repeat the command with --yes.\n"),
        "{dry}"
    );
    assert_eq!(shelf.records("info_in"), [], "a dry run writes nothing");
    assert_eq!(
        shelf.records("info_in.dlq").len(),
        2,
        "a dry run notes nothing"
    );

    assert_eq!(
        shelf.done(&["dlq", "redrive", "--all", "--yes"]),
        "2 of 2 redriven\n"
    );
    let back = shelf.records("info_in");
    assert_eq!(back.len(), 2);
    let find = |id: &str| {
        back.iter()
            .find(|r| r.header("message-id") == Some(id))
            .unwrap()
    };
    let first = find("m-junk");
    assert_eq!(
        (first.key.as_deref(), first.value.as_slice()),
        (Some(b"7".as_slice()), junk.as_slice())
    );
    let own = [
        ("attempt", "10"),
        ("message-id", "m-junk"),
        ("x-own", "kept"),
    ];
    let mut headers = first.headers.clone();
    headers.sort();
    assert_eq!(
        headers,
        own.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let second = find("m-a");
    assert_eq!((second.key.as_deref(), second.value.as_slice()), (None, A));
    assert_eq!(
        second.partition, 1,
        "without a key it goes to the partition it came from"
    );
    assert_eq!(second.header("correlation-id"), Some("story"));

    let again = shelf.done(&["dlq", "redrive", "--all", "--yes"]);
    assert_eq!(again, "no open dead letter is chosen\n");
    assert_eq!(
        shelf.records("info_in").len(),
        2,
        "nothing is put back twice"
    );
    let name = shelf.name("info_in.dlq");
    assert_eq!(
        cells(&shelf.done(&["dlq", "list"])),
        [
            vec!["topic", "action", "class", "open", "redriven", "dropped"],
            vec![&name, "(unreadable)", "transient", "0", "1", "0"],
            vec![&name, "a", "transient", "0", "1", "0"],
        ]
    );
    let notes = shelf.records("info_in.dlq");
    assert_eq!(notes.len(), 4, "the letters stay");
    assert!(
        notes.iter().all(|r| r.partition == 0),
        "a note lies beside its letter"
    );
    let note = notes
        .iter()
        .find(|r| r.header("dlq-fate-message-id") == Some("m-a"))
        .unwrap();
    assert_eq!(note.header("dlq-fate"), Some("redriven"));
    assert_eq!(note.header("dlq-fate-by"), Some("olga"));
    shelf.clear(&["info_in"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_chosen_is_put_back() {
    let topics = ["info_in", "tg_send"];
    let shelf = Shelf::new(&topics).await;
    shelf.letter(
        "info_in",
        0,
        Some("1"),
        A,
        &[
            ("message-id", "old"),
            ("dlq-failed-at", "2026-11-01T10:00:00+00:00"),
        ],
    );
    shelf.letter("info_in", 1, Some("1"), A, &[("message-id", "new")]);
    shelf.letter(
        "info_in",
        2,
        Some("2"),
        B,
        &[("message-id", "b"), ("dlq-error-class", "bad_data")],
    );
    shelf.letter("tg_send", 0, Some("3"), B, &[("message-id", "other")]);

    let chosen = |words: &[&str]| {
        let out = shelf.done(&[&["dlq", "redrive"], words].concat());
        let ids = out
            .lines()
            .filter_map(|line| line.split_once("message-id ").map(|(_, id)| id.to_owned()));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(chosen(&[]), "b new old other");
    assert_eq!(chosen(&["--topic", "info_in", "--action", "a"]), "new old");
    assert_eq!(chosen(&["--action", "a", "--since", "2026-11-20"]), "new");
    assert_eq!(chosen(&["--until", "2026-11-20T00:00:00"]), "old");
    assert_eq!(chosen(&["--class", "bad_data"]), "b");
    assert_eq!(
        chosen(&["--message-id", "other", "--message-id", "b"]),
        "b other"
    );
    assert_eq!(chosen(&["--topic", "tg_send.dlq"]), "other");
    assert_eq!(chosen(&["--action", "nope"]), "");

    let unsaid = shelf.ctl(&["dlq", "redrive", "--yes"]);
    assert_eq!(unsaid.code, Some(2), "{}", unsaid.out);
    assert!(unsaid.err.contains("--all"), "{}", unsaid.err);
    let unknown = shelf.ctl(&["dlq", "redrive", "--topic", "nope"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.out);
    let timeless = shelf.ctl(&["dlq", "redrive", "--since", "yesterday"]);
    assert_eq!(timeless.code, Some(2), "{}", timeless.out);

    shelf.done(&[
        "dlq",
        "redrive",
        "--action",
        "a",
        "--since",
        "2026-11-20",
        "--yes",
    ]);
    let back = shelf.records("info_in");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].header("message-id"), Some("new"));
    assert_eq!(chosen(&[]), "b old other");
    shelf.clear(&topics).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_letter_stays_with_its_reason_and_is_never_put_back() {
    let shelf = Shelf::new(&["info_in"]).await;
    shelf.letter("info_in", 2, Some("1"), A, &[("message-id", "m-1")]);
    shelf.letter("info_in", 2, Some("1"), B, &[("message-id", "m-2")]);
    let mute = shelf.ctl(&["dlq", "drop", "--action", "a", "--yes"]);
    assert_eq!(mute.code, Some(2), "{}", mute.out);
    assert!(mute.err.contains("--reason"), "{}", mute.err);
    assert!(
        shelf
            .done(&["dlq", "drop", "--action", "a"])
            .starts_with("1 would be dropped:\n")
    );
    assert_eq!(
        shelf.done(&[
            "dlq",
            "drop",
            "--action",
            "a",
            "--reason",
            "a test of ours",
            "--yes"
        ]),
        "1 of 1 dropped\n"
    );
    let note = shelf.records("info_in.dlq").pop().unwrap();
    assert_eq!(note.header("dlq-fate"), Some("dropped"));
    assert_eq!(note.header("dlq-fate-reason"), Some("a test of ours"));

    let open = shelf.done(&["dlq", "show", "info_in"]);
    assert!(open.contains("m-2") && !open.contains("m-1"), "{open}");
    let all = shelf.done(&["dlq", "show", "info_in", "--decided"]);
    assert!(
        all.contains("[dropped]") && all.contains("m-1") && all.contains("m-2"),
        "{all}"
    );
    let last = shelf.done(&["dlq", "show", "info_in", "-n", "1", "--decided"]);
    assert!(last.contains("m-2") && !last.contains("m-1"), "{last}");

    shelf.done(&["dlq", "redrive", "--all", "--yes"]);
    let back = shelf.records("info_in");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].header("message-id"), Some("m-2"));
    shelf.clear(&["info_in"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_put_back_is_named_and_stays_open() {
    let topics = ["info_in", "tg_send"];
    let shelf = Shelf::new(&topics).await;
    let elsewhere = shelf.name("tg_send");
    shelf.letter("info_in", 0, None, A, &[("dlq-topic", &elsewhere)]);
    shelf.letter("info_in", 1, None, A, &[("dlq-topic", "somebody_elses")]);
    shelf.letter("info_in", 2, None, &A[..9], &[("dlq-cut-from", "1048576")]);
    // A record whose sender forged a note: it is a letter all the same, and the other letter's fate is not its to tell.
    shelf.letter(
        "info_in",
        0,
        None,
        B,
        &[
            ("message-id", "forged"),
            ("dlq-fate", "dropped"),
            ("dlq-fate-partition", "0"),
            ("dlq-fate-offset", "0"),
        ],
    );
    let ended = shelf.ctl(&["dlq", "redrive", "--all", "--yes"]);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    assert_eq!(
        ended.out.matches("can't be redriven:").count(),
        3,
        "{}",
        ended.out
    );
    assert!(
        ended.out.contains("`somebody_elses`") && ended.out.contains("was cut"),
        "{}",
        ended.out
    );
    assert!(ended.out.ends_with("1 of 4 redriven\n"), "{}", ended.out);
    assert_eq!(shelf.records("tg_send"), []);
    let back = shelf.records("info_in");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].header("message-id"), Some("forged"));
    assert_eq!(back[0].header("dlq-fate"), None);
    let out = shelf.done(&["dlq", "drop", "--all", "--reason", "seen", "--yes"]);
    assert_eq!(out, "3 of 3 dropped\n");
    shelf.clear(&topics).await;
}
