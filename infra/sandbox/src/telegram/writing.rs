//! What a person sends in the private chat with the bot: text, a place, a contact, a photo, a document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::entities::Formatted;
use super::files::Files;
use super::messages::{Body, Contact, Message, Place};
use super::params::Upload;
use super::people::{CannotDo, Person};
use super::sending::LONGEST_CAPTION;
use super::world::World;

/// Bot API: text of a message, in UTF-16 code units.
pub(crate) const LONGEST_TEXT: usize = 4_096;

/// `POST /control/people/{id}/messages`: exactly one of the first five, a caption and an album only with a file.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Writing {
    text: Option<String>,
    location: Option<Place>,
    contact: Option<NewContact>,
    photo: Option<NewFile>,
    document: Option<NewFile>,
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
        let caption = self.caption.as_deref().unwrap_or_default();
        let caption = Formatted::plain(caption);
        let has_file = self.photo.is_some() || self.document.is_some();
        if !caption.text.is_empty() && !has_file {
            return Err(CannotDo::Invalid("caption goes with a photo or a document"));
        }
        if self.album.is_some() && !has_file {
            return Err(CannotDo::Invalid("album goes with a photo or a document"));
        }
        if caption.utf16_len() > LONGEST_CAPTION {
            return Err(CannotDo::Invalid(
                "caption must not be longer than 1024 characters",
            ));
        }
        match (
            self.text,
            self.location,
            self.contact,
            self.photo,
            self.document,
        ) {
            (Some(text), None, None, None, None) => text_body(&text),
            (None, Some(place), None, None, None) if place.exists() => Ok(Body::Location(place)),
            (None, Some(_), None, None, None) => Err(CannotDo::Invalid(
                "latitude must be -90 to 90 and longitude -180 to 180",
            )),
            (None, None, Some(contact), None, None) => contact.body(person),
            (None, None, None, Some(photo), None) => {
                Ok(Body::Photo(photo.keep("photo", files)?, caption))
            }
            (None, None, None, None, Some(document)) => {
                Ok(Body::Document(document.keep("document", files)?, caption))
            }
            _ => Err(CannotDo::Invalid(
                "one of text, location, contact, photo and document is needed, and not two",
            )),
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
