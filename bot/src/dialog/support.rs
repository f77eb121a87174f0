//! Whatever a person writes or sends that is no command goes to the staff, files included.

use geobot_shared::bus::{HandleError, Handled};
use geobot_shared::topics::arm_sync_tg::{Attachment, AttachmentKind, MessageReceived};
use teloxide::types::{FileMeta, Message, MessageKind};
use tracing::info;

use super::answer::Answer;
use crate::store::albums::FILES_A_DAY;
use crate::telegram::download::{DownloadError, LONGEST_DOWNLOAD, too_long};

/// Passes a message on to ARM's inbox and says so; of an album once.
pub(super) async fn pass_on(answer: &mut Answer<'_>, message: &Message) -> Handled {
    // A pinned message, a timer that was set and the like are no messages to anybody. An empty one is of a kind that this
    // version does not know.
    if !matches!(
        message.kind,
        MessageKind::Common(_) | MessageKind::Dice(_) | MessageKind::Empty {}
    ) {
        return Ok(());
    }
    let text = message.text().or(message.caption());
    let file = file_of(message);
    if text.is_none() && file.is_none() {
        return answer.say_with_menu("message-not-taken").await;
    }
    let mut attachments = Vec::new();
    if let Some(file) = file {
        attachments.push(fetch(answer, &file).await?);
    }
    let is_missing = attachments.iter().any(|it| it.file.is_none());
    let received = MessageReceived {
        user_id: answer.user,
        chat_id: answer.chat,
        message_id: message.id.0.into(),
        text: text.map(str::to_owned),
        attachments,
        at: message.date,
    };
    answer.tell_arm(received).await?;
    let said = match is_missing {
        true => "file-not-taken",
        false => "message-passed-on",
    };
    let album = message.media_group_id().map(|group| group.0.as_str());
    match album {
        Some(album) if !is_first(answer, album, said, message).await? => Ok(()),
        _ => answer.say_with_menu(said).await,
    }
}

/// Whether this is said of the album for the first time. Bot API: an album comes as one message a file, with one name.
async fn is_first(
    answer: &Answer<'_>,
    album: &str,
    said: &str,
    message: &Message,
) -> Result<bool, HandleError> {
    let store = &answer.app.store;
    let what = format!("{album}:{said}");
    let first = store.first_of_album(answer.user, &what, message.id.0).await;
    Ok(first?)
}

/// A file in a message.
struct Sent<'a> {
    kind: AttachmentKind,
    meta: &'a FileMeta,
    name: Option<&'a str>,
    media_type: Option<String>,
}

/// Bot API: a message has one file at most; a picture comes in several sizes.
fn file_of(message: &Message) -> Option<Sent<'_>> {
    if let Some(sizes) = message.photo() {
        let largest = sizes.iter().max_by_key(|size| size.width * size.height)?;
        return sent(
            AttachmentKind::Photo,
            &largest.file,
            &None,
            &Some("image/jpeg"),
        );
    }
    if let Some(it) = message.video() {
        return sent(
            AttachmentKind::Video,
            &it.file,
            &it.file_name,
            &it.mime_type,
        );
    }
    if let Some(it) = message.animation() {
        return sent(
            AttachmentKind::Video,
            &it.file,
            &it.file_name,
            &it.mime_type,
        );
    }
    if let Some(it) = message.video_note() {
        return sent(AttachmentKind::Video, &it.file, &None, &Some("video/mp4"));
    }
    if let Some(it) = message.voice() {
        return sent(AttachmentKind::Voice, &it.file, &None, &it.mime_type);
    }
    if let Some(it) = message.audio() {
        return sent(
            AttachmentKind::Audio,
            &it.file,
            &it.file_name,
            &it.mime_type,
        );
    }
    let it = message.document()?;
    sent(
        AttachmentKind::Document,
        &it.file,
        &it.file_name,
        &it.mime_type,
    )
}

