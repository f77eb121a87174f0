//! The menu and what hangs on it: start, help, payments, language.

use chrono::Utc;
use geobot_shared::bus::{HandleError, Handled};
use geobot_shared::i18n::Language;
use geobot_shared::ids::ProductId;
use geobot_shared::topics::lk_sync_tg::{
    CabinetRequested, CatalogRequested, PaymentsRequested, ProfileChanged, SubscriptionsRequested,
    UserStarted,
};
use geobot_shared::topics::states::NotifySettings;
use geobot_shared::topics::tg_send::Button;
use teloxide::types::User;

use super::answer::Answer;
use super::{buying, keyboard};
use crate::store::route::Step;
use crate::texts::escape;

/// /start: the person is known from now on, here, in LK and in ARM.
pub(super) async fn start(answer: &mut Answer<'_>, user: &User, payload: &str) -> Handled {
    answer.app.store.step(answer.user, Step::Menu).await?;
    let name = [("name", escape(&user.first_name).into())];
    let buttons = keyboard::menu(&answer.app.texts, answer.language);
    answer.show("welcome", &name, buttons).await?;
    tell_started(answer, user, payload).await?;
    if answer.app.store.catalog().await?.is_none() {
        answer.tell_lk(CatalogRequested {}).await?;
    }
    match linked_product(payload) {
        Some(product) => buying::choose(answer, product).await,
        None => Ok(()),
    }
}

/// LK and ARM hear that a person is there (again).
pub(super) async fn tell_started(answer: &Answer<'_>, user: &User, payload: &str) -> Handled {
    let started = UserStarted {
        user_id: answer.user,
        chat_id: answer.chat,
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        username: user.username.clone(),
        language: answer.language.code().to_owned(),
        payload: Some(payload.to_owned()).filter(|text| !text.is_empty()),
        at: Utc::now(),
    };
    answer.tell_lk(started.clone()).await?;
    answer.tell_arm(started).await
}

/// `t.me/<bot>?start=buy_<product>` leads straight to a product. Bot API: a payload has A-Z a-z 0-9 _ - only.
fn linked_product(payload: &str) -> Option<ProductId> {
    payload.strip_prefix("buy_")?.parse().ok()
}

/// The menu.
pub(super) async fn show(answer: &mut Answer<'_>) -> Handled {
    answer.app.store.step(answer.user, Step::Menu).await?;
    let buttons = keyboard::menu(&answer.app.texts, answer.language);
    answer.show("menu", &[], buttons).await
}

/// /help.
pub(super) async fn help(answer: &mut Answer<'_>) -> Handled {
    let buttons = keyboard::menu(&answer.app.texts, answer.language);
    answer.show("help", &[], buttons).await
}

/// A command that there is none of.
pub(super) async fn unknown(answer: &mut Answer<'_>) -> Handled {
    let buttons = keyboard::menu(&answer.app.texts, answer.language);
    answer.show("unknown-command", &[], buttons).await
}

/// "My profile": what the bot knows of a person.
pub(super) async fn profile(answer: &mut Answer<'_>, user: &User) -> Handled {
    let settings = answer.settings;
    let texts = &answer.app.texts;
    let switched = |on: bool| match on {
        true => texts.get(answer.language, "switched-on"),
        false => texts.get(answer.language, "switched-off"),
    };
    let parameters = [
        ("name", escape(&user.full_name()).into()),
        ("id", answer.user.to_string().into()),
        ("news", switched(settings.news).into()),
        ("reminders", switched(settings.reminders).into()),
    ];
    let buttons = keyboard::profile(texts, answer.language);
    answer.show("profile", &parameters, buttons).await
}

/// "My payments": LK answers by tg_notify.
pub(super) async fn payments(answer: &mut Answer<'_>) -> Handled {
    answer
        .tell_lk(PaymentsRequested {
            user_id: answer.user,
        })
        .await
}

/// "My subscriptions": LK answers by tg_notify.
pub(super) async fn subscriptions(answer: &mut Answer<'_>) -> Handled {
    let question = SubscriptionsRequested {
        user_id: answer.user,
    };
    answer.tell_lk(question).await
}

/// /cabinet: LK answers with a sign-in link by tg_notify.
pub(super) async fn cabinet(answer: &mut Answer<'_>) -> Handled {
    let wish = CabinetRequested {
        user_id: answer.user,
    };
    answer.tell_lk(wish).await
}

/// What to be told.
pub(super) async fn settings(answer: &mut Answer<'_>) -> Handled {
    let buttons = switches(answer, answer.settings);
    answer.show("settings", &[], buttons).await
}

fn switches(answer: &Answer<'_>, now: NotifySettings) -> Vec<Vec<Button>> {
    let city = answer.app.location;
    keyboard::settings(&answer.app.texts, answer.language, now, city)
}

/// A switch of the settings: the message with the switches is edited in place.
pub(super) async fn wish(
    answer: &mut Answer<'_>,
    message: Option<i32>,
    change: impl Fn(&mut NotifySettings),
) -> Handled {
    let wishes = save(answer, change).await?;
    let buttons = switches(answer, wishes);
    match message {
        Some(message) => answer.turn(message, "settings", buttons).await,
        None => answer.show("settings", &[], buttons).await,
    }
}

/// /stop: nothing but answers and payments from now on.
pub(super) async fn stop(answer: &mut Answer<'_>) -> Handled {
    save(answer, |wishes| {
        wishes.news = false;
        wishes.reminders = false;
    })
    .await?;
    answer.say_with_menu("stopped").await
}

async fn save(
    answer: &Answer<'_>,
    change: impl Fn(&mut NotifySettings),
) -> Result<NotifySettings, HandleError> {
    let changed = |mut wishes: NotifySettings| {
        change(&mut wishes);
        wishes
    };
    let settings = answer.app.store.wish(answer.user, changed).await?;
    let changed = ProfileChanged {
        user_id: answer.user,
        language: None,
        settings: Some(settings),
    };
    answer.tell_lk(changed).await?;
    Ok(settings)
}

/// Another language, from now on.
pub(super) async fn language(answer: &mut Answer<'_>, language: Language) -> Handled {
    answer.app.store.speak(answer.user, language).await?;
    answer.language = language;
    let changed = ProfileChanged {
        user_id: answer.user,
        language: Some(language.code().to_owned()),
        settings: None,
    };
    answer.tell_lk(changed).await?;
    let buttons = keyboard::menu(&answer.app.texts, language);
    answer.show("language-changed", &[], buttons).await
}
