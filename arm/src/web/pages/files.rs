//! Files of the file store, for staff: pictures are shown, anything else is only ever saved.

use std::io::SeekFrom;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use geobot_shared::files::{FileError, FileStore};
use geobot_shared::topics::states::StoredFile;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::Answer;
use crate::app::App;
use crate::web::failure::Failure;
use crate::web::session::Visit;

/// Where a file is found. Its name is for the browser, which saves it under it.
pub(super) fn address(sha256: &str, name: &str) -> String {
    let mut url = match url::Url::parse("http://arm/files") {
        Ok(url) => url,
        Err(_) => return String::new(),
    };
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(sha256).push(name);
    }
    url.path().to_owned()
}

/// The media type of a picture that browsers show, by its first bytes; what a sender calls it is not believed.
pub(crate) fn picture(first: &[u8]) -> Option<&'static str> {
    match first {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
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

/// Whether a file is a picture that Telegram takes as a photo. Bot API, sendPhoto.
pub(super) async fn is_photo(files: &FileStore, kept: &StoredFile) -> Result<bool, FileError> {
    let mut first = Vec::new();
    let file = File::open(files.path(&kept.sha256).await?).await?;
    file.take(12).read_to_end(&mut first).await?;
    let photos = [Some("image/jpeg"), Some("image/png")];
    Ok(photos.contains(&picture(&first)))
}

pub(super) async fn serve(
    State(app): State<Arc<App>>,
    _visit: Visit,
    Path((sha256, _name)): Path<(String, String)>,
) -> Answer {
    let path = match app.files.path(&sha256).await {
        Ok(path) => path,
        Err(FileError::BadName(_) | FileError::Missing(_)) => return Err(Failure::NotFound),
        Err(error) => return Err(error.into()),
    };
    let opened = async {
        let mut file = File::open(path).await?;
        let length = file.metadata().await?.len();
        let mut first = Vec::new();
        (&mut file).take(12).read_to_end(&mut first).await?;
        file.seek(SeekFrom::Start(0)).await?;
        Ok::<_, std::io::Error>((file, length, picture(&first)))
    };
    let (file, length, picture) = opened.await.map_err(FileError::from)?;
    let (kind, use_) = match picture {
        Some(kind) => (kind, "inline"),
        None => ("application/octet-stream", "attachment"),
    };
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, use_.to_owned()),
        (CONTENT_LENGTH, length.to_string()),
        // The address names the bytes, so they never change; `private`, because they are staff's to see.
        (CACHE_CONTROL, "private, max-age=3600, immutable".to_owned()),
    ];
    let response: Response = (headers, Body::from_stream(ReaderStream::new(file))).into_response();
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_letters_stays_one_part_of_the_address() {
        let seen = address("ab", "Гид/по ?городу#1.pdf");
        assert!(
            seen.starts_with("/files/ab/") && seen.ends_with(".pdf"),
            "{seen}"
        );
        assert_eq!(seen.matches('/').count(), 3, "{seen}");
        assert!(!seen.contains(['?', '#', ' ']), "{seen}");
    }

    #[test]
    fn only_pictures_are_pictures() {
        assert_eq!(picture(&[0xff, 0xd8, 0xff, 0xe0]), Some("image/jpeg"));
        assert_eq!(picture(b"RIFF1234WEBPVP8 "), Some("image/webp"));
        for other in [
            &b"<svg xmlns="[..],
            b"%PDF-1.7",
            b"",
            b"\xff\xd8",
            b"<html>",
        ] {
            assert_eq!(picture(other), None);
        }
    }
}
