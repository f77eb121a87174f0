//! The sandbox's control API, typed.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The client.
#[derive(Clone, Debug)]
pub struct Sandbox {
    base: String,
    http: reqwest::Client,
}

/// A person who can chat with the bot.
#[derive(Clone, Debug, Deserialize)]
pub struct Person {
    /// The Telegram id.
    pub id: i64,
}

/// A message as the chat shows it now.
#[derive(Clone, Debug, Deserialize)]
pub struct ChatMessage {
    /// Telegram's number.
    pub message_id: i64,
    /// `bot` or `person`.
    pub from: String,
    /// When it was edited last.
    #[serde(default)]
    pub edit_date: Option<i64>,
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// The line under a file.
    #[serde(default)]
    pub caption: Option<String>,
    /// The file, as the control API shows it.
    #[serde(default)]
    pub document: Option<Value>,
    /// Rows of buttons.
    #[serde(default)]
    pub buttons: Vec<Vec<ChatButton>>,
    /// It is gone.
    #[serde(default)]
    pub deleted: bool,
}

/// A button.
#[derive(Clone, Debug, Deserialize)]
pub struct ChatButton {
    /// What stands on it.
    pub text: String,
    /// What comes back when it is pressed.
    #[serde(default)]
    pub callback_data: Option<String>,
    /// What it opens.
    #[serde(default)]
    pub url: Option<String>,
}

/// Whether a message has these words in its text.
pub fn says(words: &str) -> impl Fn(&ChatMessage) -> bool + '_ {
    move |it| it.text.as_deref().is_some_and(|text| text.contains(words))
}

impl ChatMessage {
    /// The button that opens an address.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        self.all_buttons().find_map(|button| button.url.as_deref())
    }

    /// The callback data that begins so.
    #[must_use]
    pub fn click(&self, begin: &str) -> Option<&str> {
        self.all_buttons()
            .filter_map(|button| button.callback_data.as_deref())
            .find(|data| data.starts_with(begin))
    }

    fn all_buttons(&self) -> impl Iterator<Item = &ChatButton> {
        self.buttons.iter().flatten()
    }
}

/// A payment as the Robokassa stand-in knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Payment {
    /// `open`, `paid` or `declined`.
    pub state: String,
    /// The amount of the link.
    pub out_sum: String,
    /// `Shp_…` parameters.
    #[serde(default)]
    pub shp: Map<String, Value>,
    /// The ResultURL calls.
    #[serde(default)]
    pub callbacks: Vec<ResultCall>,
}

/// One ResultURL call.
#[derive(Clone, Debug, Deserialize)]
pub struct ResultCall {
    /// The shop's status.
    #[serde(default)]
    pub status: Option<u16>,
    /// The shop's answer.
    #[serde(default)]
    pub body: Option<String>,
    /// Why there is no answer.
    #[serde(default)]
    pub error: Option<String>,
    /// It was exactly `OK{InvId}`.
    pub accepted: bool,
}

/// A Bot API call.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// Its number.
    pub seq: u64,
    /// The method.
    pub method: String,
    /// Whether it was obeyed.
    pub ok: bool,
    /// Telegram's code where it was not.
    #[serde(default)]
    pub error_code: Option<u16>,
    /// The parameters.
    pub params: Value,
}

/// A document in the Logstash stand-in.
#[derive(Clone, Debug, Deserialize)]
pub struct LogDocument {
    /// Its number; it grows in the order of arrival.
    pub seq: u64,
    /// The document.
    pub document: Value,
}

impl Sandbox {
    /// For the sandbox at this address.
    #[must_use]
    pub fn new(base: &str, http: reqwest::Client) -> Sandbox {
        Sandbox {
            base: base.to_owned(),
            http,
        }
    }

    /// Makes a person.
    pub async fn person(&self, first_name: &str) -> Person {
        let body = json!({"first_name": first_name, "language_code": "ru"});
        self.post("people", body).await
    }

    /// The person writes to the bot.
    pub async fn write(&self, person: i64, text: &str) {
        let _: Value = self
            .post(&format!("people/{person}/messages"), json!({"text": text}))
            .await;
    }

    /// The person sends something that is no text; as in the control API: `{"location": {…}}`, `{"photo": {…}}`.
    pub async fn send_to_bot(&self, person: i64, what: Value) {
        let _: Value = self.post(&format!("people/{person}/messages"), what).await;
    }

    /// Makes a channel in which the bot is an administrator with these rights; returns its number.
    ///
    /// # Panics
    /// When the sandbox does not make it.
    pub async fn channel(&self, rights: Value) -> i64 {
        let title = format!("Club {}", uuid::Uuid::now_v7());
        let made = self.do_control("channels", json!({ "title": title })).await;
        let id = made["id"].as_i64().expect("a channel has a number");
        self.do_control(&format!("channels/{id}/admin"), rights)
            .await;
        id
    }

    /// Any other call of the control API that changes something.
    pub async fn do_control(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await
    }

    /// Any other call of the control API that only looks.
    pub async fn look_control(&self, path: &str) -> Value {
        self.get(path).await
    }

    /// The bytes of a file in a chat.
    pub async fn file(&self, file_id: &str) -> Vec<u8> {
        let request = self.http.get(self.url(&format!("files/{file_id}")));
        let answer = request.send().await.expect("the sandbox answers");
        assert_eq!(answer.status(), 200, "the sandbox keeps {file_id}");
        answer.bytes().await.expect("the file's bytes").to_vec()
    }

