//! What people send besides photos and documents: videos, voices, stickers and the like.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::files::FileRef;

/// What a file is in Telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Media {
    Video,
    Animation,
    Audio,
    Voice,
    VideoNote,
    Sticker,
}

impl Media {
    /// Bot API: the field of Message.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Media::Video => "video",
            Media::Animation => "animation",
            Media::Audio => "audio",
            Media::Voice => "voice",
            Media::VideoNote => "video_note",
            Media::Sticker => "sticker",
        }
    }

    /// Bot API: round videos and stickers have no words under them.
    pub(crate) fn takes_caption(self) -> bool {
        !matches!(self, Media::VideoNote | Media::Sticker)
    }

    /// Bot API: the object in that field. Nothing is decoded, so sizes and lengths are usual ones.
    pub(crate) fn api(self, file: &FileRef) -> Value {
        let mut it = json!({"file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": file.size});
        let more = match self {
            Media::Video | Media::Animation => json!({"width": 640, "height": 360, "duration": 3,
                "file_name": file.file_name, "mime_type": file.mime_type}),
            Media::Audio => {
                json!({"duration": 3, "file_name": file.file_name, "mime_type": file.mime_type})
            }
            Media::Voice => json!({"duration": 3, "mime_type": file.mime_type}),
            Media::VideoNote => json!({"length": 240, "duration": 3}),
            Media::Sticker => {
                json!({"type": "regular", "width": 512, "height": 512, "is_animated": false,
                "is_video": false, "emoji": "👍"})
            }
        };
        if let (Some(fields), Value::Object(more)) = (it.as_object_mut(), more) {
            fields.extend(more);
        }
        it
    }
}
