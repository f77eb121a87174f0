//! Sending: every message goes out through here, once per request as far as Telegram lets us know.

use chrono::Utc;
use geobot_shared::bus::HandleError;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::tg_send::{Button, Markup, Priority};
use teloxide::Bot;
use teloxide::payloads::{
    AnswerCallbackQuerySetters, CreateChatInviteLinkSetters, EditMessageTextSetters,
    SendDocumentSetters, SendMessageSetters, SendPhotoSetters, UnbanChatMemberSetters,
};
use teloxide::prelude::Requester;
use teloxide::types::{
    CallbackQueryId, ChatId, FileId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile,
    LinkPreviewOptions, MessageId, ParseMode, UserId,
};
use tracing::{info, warn};
use url::Url;

use super::failure::SendFailure;
use super::limiter::{Limiter, Limits};
use super::split::{self, LONGEST_TEXT};
use crate::store::sends::Claim;
use crate::store::{Store, StoreError};

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text.
    Text {
        /// The text.
        text: String,
        /// How it is marked up.
        markup: Option<Markup>,
        /// Rows of buttons.
        buttons: Vec<Vec<Button>>,
    },
    /// A picture.
    Photo {
        /// A file_id or an address.
        file: String,
        /// The line under it.
        caption: Option<String>,
        /// How the line is marked up.
        markup: Option<Markup>,
    },
    /// A file.
    Document {
        /// A file_id or an address.
        file: String,
        /// The line under it.
        caption: Option<String>,
        /// How the line is marked up.
        markup: Option<Markup>,
    },
    /// Another text for an earlier message.
    Edit {
        /// Which message.
        message_id: i32,
        /// The new text.
        text: String,
        /// How it is marked up.
        markup: Option<Markup>,
        /// Rows of buttons; none takes the old ones away.
        buttons: Vec<Vec<Button>>,
    },
    /// An earlier message goes away.
    Delete {
        /// Which message.
        message_id: i32,
    },
}

impl Content {
    /// A text in HTML without buttons.
    pub fn html(text: impl Into<String>) -> Content {
        Content::Text {
            text: text.into(),
            markup: Some(Markup::Html),
            buttons: Vec::new(),
        }
    }

    /// The same with buttons.
    #[must_use]
    pub fn with_buttons(mut self, rows: Vec<Vec<Button>>) -> Content {
        if let Content::Text { buttons, .. } | Content::Edit { buttons, .. } = &mut self {
            *buttons = rows;
        }
        self
    }

    /// The parts of a text that is too long for one message; the buttons stand under the last.
    fn parts(&self) -> Option<Vec<Content>> {
        let Content::Text {
            text,
            markup,
            buttons,
        } = self
        else {
            return None;
        };
        if text.encode_utf16().count() <= LONGEST_TEXT {
            return None;
        }
        let cut = match markup {
            None => split::plain(text, LONGEST_TEXT),
            Some(Markup::Html) => split::html(text, LONGEST_TEXT),
            // Cutting it would need a reader of its own; Telegram's refusal says what is wrong.
            Some(Markup::MarkdownV2) => return None,
        };
        let last = cut.len().saturating_sub(1);
        let parts = cut
            .into_iter()
            .enumerate()
            .map(|(index, text)| Content::Text {
                text,
                markup: *markup,
                buttons: if index == last {
                    buttons.clone()
                } else {
                    Vec::new()
                },
            });
        Some(parts.collect()).filter(|parts: &Vec<Content>| parts.len() > 1)
    }

    fn without_markup(&self) -> Option<Content> {
        let mut plain = self.clone();
        let markup = match &mut plain {
            Content::Text { markup, .. }
            | Content::Photo { markup, .. }
            | Content::Document { markup, .. }
            | Content::Edit { markup, .. } => markup,
            Content::Delete { .. } => return None,
        };
        markup.take().map(|_| plain)
    }
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Telegram's answer.
    #[error(transparent)]
    Telegram(#[from] SendFailure),
    /// The state of the sending can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process is sending it right now.
    #[error("it is being sent right now")]
    Busy,
    /// It may or may not have gone out, and is not worth a duplicate.
    #[error("it may or may not have gone out")]
    Unknown,
}

fn outcome(result: &Result<i32, SendFailure>) -> &'static str {
    match result {
        Ok(_) => "sent",
        Err(SendFailure::Wait(_)) => "wait",
        Err(SendFailure::Down(_)) => "down",
        Err(SendFailure::Ambiguous(_)) => "ambiguous",
        Err(SendFailure::Unreachable(_)) => "unreachable",
        Err(SendFailure::NotModified) => "not_modified",
        Err(SendFailure::BadEntities(_) | SendFailure::Refused(_)) => "refused",
    }
}

