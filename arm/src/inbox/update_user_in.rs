//! `update_user_in`: the older way; the record becomes a line in the log.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::UpdateUserIn;
use geobot_shared::topics::update_user_in::UpdateUser;

use super::becomes_a_line;
use crate::app::App;

/// The handlers of the topic.
pub fn handlers() -> Inbox<App, UpdateUserIn> {
    Inbox::new().on(update_user)
}

async fn update_user(app: Arc<App>, event: Event<UpdateUser>) -> Handled {
    becomes_a_line(&app, event, |it| it.fields).await
}
