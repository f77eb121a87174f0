//! The sandbox's control API: a made-up person, their chat, their payments, the log.

use std::time::Duration;

use geobot_shared::ids::InvoiceId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::failure::{Failure, cause};

/// A message as the chat shows it now.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChatMessage {
    pub(crate) message_id: i64,
    from: String,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) caption: Option<String>,
    #[serde(default)]
    pub(crate) document: Option<Value>,
    #[serde(default)]
    buttons: Vec<Vec<ChatButton>>,
    #[serde(default)]
    pub(crate) deleted: bool,
}

/// A button under a message.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChatButton {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) callback_data: Option<String>,
    #[serde(default)]
    pub(crate) url: Option<String>,
}

impl ChatMessage {
    pub(crate) fn is_from_bot(&self) -> bool {
        self.from == "bot" && !self.deleted
    }

    pub(crate) fn buttons(&self) -> impl Iterator<Item = &ChatButton> {
        self.buttons.iter().flatten()
    }

    /// The address of the first button that opens one.
    pub(crate) fn link(&self) -> Option<&str> {
        self.buttons().find_map(|button| button.url.as_deref())
    }
}

/// The client.
pub(crate) struct Sandbox {
    client: reqwest::Client,
    url: String,
}

impl Sandbox {
    pub(crate) fn new(url: &Url) -> Result<Sandbox, Failure> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()
            .map_err(|e| Failure::failed(e.to_string()))?;
        Ok(Sandbox {
            client,
            url: url.as_str().trim_end_matches('/').to_owned(),
        })
    }

    /// Makes a person; the answer is their id.
    pub(crate) async fn person(&self) -> Result<i64, Failure> {
        let body = json!({"first_name": "Проба", "username": "proba", "language_code": "ru"});
        let person = self
            .call(Method::POST, "/control/people", Some(body))
            .await?;
        person["id"]
            .as_i64()
            .ok_or_else(|| Failure::failed("the sandbox made a person without an id"))
    }

    pub(crate) async fn write(&self, person: i64, text: &str) -> Result<(), Failure> {
        let path = format!("/control/people/{person}/messages");
        self.call(Method::POST, &path, Some(json!({ "text": text })))
            .await
            .map(|_| ())
    }

    pub(crate) async fn press(&self, person: i64, message: i64, data: &str) -> Result<(), Failure> {
        let path = format!("/control/people/{person}/clicks");
        let body = json!({"message_id": message, "button": data});
        self.call(Method::POST, &path, Some(body)).await.map(|_| ())
    }

    /// What the person sees of the bot, oldest first.
    pub(crate) async fn chat(&self, person: i64) -> Result<Vec<ChatMessage>, Failure> {
        let path = format!("/control/people/{person}/chat");
        let answer = self.call(Method::GET, &path, None).await?;
        serde_json::from_value(answer["messages"].clone())
            .map_err(|e| Failure::failed(format!("the sandbox's chat can't be read: {e}")))
    }

    /// Pays as the button on Robokassa's page does.
    pub(crate) async fn pay(&self, invoice: InvoiceId) -> Result<(), Failure> {
        let path = format!("/control/payments/{invoice}/pay");
        self.call(Method::POST, &path, Some(json!({})))
            .await
            .map(|_| ())
    }

    /// Whether the shop has answered a ResultURL call with `OK<InvId>`; else what became of the last one.
    pub(crate) async fn callback(&self, invoice: InvoiceId) -> Result<Result<(), String>, Failure> {
        let path = format!("/control/payments/{invoice}");
        let payment = self.call(Method::GET, &path, None).await?;
        let callbacks = payment["callbacks"].as_array().cloned().unwrap_or_default();
        if callbacks.iter().any(|call| call["accepted"] == true) {
            return Ok(Ok(()));
        }
        Ok(Err(match callbacks.last() {
            None => "ResultURL was not called yet".to_owned(),
            Some(call) => format!(
                "ResultURL answered {} {}",
                call["status"],
                call["error"]
                    .as_str()
                    .or(call["body"].as_str())
                    .unwrap_or("")
            )
            .chars()
            .take(200)
            .collect(),
        }))
    }

    /// How many log documents hold this text.
    pub(crate) async fn documents(&self, text: &str) -> Result<usize, Failure> {
        let path = format!("/control/logs?contains={text}");
        let answer = self.call(Method::GET, &path, None).await?;
        Ok(answer["documents"].as_array().map_or(0, Vec::len))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let silent = |e: reqwest::Error| {
            Failure::failed(format!(
                "the sandbox at {} does not answer: does it run? ({})",
                self.url,
                cause(&e)
            ))
        };
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        let text = response.text().await.map_err(silent)?;
        if !status.is_success() {
            let shown: String = text.chars().take(200).collect();
            return Err(Failure::failed(format!(
                "the sandbox answered {status} to {path}: {shown}"
            )));
        }
        serde_json::from_str(&text)
            .map_err(|_| Failure::failed(format!("{} does not answer like the sandbox", self.url)))
    }
}
