//! The conversation: what the bot answers to messages and clicks.
//!
//! Every message it sends is named by the update's message-id and its place in the answer, so that an update which is
//! handled again after a crash sends nothing twice.

mod answer;
mod buying;
pub mod keyboard;
pub mod membership;
mod menu;
mod place;
mod support;

use geobot_shared::bus::{Cause, Handled};
use geobot_shared::i18n::Language;
use geobot_shared::ids::ChatId;
use teloxide::types::{CallbackQuery, Message, User};
use tracing::info;

use crate::app::App;
use crate::store::route::Route;
use answer::Answer;
use keyboard::Click;

/// Handles a message of a person.
///
/// # Errors
/// What the bus is to do with the update.
pub async fn message(app: &App, message: Message, cause: &Cause) -> Handled {
    let Some(user) = message.from.clone().filter(|user| !user.is_bot) else {
        return Ok(());
    };
    if !message.chat.is_private() {
        return Ok(());
    }
    let text = message.text().unwrap_or_default().to_owned();
    let (command, rest) = command(&text);
    let Some(mut answer) = Answer::begin(app, &user, ChatId(message.chat.id.0), cause).await?
    else {
        return Ok(());
    };
    match command {
        Some("start") => menu::start(&mut answer, &user, rest).await,
        Some("buy") => buying::products(&mut answer).await,
        Some("payments") => menu::payments(&mut answer).await,
        Some("subscriptions") => menu::subscriptions(&mut answer).await,
        Some("cabinet") => menu::cabinet(&mut answer).await,
        Some("settings") => menu::settings(&mut answer).await,
        Some("stop") => menu::stop(&mut answer).await,
        Some("help") => menu::help(&mut answer).await,
        Some(_) => support::pass_on(&mut answer, &message).await,
        None if message.location().is_some() => place::take(&mut answer, &message).await,
        None => match app.store.route(answer.user).await? {
            Route::EnteringPromo { product } if !text.trim().is_empty() => {
                buying::try_promo(&mut answer, product, text.trim()).await
            }
            _ => support::pass_on(&mut answer, &message).await,
        },
    }
}

/// Handles a press on an inline button.
///
/// # Errors
/// What the bus is to do with the update.
pub async fn click(app: &App, query: CallbackQuery, cause: &Cause) -> Handled {
    let click = query.data.as_deref().and_then(Click::read);
    // Bot API: the button shows a clock until the click is answered, so that goes first.
    let toast = matches!(click, Some(Click::Buy(_)))
        .then(|| app.texts.get(spoken(&query.from), "preparing-invoice"));
    app.sender.answer_click(query.id.clone(), toast).await;
    let chat = query
        .message
        .as_ref()
        .map_or(query.from.id.0 as i64, |m| m.chat().id.0);
    let Some(mut answer) = Answer::begin(app, &query.from, ChatId(chat), cause).await? else {
        return Ok(());
    };
    match click {
        Some(Click::Menu) => menu::show(&mut answer).await,
        Some(Click::Products) => buying::products(&mut answer).await,
        Some(Click::Buy(product)) => buying::choose(&mut answer, product).await,
        Some(Click::Promo(product)) => buying::ask_promo(&mut answer, product).await,
        Some(Click::Payments) => menu::payments(&mut answer).await,
        Some(Click::Subscriptions) => menu::subscriptions(&mut answer).await,
        Some(Click::Settings) => menu::settings(&mut answer).await,
        Some(Click::News(news)) => {
            let message = query.message.as_ref().map(|m| m.id().0);
            menu::wish(&mut answer, message, |wishes| wishes.news = news).await
        }
        Some(Click::Reminders(reminders)) => {
            let message = query.message.as_ref().map(|m| m.id().0);
            menu::wish(&mut answer, message, |wishes| wishes.reminders = reminders).await
        }
        Some(Click::Check(invoice)) => buying::check(&mut answer, invoice).await,
        Some(Click::Cabinet) => menu::cabinet(&mut answer).await,
        Some(Click::City) => place::ask(&mut answer).await,
        Some(Click::Help) => menu::help(&mut answer).await,
        Some(Click::Language(language)) => menu::language(&mut answer, language).await,
        None => {
            // A button of an older version: the menu is always a way on.
            info!(user_id = %query.from.id, "unknown_button_pressed");
            menu::show(&mut answer).await
        }
    }
}

/// The command of a text and what stands behind it: `/start@bot x` is `start` and `x`.
fn command(text: &str) -> (Option<&str>, &str) {
    let Some(line) = text.strip_prefix('/') else {
        return (None, text);
    };
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word.split('@').next(), rest.trim())
}

/// The language Telegram says a person uses.
fn spoken(user: &User) -> Language {
    Language::from_tag(user.language_code.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_with_its_payload() {
        assert_eq!(
            command("/start spring-sale"),
            (Some("start"), "spring-sale")
        );
        assert_eq!(command("/buy@geobot"), (Some("buy"), ""));
        assert_eq!(command("hello /buy"), (None, "hello /buy"));
        assert_eq!(command("/"), (Some(""), ""));
    }
}