impl From<SendError> for HandleError {
    fn from(error: SendError) -> HandleError {
        match error {
            SendError::Telegram(failure) => failure.into(),
            SendError::Store(error) => error.into(),
            SendError::Busy => HandleError::retry_after(error, std::time::Duration::from_secs(1)),
            SendError::Unknown => HandleError::Refused(error.to_string()),
        }
    }
}

/// Sends messages within Telegram's allowance and remembers which were sent.
pub struct Sender {
    bot: Bot,
    store: Store,
    limiter: Limiter,
}

impl Sender {
    /// A sender through this bot; `limits` is the allowance, `None` only for measurements.
    pub fn new(bot: Bot, store: Store, limits: Option<Limits>) -> Sender {
        Sender {
            limiter: Limiter::new(store.clone(), limits),
            bot,
            store,
        }
    }

    /// The bot, for calls that send nothing.
    pub fn bot(&self) -> &Bot {
        &self.bot
    }

    /// Sends `content` once for this `request`, when its turn has come, and returns Telegram's number of the message
    /// (of the first, when the text must be cut). A request that was already sent is not sent again. One whose
    /// sending was interrupted is, and counted: the window of promise D4. Bulk is not: it becomes unknown.
    ///
    /// # Errors
    /// [`SendError`]; what it means for a record is its [`HandleError`].
    pub async fn send(
        &self,
        request: &str,
        chat: i64,
        content: &Content,
        priority: Priority,
    ) -> Result<i32, SendError> {
        let Some(parts) = content.parts() else {
            return self.send_one(request, chat, content, priority).await;
        };
        let mut first = None;
        for (index, part) in parts.iter().enumerate() {
            let request = format!("{request}#{index}");
            let sent = self.send_one(&request, chat, part, priority).await?;
            first.get_or_insert(sent);
        }
        Ok(first.unwrap_or_default())
    }

    async fn send_one(
        &self,
        request: &str,
        chat: i64,
        content: &Content,
        priority: Priority,
    ) -> Result<i32, SendError> {
        // The turn comes before the claim: waiting must not use up the lease.
        self.limiter.turn(chat, priority).await?;
        let now = Utc::now().timestamp_millis();
        match self.store.claim_send(request, now).await? {
            Claim::Sent(message_id) => return Ok(message_id),
            Claim::Busy => return Err(SendError::Busy),
            Claim::Unknown => return Err(SendError::Unknown),
            Claim::Fresh => {}
            Claim::Abandoned if priority == Priority::Bulk => return self.give_up(request).await,
            Claim::Abandoned => {
                metrics::counter!("geobot_sends_repeated_total").increment(1);
                info!(chat_id = chat, request, "interrupted_send_repeated");
            }
        }
        let mut result = self.call(chat, content).await;
        if let Err(SendFailure::BadEntities(why)) = &result
            && let Some(plain) = content.without_markup()
        {
            warn!(chat_id = chat, why, "unreadable_formatting_sent_plain");
            result = self.call(chat, &plain).await;
        }
        metrics::counter!("geobot_sends_total", "outcome" => outcome(&result)).increment(1);
        match result {
            Ok(message_id) => {
                self.store.mark_sent(request, message_id).await?;
                Ok(message_id)
            }
            Err(SendFailure::NotModified) => {
                self.store.mark_sent(request, 0).await?;
                Ok(0)
            }
            Err(SendFailure::Ambiguous(_)) if priority == Priority::Bulk => {
                self.give_up(request).await
            }
            Err(failure) => {
                if let SendFailure::Wait(pause) = failure {
                    let storm = self.limiter.refused(chat, pause).await?;
                    warn!(
                        chat_id = chat,
                        pause_s = pause.as_secs(),
                        storm,
                        "pause_ordered"
                    );
                }
                // An ambiguous try is given back as well: such a message is worth a duplicate. It is counted above
                // and repeated by the bus after a pause.
                self.store.release_send(request).await?;
                Err(failure.into())
            }
        }
    }

    async fn give_up(&self, request: &str) -> Result<i32, SendError> {
        self.store.mark_unknown(request).await?;
        Err(SendError::Unknown)
    }

