//! The guard of the commands that make up people, products or payments: never with a real bot token.

use geobot_shared::config::{self, SANDBOX_TOKEN, World};
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Failure;

/// The bot's token, to know whether chats and money are real.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenSetting {
    /// Telegram bot token. Empty: the sandbox. A real one is refused here.
    #[arg(long, env = "BOT_TOKEN", default_value = "", hide_env_values = true)]
    bot_token: SecretString,
}

impl TokenSetting {
    /// # Errors
    /// [`Failure::Setting`] for a real token.
    pub(crate) fn refuse_if_real(&self, command: &str) -> Result<(), Failure> {
        let token = match self.bot_token.expose_secret().trim() {
            "" => SANDBOX_TOKEN,
            token => token,
        };
        match config::world_of(token) {
            World::Sandbox => Ok(()),
            World::Live => Err(Failure::setting(format!(
                "BOT_TOKEN is a real one: `{command}` is for the sandbox only"
            ))),
        }
    }
}
