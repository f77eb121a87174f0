//! "My city": a person sends their place, a worker finds the city. Off unless the shop turns it on.
//!
//! Where somebody is, is nobody's business: it goes into the job and into no log.

use geobot_shared::bus::{HandleError, Handled};
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::{Job, ReverseGeocode};
use geobot_shared::topics::{ArmSyncTg, Topic};
use teloxide::types::Message;

use super::answer::Answer;
use crate::telegram::manner::{Keyboard, Manner};
use crate::telegram::sender::Content;

/// Asks for the place by a keyboard with one button.
pub(super) async fn ask(answer: &mut Answer<'_>) -> Handled {
    if !answer.app.location {
        return say(answer, "place-off", Keyboard::Own).await;
    }
    let button = answer.app.texts.get(answer.language, "button-send-place");
    say(answer, "place-ask", Keyboard::AskPlace(&button)).await
}

/// A place has come.
pub(super) async fn take(answer: &mut Answer<'_>, message: &Message) -> Handled {
    let Some(place) = message.location().filter(|_| answer.app.location) else {
        return say(answer, "place-off", Keyboard::Own).await;
    };
    let job = ReverseGeocode {
        user_id: Some(answer.user),
        latitude: place.latitude,
        longitude: place.longitude,
    };
    // Named by the update: a repeat of it is the same job.
    let task_id = answer
        .cause
        .derive(ArmSyncTg::NAME, ReverseGeocode::KIND, 0);
    let task = Task::of(task_id, &job).map_err(|e| HandleError::BadData(e.to_string()))?;
    answer.tell_arm(task).await?;
    say(answer, "place-taken", Keyboard::Own).await
}

async fn say(answer: &mut Answer<'_>, key: &str, keyboard: Keyboard<'_>) -> Handled {
    let content = Content::html(answer.app.texts.get(answer.language, key));
    let manner = Manner {
        keyboard: Some(keyboard),
        ..Manner::default()
    };
    answer.send_in(content, manner).await
}
