//! `create_user_in`, LK → ARM: the older way to announce a new user. ARM turns it into `info_in`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::define::{keyed, topic};

topic! {
    /// LK → ARM: a user was made (older senders).
    pub enum CreateUserIn, "create_user_in", aliases: [], from: [Lk], to: [Arm], {
        /// Whatever the caller sent; older senders send nothing.
        "create_user" => CreateUser(CreateUser),
    }
}

/// The caller's own fields, untouched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct CreateUser {
    /// Any fields.
    pub fields: Map<String, Value>,
}

keyed!(CreateUser => "`user_id`, `telegram_id`, `id` or `task_id`, the first that is there", |it| key_of_fields(&it.fields));

/// The key of a free-form body: the first of the usual names of a user's id.
pub(super) fn key_of_fields(fields: &Map<String, Value>) -> Option<String> {
    ["user_id", "telegram_id", "id", "task_id"]
        .iter()
        .find_map(|name| match fields.get(*name)? {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        })
}
