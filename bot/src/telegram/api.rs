//! The Bot API over HTTP, with teloxide's types and without its client: that one sleeps 10 s on every 5xx before it
//! says anything, reads errors without their status, and takes an accepted message for a failed one when it can't read
//! all of it.

use std::time::Duration;

use bytes::Bytes;
use geobot_shared::ids::TelegramUserId;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use teloxide::ApiError;
use teloxide::requests::Payload;
use url::Url;

use super::failure::{self, SendFailure};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longer than Telegram needs for anything but a long poll and an upload.
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// 50 MB at 1.5 Mbit/s.
pub const UPLOAD_LIMIT: Duration = Duration::from_secs(300);
/// Longer than any pause that Telegram has been seen to ask for; a number beyond it is a mistake.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a question whether Telegram answers at all may take.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The Bot API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    /// `<api>/bot<token>/`.
    address: SecretString,
    bot: TelegramUserId,
}

/// What a send method answers, as far as it matters here: a message is accepted even when the rest of it is news to us.
#[derive(Debug, Deserialize)]
pub struct Sent {
    /// Telegram's number of the message.
    pub message_id: i32,
    /// The file it holds.
    #[serde(default)]
    pub document: Option<SentFile>,
    /// The picture it holds, in several sizes.
    #[serde(default)]
    pub photo: Vec<SentFile>,
}

/// A file that Telegram has now.
#[derive(Clone, Debug, Deserialize)]
pub struct SentFile {
    /// Under this name this bot can send it again.
    pub file_id: String,
}

/// The envelope of every answer (Bot API, "Making requests").
#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    retry_after: Option<u64>,
    #[serde(default)]
    migrate_to_chat_id: Option<i64>,
}

impl Api {
    /// The Bot API at this address, which ends in a slash.
    ///
    /// # Errors
    /// When there is no HTTP client to be had.
    pub fn new(address: &Url, token: &SecretString) -> reqwest::Result<Api> {
        let token = token.expose_secret();
        let bot = token.split(':').next().and_then(|id| id.parse().ok());
        Ok(Api {
            http: reqwest::Client::builder()
                .connect_timeout(CONNECT_LIMIT)
                .build()?,
            address: format!("{address}bot{token}/").into(),
            bot: TelegramUserId(bot.unwrap_or_default()),
        })
    }

    /// The bot's own id. Bot API: a token begins with it.
    pub fn bot(&self) -> TelegramUserId {
        self.bot
    }

    /// Calls a method and reads all of its answer.
    ///
    /// # Errors
    /// [`SendFailure`].
    pub async fn call<P>(&self, payload: &P) -> Result<P::Output, SendFailure>
    where
        P: Payload + Serialize,
        P::Output: DeserializeOwned,
    {
        self.call_for(payload).await
    }

    /// Calls a send method.
    ///
    /// # Errors
    /// [`SendFailure`].
    pub async fn send<P: Payload + Serialize>(&self, payload: &P) -> Result<Sent, SendFailure> {
        self.call_for(payload).await
    }

    async fn call_for<P, T>(&self, payload: &P) -> Result<T, SendFailure>
    where
        P: Payload + Serialize,
        T: DeserializeOwned,
    {
        answer(self.post(P::NAME, CALL_LIMIT).json(payload)).await
    }

    /// Calls a send method whose payload names one file that goes along.
    ///
    /// # Errors
    /// [`SendFailure`].
    pub async fn upload<P: Payload + Serialize>(
        &self,
        payload: &P,
        name: &str,
        bytes: Bytes,
    ) -> Result<Sent, SendFailure> {
        let form = form(payload, name, bytes)?;
        answer(self.post(P::NAME, UPLOAD_LIMIT).multipart(form)).await
    }

    /// Whether Telegram answers at all. A refusal is an answer.
    pub async fn answers(&self) -> bool {
        let answer = self.post("getMe", PROBE_LIMIT).send().await;
        answer.is_ok_and(|it| !it.status().is_server_error())
    }

    fn post(&self, method: &str, limit: Duration) -> reqwest::RequestBuilder {
        let address = format!("{}{method}", self.address.expose_secret());
        self.http.post(address).timeout(limit)
    }
}

/// Bot API, "Sending files": a field says `attach://<part>`, and the part of that name holds the bytes.
fn form<P: Serialize>(
    payload: &P,
    name: &str,
    bytes: Bytes,
) -> Result<reqwest::multipart::Form, SendFailure> {
    let unreadable = |error: serde_json::Error| SendFailure::Refused(error.to_string());
    let fields = match serde_json::to_value(payload).map_err(unreadable)? {
        serde_json::Value::Object(fields) => fields,
        other => return Err(SendFailure::Refused(format!("no payload: {other}"))),
    };
    let mut bytes = Some(bytes);
    let mut form = reqwest::multipart::Form::new();
    for (field, value) in fields {
        if value.is_null() {
            continue;
        }
        let text = match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        if let Some(part) = text.strip_prefix("attach://")
            && let Some(bytes) = bytes.take()
        {
            let file = reqwest::multipart::Part::stream(bytes).file_name(name.to_owned());
            form = form.part(part.to_owned(), file);
        }
        form = form.text(field, text);
    }
    Ok(form)
}

