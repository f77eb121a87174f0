//! What is settled with Telegram before work begins: that the token is right, and how updates come.

use std::time::Duration;

use secrecy::ExposeSecret;
use teloxide::payloads::{SetMyCommandsSetters, SetWebhookSetters};
use teloxide::prelude::Requester;
use teloxide::types::{AllowedUpdate, BotCommand};
use teloxide::{ApiError, Bot, RequestError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::settings::Webhook;
use crate::texts::Texts;
use geobot_shared::i18n::Language;

/// Why the bot can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartFailure {
    /// Telegram does not know the token.
    #[error("Telegram does not accept BOT_TOKEN: take it anew from @BotFather")]
    WrongToken,
    /// The process was told to end.
    #[error("stopped before Telegram answered")]
    Stopped,
}

/// The bot's own id and name. Waits for Telegram as long as it does not answer.
///
/// # Errors
/// [`StartFailure`].
pub async fn who_am_i(bot: &Bot, stop: &CancellationToken) -> Result<(u64, String), StartFailure> {
    loop {
        match bot.get_me().await {
            Ok(me) => {
                let name = me.user.username.clone().unwrap_or_default();
                return Ok((me.user.id.0, name));
            }
            Err(RequestError::Api(ApiError::InvalidToken)) => return Err(StartFailure::WrongToken),
            Err(error) => {
                warn!(error = %super::failure::SendFailure::from(error), "telegram_not_reached");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => return Err(StartFailure::Stopped),
        }
    }
}

/// Tells Telegram how updates come and which commands there are. A failure is logged and tried again at the next
/// start; polling itself says if a webhook is in its way.
pub async fn introduce(bot: &Bot, webhook: Option<&Webhook>, texts: &Texts) {
    let told = match webhook {
        Some(hook) => bot
            .set_webhook(hook.url.clone())
            .secret_token(hook.secret.expose_secret().to_owned())
            .allowed_updates([
                AllowedUpdate::Message,
                AllowedUpdate::CallbackQuery,
                AllowedUpdate::MyChatMember,
            ])
            .await
            .map(|_| "webhook"),
        None => bot.delete_webhook().await.map(|_| "long polling"),
    };
    match told {
        Ok(way) => info!(way, "updates_arranged"),
        Err(error) => {
            warn!(error = %super::failure::SendFailure::from(error), "updates_not_arranged")
        }
    }
    for language in Language::ALL {
        let commands = [
            "buy",
            "payments",
            "subscriptions",
            "settings",
            "stop",
            "help",
        ]
        .map(|name| BotCommand::new(name, texts.get(language, &format!("command-{name}"))));
        let mut request = bot.set_my_commands(commands);
        if language != Language::default() {
            request = request.language_code(language.code());
        }
        if let Err(error) = request.await {
            warn!(error = %super::failure::SendFailure::from(error), "commands_not_set");
        }
    }
}
