//! What the person does and waits for, step by step.

use std::time::{Duration, Instant};

use geobot_shared::ids::{InvoiceId, ProductId};
use geobot_shared::topics::states::{Delivery, KEY_PLACE};

use super::pay_page;
use super::sandbox::{ChatMessage, Sandbox};
use super::tail::Tail;
use crate::failure::Failure;
use crate::shop::arm::{Arm, Product};
use crate::shop::demo;

const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// The menu's button that leads to the products.
const PRODUCTS: &str = "products";
/// Products that are not shown by then are asked for with /buy, and again.
const ASK_FOR_PRODUCTS: Duration = Duration::from_secs(2);

/// One purchase.
pub(super) struct Story<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) arm: &'a Arm,
    pub(super) products: &'a [Product],
    /// The product to buy, if it matters.
    pub(super) wanted: Option<ProductId>,
    pub(super) tail: &'a Tail,
    /// How long each thing may take.
    pub(super) limit: Duration,
}

/// A product's button in the chat.
struct BuyButton {
    message_id: i64,
    data: String,
    text: String,
    product: Option<ProductId>,
}

impl Story<'_> {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let person = self.sandbox.person().await?;
        self.tail.follow(person);
        self.step("you", "/start");
        self.sandbox.write(person, "/start").await?;

        self.until("the bot's welcome", async || {
            Ok(self.bot_messages(person).await?.into_iter().next())
        })
        .await?;
        self.step("TG", "the welcome");

        let button = self.products_shown(person).await?;
        let before = links(&self.bot_messages(person).await?);
        self.step("you", format!("press «{}»", button.text));
        self.sandbox
            .press(person, button.message_id, &button.data)
            .await?;
        let pay = self
            .until("the pay button", async || {
                let mut now = links(&self.bot_messages(person).await?);
                now.retain(|link| !before.contains(link));
                Ok(now.pop())
            })
            .await?;
        self.step("TG", "the pay button");

        let invoice = pay_page::open(&pay.1).await?;
        self.tail.follow(invoice);
        self.tail.step(
            "browser",
            "you",
            format!("Robokassa's page of invoice {invoice}"),
        );
        self.sandbox.pay(invoice).await?;
        self.tail.step("browser", "you", "pay");

        self.called_back(invoice).await?;
        self.tail
            .step("ResultURL", "Robokassa", format!("LK answered OK{invoice}"));
        self.goods(person, pay.0, button.product).await?;
        self.button_gone(person, pay.0).await?;
        self.in_arm(invoice).await?;
        self.logged(invoice).await?;
        self.until("the last record", async || {
            Ok(self
                .tail
                .with(|hops| hops.missing().is_empty())
                .then_some(()))
        })
        .await
    }

    fn step(&self, who: &str, what: impl Into<String>) {
        self.tail.step("chat", who, what);
    }

    async fn bot_messages(&self, person: i64) -> Result<Vec<ChatMessage>, Failure> {
        let mut messages = self.sandbox.chat(person).await?;
        messages.retain(ChatMessage::is_from_bot);
        Ok(messages)
    }

    /// Waits for a product's button and chooses one. The menu's button leads there; /buy does where it fails.
    async fn products_shown(&self, person: i64) -> Result<BuyButton, Failure> {
        let mut ask_at = Instant::now() + ASK_FOR_PRODUCTS;
        let mut pressed = false;
        self.until(
            "a product's button (is anything on sale in the bot?)",
            async || {
                let messages = self.bot_messages(person).await?;
                let found = messages.iter().rev().find_map(|m| self.choose(m));
                if found.is_some() {
                    return Ok(found);
                }
                if let Some((message, text)) = messages.iter().find_map(menu_button)
                    && !pressed
                {
                    pressed = true;
                    self.step("you", format!("press «{text}»"));
                    self.sandbox.press(person, message, PRODUCTS).await?;
                } else if Instant::now() >= ask_at {
                    ask_at = Instant::now() + ASK_FOR_PRODUCTS;
                    self.step("you", "/buy");
                    self.sandbox.write(person, "/buy").await?;
                }
                Ok(None)
            },
        )
        .await
    }

    /// The button of the wanted product, or of the demo product with a text, or the first.
    fn choose(&self, message: &ChatMessage) -> Option<BuyButton> {
        let buttons: Vec<BuyButton> = message
            .buttons()
            .filter_map(|button| {
                let data = button.callback_data.clone()?;
                let rest = data.strip_prefix("buy:")?;
                let product = self.products.iter().map(|p| p.product_id);
                Some(BuyButton {
                    message_id: message.message_id,
                    text: button.text.clone(),
                    product: product.clone().find(|id| names(rest, *id)),
                    data,
                })
            })
            .collect();
        let wanted = self.wanted.unwrap_or(demo::GUIDE);
        let index = buttons.iter().position(|b| b.product == Some(wanted));
        let index = match (index, self.wanted) {
            (Some(index), _) => index,
            (None, None) => 0,
            (None, Some(_)) => return None,
        };
        buttons.into_iter().nth(index)
    }

    async fn called_back(&self, invoice: InvoiceId) -> Result<(), Failure> {
        let mut last = String::new();
        let result = self
            .until("LK's OK to Robokassa", async || {
                match self.sandbox.callback(invoice).await? {
                    Ok(()) => Ok(Some(())),
                    Err(said) => {
                        last = said;
                        Ok(None)
                    }
                }
            })
            .await;
        result.map_err(|e| Failure::failed(format!("{e} ({last})")))
    }

    /// Waits for what was paid for.
    async fn goods(
        &self,
        person: i64,
        pay_message: i64,
        product: Option<ProductId>,
    ) -> Result<(), Failure> {
        let delivery = self
            .products
            .iter()
            .find(|p| Some(p.product_id) == product)
            .and_then(|p| p.delivery.clone());
        self.until("the goods", async || {
            let messages = self.bot_messages(person).await?;
            let mut later = messages.iter().filter(|m| m.message_id > pay_message);
            Ok(later
                .any(|m| is_delivery(m, delivery.as_ref()))
                .then_some(()))
        })
        .await?;
        self.step("TG", "the goods");
        Ok(())
    }

    async fn button_gone(&self, person: i64, pay_message: i64) -> Result<(), Failure> {
        self.until("the pay button's end", async || {
            let messages = self.sandbox.chat(person).await?;
            let still = messages
                .iter()
                .any(|m| m.message_id == pay_message && !m.deleted && m.link().is_some());
            Ok((!still).then_some(()))
        })
        .await?;
        self.step("TG", "the pay button is gone");
        Ok(())
    }

    async fn in_arm(&self, invoice: InvoiceId) -> Result<(), Failure> {
        let mut last = String::from("not known");
        let result = self
            .until("`paid` and `delivered` in ARM", async || {
                let Some(found) = self.arm.invoice(invoice).await? else {
                    return Ok(None);
                };
                last = format!("{}, {}", found.status, found.routing);
                Ok((found.status == "paid" && found.routing == "delivered").then_some(()))
            })
            .await;
        result
            .map_err(|e| Failure::failed(format!("{e} (ARM says: {last}; sh init.sh logs arm)")))?;
        self.tail.step("ARM", "ARM", "paid, delivered");
        Ok(())
    }

    async fn logged(&self, invoice: InvoiceId) -> Result<(), Failure> {
        let result = self
            .until("a log document of the invoice", async || {
                let count = self.sandbox.documents(&invoice.to_string()).await?;
                Ok((count > 0).then_some(()))
            })
            .await;
        result.map_err(|e| Failure::failed(format!("{e} (sh init.sh logs logger)")))?;
        self.tail
            .step("Logstash", "LOGGING", "documents of the invoice");
        Ok(())
    }

    /// Looks again and again until something is there, within the limit.
    async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let end = Instant::now() + self.limit;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if Instant::now() >= end {
                let hint = self.tail.with(|hops| hops.hint());
                return Err(Failure::failed(format!(
                    "{what} did not come within {} s: {hint}",
                    self.limit.as_secs()
                )));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The buttons that open addresses, each with its message.
fn links(messages: &[ChatMessage]) -> Vec<(i64, String)> {
    let of = |m: &ChatMessage| Some((m.message_id, m.link()?.to_owned()));
    messages.iter().filter_map(of).collect()
}

/// The message with the menu's button to the products, and the button's text.
fn menu_button(message: &ChatMessage) -> Option<(i64, String)> {
    let button = message
        .buttons()
        .find(|b| b.callback_data.as_deref() == Some(PRODUCTS))?;
    Some((message.message_id, button.text.clone()))
}

/// Whether the data of a button names this product, however the bot writes ids.
fn names(data: &str, product: ProductId) -> bool {
    let id = data.split(':').next().unwrap_or_default();
    id.parse::<ProductId>().is_ok_and(|found| found == product)
}

/// Whether a message is what was paid for.
fn is_delivery(message: &ChatMessage, delivery: Option<&Delivery>) -> bool {
    let text = message.text.as_deref().unwrap_or_default();
    match delivery {
        Some(Delivery::Text { text: goods }) => text.contains(goods.trim()),
        Some(Delivery::InviteLink { .. }) => text.contains("t.me/") || message.link().is_some(),
        Some(Delivery::File { .. } | Delivery::StoredFile { .. }) => {
            message.document.is_some() || message.caption.is_some()
        }
        // Which key it is only LK knows; the words before it are the product's.
        Some(Delivery::Webhook { text: said, .. }) => said
            .as_deref()
            .is_none_or(|said| text.contains(said.trim())),
        Some(Delivery::Key { text: goods }) => {
            let before = goods.split(KEY_PLACE).next().unwrap_or_default();
            text.contains(before.trim())
        }
        None => !text.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(value: serde_json::Value) -> ChatMessage {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_button_names_its_product_in_either_form_of_the_id() {
        let id = demo::GUIDE;
        assert!(names(&id.to_string(), id));
        assert!(names(&format!("{}:promo", id.get().simple()), id));
        assert!(!names("", id));
        assert!(!names("01980000", id));
    }

    #[test]
    fn the_goods_are_told_from_other_messages() {
        let goods = Delivery::Text {
            text: "Ваш гид\n".into(),
        };
        let thanks = message(json!({"message_id": 1, "from": "bot", "text": "Оплата получена"}));
        let guide = message(json!({"message_id": 2, "from": "bot", "text": "Спасибо! Ваш гид"}));
        assert!(!is_delivery(&thanks, Some(&goods)));
        assert!(is_delivery(&guide, Some(&goods)));
        let file = message(json!({"message_id": 3, "from": "bot", "document": {"file_id": "x"}}));
        let delivery = Delivery::File {
            url: String::new(),
            caption: None,
        };
        assert!(is_delivery(&file, Some(&delivery)));
        assert!(!is_delivery(&thanks, Some(&delivery)));
    }
}
