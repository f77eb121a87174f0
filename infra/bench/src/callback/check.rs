//! What must hold after the last answer: what was answered OK is paid, entered once and published once.

use std::collections::{HashMap, HashSet};

use geobot_shared::topics::{TgRobokassa, Topic};
use serde::Serialize;
use serde_json::Value;

use super::shop::Shop;

#[derive(Serialize)]
pub(super) struct Books {
    /// Callbacks that were answered OK.
    pub(super) accepted: i64,
    /// Invoices that are paid.
    paid: i64,
    /// Ledger entries of payments, and of how many invoices.
    entries: i64,
    entered_invoices: i64,
    /// Invoices with a payment record, and how many records with a message-id of their own there are.
    published_invoices: i64,
    published_messages: i64,
    /// Copies of a record under the message-id that it has already: recognised.
    pub(super) copies: i64,
}

impl Books {
    /// Once each.
    pub(super) fn agree(&self) -> bool {
        [
            self.paid,
            self.entries,
            self.entered_invoices,
            self.published_invoices,
            self.published_messages,
        ]
        .iter()
        .all(|&count| count == self.accepted)
    }
}

/// Counts. Every published record is in Kafka by then.
pub(super) async fn count(shop: &Shop, accepted: i64) -> anyhow::Result<Books> {
    let ours = format!(
        "SELECT invoice_id FROM invoices WHERE product_id = '{}'",
        shop.product
    );
    let entries = format!("FROM ledger WHERE kind = 'payment' AND invoice_id IN ({ours})");
    let paid = shop
        .number(&format!(
            "SELECT COUNT(*) AS n FROM ({ours} AND status = 'paid')"
        ))
        .await?;
    let entered = shop
        .number(&format!("SELECT COUNT(DISTINCT invoice_id) AS n {entries}"))
        .await?;
    let (mut ids, mut copies) = (HashSet::new(), 0);
    let mut invoices: HashMap<u64, u64> = HashMap::new();
    let product = shop.product.to_string();
    shop.broker.each(TgRobokassa::NAME, |id, value, _| {
        let record: Value = serde_json::from_slice(value).unwrap_or_default();
        let granted = &record["payload"]["data"]["granted"];
        if record["action"] != "payment_callback" || granted["product_id"] != product.as_str() {
            return Ok(());
        }
        if ids.insert(id.to_owned()) {
            let invoice = granted["invoice_id"].as_u64().unwrap_or_default();
            *invoices.entry(invoice).or_default() += 1;
        } else {
            copies += 1;
        }
        Ok(())
    })?;
    Ok(Books {
        accepted,
        paid,
        entries: shop
            .number(&format!("SELECT COUNT(*) AS n {entries}"))
            .await?,
        entered_invoices: entered,
        published_invoices: invoices.len() as i64,
        published_messages: ids.len() as i64,
        copies,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_agree_only_when_everything_happened_once() {
        let books = |change: fn(&mut Books)| {
            let mut books = Books {
                accepted: 5,
                paid: 5,
                entries: 5,
                entered_invoices: 5,
                published_invoices: 5,
                published_messages: 5,
                copies: 2,
            };
            change(&mut books);
            books.agree()
        };
        assert!(books(|_| {}));
        assert!(!books(|it| it.paid = 4));
        assert!(!books(|it| it.entries = 6));
        assert!(!books(|it| it.entered_invoices = 4));
        assert!(!books(|it| it.published_invoices = 4));
        assert!(!books(|it| it.published_messages = 6));
    }
}
