//! What a failed call to Telegram means. Told by status and variant; the text decides only where there is nothing else.

use std::time::Duration;

use geobot_shared::bus::HandleError;
use teloxide::ApiError;

/// What a failed call means for the message.
#[derive(Debug, thiserror::Error)]
pub enum SendFailure {
    /// The person can't be written to until they start the bot again.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Telegram wants a pause (429).
    #[error("Telegram wants a pause of {} s", .0.as_secs())]
    Wait(Duration),
    /// The call never reached Telegram, or Telegram answers nobody.
    #[error("Telegram can't be reached: {0}")]
    Down(String),
    /// The token was withdrawn: nothing can be sent, and nothing is lost by waiting for the operator.
    #[error("Telegram does not accept the bot token")]
    WrongToken,
    /// Telegram may have taken the message: a time-out, a lost answer, a 5xx.
    #[error("Telegram may or may not have taken it: {0}")]
    Ambiguous(String),
    /// The formatting can't be read.
    #[error("the formatting can't be read: {0}")]
    BadEntities(String),
    /// The file_id is not, or no longer, one of this bot's.
    #[error("Telegram refuses the file: {0}")]
    WrongFile(String),
    /// The message is the same as before, or already deleted: as good as done.
    #[error("nothing to change")]
    NotModified,
    /// The group has become a supergroup and has another number.
    #[error("the group has moved to {0}")]
    Moved(i64),
    /// Telegram refuses, and will again.
    #[error("Telegram refuses: {0}")]
    Refused(String),
}

/// A call that got no answer. The address holds the token, so it is left out.
pub(super) fn of_connection(error: reqwest::Error) -> SendFailure {
    let error = error.without_url();
    let words = words(&error);
    if error.is_connect() {
        SendFailure::Down(words)
    } else if error.is_builder() {
        SendFailure::Refused(words)
    } else {
        SendFailure::Ambiguous(words)
    }
}

fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

/// An answer that says no.
pub(super) fn of_answer(code: u16, error: ApiError) -> SendFailure {
    match (code, error) {
        (500.., error) => SendFailure::Ambiguous(error.to_string()),
        (401, _) | (_, ApiError::InvalidToken) => SendFailure::WrongToken,
        (_, error @ (ApiError::ChatNotFound | ApiError::UserDeactivated)) => {
            SendFailure::Unreachable(error.to_string())
        }
        (_, ApiError::CantParseEntities(text)) => SendFailure::BadEntities(text),
        (_, ApiError::MessageNotModified | ApiError::MessageToDeleteNotFound) => {
            SendFailure::NotModified
        }
        (
            _,
            error @ (ApiError::WrongFileId | ApiError::WrongFileIdOrUrl | ApiError::FileIdInvalid),
        ) => SendFailure::WrongFile(error.to_string()),
        (_, ApiError::Unknown(text))
            if text.contains("file identifier") || text.contains("file reference") =>
        {
            SendFailure::WrongFile(text)
        }
        (403, error) => SendFailure::Unreachable(error.to_string()),
        (_, other) => SendFailure::Refused(other.to_string()),
    }
}

impl From<SendFailure> for HandleError {
    /// What the bus does with the record: wait, repeat, pause or give up.
    fn from(failure: SendFailure) -> HandleError {
        match failure {
            SendFailure::Wait(pause) => HandleError::retry_after(failure, pause),
            SendFailure::Down(_) | SendFailure::WrongToken => {
                HandleError::unavailable("telegram", failure)
            }
            SendFailure::Ambiguous(_) | SendFailure::Moved(_) => HandleError::transient(failure),
            SendFailure::Unreachable(why) => HandleError::Refused(why),
            SendFailure::NotModified => HandleError::Refused("nothing to change".to_owned()),
            SendFailure::BadEntities(_) | SendFailure::WrongFile(_) | SendFailure::Refused(_) => {
                HandleError::BadData(failure.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_of_telegram_has_its_meaning() {
        let unreachable =
            |code, error| matches!(of_answer(code, error), SendFailure::Unreachable(_));
        assert!(unreachable(403, ApiError::BotBlocked));
        assert!(unreachable(403, ApiError::BotKickedFromChannel));
        assert!(unreachable(400, ApiError::ChatNotFound));
        assert!(matches!(
            of_answer(400, ApiError::MessageNotModified),
            SendFailure::NotModified
        ));
        // A deletion whose answer was lost is repeated.
        assert!(matches!(
            of_answer(400, ApiError::MessageToDeleteNotFound),
            SendFailure::NotModified
        ));
        assert!(matches!(
            of_answer(400, ApiError::MessageToEditNotFound),
            SendFailure::Refused(_)
        ));
        assert!(matches!(
            of_answer(502, ApiError::Unknown("Bad Gateway".into())),
            SendFailure::Ambiguous(_)
        ));
        assert!(matches!(
            of_answer(400, ApiError::MessageIsTooLong),
            SendFailure::Refused(_)
        ));
        assert!(matches!(
            of_answer(400, ApiError::WrongFileIdOrUrl),
            SendFailure::WrongFile(_)
        ));
    }

    #[test]
    fn a_refused_connection_is_down_and_any_later_loss_is_ambiguous() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!(
                "http://{}/bot1:secret/getMe",
                listener.local_addr().unwrap()
            );
            let call = tokio::spawn(reqwest::get(address.clone()));
            drop(listener.accept().await.unwrap());
            let lost = of_connection(call.await.unwrap().unwrap_err());
            assert!(matches!(lost, SendFailure::Ambiguous(_)), "{lost}");
            drop(listener);
            let refused = of_connection(reqwest::get(address).await.unwrap_err());
            assert!(matches!(refused, SendFailure::Down(_)), "{refused}");
            assert!(!format!("{lost} {refused}").contains("secret"));
        });
    }
}
