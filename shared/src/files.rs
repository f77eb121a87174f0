//! The shop's files: what products deliver, and what people and support send each other. A file is named by the SHA-256
//! of its bytes, so the same bytes are kept once and a name never changes its meaning. The folder is one for ARM and BOT
//! (`FILES_DIR`; several machines share it over the network), and belongs into the backup: Telegram's file_id is only a
//! cache of it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::topics::states::StoredFile;

/// The longest file that a bot can send. Bot API, "Sending files": 50 MB.
pub const LONGEST_FILE: u64 = 50 * 1024 * 1024;
/// The longest name that is kept, in characters.
pub const LONGEST_NAME: usize = 120;
/// Where files are until all of their bytes have come.
const INCOMING: &str = "incoming";
/// Nobody waits so long for a file.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of the files.
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
}

/// Why a file can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Longer than [`LONGEST_FILE`].
    #[error("the file is longer than {} MB", LONGEST_FILE / 1024 / 1024)]
    TooLong,
    /// Nothing in it. Bot API refuses empty files.
    #[error("the file is empty")]
    Empty,
    /// Not 64 hex digits in lower case.
    #[error("{0:?} names no file")]
    BadName(String),
    /// It was never kept here, or is gone.
    #[error("there is no file {0} in FILES_DIR")]
    Missing(String),
    /// The bytes are not those that were kept.
    #[error("the bytes of file {0} have changed")]
    Changed(String),
    /// The disk's.
    #[error("FILES_DIR: {0}")]
    Disk(#[from] io::Error),
}

impl FileStore {
    /// Files in this folder, which is made when the first one comes.
    pub fn new(folder: impl Into<PathBuf>) -> FileStore {
        FileStore {
            folder: folder.into(),
        }
    }

    /// Takes away what a process that was killed has left half-way, a day ago or longer. Returns how many parts.
    ///
    /// # Errors
    /// The disk's.
    pub async fn sweep(&self, now: SystemTime) -> io::Result<usize> {
        let mut entries = match tokio::fs::read_dir(self.folder.join(INCOMING)).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut swept = 0;
        while let Some(entry) = entries.next_entry().await? {
            let changed = entry.metadata().await?.modified()?;
            if now.duration_since(changed).is_ok_and(|age| age > ABANDONED) {
                tokio::fs::remove_file(entry.path()).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Begins a file whose bytes come in parts.
    ///
    /// # Errors
    /// The disk's.
    pub async fn begin(&self) -> Result<Incoming, FileError> {
        let parts = self.folder.join(INCOMING);
        tokio::fs::create_dir_all(&parts).await?;
        let path = parts.join(uuid::Uuid::now_v7().to_string());
        let file = tokio::fs::File::create_new(&path).await?;
        Ok(Incoming {
            folder: self.folder.clone(),
            part: Part(path),
            file,
            hash: Sha256::new(),
            size: 0,
        })
    }

    /// Keeps a file. Durable when it returns.
    ///
    /// # Errors
    /// [`FileError::TooLong`], [`FileError::Empty`], or the disk's.
    pub async fn keep(
        &self,
        bytes: &[u8],
        name: &str,
        media_type: Option<&str>,
    ) -> Result<StoredFile, FileError> {
        let mut incoming = self.begin().await?;
        incoming.write(bytes).await?;
        incoming.end(name, media_type).await
    }

    /// Where a file is.
    ///
    /// # Errors
    /// [`FileError::BadName`], [`FileError::Missing`], or the disk's.
    pub async fn path(&self, sha256: &str) -> Result<PathBuf, FileError> {
        let path = path_of(&self.folder, sha256)?;
        match tokio::fs::try_exists(&path).await? {
            true => Ok(path),
            false => Err(FileError::Missing(sha256.to_owned())),
        }
    }

    /// A file's bytes, checked against its name.
    ///
    /// # Errors
    /// [`FileError::BadName`], [`FileError::Missing`], [`FileError::Changed`], or the disk's.
    pub async fn read(&self, sha256: &str) -> Result<Vec<u8>, FileError> {
        let path = self.path(sha256).await?;
        let mut bytes = Vec::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).await?;
        match hex::encode(Sha256::digest(&bytes)) == sha256 {
            true => Ok(bytes),
            false => Err(FileError::Changed(sha256.to_owned())),
        }
    }
}

/// A file that is on its way in. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    folder: PathBuf,
    part: Part,
    file: tokio::fs::File,
    hash: Sha256,
    size: u64,
}

/// Takes the part away when it is not needed any more.
#[derive(Debug)]
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Incoming {
    /// The next bytes.
    ///
    /// # Errors
    /// [`FileError::TooLong`], or the disk's.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.size += bytes.len() as u64;
        if self.size > LONGEST_FILE {
            return Err(FileError::TooLong);
        }
        self.hash.update(bytes);
        Ok(self.file.write_all(bytes).await?)
    }

