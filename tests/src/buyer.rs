//! A person who buys: each step waits for what the person would see, and names it when it does not come.

use geobot_shared::ids::ProductId;
use serde_json::json;

use crate::arm::Invoice;
use crate::fixture::about;
use crate::sandbox::{ChatMessage, says};
use crate::stack::{Service, Stack};
use crate::wait::eventually;

/// A product on sale, with what it gives.
#[derive(Clone, Debug)]
pub struct Product {
    /// ARM's id.
    pub id: ProductId,
    /// Its title.
    pub title: String,
    /// Its price in kopecks.
    pub kopecks: i64,
    /// The text a buyer gets.
    pub goods: String,
}

impl Product {
    /// Puts a new product on sale at 299 roubles.
    pub async fn on_sale(stack: &Stack) -> Product {
        let mark = format!("{:016x}", rand::random::<u64>());
        let title = format!("Book {}", &mark[..8]);
        let goods = format!("The goods {mark}");
        let id = stack.arm.add_product(&title, "299.00", &goods).await;
        Product {
            id,
            title,
            kopecks: 29_900,
            goods,
        }
    }
}

/// An invoice as its buyer sees it.
#[derive(Clone, Debug)]
pub struct PayButton {
    /// Robokassa's InvId.
    pub invoice: u64,
    /// Where the button leads.
    pub url: String,
    /// The message that carries it.
    pub message_id: i64,
}

/// A person in a chat with the bot.
pub struct Buyer<'a> {
    stack: &'a Stack,
    /// The Telegram id.
    pub id: i64,
}

