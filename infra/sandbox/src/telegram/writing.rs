//! What a person sends in the private chat with the bot: text, a place, a contact, a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::entities::Formatted;
use super::files::Files;
use super::media::Media;
use super::messages::{Body, Contact, Message, Place};
use super::params::Upload;
use super::people::{CannotDo, Person};
use super::sending::LONGEST_CAPTION;
use super::world::World;

/// Bot API: text of a message, in UTF-16 code units.
pub(crate) const LONGEST_TEXT: usize = 4_096;

/// `POST /control/people/{id}/messages`: exactly one of these, but a caption and an album only with a file.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Writing {
    text: Option<String>,
    location: Option<Place>,
    contact: Option<NewContact>,
    photo: Option<NewFile>,
    document: Option<NewFile>,
    video: Option<NewFile>,
    animation: Option<NewFile>,
    audio: Option<NewFile>,
    voice: Option<NewFile>,
    video_note: Option<NewFile>,
    sticker: Option<NewFile>,
    caption: Option<String>,
    album: Option<String>,
}

/// A contact; without a name it is the person's own.
#[derive(Debug, Deserialize)]
struct NewContact {
    phone_number: String,
    first_name: Option<String>,
    last_name: Option<String>,
    user_id: Option<i64>,
}

/// A file, its bytes in base64.
#[derive(Debug, Deserialize)]
struct NewFile {
    base64: String,
    #[serde(default, alias = "filename")]
    file_name: String,
    mime_type: Option<String>,
}

/// What a person did and the bot was told.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    pub(crate) update_id: u64,
    pub(crate) message_id: i64,
}

impl Writing {
    fn body(self, person: &Person, files: &mut Files) -> Result<Body, CannotDo> {
        let caption = Formatted::plain(self.caption.as_deref().unwrap_or_default());
        if caption.utf16_len() > LONGEST_CAPTION {
            return Err(CannotDo::Invalid(
                "caption must not be longer than 1024 characters",
            ));
        }
        let with_caption = !caption.text.is_empty();
        let with_album = self.album.is_some();
        let media = [
            (Media::Video, self.video),
            (Media::Animation, self.animation),
            (Media::Audio, self.audio),
            (Media::Voice, self.voice),
            (Media::VideoNote, self.video_note),
            (Media::Sticker, self.sticker),
        ];
        let mut sent = Vec::new();
        sent.extend(self.text.map(What::Text));
        sent.extend(self.location.map(What::Location));
        sent.extend(self.contact.map(What::Contact));
        sent.extend(self.photo.map(What::Photo));
        sent.extend(self.document.map(What::Document));
        for (media, file) in media {
            sent.extend(file.map(|file| What::Media(media, file)));
        }
        let (Some(what), true) = (sent.pop(), sent.is_empty()) else {
            return Err(CannotDo::Invalid(
                "one of text, location, contact, photo, document, video, animation, audio, voice, video_note and \
                 sticker is needed, and not two",
            ));
        };
        if with_caption && !what.takes_caption() {
            return Err(CannotDo::Invalid(
                "caption goes with a photo, a document, a video, an animation, an audio or a voice",
            ));
        }
        if with_album && !what.is_file() {
            return Err(CannotDo::Invalid("album goes with a file"));
        }
        match what {
            What::Text(text) => text_body(&text),
            What::Location(place) if place.exists() => Ok(Body::Location(place)),
            What::Location(_) => Err(CannotDo::Invalid(
                "latitude must be -90 to 90 and longitude -180 to 180",
            )),
            What::Contact(contact) => contact.body(person),
            What::Photo(file) => Ok(Body::Photo(file.keep("photo", files)?, caption)),
            What::Document(file) => Ok(Body::Document(file.keep("document", files)?, caption)),
            What::Media(media, file) => {
                let file = file.keep(media.field(), files)?;
                Ok(Body::Media(media, file, caption))
            }
        }
    }
}

/// The one thing that is sent.
enum What {
    Text(String),
    Location(Place),
    Contact(NewContact),
    Photo(NewFile),
    Document(NewFile),
    Media(Media, NewFile),
}

impl What {
    fn is_file(&self) -> bool {
        matches!(self, What::Photo(_) | What::Document(_) | What::Media(_, _))
    }

    fn takes_caption(&self) -> bool {
        match self {
            What::Media(media, _) => media.takes_caption(),
            _ => self.is_file(),
        }
    }
}

fn text_body(text: &str) -> Result<Body, CannotDo> {
    let text = Formatted::plain(text);
    if text.text.is_empty() {
        return Err(CannotDo::Invalid("text must not be empty"));
    }
    if text.utf16_len() > LONGEST_TEXT {
        return Err(CannotDo::Invalid(
            "text must not be longer than 4096 characters",
        ));
    }
    Ok(Body::Text(text))
}

impl NewContact {
    fn body(self, person: &Person) -> Result<Body, CannotDo> {
        if self.phone_number.trim().is_empty() {
            return Err(CannotDo::Invalid("phone_number must not be empty"));
        }
        Ok(Body::Contact(match self.first_name {
            Some(first_name) => Contact {
                phone_number: self.phone_number,
                first_name,
                last_name: self.last_name,
                user_id: self.user_id,
            },
            None => Contact {
                phone_number: self.phone_number,
                first_name: person.first_name.clone(),
                last_name: person.last_name.clone(),
                user_id: Some(person.id),
            },
        }))
    }
}

impl NewFile {
    fn keep(self, kind: &str, files: &mut Files) -> Result<super::files::FileRef, CannotDo> {
        let bytes = STANDARD
            .decode(self.base64.trim())
            .map_err(|_| CannotDo::Invalid("base64 cannot be read"))?;
        let upload = Upload {
            file_name: self.file_name,
            mime_type: self.mime_type,
            bytes: bytes.into(),
        };
        files
            .keep(kind, &upload)
            .map_err(|error| CannotDo::BadFile(error.description))
    }
}

impl World {
    /// The person sends something to the bot.
    pub(crate) fn person_writes(
        &mut self,
        id: i64,
        writing: Writing,
        now: i64,
    ) -> Result<(Written, Message), CannotDo> {
        let person = self.people.get_mut(&id).ok_or(CannotDo::NoPerson(id))?;
        if person.blocked {
            return Err(CannotDo::Blocked);
        }
        let album = writing.album.clone();
        let body = writing.body(person, &mut self.files)?;
        person.started = true;
        person.active_at = now;
        let message = self.add_message(id, false, body, now, |message| message.album = album);
        let update_id = self
            .updates
            .push("message", id, self.api_message(&message), now);
        Ok((
            Written {
                update_id,
                message_id: message.message_id,
            },
            message,
        ))
    }
}
