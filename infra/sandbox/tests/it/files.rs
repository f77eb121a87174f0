//! Photos and documents: uploaded, edited, downloaded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Sandbox, TOKEN};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot really a picture";

async fn upload(sandbox: &Sandbox, method: &str, form: Form) -> (u16, Value) {
    let answer = sandbox
        .http
        .post(sandbox.url(&format!("/bot{TOKEN}/{method}")))
        .multipart(form)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn part(bytes: &'static [u8], name: &'static str) -> Part {
    Part::bytes(bytes).file_name(name)
}

#[tokio::test]
async fn a_document_is_sent_and_downloaded() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let form = Form::new()
        .text("chat_id", id.to_string())
        .text("caption", "<b>Книга</b>")
        .text("parse_mode", "HTML")
        .part("document", part(b"contents", "book.pdf"));
    let (status, answer) = upload(&sandbox, "sendDocument", form).await;
    assert_eq!(status, 200, "{answer}");
    let document = &answer["result"]["document"];
    assert_eq!(
        (&document["file_name"], &document["file_size"]),
        (&json!("book.pdf"), &json!(8))
    );
    assert_eq!(answer["result"]["caption"], "Книга");

    let file = sandbox
        .ok("getFile", json!({"file_id": document["file_id"]}))
        .await;
    let path = file["file_path"].as_str().unwrap();
    let address = sandbox.url(&format!("/file/bot{TOKEN}/{path}"));
    assert_eq!(
        sandbox
            .http
            .get(&address)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
        "contents"
    );
    let wrong = sandbox
        .http
        .get(sandbox.url(&format!("/file/bot1:SANDBOX/{path}")))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);

    let again = sandbox
        .ok(
            "sendDocument",
            json!({"chat_id": id, "document": document["file_id"]}),
        )
        .await;
    assert_eq!(again["document"]["file_id"], document["file_id"]);
    let shown = &sandbox.chat(id).await[1]["document"];
    let page_copy = sandbox
        .http
        .get(sandbox.url(shown["url"].as_str().unwrap()))
        .send()
        .await
        .unwrap();
    assert_eq!(page_copy.headers()["content-disposition"], "attachment");
}

#[tokio::test]
async fn a_photo_must_be_a_picture_and_its_caption_can_be_edited() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let form = |bytes| {
        Form::new()
            .text("chat_id", id.to_string())
            .part("photo", part(bytes, "a.png"))
    };
    let (_, refused) = upload(&sandbox, "sendPhoto", form(b"text")).await;
    assert_eq!(refused["description"], "Bad Request: IMAGE_PROCESS_FAILED");
    let attached = Form::new()
        .text("chat_id", id.to_string())
        .text("photo", "attach://upload1")
        .part("upload1", part(PNG, "a.png"));
    let (status, answer) = upload(&sandbox, "sendPhoto", attached).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["result"]["photo"][0]["width"].is_u64());
    let message_id = &answer["result"]["message_id"];

    let caption = json!({"chat_id": id, "message_id": message_id, "caption": "new"});
    assert_eq!(
        sandbox.ok("editMessageCaption", caption).await["caption"],
        "new"
    );
    let text = json!({"chat_id": id, "message_id": message_id, "text": "new"});
    assert_eq!(
        sandbox.refused("editMessageText", text).await.1,
        "Bad Request: there is no text in the message to edit"
    );
}