impl<'a> Buyer<'a> {
    /// A person who has just heard of the bot.
    pub async fn new(stack: &'a Stack) -> Buyer<'a> {
        let person = stack.sandbox.person("Anna").await;
        about(person.id);
        Buyer {
            stack,
            id: person.id,
        }
    }

    /// The same person, for a test that has the stack to itself and must not hold on to it.
    #[must_use]
    pub fn known(stack: &'a Stack, id: i64) -> Buyer<'a> {
        Buyer { stack, id }
    }

    /// Presses Start and waits for the welcome.
    pub async fn start(&self) {
        self.stack.sandbox.write(self.id, "/start").await;
        self.message("the bot answers /start with its menu", 0, |it| {
            it.click("products").is_some()
        })
        .await;
    }

    /// Asks for the products and waits until the list offers this one; returns the list.
    pub async fn find(&self, product: &Product) -> ChatMessage {
        let button = format!("buy:{}", product.id);
        // The menu is as fresh as the last catalog_changed, so it is asked for until the product is there.
        eventually(
            "ARM → LK → bot: the product is in the bot's menu",
            async || {
                let after = self.last_message().await;
                self.stack.sandbox.write(self.id, "/buy").await;
                let list = self.message("the bot answers /buy", after, |_| true).await;
                match list.click(&button) {
                    Some(_) => Ok(list),
                    None => Err("the product is not in the list".to_owned()),
                }
            },
        )
        .await
    }

    /// Chooses a product and waits for the pay button.
    pub async fn choose(&self, product: &Product) -> PayButton {
        let list = self.find(product).await;
        let button = format!("buy:{}", product.id);
        self.stack
            .sandbox
            .click(self.id, list.message_id, &button)
            .await;
        let offer = self
            .message(
                "LK makes the invoice, the bot shows the pay button",
                list.message_id,
                |it| it.link().is_some(),
            )
            .await;
        let invoice = offer
            .click("check:")
            .and_then(|data| data.strip_prefix("check:"))
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("the pay button's message names no invoice: {offer:?}"));
        about(invoice);
        PayButton {
            invoice,
            url: offer.link().unwrap_or_default().to_owned(),
            message_id: offer.message_id,
        }
    }

    /// All up to Robokassa's page: Start, the product, the pay button, its link.
    pub async fn ready_to_pay(&self, product: &Product) -> PayButton {
        self.start().await;
        let button = self.choose(product).await;
        self.stack.lk.open_payment(&button.url).await;
        eventually("Robokassa knows the payment", async || {
            let known = self.stack.sandbox.payment(button.invoice).await;
            known.map(|_| ()).ok_or_else(|| "it does not".to_owned())
        })
        .await;
        button
    }

    /// Pays at Robokassa.
    pub async fn pay(&self, button: &PayButton) {
        self.stack.sandbox.pay(button.invoice, json!({})).await;
    }

    /// Waits until the goods are in the chat, and sees that they came once.
    pub async fn gets(&self, product: &Product) {
        self.message("the bot delivers the goods", 0, |it| {
            it.text.as_deref() == Some(product.goods.as_str())
        })
        .await;
        let copies = self
            .stack
            .sandbox
            .count_of_text(self.id, &product.goods)
            .await;
        assert_eq!(copies, 1, "the goods came more than once");
    }

    /// Sees that the goods are not in the chat.
    pub async fn has_not(&self, product: &Product) {
        let copies = self
            .stack
            .sandbox
            .count_of_text(self.id, &product.goods)
            .await;
        assert_eq!(copies, 0, "the goods came though they should not");
    }

    /// Waits until the pay button is gone from its message.
    pub async fn pay_button_goes(&self, button: &PayButton) {
        self.message(
            "the bot takes the pay button away",
            button.message_id - 1,
            |it| {
                it.message_id == button.message_id && it.edit_date.is_some() && it.link().is_none()
            },
        )
        .await;
    }

    /// Waits until ARM shows the invoice so.
    pub async fn staff_see(&self, button: &PayButton, status: &str, routing: &str) -> Invoice {
        staff_see(self.stack, button.invoice, status, routing).await
    }

    /// Waits for a message of the bot after another one that fits.
    pub async fn message(
        &self,
        hop: &str,
        after: i64,
        fits: impl Fn(&ChatMessage) -> bool,
    ) -> ChatMessage {
        eventually(hop, async || {
            let all = self.stack.sandbox.from_bot(self.id, after).await;
            let texts: Vec<&str> = all.iter().filter_map(|it| it.text.as_deref()).collect();
            let seen = format!("the bot's messages are {texts:?}");
            all.iter().rev().find(|it| fits(it)).cloned().ok_or(seen)
        })
        .await
    }

    /// Writes and waits for an answer with these words.
    pub async fn hears(&self, text: &str, words: &str) -> ChatMessage {
        let after = self.last_message().await;
        self.stack.sandbox.write(self.id, text).await;
        let hop = format!("the bot answers {text:?} with {words:?}");
        self.message(&hop, after, says(words)).await
    }

    /// The number of the newest message in the chat.
    pub async fn last_message(&self) -> i64 {
        let all = self.stack.sandbox.from_bot(self.id, 0).await;
        all.last().map_or(0, |it| it.message_id)
    }
}

/// Somebody who has paid for a product while the bot was stopped, which it still is: LK and ARM know of the payment,
/// the bot does not.
pub async fn paid_without_the_bot(stack: &mut Stack, product: &Product) -> (i64, PayButton) {
    let buyer = Buyer::new(stack).await;
    let button = buyer.ready_to_pay(product).await;
    let person = buyer.id;
    stack.stop(Service::Bot).await;
    stack.sandbox.pay(button.invoice, json!({})).await;
    staff_see(stack, button.invoice, "paid", "waiting").await;
    (person, button)
}

/// Waits until ARM shows an invoice so.
pub async fn staff_see(stack: &Stack, invoice: u64, status: &str, routing: &str) -> Invoice {
    let hop = format!("LK → ARM: the invoice is {status}, {routing}");
    eventually(&hop, async || match stack.arm.invoice(invoice).await {
        Some(seen) if seen.status == status && seen.routing == routing => Ok(seen),
        Some(seen) => Err(format!("ARM shows {}", seen.in_words())),
        None => Err("ARM does not know the invoice".to_owned()),
    })
    .await
}
