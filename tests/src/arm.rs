//! ARM's JSON API, as far as the tests need it.

use geobot_shared::ids::ProductId;
use serde::Deserialize;
use serde_json::{Value, json};

/// The client.
#[derive(Clone, Debug)]
pub struct Arm {
    base: String,
    token: String,
    http: reqwest::Client,
}

/// An invoice as staff see it.
#[derive(Clone, Debug, Deserialize)]
pub struct Invoice {
    /// Where it stands.
    pub status: String,
    /// What became of it in the bot.
    pub routing: String,
    /// Why it is held or in mismatch.
    #[serde(default)]
    pub cause: Option<String>,
    /// Kopecks.
    pub amount: i64,
    /// What the bot said about it.
    #[serde(default)]
    pub events: Vec<InvoiceEvent>,
}

/// What the bot said about an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceEvent {
    /// `payment_routed` or `payment_refused`.
    pub kind: String,
    /// The bot's reason.
    pub detail: String,
}

impl Invoice {
    /// `paid, held (cause)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let cause = self.cause.as_deref().unwrap_or("no cause");
        format!("{}, {} ({cause})", self.status, self.routing)
    }

    /// How often the bot said so.
    #[must_use]
    pub fn said(&self, kind: &str) -> usize {
        self.events
            .iter()
            .filter(|event| event.kind == kind)
            .count()
    }
}

impl Arm {
    /// For ARM at this address.
    #[must_use]
    pub fn new(base: &str, token: &str, http: reqwest::Client) -> Arm {
        Arm {
            base: base.to_owned(),
            token: token.to_owned(),
            http,
        }
    }

    /// Puts a product on sale that gives a text.
    ///
    /// # Panics
    /// When ARM refuses.
    pub async fn add_product(&self, title: &str, rubles: &str, text: &str) -> ProductId {
        let product = json!({
            "product_id": uuid::Uuid::now_v7(),
            "title": title,
            "description": "",
            "price": rubles,
            "delivery": {"kind": "text", "text": text},
        });
        let request = self.http.post(self.url("products")).json(&product);
        let (status, body) = self.send(request).await;
        assert_eq!(status, 201, "ARM takes a product: {body}");
        serde_json::from_value(body["product_id"].clone()).expect("ARM's answer names the product")
    }

    /// Takes a product off sale.
    ///
    /// # Panics
    /// When ARM refuses.
    pub async fn archive(&self, product: ProductId) {
        let path = format!("products/{product}/archive");
        let (status, body) = self.send(self.http.post(self.url(&path))).await;
        assert_eq!(status, 200, "ARM archives a product: {body}");
    }

    /// Gives a product another price.
    ///
    /// # Panics
    /// When ARM refuses.
    pub async fn change_price(&self, product: ProductId, rubles: &str) {
        let path = format!("products/{product}");
        let mut fields: Value = self.find(&path).await.expect("ARM has the product");
        fields["price"] = json!(rubles);
        self.put(&path, &fields).await;
    }

    /// Changes something.
    ///
    /// # Panics
    /// When ARM refuses.
    pub async fn put(&self, path: &str, fields: &Value) {
        let (status, body) = self.send(self.http.put(self.url(path)).json(fields)).await;
        assert_eq!(status, 200, "ARM takes {path}: {body}");
    }

    /// Asks for something that LK carries out.
    ///
    /// # Panics
    /// When ARM refuses.
    pub async fn post(&self, path: &str, fields: &Value) {
        let (status, body) = self.send(self.http.post(self.url(path)).json(fields)).await;
        assert_eq!(status, 202, "ARM takes {path}: {body}");
    }

    /// Makes something and returns it.
    ///
    /// # Panics
    /// When ARM refuses.
    pub async fn make(&self, path: &str, fields: &Value) -> Value {
        let (status, body) = self.send(self.http.post(self.url(path)).json(fields)).await;
        assert!(matches!(status, 200 | 201), "ARM takes {path}: {body}");
        body
    }

    /// Sees that ARM refuses to have something done, and why.
    ///
    /// # Panics
    /// When ARM does not.
    pub async fn refuses(&self, path: &str, fields: &Value) -> String {
        let (status, body) = self.send(self.http.post(self.url(path)).json(fields)).await;
        assert!((400..500).contains(&status), "ARM takes {path}: {body}");
        body.to_string()
    }

    /// Anything that ARM shows; `None` while it has not heard of it.
    pub async fn look(&self, path: &str) -> Option<Value> {
        self.find(path).await
    }

    /// An invoice; `None` while ARM has not heard of it.
    pub async fn invoice(&self, invoice: u64) -> Option<Invoice> {
        self.find(&format!("invoices/{invoice}")).await
    }

    /// A person's card; `None` while ARM has not heard of them.
    pub async fn user(&self, user: i64) -> Option<Value> {
        self.find(&format!("users/{user}")).await
    }

    async fn find<T: serde::de::DeserializeOwned>(&self, path: &str) -> Option<T> {
        let (status, body) = self.send(self.http.get(self.url(path))).await;
        match status {
            404 => None,
            200 => Some(serde_json::from_value(body).expect("ARM's answer can be read")),
            _ => panic!("ARM answers {status} to {path}: {body}"),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/{path}", self.base)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("ARM answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}
