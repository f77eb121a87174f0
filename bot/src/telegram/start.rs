//! What is settled with Telegram before work begins: that the token is right, and how updates come.

use std::time::Duration;

use secrecy::ExposeSecret;
use teloxide::payloads::{
    DeleteWebhook, GetMe, SetMyCommands, SetMyCommandsSetters, SetWebhook, SetWebhookSetters,
};
use teloxide::types::{AllowedUpdate, BotCommand};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::api::Api;
use super::failure::SendFailure;
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
pub async fn who_am_i(api: &Api, stop: &CancellationToken) -> Result<(u64, String), StartFailure> {
    loop {
        match api.call(&GetMe::new()).await {
            Ok(me) => {
                let name = me.user.username.clone().unwrap_or_default();
                return Ok((me.user.id.0, name));
            }
            Err(SendFailure::WrongToken) => return Err(StartFailure::WrongToken),
            Err(error) => warn!(%error, "telegram_not_reached"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => return Err(StartFailure::Stopped),
        }
    }
}

/// Tells Telegram where it delivers updates.
///
/// # Errors
/// [`SendFailure`].
pub async fn set_webhook(api: &Api, hook: &Webhook) -> Result<(), SendFailure> {
    let set = SetWebhook::new(hook.url.clone())
        .secret_token(hook.secret.expose_secret().to_owned())
        .allowed_updates([
            AllowedUpdate::Message,
            AllowedUpdate::CallbackQuery,
            AllowedUpdate::MyChatMember,
            AllowedUpdate::ChatJoinRequest,
        ]);
    api.call(&set).await?;
    Ok(())
}

/// Tells Telegram how updates come and which commands there are. A failure is logged and tried again at the next
/// start; polling itself says if a webhook is in its way.
pub async fn introduce(api: &Api, webhook: Option<&Webhook>, texts: &Texts) {
    let told = match webhook {
        Some(hook) => set_webhook(api, hook).await.map(|()| "webhook"),
        None => {
            let delete = DeleteWebhook::new();
            api.call(&delete).await.map(|_| "long polling")
        }
    };
    match told {
        Ok(way) => info!(way, "updates_arranged"),
        Err(error) => warn!(%error, "updates_not_arranged"),
    }
    for language in Language::ALL {
        let commands = [
            "buy",
            "payments",
            "subscriptions",
            "cabinet",
            "profile",
            "settings",
            "stop",
            "help",
        ]
        .map(|name| BotCommand::new(name, texts.get(language, &format!("command-{name}"))));
        let mut request = SetMyCommands::new(commands);
        if language != Language::default() {
            request = request.language_code(language.code());
        }
        if let Err(error) = api.call(&request).await {
            warn!(%error, "commands_not_set");
        }
    }
}
