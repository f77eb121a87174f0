//! Files that people send come into the shop's file store, streamed: none is ever whole in memory.

use std::time::Duration;

use geobot_shared::files::{FileError, FileStore};
use geobot_shared::topics::states::StoredFile;
use secrecy::{ExposeSecret, SecretString};
use teloxide::payloads::GetFile;
use teloxide::types::FileId;
use url::Url;

use super::api::Api;
use super::failure::{self, SendFailure};

/// Bot API, getFile: bots can download files of up to 20 MB.
pub const LONGEST_DOWNLOAD: u64 = 20 * 1024 * 1024;
/// 20 MB at 3 Mbit/s.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(60);

/// Takes files from Telegram.
pub struct Downloads {
    api: Api,
    http: reqwest::Client,
    /// `<api>/file/bot<token>/`.
    address: SecretString,
    files: FileStore,
}

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// It never will; the words are for staff.
    #[error("{0}")]
    Never(String),
    /// Telegram's answer; it may come another time.
    #[error(transparent)]
    Later(SendFailure),
}

impl Downloads {
    /// From the Bot API at this address, which ends in a slash, into these files.
    pub fn new(
        api: Api,
        http: reqwest::Client,
        address: &Url,
        token: &SecretString,
        files: FileStore,
    ) -> Downloads {
        let token = token.expose_secret();
        Downloads {
            api,
            http,
            address: format!("{address}file/bot{token}/").into(),
            files,
        }
    }

    /// Takes a file and keeps it under this name.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub async fn take(
        &self,
        file_id: &FileId,
        name: Option<&str>,
        media_type: Option<&str>,
    ) -> Result<StoredFile, DownloadError> {
        let told = self.api.call(&GetFile::new(file_id.clone())).await;
        let told = told.map_err(lasting)?;
        // A local Bot API server tells a path of its own disk; that one can't be asked for.
        if told.path.is_empty() || told.path.starts_with('/') {
            let why = "Telegram does not say where the file is";
            return Err(DownloadError::Never(why.to_owned()));
        }
        let address = format!("{}{}", self.address.expose_secret(), told.path);
        let request = self.http.get(address).timeout(DOWNLOAD_LIMIT).send().await;
        let mut answer = request.map_err(lost)?;
        let status = answer.status();
        if status.is_server_error() || status.as_u16() == 429 {
            let why = format!("HTTP {status}");
            return Err(DownloadError::Later(SendFailure::Ambiguous(why)));
        }
        if !status.is_success() {
            let why = format!("Telegram does not give the file: HTTP {status}");
            return Err(DownloadError::Never(why));
        }
        let mut incoming = self.files.begin().await.map_err(not_kept)?;
        let mut size = 0;
        while let Some(bytes) = answer.chunk().await.map_err(lost)? {
            size += bytes.len() as u64;
            if size > LONGEST_DOWNLOAD {
                return Err(DownloadError::Never(too_long()));
            }
            incoming.write(&bytes).await.map_err(not_kept)?;
        }
        let last = told.path.rsplit('/').next().unwrap_or_default();
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or(last);
        incoming.end(name, media_type).await.map_err(not_kept)
    }
}

/// What staff reads of a file that is too long for a bot.
pub fn too_long() -> String {
    let limit = LONGEST_DOWNLOAD / 1024 / 1024;
    format!("the file is longer than the {limit} MB that a bot may download")
}

/// Bot API: getFile refuses files that are too long or gone, and will again.
fn lasting(failure: SendFailure) -> DownloadError {
    match failure {
        SendFailure::Refused(why) if why.contains("too big") => DownloadError::Never(too_long()),
        SendFailure::Refused(why) | SendFailure::WrongFile(why) => DownloadError::Never(why),
        other => DownloadError::Later(other),
    }
}

/// The address holds the token, so it is left out.
fn lost(error: reqwest::Error) -> DownloadError {
    DownloadError::Later(failure::of_connection(error))
}

/// A full disk must not stop people from buying: their message goes on without the file.
fn not_kept(error: FileError) -> DownloadError {
    tracing::error!(%error, "attachment_not_kept");
    DownloadError::Never(error.to_string())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};

    use super::*;

    /// A Bot API that knows one file, `photo.jpg`, and answers for it so.
    async fn telegram(file: &'static [u8], get_file: &'static str, status: StatusCode) -> Url {
        let app = Router::new()
            .route("/bot1:x/GetFile", post(move || async move { get_file }))
            .route(
                "/file/bot1:x/photos/photo.jpg",
                get(move || async move { (status, file) }),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Url::parse(&format!("http://{address}/")).unwrap()
    }

    const KNOWN: &str = r#"{"ok":true,"result":{"file_id":"a","file_unique_id":"b","file_size":4,"file_path":"photos/photo.jpg"}}"#;

    async fn take(address: &Url, folder: &tempfile::TempDir) -> Result<StoredFile, DownloadError> {
        let token: SecretString = "1:x".into();
        let api = Api::new(address, &token).unwrap();
        let files = FileStore::new(folder.path());
        let http = reqwest::Client::new();
        Downloads::new(api, http, address, &token, files)
            .take(&FileId("a".to_owned()), None, Some("image/jpeg"))
            .await
    }

    #[tokio::test]
    async fn a_file_is_kept_with_its_bytes_and_the_last_part_of_its_path_as_name() {
        let folder = tempfile::tempdir().unwrap();
        let address = telegram(b"test", KNOWN, StatusCode::OK).await;
        let kept = take(&address, &folder).await.unwrap();
        assert_eq!((kept.name.as_str(), kept.size), ("photo.jpg", 4));
        assert_eq!(kept.media_type.as_deref(), Some("image/jpeg"));
        let bytes = FileStore::new(folder.path()).read(&kept.sha256).await;
        assert_eq!(bytes.unwrap(), b"test");
    }

    #[tokio::test]
    async fn what_telegram_refuses_never_comes_and_what_breaks_may_come_later() {
        let folder = tempfile::tempdir().unwrap();
        let big = r#"{"ok":false,"error_code":400,"description":"Bad Request: file is too big"}"#;
        let address = telegram(b"", big, StatusCode::OK).await;
        let refused = take(&address, &folder).await;
        assert!(matches!(refused, Err(DownloadError::Never(why)) if why.contains("20 MB")));

        let address = telegram(b"", KNOWN, StatusCode::NOT_FOUND).await;
        let gone = take(&address, &folder).await;
        assert!(matches!(gone, Err(DownloadError::Never(_))), "{gone:?}");

        let address = telegram(b"", KNOWN, StatusCode::BAD_GATEWAY).await;
        let broken = take(&address, &folder).await;
        assert!(matches!(broken, Err(DownloadError::Later(_))), "{broken:?}");

        let nobody = Url::parse("http://127.0.0.1:1/").unwrap();
        let down = take(&nobody, &folder).await;
        let is_down = matches!(&down, Err(DownloadError::Later(SendFailure::Down(_))));
        assert!(is_down, "{down:?}");
    }

    #[tokio::test]
    async fn an_empty_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let address = telegram(b"", KNOWN, StatusCode::OK).await;
        let empty = take(&address, &folder).await;
        assert!(matches!(empty, Err(DownloadError::Never(_))), "{empty:?}");
        let left = std::fs::read_dir(folder.path().join("incoming")).unwrap();
        assert_eq!(left.count(), 0);
    }
}
