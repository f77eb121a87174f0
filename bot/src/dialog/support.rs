//! Whatever a person writes that is no command goes to the staff.

use geobot_shared::bus::Handled;
use geobot_shared::topics::arm_sync_tg::MessageReceived;
use teloxide::types::Message;

use super::answer::Answer;

/// Passes a message on to ARM's inbox and says so.
pub(super) async fn pass_on(answer: &mut Answer<'_>, message: &Message) -> Handled {
    let received = MessageReceived {
        user_id: answer.user,
        chat_id: answer.chat,
        message_id: message.id.0.into(),
        text: message.text().or(message.caption()).map(str::to_owned),
        attachments: Vec::new(),
        at: message.date,
    };
    answer.tell_arm(received).await?;
    answer.say("message-passed-on", &[]).await
}
