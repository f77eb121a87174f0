//! `update_user_in`, LK → ARM: the older way to announce a changed user. ARM turns it into `info_in`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::create_user_in::key_of_fields;
use super::define::{keyed, topic};

topic! {
    /// LK → ARM: a user was changed (older senders).
    pub enum UpdateUserIn, "update_user_in", aliases: [], from: [Lk], to: [Arm], {
        /// Whatever the caller sent; older senders send nothing.
        "update_user" => UpdateUser(UpdateUser),
    }
}

/// The caller's own fields, untouched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UpdateUser {
    /// Any fields.
    pub fields: Map<String, Value>,
}

keyed!(UpdateUser => "`user_id`, `telegram_id`, `id` or `task_id`, the first that is there", |it| key_of_fields(&it.fields));
