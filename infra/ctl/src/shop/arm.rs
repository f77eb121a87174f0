//! ARM's JSON API, as far as this tool needs it.

use std::path::Path;
use std::time::Duration;

use geobot_shared::files::LONGEST_FILE;
use geobot_shared::ids::{InvoiceId, ProductId};
use geobot_shared::money::Money;
use geobot_shared::topics::states::{Delivery, StoredFile};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::failure::{Failure, cause};

/// Longest part of an unexpected answer that is shown, in characters.
const SHOWN: usize = 300;
/// Enough for the longest file on a slow line.
const UPLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Where ARM is and how it lets us in.
#[derive(Debug, clap::Args)]
pub(crate) struct ArmSettings {
    /// Where ARM is
    #[arg(long, env = "ARM_URL", default_value = "http://127.0.0.1:8000")]
    arm_url: Url,
    /// Bearer token of ARM's JSON API
    #[arg(
        long,
        env = "ARM_API_TOKEN",
        default_value = "",
        hide_env_values = true
    )]
    arm_api_token: SecretString,
}

/// A product to add or to change.
#[derive(Debug, Serialize)]
pub(crate) struct NewProduct {
    pub(crate) product_id: ProductId,
    pub(crate) title: String,
    pub(crate) description: String,
    /// Rubles with two decimals.
    pub(crate) price: String,
    pub(crate) delivery: Delivery,
    pub(crate) position: i32,
}

impl NewProduct {
    pub(crate) fn price_of(price: Money) -> String {
        price.to_out_sum()
    }
}

/// A product as ARM tells it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Product {
    pub(crate) product_id: ProductId,
    pub(crate) title: String,
    #[serde(default)]
    price_rubles: String,
    #[serde(default)]
    pub(crate) delivery: Option<Delivery>,
    #[serde(default = "yes")]
    pub(crate) active: bool,
    #[serde(default)]
    pub(crate) position: i32,
}

fn yes() -> bool {
    true
}

impl Product {
    /// Rubles with two decimals.
    pub(crate) fn price(&self) -> String {
        self.price_rubles.clone()
    }
}

/// What ARM knows of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) routing: String,
}

/// The client.
pub(crate) struct Arm {
    client: reqwest::Client,
    url: String,
    token: SecretString,
}

impl Arm {
    /// # Errors
    /// [`Failure::Setting`] without a token.
    pub(crate) fn new(settings: &ArmSettings) -> Result<Arm, Failure> {
        if settings.arm_api_token.expose_secret().trim().is_empty() {
            return Err(Failure::setting(
                "ARM_API_TOKEN is empty: it must be the one that ARM was started with",
            ));
        }
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()
            .map_err(|e| Failure::failed(e.to_string()))?;
        Ok(Arm {
            client,
            url: settings.arm_url.as_str().trim_end_matches('/').to_owned(),
            token: settings.arm_api_token.clone(),
        })
    }

    /// All products, archived ones too.
    pub(crate) async fn products(&self) -> Result<Vec<Product>, Failure> {
        let answer = self.call(Method::GET, "/api/products", None).await?;
        read(part(answer, "products"))
    }

    /// Adds a product, or changes the one with this id.
    pub(crate) async fn save(&self, product: &NewProduct) -> Result<Product, Failure> {
        let body = serde_json::to_value(product).map_err(|e| Failure::failed(e.to_string()))?;
        let answer = self.call(Method::POST, "/api/products", Some(body)).await?;
        read(part(answer, "product"))
    }

    /// Gives ARM a file to keep; the same bytes are kept once.
    pub(crate) async fn keep(&self, path: &Path) -> Result<StoredFile, Failure> {
        let unreadable =
            |why: String| Failure::setting(format!("--file {}: {why}", path.display()));
        let length = tokio::fs::metadata(path).await;
        match length.map_err(|e| unreadable(e.to_string()))?.len() {
            0 => return Err(unreadable("the file is empty".to_owned())),
            1..=LONGEST_FILE => {}
            _ => return Err(unreadable("the file is longer than 50 MB".to_owned())),
        }
        let bytes = tokio::fs::read(path).await;
        let bytes = bytes.map_err(|e| unreadable(e.to_string()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let request = self
            .client
            .post(format!("{}/api/files", self.url))
            .query(&[("name", name)])
            .timeout(UPLOAD_LIMIT)
            .body(bytes);
        let (status, text) = self.send(request).await?;
        read(self.success(status, &text)?)
    }

    /// Takes a product off sale.
    pub(crate) async fn archive(&self, id: ProductId) -> Result<(), Failure> {
        let path = format!("/api/products/{id}/archive");
        self.call(Method::POST, &path, None).await.map(|_| ())
    }

    /// An invoice; `None` while ARM has not heard of it.
    pub(crate) async fn invoice(&self, id: InvoiceId) -> Result<Option<Invoice>, Failure> {
        let path = format!("/api/invoices/{id}");
        match self.answer(Method::GET, &path, None).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, text) => read(part(self.success(status, &text)?, "invoice")).map(Some),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        let (status, text) = self.answer(method, path, body).await?;
        self.success(status, &text)
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, String), Failure> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, String), Failure> {
        let silent = |error: reqwest::Error| {
            Failure::failed(format!(
                "ARM at {} does not answer: does it run? ({})",
                self.url,
                cause(&error)
            ))
        };
        let request = request.bearer_auth(self.token.expose_secret().trim());
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        Ok((status, response.text().await.map_err(silent)?))
    }

    fn success(&self, status: StatusCode, text: &str) -> Result<Value, Failure> {
        match status {
            _ if status.is_success() && text.trim().is_empty() => Ok(Value::Null),
            _ if status.is_success() => serde_json::from_str(text).map_err(|_| {
                Failure::failed(format!("{} does not answer like ARM: no JSON", self.url))
            }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Failure::setting(format!(
                "ARM at {} refuses the token: check ARM_API_TOKEN",
                self.url
            ))),
            _ => Err(Failure::failed(format!(
                "ARM answered {status}: {}",
                reason(text)
            ))),
        }
    }
}

/// The named part of an answer, or all of it where there is no such part.
fn part(mut answer: Value, name: &str) -> Value {
    match answer.get_mut(name) {
        Some(part) => part.take(),
        None => answer,
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|e| Failure::failed(format!("ARM's answer can't be read: {e}")))
}

/// Why ARM refused, in one line.
fn reason(text: &str) -> String {
    let said = serde_json::from_str::<Value>(text).ok().and_then(|body| {
        ["error", "message", "detail"]
            .iter()
            .find_map(|name| body.get(name)?.as_str().map(str::to_owned))
    });
    said.unwrap_or_else(|| text.to_owned())
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read_with_and_without_its_envelope() {
        let state = json!({"status": "paid", "routing": "delivered", "more": 1});
        for answer in [state.clone(), json!({"invoice": state})] {
            let invoice: Invoice = read(part(answer, "invoice")).unwrap();
            assert_eq!(invoice.status, "paid");
        }
        assert!(read::<Invoice>(json!({"status": 1})).is_err());
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(reason(r#"{"error":"no such product"}"#), "no such product");
        assert_eq!(reason("a\nb"), "a b");
    }
}