    /// The person presses a button.
    pub async fn click(&self, person: i64, message_id: i64, button: &str) {
        let body = json!({"message_id": message_id, "button": button});
        let _: Value = self.post(&format!("people/{person}/clicks"), body).await;
    }

    /// The person blocks the bot.
    pub async fn block(&self, person: i64) {
        let _: Value = self
            .post(&format!("people/{person}/block"), json!({}))
            .await;
    }

    /// The person lets the bot in again.
    pub async fn unblock(&self, person: i64) {
        let _: Value = self
            .post(&format!("people/{person}/unblock"), json!({}))
            .await;
    }

    /// What the chat shows of the bot now, after a message.
    pub async fn from_bot(&self, person: i64, after: i64) -> Vec<ChatMessage> {
        #[derive(Deserialize)]
        struct Chat {
            messages: Vec<ChatMessage>,
        }
        let chat: Chat = self
            .get(&format!("people/{person}/chat?after={after}"))
            .await;
        chat.messages
            .into_iter()
            .filter(|message| message.from == "bot" && !message.deleted)
            .collect()
    }

    /// How many messages of the bot in a chat have these words.
    pub async fn count_of_words(&self, person: i64, words: &str) -> usize {
        let all = self.from_bot(person, 0).await;
        all.iter().filter(|it| says(words)(it)).count()
    }

    /// How often the chat shows exactly this text of the bot.
    pub async fn count_of_text(&self, person: i64, text: &str) -> usize {
        let all = self.from_bot(person, 0).await;
        all.iter()
            .filter(|message| message.text.as_deref() == Some(text))
            .count()
    }

    /// Bot API calls of a method to a chat.
    pub async fn calls(&self, method: &str, chat: i64) -> Vec<Call> {
        #[derive(Deserialize)]
        struct Calls {
            calls: Vec<Call>,
        }
        let found: Calls = self
            .get(&format!("calls?method={method}&chat_id={chat}"))
            .await;
        found.calls
    }

    /// Bot API calls of a method to any chat, after the one with this number.
    pub async fn calls_after(&self, method: &str, after: u64) -> Vec<Call> {
        #[derive(Deserialize)]
        struct Calls {
            calls: Vec<Call>,
        }
        let path = format!("calls?method={method}&after={after}");
        let found: Calls = self.get(&path).await;
        found.calls
    }

    /// Changes Telegram's limits, and returns what they were.
    pub async fn set_limits(&self, to: Value) -> Value {
        let before = self.get("limits").await;
        let _: Value = self.post("limits", to).await;
        before
    }

    /// The faults in force.
    pub async fn faults(&self) -> Vec<Value> {
        #[derive(Deserialize)]
        struct Faults {
            faults: Vec<Value>,
        }
        let found: Faults = self.get("faults").await;
        found.faults
    }

    /// A payment; `None` while its pay page was not opened.
    pub async fn payment(&self, invoice: u64) -> Option<Payment> {
        let answer = self
            .send(self.http.get(self.url(&format!("payments/{invoice}"))))
            .await;
        match answer.0 {
            404 => None,
            200 => Some(read(&answer.1)),
            status => panic!("the sandbox answers {status}: {}", answer.1),
        }
    }

    /// The person pays. `how` as in the control API: `{"copies": 2}`, `{"out_sum": "1.000000"}`.
    pub async fn pay(&self, invoice: u64, how: Value) {
        let _: Payment = self.post(&format!("payments/{invoice}/pay"), how).await;
    }

    /// The person declines.
    pub async fn decline(&self, invoice: u64) {
        let _: Payment = self
            .post(&format!("payments/{invoice}/decline"), json!({}))
            .await;
    }

    /// Breaks something; see the control API.
    pub async fn break_something(&self, fault: Value) {
        let _: Value = self.post("faults", fault).await;
    }

    /// Everything works again. Says nothing when the sandbox itself is down.
    pub async fn clear_faults(&self) {
        let _ = self.http.delete(self.url("faults")).send().await;
    }

    /// The documents of an action that hold a text, in the order of their arrival. An empty action is any.
    pub async fn logs(&self, action: &str, contains: &str) -> Vec<LogDocument> {
        #[derive(Deserialize)]
        struct Documents {
            documents: Vec<LogDocument>,
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("action", action)
            .append_pair("contains", contains)
            .finish();
        let found: Documents = self.get(&format!("logs?{query}")).await;
        found.documents
    }

    /// The Bot API's own answer to a method, as the bot would get it.
    pub async fn bot_api(&self, method: &str) -> Value {
        let token = geobot_shared::config::SANDBOX_TOKEN;
        let address = format!("{}/bot{token}/{method}", self.base);
        read(&self.send(self.http.get(address)).await.1)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/control/{path}", self.base)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.success(self.http.get(self.url(path)), path).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> T {
        self.success(self.http.post(self.url(path)).json(&body), path)
            .await
    }

    async fn success<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        path: &str,
    ) -> T {
        let (status, body) = self.send(request).await;
        assert_eq!(status, 200, "the sandbox answers to {path}: {body}");
        read(&body)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = request.send().await.expect("the sandbox answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("the sandbox's answer"))
    }
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("the sandbox's answer can't be read ({error}): {text}"))
}