#[tokio::test]
async fn a_file_by_link_is_taken_and_nonsense_is_refused() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let sent = sandbox
        .ok(
            "sendPhoto",
            json!({"chat_id": id, "photo": "https://example.com/a.png"}),
        )
        .await;
    assert!(sent["photo"][0]["file_id"].is_string());
    for (params, words) in [
        (
            json!({"chat_id": id, "photo": "nonsense"}),
            "wrong file identifier/HTTP URL specified",
        ),
        (json!({"chat_id": id}), "there is no photo in the request"),
        (
            json!({"chat_id": id, "photo": "attach://missing"}),
            "wrong file attachment",
        ),
        (
            json!({"chat_id": id, "photo": "https://example.com/a.png", "caption": "x".repeat(1025)}),
            "message caption is too long",
        ),
    ] {
        assert_eq!(
            sandbox.refused("sendPhoto", params).await,
            (400, format!("Bad Request: {words}"))
        );
    }
    assert_eq!(
        sandbox
            .refused("getFile", json!({"file_id": "nonsense"}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn what_a_person_sends_comes_to_the_bot_and_goes_out_again_by_file_id() {
    let sandbox = Sandbox::start().await;
    let (anna, boris) = (sandbox.person().await, sandbox.person().await);
    let says = format!("/control/people/{anna}/messages");
    let newest = async || {
        let updates = sandbox.ok("getUpdates", json!({"offset": -1})).await;
        updates[0]["message"].clone()
    };
    let picture =
        json!({"photo": {"base64": STANDARD.encode(PNG), "file_name": "a.png"}, "caption": "look"});
    sandbox.post(&says, picture).await;
    let message = newest().await;
    assert_eq!(
        (&message["from"]["id"], &message["caption"]),
        (&json!(anna), &json!("look"))
    );
    let photo = message["photo"][0]["file_id"].clone();
    let document = json!({"document": {"base64": STANDARD.encode("contents"), "filename": "x/receipt.pdf", "mime_type": "application/pdf"}});
    sandbox.post(&says, document).await;
    let message = newest().await;
    assert_eq!(
        (
            &message["document"]["file_name"],
            &message["document"]["mime_type"]
        ),
        (&json!("receipt.pdf"), &json!("application/pdf"))
    );
    let document = message["document"]["file_id"].clone();
    let file = sandbox.ok("getFile", json!({"file_id": document})).await;
    let path = file["file_path"].as_str().unwrap();
    let bytes = sandbox
        .http
        .get(sandbox.url(&format!("/file/bot{TOKEN}/{path}")))
        .send()
        .await
        .unwrap();
    assert_eq!(bytes.bytes().await.unwrap(), "contents");

    let sent = sandbox
        .ok("sendPhoto", json!({"chat_id": boris, "photo": photo}))
        .await;
    assert_eq!(sent["photo"][0]["file_id"], photo);
    let sent = sandbox
        .ok(
            "sendDocument",
            json!({"chat_id": boris, "document": document}),
        )
        .await;
    assert_eq!(sent["document"]["file_id"], document);
    assert_eq!(
        sandbox
            .refused("sendDocument", json!({"chat_id": boris, "document": photo}))
            .await
            .1,
        "Bad Request: can't use file of type Photo as Document"
    );
    let shown = sandbox.chat(boris).await;
    assert_eq!(shown[2]["document"]["file_name"], "receipt.pdf");
}

#[tokio::test]
async fn a_place_and_a_contact_are_sent() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let says = format!("/control/people/{id}/messages");
    let place = json!({"latitude": 55.7558, "longitude": 37.6173});
    sandbox.post(&says, json!({"location": place})).await;
    sandbox
        .post(&says, json!({"contact": {"phone_number": "+79990000000"}}))
        .await;
    let updates = sandbox.ok("getUpdates", json!({})).await;
    assert_eq!(updates[0]["message"]["location"], place);
    assert!(updates[0]["message"].get("text").is_none());
    assert_eq!(
        updates[1]["message"]["contact"],
        json!({"phone_number": "+79990000000", "first_name": "Anna", "user_id": id})
    );
    let mut sending = place.clone();
    sending["chat_id"] = json!(id);
    let sent = sandbox.ok("sendLocation", sending.clone()).await;
    assert_eq!(sent["location"], place);
    assert_eq!(sandbox.chat(id).await[3]["location"], place);
    let caption = json!({"chat_id": id, "message_id": sent["message_id"], "caption": "x"});
    assert_eq!(sandbox.refused("editMessageCaption", caption).await.0, 400);
    for latitude in [json!(91), json!("north"), json!(null)] {
        sending["latitude"] = latitude;
        assert_eq!(
            sandbox.refused("sendLocation", sending.clone()).await.0,
            400
        );
    }
    for bad in [
        json!({}),
        json!({"caption": "x"}),
        json!({"text": "x", "location": place}),
        json!({"text": "x", "caption": "x"}),
        json!({"location": {"latitude": 1}}),
        json!({"location": {"latitude": 1, "longitude": 181}}),
        json!({"contact": {"phone_number": ""}}),
        json!({"photo": {"base64": "%"}}),
        json!({"photo": {"base64": STANDARD.encode("no picture")}}),
        json!({"document": {"base64": ""}}),
        json!({"document": {"base64": "aaaa"}, "caption": "x".repeat(1_025)}),
    ] {
        let answer = sandbox.try_post(&says, bad.clone()).await;
        assert_eq!(answer.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn files_of_one_album_come_with_its_name_and_a_text_has_none() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let path = format!("/control/people/{id}/messages");
    let file = json!({"base64": "dGVzdA==", "file_name": "a.txt"});
    for _ in 0..2 {
        let what = json!({"document": file, "album": "trip"});
        sandbox.post(&path, what).await;
    }
    let updates = sandbox.ok("getUpdates", json!({})).await;
    let names = updates.as_array().unwrap().iter();
    let names: Vec<_> = names.map(|it| &it["message"]["media_group_id"]).collect();
    assert!(
        names.ends_with(&[&json!("trip"), &json!("trip")]),
        "{updates}"
    );
    let refused = json!({"text": "x", "album": "trip"});
    assert_eq!(sandbox.try_post(&path, refused).await.status(), 400);
}

#[tokio::test]
async fn videos_voices_and_stickers_are_sent_in_their_own_fields() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    let says = format!("/control/people/{id}/messages");
    for kind in [
        "video",
        "animation",
        "audio",
        "voice",
        "video_note",
        "sticker",
    ] {
        let file = json!({"base64": STANDARD.encode(kind), "file_name": "a.bin", "mime_type": "video/mp4"});
        sandbox.post(&says, json!({ kind: file })).await;
        let updates = sandbox.ok("getUpdates", json!({"offset": -1})).await;
        let message = &updates[0]["message"];
        assert!(message.get("text").is_none(), "{message}");
        let file_id = message[kind]["file_id"].clone();
        assert_eq!(message[kind]["file_size"], kind.len());
        // Bot API: an animation stands beside itself as a document.
        assert_eq!(message.get("document").is_some(), kind == "animation");
        sandbox.ok("getFile", json!({"file_id": file_id})).await;
        let shown = sandbox.chat(id).await;
        let last = shown.last().unwrap();
        assert_eq!(last[kind]["file_name"], "a.bin");
    }
    for refused in [
        json!({"sticker": {"base64": "aGk="}, "caption": "words"}),
        json!({"text": "words", "album": "a"}),
        json!({"voice": {"base64": "aGk="}, "text": "words"}),
        json!({"voice": {"base64": ""}}),
        json!({}),
    ] {
        let answer = sandbox
            .http
            .post(sandbox.url(&says))
            .json(&refused)
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), 400, "{refused}");
    }
}
