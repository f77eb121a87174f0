//! Content as a call of the Bot API.

use geobot_shared::topics::tg_send::{Button, Markup};
use serde::Serialize;
use teloxide::payloads::{
    DeleteMessage, EditMessageText, EditMessageTextSetters, SendDocument, SendDocumentSetters,
    SendMessage, SendMessageSetters, SendPhoto, SendPhotoSetters,
};
use teloxide::requests::Payload;
use teloxide::types::{
    ChatId, FileId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions,
    MessageId, ParseMode,
};
use url::Url;

use super::api::{Api, Sent};
use super::content::{Content, FileKind};
use super::failure::SendFailure;
use super::files::ReadyFile;
use super::manner::{Keyboard, Manner};

/// What a call left behind.
pub(super) struct Done {
    /// Telegram's number of the message.
    pub(super) message_id: i32,
    /// Under which name Telegram has the file now.
    pub(super) file_id: Option<String>,
}

impl Done {
    fn message(message_id: i32) -> Done {
        Done {
            message_id,
            file_id: None,
        }
    }
}

/// Calls Telegram once. `file` is the file of content that has one; `silent` makes no sound.
pub(super) async fn call(
    api: &Api,
    chat: i64,
    content: &Content,
    file: Option<&ReadyFile>,
    manner: Manner<'_>,
    silent: bool,
) -> Result<Done, SendFailure> {
    let chat = ChatId(chat);
    match content {
        Content::Text {
            text,
            markup,
            buttons,
        } => {
            let mut request = SendMessage::new(chat, text)
                .link_preview_options(no_preview())
                .disable_notification(silent)
                .protect_content(manner.protected);
            if let Some(markup) = markup {
                request = request.parse_mode(parse_mode(*markup));
            }
            if let Some(keyboard) = keyboard(buttons)? {
                request = request.reply_markup(keyboard);
            } else if let Some(keyboard) = manner.keyboard.map(Keyboard::markup) {
                request = request.reply_markup(keyboard);
            }
            Ok(Done::message(api.send(&request).await?.message_id))
        }
        Content::Edit {
            message_id,
            text,
            markup,
            buttons,
        } => {
            let mut request = EditMessageText::new(chat, MessageId(*message_id), text)
                .link_preview_options(no_preview());
            if let Some(markup) = markup {
                request = request.parse_mode(parse_mode(*markup));
            }
            if let Some(keyboard) = keyboard(buttons)? {
                request = request.reply_markup(keyboard);
            }
            Ok(Done::message(api.send(&request).await?.message_id))
        }
        Content::Delete { message_id } => {
            api.call(&DeleteMessage::new(chat, MessageId(*message_id)))
                .await?;
            Ok(Done::message(*message_id))
        }
        Content::File {
            kind,
            caption,
            markup,
            ..
        } => {
            let file = file.ok_or_else(|| SendFailure::Refused("no file".to_owned()))?;
            let mode = markup.map(parse_mode);
            let sent = match kind {
                FileKind::Photo => {
                    let mut request =
                        SendPhoto::new(chat, input(file)).disable_notification(silent);
                    request.caption.clone_from(caption);
                    request.parse_mode = mode;
                    send_file(api, &request, file).await?
                }
                FileKind::Document => {
                    // Bytes sent as a file stay a file: a song or a film would come back as something else.
                    let mut request = SendDocument::new(chat, input(file))
                        .disable_content_type_detection(true)
                        .disable_notification(silent);
                    request.caption.clone_from(caption);
                    request.parse_mode = mode;
                    send_file(api, &request, file).await?
                }
            };
            let file = match kind {
                // Bot API: the sizes of a picture ascend; any of their names sends all of them.
                FileKind::Photo => sent.photo.last().cloned(),
                FileKind::Document => sent.document,
            };
            Ok(Done {
                message_id: sent.message_id,
                file_id: file.map(|file| file.file_id),
            })
        }
    }
}

async fn send_file<P: Payload + Serialize>(
    api: &Api,
    request: &P,
    file: &ReadyFile,
) -> Result<Sent, SendFailure> {
    match file {
        ReadyFile::Named { .. } => api.send(request).await,
        ReadyFile::Bytes(upload) => {
            api.upload(request, &upload.name, upload.bytes.clone())
                .await
        }
    }
}

fn input(file: &ReadyFile) -> InputFile {
    match file {
        ReadyFile::Bytes(upload) => InputFile::memory(upload.bytes.clone()),
        ReadyFile::Named { name, .. } => match Url::parse(name) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => InputFile::url(url),
            _ => InputFile::file_id(FileId(name.clone())),
        },
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
