//! Pictures and files that people and support send each other.

use geobot_arm::inbox::arm_sync_tg;
use geobot_shared::topics::states::StoredFile;
use reqwest::StatusCode;
use reqwest::multipart::Part;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::{Arm, published_as};
use crate::browser::Browser;
use crate::records::give;

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F'];
const PAGE: &[u8] = b"<script>alert(1)</script>";

async fn kept(arm: &Arm, bytes: &[u8], name: &str) -> StoredFile {
    arm.app.files.keep(bytes, name, None).await.unwrap()
}

/// A person's message; returns its number.
async fn asked(arm: &Arm, attachments: Value) -> i64 {
    let message = json!({
        "user_id": 512_345_678, "chat_id": 512_345_678, "message_id": 21,
        "attachments": attachments, "at": "2026-11-25T10:00:00Z",
    });
    give(
        &arm.app,
        &arm_sync_tg::handlers(),
        "message_received",
        message,
    )
    .await
    .unwrap();
    geobot_arm::store::messages::list(&arm.app.db, true, 0, 1)
        .await
        .unwrap()[0]
        .id
}

/// An answer with a file.
async fn answer(browser: &Browser, message: i64, text: &str, file: Part) -> crate::browser::Seen {
    let fields = [
        ("form", Uuid::now_v7().to_string()),
        ("text", text.to_owned()),
    ];
    let path = format!("/messages/{message}/answer");
    browser.upload(&path, &fields, ("file", file)).await
}

#[tokio::test]
async fn pictures_are_shown_and_files_can_only_be_saved() {
    let arm = Arm::start().await;
    let (photo, page) = (
        kept(&arm, JPEG, "photo.jpg").await,
        kept(&arm, PAGE, "Счёт №1.html").await,
    );
    let id = asked(
        &arm,
        json!([
            { "kind": "photo", "file": photo },
            { "kind": "document", "file": page },
            { "kind": "video", "missing": "larger than 20 MB" },
        ]),
    )
    .await;
    let support = Browser::of(&arm, "support").await;
    let shown = support.open(&format!("/messages/{id}")).await.body;
    assert!(
        shown.contains(&format!("<img src=\"/files/{}/photo.jpg\"", photo.sha256)),
        "{shown}"
    );
    assert!(
        shown.contains("larger than 20 MB") && shown.contains("Счёт №1.html"),
        "{shown}"
    );

    let seen = support
        .open(&format!("/files/{}/photo.jpg", photo.sha256))
        .await;
    assert_eq!(
        (
            seen.header("content-type"),
            seen.header("content-disposition")
        ),
        ("image/jpeg", "inline")
    );
    // Whatever it is called: its bytes say what it is.
    let seen = support
        .open(&format!("/files/{}/photo.jpg", page.sha256))
        .await;
    assert_eq!(
        (
            seen.header("content-type"),
            seen.header("content-disposition")
        ),
        ("application/octet-stream", "attachment")
    );
    assert_eq!(seen.header("x-content-type-options"), "nosniff");
    assert_eq!(seen.body.as_bytes(), PAGE);
}

#[tokio::test]
async fn files_are_staffs_to_see_and_names_lead_nowhere_else() {
    let arm = Arm::start().await;
    let file = kept(&arm, PAGE, "a.html").await;
    let guest = Browser::new(&arm);
    let seen = guest.open(&format!("/files/{}/a.html", file.sha256)).await;
    assert_eq!(
        (seen.status, seen.location()),
        (StatusCode::SEE_OTHER, "/sign-in")
    );
    let support = Browser::of(&arm, "support").await;
    let zeros = "0".repeat(64);
    for path in [
        &format!("/files/{zeros}/a"),
        "/files/..%2f..%2fetc%2fpasswd/a",
        "/files/incoming/a",
    ] {
        assert_eq!(
            support.open(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_answer_takes_a_file_or_a_photo() {
    let arm = Arm::start().await;
    let id = asked(&arm, json!([])).await;
    let support = Browser::of(&arm, "support").await;
    let file = Part::bytes(PAGE)
        .file_name("Инструкция.html")
        .mime_str("text/html")
        .unwrap();
    let seen = answer(&support, id, "Вот файл", file).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    let photo = Part::bytes(JPEG).file_name("a.jpg");
    assert_eq!(
        answer(&support, id, "", photo).await.status,
        StatusCode::SEE_OTHER
    );

    let files = published_as(&arm.app.db, "tg_send", "send_document").await;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["caption"], "Вот файл");
    assert_eq!(files[0]["priority"], "interactive");
    assert_eq!(files[0]["content"]["name"], "Инструкция.html");
    let sha256 = files[0]["content"]["sha256"].as_str().unwrap();
    assert_eq!(arm.app.files.read(sha256).await.unwrap(), PAGE);
    let photos = published_as(&arm.app.db, "tg_send", "send_photo").await;
    assert_eq!(photos.len(), 1);
    assert!(photos[0].get("caption").is_none());
    let talk = support.open(&format!("/messages/{id}")).await.body;
    assert!(
        talk.contains("Инструкция.html") && talk.contains("<img"),
        "{talk}"
    );
}

#[tokio::test]
async fn an_answer_that_telegram_would_not_take_is_refused_and_nothing_is_sent() {
    let arm = Arm::start().await;
    let id = asked(&arm, json!([])).await;
    let support = Browser::of(&arm, "support").await;
    let part = |bytes: &'static [u8]| Part::bytes(bytes).file_name("a.html");
    for (text, file, words) in [
        ("я".repeat(1_025), part(PAGE), "не больше 1"),
        ("x".to_owned(), part(b""), "Файл пуст"),
        // No file chosen, as browsers send it.
        (
            String::new(),
            Part::bytes(&b""[..]).file_name(""),
            "от 1 до",
        ),
    ] {
        let seen = answer(&support, id, &text, file).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
        assert!(seen.body.contains(words), "{words}: {}", seen.body);
    }
    let long = vec![b'x'; usize::try_from(geobot_shared::files::LONGEST_FILE).unwrap() + 1];
    let seen = answer(&support, id, "x", Part::bytes(long).file_name("a.bin")).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(seen.body.contains("больше 50"), "{}", seen.body);

    // The token comes after the file: it could be anybody's form.
    let path = format!("/messages/{id}/answer");
    let seen = support.upload_late(&path, ("file", part(PAGE))).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(
        published_as(&arm.app.db, "tg_send", "send_document")
            .await
            .is_empty()
    );
    assert!(
        published_as(&arm.app.db, "tg_send", "send_message")
            .await
            .is_empty()
    );
}
