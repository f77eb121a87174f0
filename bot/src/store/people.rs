//! What the bot knows of a person: the language they read, what they want to be told, whether staff blocked them. It
//! is kept for ever: whoever opted out or was blocked long ago must not come back as a stranger.

use geobot_shared::i18n::Language;
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::states::{NotifySettings, UserState};
use redis::{AsyncCommands, Script};
use serde::{Deserialize, Serialize};

use super::{Kept, Store, StoreError, read, write};

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

/// Sets the value unless a newer version is there.
const SET_IF_NEWER: &str = r"
local now = redis.call('GET', KEYS[1])
if now and tonumber(cjson.decode(now).version) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
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
            .query_async(&mut connection)
            .await?;
        Ok(person)
    }

    /// Remembers at once what a person wants to be told, and returns it; LK's state, which comes later, says the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wish(
        &self,
        user: TelegramUserId,
        change: impl Fn(NotifySettings) -> NotifySettings,
    ) -> Result<NotifySettings, StoreError> {
        self.change(&key(user), Kept::ForEver, |known: Person| Person {
            settings: change(known.settings),
            ..known
        })
        .await
        .map(|person| person.settings)
    }

    /// Remembers at once which language a person chose; LK's state, which comes later, says the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn speak(&self, user: TelegramUserId, language: Language) -> Result<(), StoreError> {
        self.change(&key(user), Kept::ForEver, |known: Person| Person {
            language,
            ..known
        })
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
            .invoke_async(&mut connection)
            .await?)
    }
}

fn key(user: TelegramUserId) -> String {
    format!("geobot:person:{user}")
}