fn sent<'a>(
    kind: AttachmentKind,
    meta: &'a FileMeta,
    name: &'a Option<String>,
    media_type: &Option<impl ToString>,
) -> Option<Sent<'a>> {
    Some(Sent {
        kind,
        meta,
        name: name.as_deref(),
        media_type: media_type.as_ref().map(ToString::to_string),
    })
}

/// Takes a file from Telegram into the shop's file store. What can't be taken is named, and the message goes on.
async fn fetch(answer: &Answer<'_>, sent: &Sent<'_>) -> Result<Attachment, HandleError> {
    let missing = |why: String| Attachment {
        kind: sent.kind,
        file: None,
        missing: Some(why),
    };
    let size = u64::from(sent.meta.size);
    // teloxide: a size that Telegram does not tell is the largest number.
    let known = sent.meta.size != u32::MAX;
    if known && size > LONGEST_DOWNLOAD {
        return Ok(missing(too_long()));
    }
    let counted = if known { size } else { LONGEST_DOWNLOAD };
    let store = &answer.app.store;
    if !store.may_send_file(answer.user, counted).await? {
        let most = FILES_A_DAY / 1024 / 1024;
        return Ok(missing(format!(
            "the person has sent more than {most} MB within a day"
        )));
    }
    let downloads = &answer.app.downloads;
    let media_type = sent.media_type.as_deref();
    match downloads.take(&sent.meta.id, sent.name, media_type).await {
        Ok(file) => {
            store.count_file(answer.user, file.size).await?;
            Ok(Attachment {
                kind: sent.kind,
                file: Some(file),
                missing: None,
            })
        }
        Err(DownloadError::Never(why)) => {
            info!(user_id = %answer.user, why, "attachment_missing");
            Ok(missing(why))
        }
        Err(DownloadError::Later(failure)) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(content: Value) -> Message {
        let mut message = json!({
            "message_id": 1, "date": 1_795_600_800,
            "chat": {"id": 42, "type": "private", "first_name": "Anna"},
            "from": {"id": 42, "is_bot": false, "first_name": "Anna"},
        });
        let fields = content.as_object().cloned().unwrap_or_default();
        message.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(message).unwrap()
    }

    fn file(size: u32) -> Value {
        json!({"file_id": format!("id-{size}"), "file_unique_id": "u", "file_size": size, "width": size,
            "height": 1, "duration": 3, "length": 240, "file_name": "a.bin", "mime_type": "video/mp4"})
    }

    #[test]
    fn every_kind_of_file_is_found_and_a_picture_in_its_largest_size() {
        let found = |content: Value| {
            let message = message(content);
            let sent = file_of(&message).unwrap();
            (sent.kind, sent.meta.id.0.clone())
        };
        let photo = json!({"photo": [file(90), file(800), file(320)], "caption": "look"});
        let largest = (AttachmentKind::Photo, "id-800".to_owned());
        assert_eq!(found(photo), largest);
        for (field, kind) in [
            ("document", AttachmentKind::Document),
            ("voice", AttachmentKind::Voice),
            ("video", AttachmentKind::Video),
            ("video_note", AttachmentKind::Video),
            ("audio", AttachmentKind::Audio),
        ] {
            assert_eq!(found(json!({ field: file(7) })).0, kind, "{field}");
        }
        // Bot API: an animation stands beside itself as a document.
        let animation = json!({"animation": file(7), "document": file(7)});
        assert_eq!(found(animation).0, AttachmentKind::Video);
    }

    #[test]
    fn a_sticker_or_a_contact_is_no_file_and_no_text() {
        let contact = json!({"contact": {"phone_number": "1", "first_name": "A"}});
        let poll_like = json!({"dice": {"emoji": "🎲", "value": 3}});
        for content in [contact, poll_like] {
            let message = message(content);
            assert!(file_of(&message).is_none());
            assert!(message.text().or(message.caption()).is_none());
        }
    }
}
