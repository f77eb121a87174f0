//! Files on their way to Telegram. Bytes are uploaded once per bot and kind; Telegram's name for them, the file_id, is
//! remembered by their SHA-256 and used from then on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use geobot_shared::files::{FileError, FileStore, LONGEST_FILE};
use geobot_shared::ids::TelegramUserId;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::content::{FileKind, FileSource};
use super::sender::SendError;
use crate::store::Store;

/// Kilobytes of files that are in memory at the same time; one of the longest fits.
const KILOBYTES: u32 = (LONGEST_FILE / 1024) as u32 + 16 * 1024;

/// The file store and what is known of Telegram's.
pub(super) struct Files {
    store: Store,
    kept: FileStore,
    bot: TelegramUserId,
    memory: Arc<Semaphore>,
    /// Files that are being uploaded: who needs the same one waits and finds its name.
    uploading: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// A file as Telegram can be given it.
pub(super) enum ReadyFile {
    /// By a file_id or an address.
    Named {
        /// It.
        name: String,
        /// Where it is remembered, when it is our upload's.
        key: Option<String>,
    },
    /// By its bytes.
    Bytes(Upload),
}

/// Bytes that are uploaded. Nobody else uploads the same ones meanwhile.
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) bytes: Bytes,
    _first: OwnedMutexGuard<()>,
    _memory: OwnedSemaphorePermit,
}

impl Files {
    pub(super) fn new(store: Store, kept: FileStore, bot: TelegramUserId) -> Files {
        Files {
            store,
            kept,
            bot,
            memory: Arc::new(Semaphore::new(KILOBYTES as usize)),
            uploading: Mutex::default(),
        }
    }

    /// Makes a file ready.
    ///
    /// # Errors
    /// [`SendError::NoFile`] when it is not there, [`SendError::Disk`], [`SendError::Store`].
    pub(super) async fn ready(
        &self,
        kind: FileKind,
        source: &FileSource,
    ) -> Result<ReadyFile, SendError> {
        let (sha256, name, size) = match source {
            FileSource::Known(name) => {
                let name = name.clone();
                return Ok(ReadyFile::Named { name, key: None });
            }
            FileSource::Stored(file) => (file.sha256.clone(), &file.name, file.size),
            FileSource::Bytes { name, bytes } => {
                let sha256 = hex::encode(Sha256::digest(bytes));
                (sha256, name, bytes.len() as u64)
            }
        };
        let key = format!("geobot:file:{}:{}:{sha256}", self.bot, kind.word());
        if let Some(ready) = self.known(&key).await? {
            return Ok(ready);
        }
        let first = self.turn(&key).lock_owned().await;
        if let Some(ready) = self.known(&key).await? {
            return Ok(ready);
        }
        let kilobytes = u32::try_from(size / 1024 + 1).unwrap_or(KILOBYTES);
        let memory = Arc::clone(&self.memory).acquire_many_owned(kilobytes.min(KILOBYTES));
        // The semaphore is never closed.
        let memory = memory.await.map_err(|_| SendError::Busy)?;
        let bytes = match source {
            FileSource::Bytes { bytes, .. } => bytes.clone(),
            FileSource::Known(_) | FileSource::Stored(_) => self.kept.read(&sha256).await?.into(),
        };
        if bytes.is_empty() {
            return Err(FileError::Empty.into());
        }
        Ok(ReadyFile::Bytes(Upload {
            key,
            name: name.clone(),
            bytes,
            _first: first,
            _memory: memory,
        }))
    }

    async fn known(&self, key: &str) -> Result<Option<ReadyFile>, SendError> {
        let name = self.store.file_id(key).await?;
        Ok(name.map(|name| ReadyFile::Named {
            name,
            key: Some(key.to_owned()),
        }))
    }

    fn turn(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut uploading = self
            .uploading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = uploading.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        uploading.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        uploading.insert(key.to_owned(), Arc::downgrade(&turn));
        turn
    }
}