async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, SendFailure> {
    let response = request.send().await.map_err(failure::of_connection)?;
    let status = response.status();
    // Whatever a front end writes below it, the status is what counts; nobody waits for the rest.
    if status.is_server_error() {
        return Err(SendFailure::Ambiguous(format!("HTTP {status}")));
    }
    let body = response.bytes().await.map_err(failure::of_connection)?;
    read(status.as_u16(), &body)
}

fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, SendFailure> {
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
        return Err(match status {
            429 => SendFailure::Wait(Duration::from_secs(1)),
            400..500 => SendFailure::Refused(format!("HTTP {status}")),
            _ => SendFailure::Ambiguous(format!("HTTP {status} without an answer")),
        });
    };
    if answer.ok {
        let result = answer.result.map_or("null", RawValue::get);
        return serde_json::from_str(result)
            .map_err(|error| SendFailure::Ambiguous(format!("an unreadable result: {error}")));
    }
    let code = answer.error_code.unwrap_or(status);
    if code == 429 || answer.parameters.retry_after.is_some() {
        let seconds = answer.parameters.retry_after.unwrap_or(1).max(1);
        return Err(SendFailure::Wait(
            Duration::from_secs(seconds).min(LONGEST_PAUSE),
        ));
    }
    if let Some(chat) = answer.parameters.migrate_to_chat_id {
        return Err(SendFailure::Moved(chat));
    }
    let words: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        answer.description.as_str().into_deserializer();
    let error = ApiError::deserialize(words)
        .unwrap_or_else(|_| ApiError::Unknown(answer.description.clone()));
    Err(failure::of_answer(code, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> SendFailure {
        read::<Sent>(status, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn an_accepted_message_is_accepted_whatever_else_it_says() {
        let sent: Sent = read(
            200,
            br#"{"ok":true,"result":{"message_id":7,"news":{"of":"2030"},"date":"later"}}"#,
        )
        .unwrap();
        assert_eq!(sent.message_id, 7);
        let with_file: Sent = read(
            200,
            br#"{"ok":true,"result":{"message_id":8,"document":{"file_id":"abc"}}}"#,
        )
        .unwrap();
        assert_eq!(with_file.document.unwrap().file_id, "abc");
    }

    #[test]
    fn a_refusal_is_told_by_its_code_and_words() {
        let blocked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
        assert!(matches!(refused(403, blocked), SendFailure::Unreachable(_)));
        let news =
            r#"{"ok":false,"error_code":403,"description":"Forbidden: a reason of next year"}"#;
        assert!(matches!(refused(403, news), SendFailure::Unreachable(_)));
        let withdrawn = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
        assert!(matches!(refused(401, withdrawn), SendFailure::WrongToken));
        let file = r#"{"ok":false,"error_code":400,"description":"Bad Request: wrong remote file identifier specified: Wrong padding in the string"}"#;
        assert!(matches!(refused(400, file), SendFailure::WrongFile(_)));
        let long =
            r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#;
        assert!(matches!(refused(400, long), SendFailure::Refused(_)));
    }

    #[test]
    fn a_429_says_how_long_even_when_it_does_not() {
        let wait = |status, body: &str| match refused(status, body) {
            SendFailure::Wait(pause) => pause.as_secs(),
            other => panic!("{other}"),
        };
        let told = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#;
        assert_eq!(wait(429, told), 35);
        assert_eq!(wait(429, "<html>slow down</html>"), 1);
        assert_eq!(
            wait(
                429,
                r#"{"ok":false,"error_code":429,"description":"","parameters":{"retry_after":0}}"#
            ),
            1
        );
        let for_ever = r#"{"ok":false,"error_code":429,"description":"","parameters":{"retry_after":18446744073709551615}}"#;
        assert_eq!(wait(429, for_ever), 24 * 60 * 60);
        let nonsense =
            r#"{"ok":false,"error_code":429,"description":"","parameters":{"retry_after":-5}}"#;
        assert_eq!(wait(429, nonsense), 1);
    }

    #[test]
    fn a_group_that_has_moved_says_where() {
        let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}"#;
        let to = refused(400, moved);
        assert!(matches!(to, SendFailure::Moved(-1_001_234_567_890)), "{to}");
    }

    #[test]
    fn what_is_no_answer_of_the_bot_api_is_told_apart() {
        assert!(matches!(refused(200, "<html>"), SendFailure::Ambiguous(_)));
        assert!(matches!(refused(200, ""), SendFailure::Ambiguous(_)));
        assert!(matches!(
            refused(200, r#"{"ok":true}"#),
            SendFailure::Ambiguous(_)
        ));
        assert!(matches!(
            refused(413, "<html>too large</html>"),
            SendFailure::Refused(_)
        ));
        let inner = r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#;
        assert!(matches!(refused(200, inner), SendFailure::Ambiguous(_)));
    }
}
