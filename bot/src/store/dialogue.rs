//! The route store as teloxide's dialogue storage: what is written for teloxide's dialogues works on our routes.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use geobot_shared::ids::TelegramUserId;
use teloxide::dispatching::dialogue::Storage;
use teloxide::types::ChatId;

use super::route::Route;
use super::{Store, StoreError};

/// Why a dialogue could not be kept or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum DialogueError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is none in this chat.
    #[error("there is no dialogue in chat {0}")]
    NotFound(ChatId),
}

/// Bot API: a private chat has the person's own id.
fn person(chat: ChatId) -> TelegramUserId {
    TelegramUserId(chat.0)
}

impl Storage<Route> for Store {
    type Error = DialogueError;

    fn remove_dialogue(
        self: Arc<Self>,
        chat_id: ChatId,
    ) -> BoxFuture<'static, Result<(), DialogueError>> {
        Box::pin(async move {
            match self.forget_route(person(chat_id)).await? {
                true => Ok(()),
                false => Err(DialogueError::NotFound(chat_id)),
            }
        })
    }

    fn update_dialogue(
        self: Arc<Self>,
        chat_id: ChatId,
        dialogue: Route,
    ) -> BoxFuture<'static, Result<(), DialogueError>> {
        Box::pin(async move { Ok(self.put_route(person(chat_id), dialogue).await?) })
    }

    fn get_dialogue(
        self: Arc<Self>,
        chat_id: ChatId,
    ) -> BoxFuture<'static, Result<Option<Route>, DialogueError>> {
        Box::pin(async move { Ok(self.known_route(person(chat_id)).await?) })
    }
}