    async fn call(&self, chat: i64, content: &Content) -> Result<i32, SendFailure> {
        let chat = ChatId(chat);
        let sent = match content {
            Content::Text {
                text,
                markup,
                buttons,
            } => {
                let mut request = self
                    .bot
                    .send_message(chat, text)
                    .link_preview_options(no_preview());
                if let Some(markup) = markup {
                    request = request.parse_mode(parse_mode(*markup));
                }
                if let Some(keyboard) = keyboard(buttons)? {
                    request = request.reply_markup(keyboard);
                }
                request.await?.id.0
            }
            Content::Photo {
                file,
                caption,
                markup,
            } => {
                let mut request = self.bot.send_photo(chat, input_file(file));
                if let Some(caption) = caption {
                    request = request.caption(caption);
                }
                if let Some(markup) = markup {
                    request = request.parse_mode(parse_mode(*markup));
                }
                request.await?.id.0
            }
            Content::Document {
                file,
                caption,
                markup,
            } => {
                let mut request = self.bot.send_document(chat, input_file(file));
                if let Some(caption) = caption {
                    request = request.caption(caption);
                }
                if let Some(markup) = markup {
                    request = request.parse_mode(parse_mode(*markup));
                }
                request.await?.id.0
            }
            Content::Edit {
                message_id,
                text,
                markup,
                buttons,
            } => {
                let mut request = self
                    .bot
                    .edit_message_text(chat, MessageId(*message_id), text)
                    .link_preview_options(no_preview());
                if let Some(markup) = markup {
                    request = request.parse_mode(parse_mode(*markup));
                }
                if let Some(keyboard) = keyboard(buttons)? {
                    request = request.reply_markup(keyboard);
                }
                request.await?.id.0
            }
            Content::Delete { message_id } => {
                self.bot
                    .delete_message(chat, MessageId(*message_id))
                    .await?;
                *message_id
            }
        };
        Ok(sent)
    }

    /// Takes the clock off a pressed button and shows `toast` for a moment. Failing is harmless: the button was
    /// pressed long ago then.
    pub async fn answer_click(&self, query: CallbackQueryId, toast: Option<String>) {
        let mut answer = self.bot.answer_callback_query(query);
        if let Some(text) = toast {
            answer = answer.text(text);
        }
        if let Err(error) = answer.await {
            info!(error = %SendFailure::from(error), "click_not_answered");
        }
    }

    /// Takes a person out of a chat. They are let in again by a new link: the ban is lifted at once.
    ///
    /// # Errors
    /// [`SendFailure`]; the bot must be an admin there with the right to ban.
    pub async fn remove_member(&self, chat: i64, user: TelegramUserId) -> Result<(), SendFailure> {
        let user = UserId(user.get().cast_unsigned());
        self.bot.ban_chat_member(ChatId(chat), user).await?;
        self.bot
            .unban_chat_member(ChatId(chat), user)
            .only_if_banned(true)
            .await?;
        Ok(())
    }

    /// A link into a private chat that works for one person.
    ///
    /// # Errors
    /// [`SendFailure`]; the bot must be an admin there with the right to invite.
    pub async fn invite_link(&self, chat: i64, name: &str) -> Result<String, SendFailure> {
        // Bot API: a link's name has at most 32 characters.
        let name: String = name.chars().take(32).collect();
        let link = self
            .bot
            .create_chat_invite_link(ChatId(chat))
            .member_limit(1)
            .name(name)
            .await?;
        Ok(link.invite_link)
    }
}

fn parse_mode(markup: Markup) -> ParseMode {
    match markup {
        Markup::Html => ParseMode::Html,
        Markup::MarkdownV2 => ParseMode::MarkdownV2,
    }
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn input_file(file: &str) -> InputFile {
    match Url::parse(file) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => InputFile::url(url),
        _ => InputFile::file_id(FileId(file.to_owned())),
    }
}

fn keyboard(rows: &[Vec<Button>]) -> Result<Option<InlineKeyboardMarkup>, SendFailure> {
    if rows.is_empty() {
        return Ok(None);
    }
    let mut keyboard = Vec::with_capacity(rows.len());
    for row in rows {
        let mut line = Vec::with_capacity(row.len());
        for button in row {
            line.push(match (&button.url, &button.callback_data) {
                (Some(url), _) => {
                    let url = Url::parse(url)
                        .map_err(|e| SendFailure::Refused(format!("a button's address: {e}")))?;
                    InlineKeyboardButton::url(&button.text, url)
                }
                (None, Some(data)) => InlineKeyboardButton::callback(&button.text, data),
                (None, None) => {
                    return Err(SendFailure::Refused(
                        "a button without address and data".to_owned(),
                    ));
                }
            });
        }
        keyboard.push(line);
    }
    Ok(Some(InlineKeyboardMarkup::new(keyboard)))
}
