//! `product add`, `list` and `archive`.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use geobot_shared::ids::{ChatId, ProductId};
use geobot_shared::money::Money;
use geobot_shared::topics::states::{Delivery, StoredFile};
use url::Url;
use uuid::Uuid;

use super::arm::{Arm, ArmSettings, NewProduct};
use crate::failure::Failure;
use crate::table::Table;

/// Bot API: the longest text of a message, in characters.
const LONGEST_TEXT: usize = 4_096;
/// Robokassa: a receipt's line and the payment's description hold at most so many characters.
const LONGEST_TITLE: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum ProductCommand {
    /// Add a product, or change the one with the given --id
    Add(Box<Add>),
    /// List all products
    List(List),
    /// Take a product off sale; what was bought stays
    Archive(Archive),
}

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("delivery").required(true).args(["text", "invite_chat", "file_url", "file", "webhook"])))]
pub(crate) struct Add {
    #[command(flatten)]
    arm: ArmSettings,
    /// What people see on the button and in the receipt
    #[arg(long, value_parser = title)]
    title: String,
    /// Rubles, for example 299.00
    #[arg(long, allow_negative_numbers = true, value_parser = price)]
    price: Money,
    /// What people read before they buy
    #[arg(long, default_value = "")]
    description: String,
    /// Gives this text
    #[arg(long, value_parser = text)]
    text: Option<String>,
    /// Gives a one-time link into this private chat; the bot must be its admin
    #[arg(long, value_name = "CHAT_ID", allow_negative_numbers = true, value_parser = private_chat)]
    invite_chat: Option<ChatId>,
    /// How long the person may stay in the chat, in days; forever when absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,
    /// Gives the file at this address
    #[arg(long, value_name = "URL", value_parser = web_address)]
    file_url: Option<Url>,
    /// Gives this file, whose bytes go to ARM; at most 50 MB
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Calls this address once it is paid: another system gives it
    #[arg(long, value_name = "URL", value_parser = web_address)]
    webhook: Option<Url>,
    /// What the person reads while the other system works; a standard line when absent
    #[arg(long, value_parser = text)]
    webhook_text: Option<String>,
    /// The line under the file
    #[arg(long)]
    caption: Option<String>,
    /// Where it stands in the menu; smaller first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    position: i32,
    /// The product to change; a new one when absent
    #[arg(long)]
    id: Option<ProductId>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    arm: ArmSettings,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Archive {
    #[command(flatten)]
    arm: ArmSettings,
    /// The product's id, as `product list` shows it
    id: ProductId,
}

impl ProductCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            ProductCommand::Add(add) => {
                let arm = Arm::new(&add.arm)?;
                let kept = match &add.file {
                    Some(path) => Some(arm.keep(path).await?),
                    None => None,
                };
                let saved = arm.save(&add.product(kept)?).await?;
                println!("{}  {}  {}", saved.product_id, saved.price(), saved.title);
            }
            ProductCommand::List(List { arm }) => {
                let mut products = Arm::new(&arm)?.products().await?;
                products.sort_by_key(|p| (!p.active, p.position));
                let mut table =
                    Table::new(["id", "#price", "#position", "gives", "state", "title"]);
                for p in products {
                    table.row([
                        p.product_id.to_string(),
                        p.price(),
                        p.position.to_string(),
                        p.delivery.as_ref().map_or("?", kind).to_owned(),
                        if p.active { "on sale" } else { "archived" }.to_owned(),
                        p.title,
                    ]);
                }
                print!("{}", table.render());
            }
            ProductCommand::Archive(Archive { arm, id }) => {
                Arm::new(&arm)?.archive(id).await?;
                println!("{id}  archived");
            }
        }
        Ok(())
    }
}

impl Add {
    /// What the options describe; `file` is the one that ARM keeps. The id is made here, so that a repeated request
    /// makes no second product.
    fn product(&self, file: Option<StoredFile>) -> Result<NewProduct, Failure> {
        // Where one of several is needed, the parser does not look at what these need.
        if self.days.is_some() && self.invite_chat.is_none() {
            return Err(Failure::setting("--days needs --invite-chat"));
        }
        if self.caption.is_some() && self.file_url.is_none() && file.is_none() {
            return Err(Failure::setting("--caption needs --file-url or --file"));
        }
        if self.webhook_text.is_some() && self.webhook.is_none() {
            return Err(Failure::setting("--webhook-text needs --webhook"));
        }
        let delivery = if let Some(text) = &self.text {
            Delivery::Text { text: text.clone() }
        } else if let Some(chat_id) = self.invite_chat {
            Delivery::InviteLink {
                chat_id,
                days: self.days,
            }
        } else if let Some(url) = &self.file_url {
            Delivery::File {
                url: url.to_string(),
                caption: self.caption.clone(),
            }
        } else if let Some(file) = file {
            Delivery::StoredFile {
                file,
                caption: self.caption.clone(),
            }
        } else if let Some(url) = &self.webhook {
            Delivery::Webhook {
                url: url.to_string(),
                text: self.webhook_text.clone(),
            }
        } else {
            // The parser wants one of them.
            return Err(Failure::setting("what does the product give?"));
        };
        Ok(NewProduct {
            product_id: self.id.unwrap_or_else(|| Uuid::now_v7().into()),
            title: self.title.clone(),
            description: self.description.clone(),
            price: NewProduct::price_of(self.price),
            delivery,
            position: self.position,
        })
    }
}

fn kind(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Text { .. } => "text",
        Delivery::InviteLink { .. } => "invite link",
        Delivery::File { .. } => "file",
        Delivery::StoredFile { .. } => "stored file",
        Delivery::Webhook { .. } => "webhook",
        Delivery::Key { .. } => "key",
    }
}

fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        1..=LONGEST_TITLE => Ok(text.to_owned()),
        _ => Err(format!("a title has 1 to {LONGEST_TITLE} characters")),
    }
}

fn price(text: &str) -> Result<Money, String> {
    match Money::parse_rubles(text.trim()) {
        Ok(price) if price.is_positive() => Ok(price),
        Ok(_) => Err("a price is more than 0.00".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn text(text: &str) -> Result<String, String> {
    match text.trim().is_empty() || text.chars().count() > LONGEST_TEXT {
        true => Err(format!("a text has 1 to {LONGEST_TEXT} characters")),
        false => Ok(text.to_owned()),
    }
}

fn private_chat(text: &str) -> Result<ChatId, String> {
    match text.parse::<ChatId>() {
        Ok(chat) if chat.get() < 0 => Ok(chat),
        _ => Err("a channel or group has a negative number, for example -1001234567890".to_owned()),
    }
}

fn web_address(text: &str) -> Result<Url, String> {
    match Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("an http:// or https:// address is wanted".to_owned()),
    }
}