    /// All bytes are there. Durable when it returns.
    ///
    /// # Errors
    /// [`FileError::Empty`], or the disk's.
    pub async fn end(
        mut self,
        name: &str,
        media_type: Option<&str>,
    ) -> Result<StoredFile, FileError> {
        if self.size == 0 {
            return Err(FileError::Empty);
        }
        self.file.flush().await?;
        self.file.sync_all().await?;
        let sha256 = hex::encode(self.hash.finalize());
        let path = path_of(&self.folder, &sha256)?;
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
            // Under a name that says what the bytes are, an existing file is this file.
            tokio::fs::rename(&self.part.0, &path).await?;
            tokio::fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(StoredFile {
            sha256,
            name: shown_name(name),
            size: self.size,
            media_type: media_type.map(str::to_owned),
        })
    }
}

fn path_of(folder: &Path, sha256: &str) -> Result<PathBuf, FileError> {
    let digit = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
    match sha256.len() == 64 && sha256.as_bytes().iter().all(digit) {
        true => Ok(folder.join(&sha256[..2]).join(sha256)),
        false => Err(FileError::BadName(sha256.to_owned())),
    }
}

/// The last part of a path, without what no file name should have; `file` when nothing is left.
fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | '|' | ':' | '*' | '?'))
        .collect();
    let kept = kept.trim().trim_start_matches('.');
    // The end says what kind of file it is.
    let from = kept.chars().count().saturating_sub(LONGEST_NAME);
    match kept.is_empty() {
        true => "file".to_owned(),
        false => kept.chars().skip(from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, FileStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("files"));
        (folder, store)
    }

    fn parts(folder: &tempfile::TempDir) -> usize {
        match std::fs::read_dir(folder.path().join("files/incoming")) {
            Ok(entries) => entries.count(),
            Err(_) => 0,
        }
    }

    #[tokio::test]
    async fn a_file_is_found_by_its_bytes_and_kept_once() {
        let (folder, store) = store();
        let first = store
            .keep(b"test", "a.txt", Some("text/plain"))
            .await
            .unwrap();
        let second = store.keep(b"test", "b.txt", None).await.unwrap();
        assert_eq!(first.sha256, second.sha256);
        assert_eq!((second.name.as_str(), second.size), ("b.txt", 4));
        assert_eq!(store.read(&first.sha256).await.unwrap(), b"test");
        assert_eq!(parts(&folder), 0);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_or_has_changed_is_named() {
        let (_folder, store) = store();
        let kept = store.keep(b"test", "a.txt", None).await.unwrap();
        let path = store.path(&kept.sha256).await.unwrap();
        tokio::fs::write(&path, b"tent").await.unwrap();
        let changed = store.read(&kept.sha256).await;
        assert!(matches!(changed, Err(FileError::Changed(_))), "{changed:?}");
        tokio::fs::remove_file(&path).await.unwrap();
        let missing = store.read(&kept.sha256).await;
        assert!(matches!(missing, Err(FileError::Missing(_))), "{missing:?}");
    }

    #[tokio::test]
    async fn a_name_can_t_lead_out_of_the_folder() {
        let (_folder, store) = store();
        for name in ["", "../../etc/passwd", &"A".repeat(64), &"0".repeat(63)] {
            let refused = store.read(name).await;
            assert!(matches!(refused, Err(FileError::BadName(_))), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn an_empty_or_too_long_file_is_refused_and_leaves_nothing() {
        let (folder, store) = store();
        let empty = store.keep(b"", "a.txt", None).await;
        assert!(matches!(empty, Err(FileError::Empty)), "{empty:?}");
        let mut incoming = store.begin().await.unwrap();
        incoming.size = LONGEST_FILE;
        let long = incoming.write(b"x").await;
        assert!(matches!(long, Err(FileError::TooLong)), "{long:?}");
        drop(incoming);
        assert_eq!(parts(&folder), 0);
    }

    #[tokio::test]
    async fn what_was_left_half_way_is_swept_after_a_day() {
        let (folder, store) = store();
        let now = SystemTime::now();
        assert_eq!(store.sweep(now).await.unwrap(), 0);
        let kept = store.keep(b"test", "a.txt", None).await.unwrap();
        let incoming = store.begin().await.unwrap();
        assert_eq!(store.sweep(now).await.unwrap(), 0);
        assert_eq!(store.sweep(now + 2 * ABANDONED).await.unwrap(), 1);
        assert_eq!(parts(&folder), 0);
        assert_eq!(store.read(&kept.sha256).await.unwrap(), b"test");
        drop(incoming);
    }

    #[test]
    fn a_name_keeps_its_end_and_loses_what_no_file_name_has() {
        assert_eq!(
            shown_name("C:\\docs\\Гид по городу.pdf"),
            "Гид по городу.pdf"
        );
        assert_eq!(shown_name("../.ssh/..id\n<rsa>"), "idrsa");
        assert_eq!(shown_name("/"), "file");
        let long = shown_name(&format!("{}.pdf", "я".repeat(500)));
        assert_eq!(long.chars().count(), LONGEST_NAME);
        assert!(long.ends_with(".pdf"));
    }
}
