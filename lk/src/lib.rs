//! The personal cabinet: accounts, invoices, Robokassa's ResultURL, pages for people, the older endpoints.
//!
//! - **Topics in**: `lk_sync_tg` (people, through the bot), `lk_sync_orm` (staff, through ARM).
//! - **Topics out**: `tg_robokassa`, `tg_notify`, `arm_sync_lk`, `info_in`, all through the outbox; `create_user_in`,
//!   `update_user_in`, `task_in`, `info_in` from the older endpoints, acknowledged before they answer.
//! - **Asks**: the gateway's state service and refund service ([`upkeep`]).
//! - **Stores** (SQLite or PostgreSQL): accounts, a copy of the products, invoices, raw callbacks and notifications,
//!   ledger, refunds, entitlements, stocks of keys, promo codes, sign-in links and sessions (hashes), outbox, handled
//!   messages.
//! - **Promises**: `OK{InvId}` is answered only after callback, state, ledger and outbox rows are committed together
//!   (P1); an invoice is credited once (P2); a valid payment is taken late as well, or without a known invoice (P3);
//!   another amount is a mismatch for a person to decide (P4); a test payment never pays a live invoice (P5); a lost
//!   callback is found by asking (P7); every movement of money has a ledger entry with its reason (P8); a paid invoice
//!   is published again until the bot has answered for it, and what is held goes out once its cause clears (P9). A
//!   refund is set aside before it is made, made at most once, and never more goes back than came.

pub mod accounts;
pub mod app;
pub mod balance;
pub mod cabinet;
pub mod catalog;
pub mod gateways;
pub mod held;
pub mod inbox;
pub mod invoices;
pub mod joining;
pub mod networks;
pub mod pay_link;
pub mod payment;
pub mod promo;
pub mod receipts;
pub mod refunds;
pub mod refusal;
pub mod routing;
pub mod settings;
pub mod snapshot;
pub mod stock;
pub mod store;
pub mod subscriptions;
pub mod upkeep;
pub mod web;
