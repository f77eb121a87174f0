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
use geobot_shared::ids::{ChatId, TelegramUserId};
use teloxide::types::{CallbackQuery, Message, User};
use tracing::info;

use crate::app::App;
use crate::store::route::Route;
use answer::{Answer, Begun};
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
    let chat = ChatId(message.chat.id.0);
    let mut answer = match Answer::begin(app, &user, chat, cause).await? {
        Begun::Served(answer) => answer,
        // What is paid and waits for the person to come back waits for no open shop.
        Begun::TurnedAway(answer) if command.as_deref() == Some("start") => {
            return menu::tell_started(&answer, &user, rest).await;
        }
        Begun::TurnedAway(_) | Begun::Flooding => return Ok(()),
    };
    if let Some(command) = command {
        return obey(&mut answer, &user, &message, &command, rest).await;
    }
    if message.location().is_some() {
        return place::take(&mut answer, &message).await;
    }
    match app.store.route(answer.user).await? {
        Route::EnteringPromo { product } if !text.trim().is_empty() => {
            buying::try_promo(&mut answer, product, text.trim()).await
        }
        _ => support::pass_on(&mut answer, &message).await,
    }
}

async fn obey(
    answer: &mut Answer<'_>,
    user: &User,
    message: &Message,
    command: &str,
    rest: &str,
) -> Handled {
    answer.leave_promo().await?;
    match command {
        "start" => menu::start(answer, user, rest).await,
        "menu" => menu::show(answer).await,
        "buy" => buying::products(answer).await,
        "payments" => menu::payments(answer).await,
        "subscriptions" => menu::subscriptions(answer).await,
        "cabinet" => menu::cabinet(answer).await,
        "profile" => menu::profile(answer, user).await,
        "settings" => menu::settings(answer).await,
        "stop" => menu::stop(answer).await,
        "help" => menu::help(answer).await,
        _ if rest.is_empty() => menu::unknown(answer).await,
        // Whoever says more than a word means somebody.
        _ => support::pass_on(answer, message).await,
    }
}

/// Handles a press on an inline button.
///
/// # Errors
/// What the bus is to do with the update.
pub async fn click(app: &App, query: CallbackQuery, cause: &Cause) -> Handled {
    let click = query.data.as_deref().and_then(Click::read);
    let user = TelegramUserId(query.from.id.0.cast_signed());
    // Bot API: the button shows a clock until the click is answered, so that goes first.
    let toast = match click.as_ref().and_then(toast) {
        Some(key) => {
            let known = app.store.person(user).await.ok().flatten();
            let language = known.map_or_else(|| spoken(&query.from), |person| person.language);
            Some(app.texts.get(language, key))
        }
        None => None,
    };
    app.sender.answer_click(query.id.clone(), toast).await;
    // What somebody presses in a group is answered to them alone. Bot API: a private chat has the person's own id.
    let chat = ChatId(user.get());
    let message = query.message.as_ref();
    let message = message.filter(|it| it.chat().id.0 == chat.get());
    let message = message.map(|it| it.id().0);
    let Begun::Served(mut answer) = Answer::begin(app, &query.from, chat, cause).await? else {
        return Ok(());
    };
    if !matches!(click, Some(Click::Promo(_))) {
        answer.leave_promo().await?;
    }
    match click {
        Some(Click::Menu) => menu::show(&mut answer).await,
        Some(Click::Products) => buying::products(&mut answer).await,
        Some(Click::Buy(product)) => buying::choose(&mut answer, product).await,
        Some(Click::Promo(product)) => buying::ask_promo(&mut answer, product).await,
        Some(Click::Payments) => menu::payments(&mut answer).await,
        Some(Click::Subscriptions) => menu::subscriptions(&mut answer).await,
        Some(Click::Settings) => menu::settings(&mut answer).await,
        Some(Click::Profile) => menu::profile(&mut answer, &query.from).await,
        Some(Click::News(news)) => {
            menu::wish(&mut answer, message, |wishes| wishes.news = news).await
        }
        Some(Click::Reminders(reminders)) => {
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

/// What a person reads for a moment while LK prepares the answer.
fn toast(click: &Click) -> Option<&'static str> {
    match click {
        Click::Buy(_) => Some("preparing-invoice"),
        Click::Check(_) => Some("checking-payment"),
        Click::Payments | Click::Subscriptions | Click::Cabinet => Some("one-moment"),
        _ => None,
    }
}

/// The command of a text and what stands behind it: `/Start@bot x` is `start` and `x`. Bot API: a command has letters,
/// digits and underscores only, so that `/ 5` or a path is none.
fn command(text: &str) -> (Option<String>, &str) {
    let Some(line) = text.strip_prefix('/') else {
        return (None, text);
    };
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = word.split('@').next().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !name.is_empty() && name.chars().all(fits) {
        true => (Some(name.to_ascii_lowercase()), rest.trim()),
        false => (None, text),
    }
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
        let read = |text: &'static str| {
            let (name, rest) = command(text);
            (name.unwrap_or_default(), rest)
        };
        let is = |name: &str, rest: &'static str| (name.to_owned(), rest);
        assert_eq!(read("/start spring-sale"), is("start", "spring-sale"));
        assert_eq!(read("/Start\n"), is("start", ""));
        assert_eq!(read("/buy@geobot"), is("buy", ""));
        assert_eq!(read("/buy@geobot  now "), is("buy", "now"));
        for text in [
            "hello /buy",
            "/",
            "/@geobot",
            "/ 5",
            "/etc/hosts",
            "/привет",
            "",
        ] {
            assert_eq!(read(text), is("", text));
        }
    }
}
