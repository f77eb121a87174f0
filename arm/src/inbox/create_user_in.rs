//! `create_user_in`: the older way; the record becomes a line in the log.

use std::sync::Arc;

use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::CreateUserIn;
use geobot_shared::topics::create_user_in::CreateUser;

use super::becomes_a_line;
use crate::app::App;

/// The handlers of the topic.
pub fn handlers() -> Inbox<App, CreateUserIn> {
    Inbox::new().on(create_user)
}

async fn create_user(app: Arc<App>, event: Event<CreateUser>) -> Handled {
    becomes_a_line(&app, event, |it| it.fields).await
}
