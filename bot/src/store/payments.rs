//! Which invoices were routed, and where their pay buttons are.

use chrono::{DateTime, Utc};
use geobot_shared::ids::{ChatId, InvoiceId};
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{DAY, LONG, Store, StoreError, read, write};

/// The message with an invoice's pay button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayButton {
    /// Where it is.
    pub chat_id: ChatId,
    /// Telegram's number of the message there.
    pub message_id: i32,
    /// The product's title.
    pub title: String,
}

impl Store {
    /// When an invoice was routed, if it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn routed_at(&self, invoice: InvoiceId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let key = routed_key(invoice);
        let text: Option<String> = self.connection().get(&key).await?;
        read(&key, text)
    }

    /// Remembers that an invoice was routed. Only after the person has what was paid for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_routed(
        &self,
        invoice: InvoiceId,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let key = routed_key(invoice);
        let _: () = self
            .connection()
            .set_ex(&key, write(&key, &at)?, LONG)
            .await?;
        Ok(())
    }

    /// Remembers where an invoice's pay button is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_button(
        &self,
        invoice: InvoiceId,
        button: &PayButton,
    ) -> Result<(), StoreError> {
        let key = button_key(invoice);
        let _: () = self
            .connection()
            .set_ex(&key, write(&key, button)?, 90 * DAY)
            .await?;
        Ok(())
    }

    /// Where an invoice's pay button is, if it is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn button(&self, invoice: InvoiceId) -> Result<Option<PayButton>, StoreError> {
        let key = button_key(invoice);
        let text: Option<String> = self.connection().get(&key).await?;
        read(&key, text)
    }
}

fn routed_key(invoice: InvoiceId) -> String {
    format!("geobot:routed:{invoice}")
}

fn button_key(invoice: InvoiceId) -> String {
    format!("geobot:invoice:{invoice}")
}
