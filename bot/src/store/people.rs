//! What the bot knows of a person: the language they read and whether staff blocked them.

use geobot_shared::i18n::Language;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::states::{NotifySettings, UserState};
use redis::{AsyncCommands, Script};
use serde::{Deserialize, Serialize};

use super::{LONG, Store, StoreError, read, write};

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// LK's version of what stands here; 0 while only the bot knows the person.
    pub version: i64,
    /// What they read.
    pub language: Language,
    /// Blocked by staff.
    pub blocked: bool,
    /// What they want to be told.
    #[serde(default)]
    pub settings: NotifySettings,
}

/// Says that LK has sent all people.
const FILLED: &str = "geobot:filled";

/// Sets the value unless a newer version is there.
const SET_IF_NEWER: &str = r"
local now = redis.call('GET', KEYS[1])
if now and tonumber(cjson.decode(now).version) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
";

impl Store {
    /// What is known of a person.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn person(&self, user: TelegramUserId) -> Result<Option<Person>, StoreError> {
        let key = key(user);
        let text: Option<String> = self.connection().get(&key).await?;
        read(&key, text)
    }

    /// What is known of a person, or what Telegram says of somebody new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn meet(
        &self,
        user: TelegramUserId,
        language: Language,
    ) -> Result<Person, StoreError> {
        if let Some(known) = self.person(user).await? {
            return Ok(known);
        }
        let key = key(user);
        let person = Person {
            language,
            ..Person::default()
        };
        let mut connection = self.connection();
        let _: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(write(&key, &person)?)
            .arg("NX")
            .arg("EX")
            .arg(LONG)
            .query_async(&mut connection)
            .await?;
        Ok(person)
    }

    /// Remembers at once what a person wants to be told; LK's state, which comes later, says the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wish(
        &self,
        user: TelegramUserId,
        settings: NotifySettings,
    ) -> Result<(), StoreError> {
        let key = key(user);
        let person = Person {
            settings,
            ..self.person(user).await?.unwrap_or_default()
        };
        let _: () = self
            .connection()
            .set_ex(&key, write(&key, &person)?, LONG)
            .await?;
        Ok(())
    }

    /// Whether all people are known here: LK has sent them since Redis was empty.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_filled(&self) -> Result<bool, StoreError> {
        Ok(self.connection().exists(FILLED).await?)
    }

    /// Remembers that all people are known here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark_filled(&self) -> Result<(), StoreError> {
        let _: () = self.connection().set(FILLED, 1).await?;
        Ok(())
    }

    /// Remembers at once which language a person chose; LK's state, which comes later, says the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn speak(&self, user: TelegramUserId, language: Language) -> Result<(), StoreError> {
        let key = key(user);
        let person = Person {
            language,
            ..self.person(user).await?.unwrap_or_default()
        };
        let _: () = self
            .connection()
            .set_ex(&key, write(&key, &person)?, LONG)
            .await?;
        Ok(())
    }

    /// Takes LK's state of a person; false when a newer one is already here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn_person(&self, state: &UserState) -> Result<bool, StoreError> {
        let key = key(state.user_id);
        let person = Person {
            version: state.version,
            language: Language::from_tag(&state.language),
            blocked: state.blocked,
            settings: state.settings,
        };
        let mut connection = self.connection();
        Ok(Script::new(SET_IF_NEWER)
            .key(&key)
            .arg(write(&key, &person)?)
            .arg(state.version)
            .arg(LONG)
            .invoke_async(&mut connection)
            .await?)
    }
}

fn key(user: TelegramUserId) -> String {
    format!("geobot:person:{user}")
}
