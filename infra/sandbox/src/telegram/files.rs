//! Files the bot and the people sent: kept in memory, told by file_id, downloaded by path.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError};
use super::params::{Params, Upload};

/// Bytes kept over all files; the oldest go first.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Files remembered, also those without bytes.
const KEPT_FILES: usize = 10_000;
/// Bot API: largest photo.
const LARGEST_PHOTO: usize = 10 * 1024 * 1024;
/// Bot API: largest document.
const LARGEST_DOCUMENT: usize = 50 * 1024 * 1024;
/// Bot API: largest file that getFile lets download.
const LARGEST_DOWNLOAD: u64 = 20 * 1024 * 1024;

/// What a message remembers of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    pub(crate) file_id: String,
    pub(crate) unique_id: String,
    pub(crate) file_name: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    /// Where the bot said the file is; the sandbox does not fetch it.
    #[serde(default)]
    pub(crate) link: Option<String>,
}

impl FileRef {
    /// Bot API: PhotoSize. The picture is not decoded, so the size is a usual one.
    pub(crate) fn photo_size(&self) -> Value {
        json!({"file_id": self.file_id, "file_unique_id": self.unique_id, "width": 800, "height": 600, "file_size": self.size})
    }

    /// Bot API: Document.
    pub(crate) fn document(&self) -> Value {
        json!({
            "file_id": self.file_id, "file_unique_id": self.unique_id, "file_name": self.file_name,
            "mime_type": self.mime_type, "file_size": self.size,
        })
    }

    /// The file as the chat page needs it.
    pub(crate) fn view(&self) -> Value {
        let address = self
            .link
            .clone()
            .unwrap_or_else(|| format!("/control/files/{}", self.file_id));
        json!({
            "file_id": self.file_id, "file_name": self.file_name, "mime_type": self.mime_type,
            "file_size": self.size, "url": address,
        })
    }
}

/// A kept file.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    pub(crate) about: FileRef,
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
}

/// All kept files.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: HashMap<String, StoredFile>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Files {
    /// The file a method's parameter means: an upload, `attach://name`, a link, or a file_id.
    pub(crate) fn of_params(&mut self, params: &Params, name: &str) -> Answer<FileRef> {
        if let Some(upload) = params.uploads.get(name) {
            return self.keep(name, upload);
        }
        let text = params.text(name)?.unwrap_or_default();
        if let Some(part) = text.strip_prefix("attach://") {
            let upload = params.uploads.get(part);
            return self.keep(
                name,
                upload.ok_or_else(|| ApiError::bad_request("wrong file attachment"))?,
            );
        }
        if text.is_empty() {
            return Err(ApiError::bad_request(format_args!(
                "there is no {name} in the request"
            )));
        }
        if let Some(file) = self.files.get(&text) {
            // Bot API: a file_id is good for the kind of file it was given for.
            let kind = text.split_once('-').map_or("", |(kind, _)| kind);
            return match kind == name {
                true => Ok(file.about.clone()),
                false => Err(ApiError::bad_request(format_args!(
                    "can't use file of type {} as {}",
                    capital(kind),
                    capital(name)
                ))),
            };
        }
        match url::Url::parse(&text) {
            Ok(link) if matches!(link.scheme(), "http" | "https") => {
                Ok(self.keep_link(name, &link))
            }
            _ => Err(ApiError::bad_request(
                "wrong file identifier/HTTP URL specified",
            )),
        }
    }

    /// Keeps a file that a person or the bot sent as `kind`: photo or document.
    pub(crate) fn keep(&mut self, kind: &str, upload: &Upload) -> Answer<FileRef> {
        if upload.bytes.is_empty() {
            return Err(ApiError::bad_request("file must be non-empty"));
        }
        let largest = if kind == "photo" {
            LARGEST_PHOTO
        } else {
            LARGEST_DOCUMENT
        };
        if upload.bytes.len() > largest {
            return Err(ApiError::new(413, "Request Entity Too Large"));
        }
        let sniffed = picture_type(&upload.bytes);
        if kind == "photo" && sniffed.is_none() {
            return Err(ApiError::bad_request("IMAGE_PROCESS_FAILED"));
        }
        let mime_type = sniffed
            .map(str::to_owned)
            .or_else(|| upload.mime_type.clone())
            .unwrap_or_else(|| "application/octet-stream".to_owned());
        let file_name = upload
            .file_name
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default();
        let about = FileRef {
            file_name: if file_name.is_empty() {
                "file".to_owned()
            } else {
                file_name.to_owned()
            },
            mime_type,
            size: upload.bytes.len() as u64,
            ..named(kind)
        };
        self.insert(about.clone(), upload.bytes.clone());
        Ok(about)
    }

    fn keep_link(&mut self, kind: &str, link: &url::Url) -> FileRef {
        let last = link
            .path_segments()
            .and_then(|mut parts| parts.next_back())
            .unwrap_or_default();
        let about = FileRef {
            file_name: if last.is_empty() {
                "file".to_owned()
            } else {
                last.to_owned()
            },
            link: Some(link.to_string()),
            ..named(kind)
        };
        self.insert(about.clone(), Bytes::new());
        about
    }

    fn insert(&mut self, about: FileRef, bytes: Bytes) {
        let extension = about
            .file_name
            .rsplit_once('.')
            .map_or("bin", |(_, extension)| extension);
        let extension: String = extension
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(8)
            .collect();
        let path = format!("files/{}.{extension}", about.unique_id);
        self.bytes += bytes.len();
        self.order.push_back(about.file_id.clone());
        self.files
            .insert(about.file_id.clone(), StoredFile { about, path, bytes });
        while self.bytes > KEPT_BYTES || self.order.len() > KEPT_FILES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(file) = self.files.remove(&oldest) {
                self.bytes -= file.bytes.len();
            }
        }
    }

    pub(crate) fn by_id(&self, file_id: &str) -> Option<&StoredFile> {
        self.files.get(file_id)
    }

    pub(crate) fn by_path(&self, path: &str) -> Option<&StoredFile> {
        self.files
            .values()
            .find(|file| file.path == path && !file.bytes.is_empty())
    }

    /// getFile.
    pub(crate) fn get_file(&self, params: &Params) -> Answer {
        let file_id = params.text("file_id")?.unwrap_or_default();
        let file = self
            .files
            .get(&file_id)
            .filter(|file| !file.bytes.is_empty())
            .ok_or_else(|| {
                ApiError::bad_request("wrong file_id or the file is temporarily unavailable")
            })?;
        if file.about.size > LARGEST_DOWNLOAD {
            return Err(ApiError::bad_request("file is too big"));
        }
        Ok(json!({
            "file_id": file.about.file_id, "file_unique_id": file.about.unique_id,
            "file_size": file.about.size, "file_path": file.path,
        }))
    }
}

/// The name of a kind as Telegram's refusals write it.
fn capital(kind: &str) -> String {
    let mut letters = kind.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

fn named(kind: &str) -> FileRef {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    FileRef {
        file_id: format!("{kind}-{unique}"),
        unique_id: unique[..16].to_owned(),
        file_name: String::new(),
        mime_type: "application/octet-stream".to_owned(),
        size: 0,
        link: None,
    }
}

fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}
