//! What staff must hear about Telegram itself. One record each; the log is not flooded with repeats.

use geobot_shared::bus::{Cause, Producer, PublishError};
use geobot_shared::envelope::Level;
use geobot_shared::ids::ChatId;
use geobot_shared::topics::InfoIn;
use geobot_shared::topics::tg_notify::JoinAnswered;
use geobot_shared::topics::tg_robokassa::AccessRevoked;
use tracing::error;

/// Somebody else reads this bot's updates: orders would be lost to them.
pub async fn another_reader(producer: &Producer, description: &str) {
    error!(description, "another_reader_of_updates_found");
    let event = InfoIn::new(
        "another_reader_of_updates_found",
        "Another server reads this bot's updates: end it, or take a new token from @BotFather",
        serde_json::json!({ "telegram": description }),
    );
    publish(producer, event).await;
}

/// Telegram does not accept the bot's token any more: nothing is received and nothing can be sent.
pub async fn token_refused(producer: &Producer) {
    error!("token_refused");
    let event = InfoIn::new(
        "token_refused",
        "Telegram does not accept the bot token any more: put a new one from @BotFather into BOT_TOKEN and start the bot \
         again. Messages wait until then",
        serde_json::json!({}),
    );
    publish(producer, event).await;
}

/// An update that Kafka does not take: what a person did is lost.
pub async fn update_not_taken(producer: &Producer, update_id: i64, why: &str) {
    error!(update_id, why, "update_not_taken");
    let event = InfoIn::new(
        "update_not_taken",
        "Something that a person did in Telegram could not be kept and is lost",
        serde_json::json!({ "update_id": update_id, "kafka": why }),
    );
    publish(producer, event).await;
}

/// Telegram delivers updates elsewhere.
pub async fn foreign_webhook(producer: &Producer, host: &str) {
    error!(host, "foreign_webhook_found");
    let event = InfoIn::new(
        "foreign_webhook_found",
        "Telegram delivers this bot's updates to another address: somebody else has set a webhook",
        serde_json::json!({ "host": host }),
    );
    publish(producer, event).await;
}

/// Telegram can't deliver updates to our webhook.
pub async fn webhook_failing(producer: &Producer, telegram: &str) {
    error!(telegram, "webhook_failing");
    let event = InfoIn::new(
        "webhook_failing",
        "Telegram can't deliver this bot's updates: look at BOT_WEBHOOK_URL, its certificate and the proxy behind it",
        serde_json::json!({ "telegram": telegram }),
    );
    publish(producer, event).await;
}

/// A request to join a chat could not be answered.
///
/// # Errors
/// When Kafka does not take it; the record it belongs to is then handled again.
pub async fn join_not_answered(
    producer: &Producer,
    decided: &JoinAnswered,
    why: &str,
    cause: &Cause,
) -> Result<(), PublishError> {
    error!(chat_id = %decided.chat_id, user_id = %decided.user_id, why, "join_not_answered");
    let event = InfoIn::new(
        "join_not_answered",
        "A request to join a chat could not be answered: look at the bot's right to invite there",
        serde_json::json!({
            "chat_id": decided.chat_id,
            "user_id": decided.user_id,
            "approved": decided.approved,
            "telegram": why,
        }),
    );
    producer
        .publish_caused::<InfoIn>(event.at(Level::Error), cause, 0)
        .await
}

/// Somebody whose access has ended is still in the chat.
///
/// # Errors
/// When Kafka does not take it; the record it belongs to is then handled again.
pub async fn member_not_removed(
    producer: &Producer,
    revoked: &AccessRevoked,
    why: &str,
    cause: &Cause,
) -> Result<(), PublishError> {
    error!(user_id = %revoked.user_id, why, "member_not_removed");
    let event = InfoIn::new(
        "member_not_removed",
        "Somebody whose access has ended could not be taken out of the chat: look at the bot's rights there",
        serde_json::json!({
            "chat_id": revoked.chat_id,
            "user_id": revoked.user_id,
            "invoice_id": revoked.invoice_id,
            "telegram": why,
        }),
    );
    producer
        .publish_caused::<InfoIn>(event.at(Level::Error), cause, 0)
        .await
}

/// The bot can no longer invite to a chat that it sells access to.
///
/// # Errors
/// When Kafka does not take it; the record it belongs to is then handled again.
pub async fn rights_lost(
    producer: &Producer,
    chat: ChatId,
    cause: &Cause,
) -> Result<(), PublishError> {
    error!(chat_id = %chat, "rights_lost");
    let event = InfoIn::new(
        "rights_lost",
        "The bot may no longer invite people to a chat or remove them: give it back the rights of an admin there",
        serde_json::json!({ "chat_id": chat }),
    );
    producer
        .publish_caused::<InfoIn>(event.at(Level::Error), cause, 0)
        .await
}

async fn publish(producer: &Producer, event: InfoIn) {
    let event = event.at(Level::Error);
    if let Err(error) = producer.publish::<InfoIn>(event, &Cause::new_story()).await {
        error!(%error, "alert_failed");
    }
}
