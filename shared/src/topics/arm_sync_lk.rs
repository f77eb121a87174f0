//! `arm_sync_lk` (read also as `orm_sync_lk`), LK → ARM: what the cabinet knows, for the staff's pages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::define::{keyed, topic};
use super::states::{EntitlementState, InvoiceState, Task, UserState};
use crate::ids::{ProductId, TelegramUserId};

topic! {
    /// LK → ARM: what the cabinet knows, for the staff's pages.
    pub enum ArmSyncLk, "arm_sync_lk", aliases: ["orm_sync_lk"], from: [Lk], to: [Arm], {
        /// An account as it is now.
        "user_upserted" => UserUpserted(UserState),
        /// An invoice as it is now.
        "invoice_changed" => InvoiceChanged(InvoiceState),
        /// A right to something bought, as it is now.
        "entitlement_changed" => EntitlementChanged(EntitlementState),
        /// The stock of keys of a product, as it is now.
        "stock_changed" => StockChanged(StockChanged),
        /// How often a promo code is in use, as it is now.
        "promo_used" => PromoUsed(PromoUsed),
        /// A person wrote to support from the cabinet.
        "support_message" => SupportMessage(SupportMessage),
        /// LK asks for a job.
        "task_requested" => TaskRequested(Task),
        /// A part of LK's whole state, on request.
        "snapshot" => Snapshot(Snapshot),
    }
}

/// A message to support from the cabinet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SupportMessage {
    /// Who wrote.
    pub user_id: TelegramUserId,
    /// What.
    pub text: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// How many keys a product has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StockChanged {
    /// The product.
    pub product_id: ProductId,
    /// Grows with every change.
    pub version: i64,
    /// Keys that nobody has.
    pub free: u32,
    /// Keys given to invoices.
    pub given: u32,
    /// Paid invoices that wait for a key.
    pub waiting: u32,
}

/// How often a promo code is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromoUsed {
    /// The code, in lower case.
    pub code: String,
    /// Grows with every change of the number.
    pub version: i64,
    /// Invoices that are paid with it or may still be.
    pub used: u32,
}

/// A page of LK's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// Accounts.
    #[serde(default)]
    pub users: Vec<UserState>,
    /// Invoices.
    #[serde(default)]
    pub invoices: Vec<InvoiceState>,
    /// Rights.
    #[serde(default)]
    pub entitlements: Vec<EntitlementState>,
    /// The last page of this request.
    #[serde(default)]
    pub last: bool,
}

keyed! {
    UserState => user_id,
    InvoiceState => user_id,
    EntitlementState => user_id,
    StockChanged => product_id,
    PromoUsed => code,
    SupportMessage => user_id,
    Task => task_id,
    Snapshot => none,
}
