//! What a failed call to Telegram means. Classified by variant; the text decides only where teloxide has no variant.

use std::time::Duration;

use geobot_shared::bus::HandleError;
use teloxide::{ApiError, RequestError};

/// What a failed call means for the message.
#[derive(Debug, thiserror::Error)]
pub enum SendFailure {
    /// The person can't be written to until they start the bot again.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// Telegram wants a pause (429).
    #[error("Telegram wants a pause of {} s", .0.as_secs())]
    Wait(Duration),
    /// The call never reached Telegram.
    #[error("Telegram can't be reached: {0}")]
    Down(String),
    /// Telegram may have taken the message: a time-out, a lost answer, a 5xx.
    #[error("Telegram may or may not have taken it: {0}")]
    Ambiguous(String),
    /// The formatting can't be read.
    #[error("the formatting can't be read: {0}")]
    BadEntities(String),
    /// The message is the same as before: as good as done.
    #[error("nothing to change")]
    NotModified,
    /// Telegram refuses, and will again.
    #[error("Telegram refuses: {0}")]
    Refused(String),
}

/// How Telegram's front ends put a 5xx into words; teloxide does not tell the status.
const SERVER_ERRORS: [&str; 4] = [
    "Internal Server Error",
    "Bad Gateway",
    "Service Unavailable",
    "Gateway Timeout",
];

impl From<RequestError> for SendFailure {
    fn from(error: RequestError) -> SendFailure {
        match error {
            RequestError::RetryAfter(seconds) => SendFailure::Wait(seconds.duration()),
            RequestError::Network(ref source) if source.is_connect() => {
                SendFailure::Down(error.to_string())
            }
            RequestError::Network(_) | RequestError::InvalidJson { .. } | RequestError::Io(_) => {
                SendFailure::Ambiguous(error.to_string())
            }
            RequestError::MigrateToChatId(_) => SendFailure::Refused(error.to_string()),
            RequestError::Api(api) => api_failure(api),
        }
    }
}

fn api_failure(error: ApiError) -> SendFailure {
    match error {
        ApiError::BotBlocked
        | ApiError::UserDeactivated
        | ApiError::ChatNotFound
        | ApiError::CantInitiateConversation
        | ApiError::CantTalkWithBots
        | ApiError::BotKicked
        | ApiError::BotKickedFromSupergroup
        | ApiError::BotKickedFromChannel
        | ApiError::GroupDeactivated => SendFailure::Unreachable(error.to_string()),
        ApiError::CantParseEntities(text) => SendFailure::BadEntities(text),
        ApiError::MessageNotModified => SendFailure::NotModified,
        // A token that was withdrawn: nothing can be sent, nothing is lost by waiting for the operator.
        ApiError::InvalidToken => SendFailure::Down("the bot token is not accepted".to_owned()),
        ApiError::Unknown(text) if SERVER_ERRORS.iter().any(|phrase| text.contains(phrase)) => {
            SendFailure::Ambiguous(text)
        }
        ApiError::Unknown(text) if text.starts_with("Forbidden:") => SendFailure::Unreachable(text),
        other => SendFailure::Refused(other.to_string()),
    }
}

impl From<SendFailure> for HandleError {
    /// What the bus does with the record: wait, repeat, pause or give up.
    fn from(failure: SendFailure) -> HandleError {
        match failure {
            SendFailure::Wait(pause) => HandleError::retry_after(failure, pause),
            SendFailure::Down(_) => HandleError::unavailable("telegram", failure),
            SendFailure::Ambiguous(_) => HandleError::transient(failure),
            SendFailure::Unreachable(why) => HandleError::Refused(why),
            SendFailure::NotModified => HandleError::Refused("nothing to change".to_owned()),
            SendFailure::BadEntities(_) | SendFailure::Refused(_) => {
                HandleError::BadData(failure.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use teloxide::types::Seconds;

    use super::*;

    #[test]
    fn each_answer_of_telegram_has_its_meaning() {
        let of = |error: ApiError| SendFailure::from(RequestError::Api(error));
        assert!(matches!(
            of(ApiError::BotBlocked),
            SendFailure::Unreachable(_)
        ));
        assert!(matches!(
            of(ApiError::ChatNotFound),
            SendFailure::Unreachable(_)
        ));
        assert!(matches!(
            of(ApiError::MessageNotModified),
            SendFailure::NotModified
        ));
        assert!(matches!(
            of(ApiError::Unknown("Bad Gateway".into())),
            SendFailure::Ambiguous(_)
        ));
        assert!(matches!(
            of(ApiError::MessageIsTooLong),
            SendFailure::Refused(_)
        ));
        let wait = SendFailure::from(RequestError::RetryAfter(Seconds::from_seconds(7)));
        assert!(matches!(wait, SendFailure::Wait(pause) if pause.as_secs() == 7));
    }
}
