//! The bot's store against a real Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use geobot_bot::store::Store;
use geobot_bot::store::albums::FILES_A_DAY;
use geobot_bot::store::dialogue::DialogueError;
use geobot_bot::store::pace::{A_MINUTE, Pace};
use geobot_bot::store::payments::PayButton;
use geobot_bot::store::route::{Route, Step};
use geobot_bot::store::sends::{Claim, LEASE};
use geobot_shared::i18n::Language;
use geobot_shared::ids::{ChatId, InvoiceId, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::states::{CatalogItem, NotifySettings, UserState};
use geobot_shared::topics::tg_notify::MaintenanceChanged;
use teloxide::dispatching::dialogue::{Dialogue, Storage};

const DATABASE: u8 = 9;

fn store() -> Store {
    // A database of its own: catalogue and maintenance are one key each.
    Store::open(&support::database(DATABASE)).unwrap()
}

fn somebody() -> TelegramUserId {
    TelegramUserId(support::unused())
}

fn invoice() -> InvoiceId {
    InvoiceId::new(somebody().get() as u64).unwrap()
}

#[tokio::test]
async fn a_person_is_moved_by_every_one_of_many_concurrent_steps() {
    let (store, user) = (store(), somebody());
    assert_eq!(store.route(user).await.unwrap(), Route::New);
    let steps: Vec<_> = (0..50)
        .map(|n| {
            let store = store.clone();
            let step = if n % 2 == 0 { Step::Menu } else { Step::Choose };
            tokio::spawn(async move { store.step(user, step).await.unwrap() })
        })
        .collect();
    for step in steps {
        step.await.unwrap();
    }
    let raw = raw(&format!("geobot:route:{user}")).await;
    assert!(raw.contains(r#""revision":50"#), "{raw}");
}

async fn raw(key: &str) -> String {
    let mut connection = support::connection(DATABASE).await;
    redis::AsyncCommands::get(&mut connection, key)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_sending_is_claimed_once_and_an_abandoned_one_is_known() {
    let (first, store) = (store(), store());
    let request = format!("test-{}", somebody());
    let now = Utc::now().timestamp_millis();
    first.show_life().await.unwrap();
    assert_eq!(first.claim_send(&request, now).await.unwrap(), Claim::Fresh);
    // Redis's answer may have been lost: the claimer itself may ask again.
    assert_eq!(first.claim_send(&request, now).await.unwrap(), Claim::Mine);
    assert_eq!(store.claim_send(&request, now).await.unwrap(), Claim::Busy);
    let later = now + LEASE.as_millis() as i64 + 1;
    assert_eq!(
        store.claim_send(&request, later).await.unwrap(),
        Claim::Abandoned
    );
    store.mark_sent(&request, 17).await.unwrap();
    assert_eq!(
        store.claim_send(&request, later).await.unwrap(),
        Claim::Sent(17)
    );
    store.release_send(&request).await.unwrap();
    assert_eq!(
        store.claim_send(&request, later).await.unwrap(),
        Claim::Fresh
    );
}

#[tokio::test]
async fn nobody_waits_for_the_claim_of_a_dead_process() {
    let (living, request) = (store(), format!("test-{}", somebody()));
    // Another process's store: it claims and dies without having shown a sign of life.
    let dead = store();
    let now = Utc::now().timestamp_millis();
    assert_eq!(dead.claim_send(&request, now).await.unwrap(), Claim::Fresh);
    let claim = living.claim_send(&request, now).await.unwrap();
    assert_eq!(claim, Claim::Abandoned);
}

#[tokio::test]
async fn an_older_state_of_a_person_is_ignored() {
    let (store, user) = (store(), somebody());
    let state = |version, language: &str, blocked| UserState {
        user_id: user,
        version,
        first_name: String::new(),
        last_name: None,
        username: None,
        language: language.to_owned(),
        blocked,
        settings: NotifySettings::default(),
        created_at: Utc::now(),
    };
    assert_eq!(
        store.meet(user, Language::En).await.unwrap().language,
        Language::En
    );
    assert!(store.learn_person(&state(2, "ru", true)).await.unwrap());
    assert!(!store.learn_person(&state(1, "en", false)).await.unwrap());
    let person = store.person(user).await.unwrap().unwrap();
    assert!(person.blocked && person.language == Language::Ru);
    store.speak(user, Language::En).await.unwrap();
    let person = store.meet(user, Language::Ru).await.unwrap();
    assert!(person.blocked && person.language == Language::En);
}

#[tokio::test]
async fn a_ban_that_comes_while_a_person_chooses_survives_every_choice() {
    let (store, user) = (store(), somebody());
    let mut state = UserState {
        user_id: user,
        version: 1,
        first_name: String::new(),
        last_name: None,
        username: None,
        language: "ru".to_owned(),
        blocked: false,
        settings: NotifySettings::default(),
        created_at: Utc::now(),
    };
    store.learn_person(&state).await.unwrap();
    state.version = 2;
    state.blocked = true;
    let choices: Vec<_> = (0..30)
        .map(|n| {
            let (store, state) = (store.clone(), state.clone());
            tokio::spawn(async move {
                match n % 3 {
                    0 => store.speak(user, Language::En).await.unwrap(),
                    1 => {
                        let silent = |wishes: NotifySettings| NotifySettings {
                            news: false,
                            ..wishes
                        };
                        store.wish(user, silent).await.unwrap();
                    }
                    _ => {
                        store.learn_person(&state).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for choice in choices {
        choice.await.unwrap();
    }
    let person = store.person(user).await.unwrap().unwrap();
    assert!(person.blocked, "{person:?}");
    assert_eq!(person.version, 2);
}

#[tokio::test]
async fn two_switches_at_once_are_both_turned() {
    let (store, user) = (store(), somebody());
    store.meet(user, Language::Ru).await.unwrap();
    let (a, b) = (store.clone(), store.clone());
    let (news, reminders) = tokio::join!(
        a.wish(user, |wishes| NotifySettings {
            news: false,
            ..wishes
        }),
        b.wish(user, |wishes| NotifySettings {
            reminders: false,
            ..wishes
        }),
    );
    assert!(!news.unwrap().news && !reminders.unwrap().reminders);
    let now = store.person(user).await.unwrap().unwrap().settings;
    assert!(!now.news && !now.reminders, "{now:?}");
}

#[tokio::test]
async fn who_opted_out_or_was_banned_long_ago_is_no_stranger() {
    let (store, user) = (store(), somebody());
    store.meet(user, Language::Ru).await.unwrap();
    assert_eq!(seconds_left(user).await, -1);
    store.wish(user, |wishes| wishes).await.unwrap();
    assert_eq!(seconds_left(user).await, -1);
    store.speak(user, Language::En).await.unwrap();
    assert_eq!(seconds_left(user).await, -1);
}

/// -1: kept for ever.
async fn seconds_left(user: TelegramUserId) -> i64 {
    let mut connection = support::connection(DATABASE).await;
    let key = format!("geobot:person:{user}");
    redis::AsyncCommands::ttl(&mut connection, key)
        .await
        .unwrap()
}

#[tokio::test]
async fn people_count_as_known_only_when_redis_was_not_emptied_between_their_pages() {
    let store = store();
    let forget = async |key: &str| {
        let mut connection = support::connection(DATABASE).await;
        let _: () = redis::AsyncCommands::del(&mut connection, key)
            .await
            .unwrap();
    };
    forget("geobot:filled").await;
    forget("geobot:filling").await;
    let [first, again, second] = [1, 2, 3].map(uuid::Uuid::from_u128);
    assert_eq!(store.begin_filling(first).await.unwrap(), first);
    // Another replica, or the same after a restart, joins the request that is under way.
    assert_eq!(store.begin_filling(again).await.unwrap(), first);
    // Redis is emptied; the pages that follow end a request that is not known any more.
    forget("geobot:filling").await;
    assert_eq!(store.begin_filling(second).await.unwrap(), second);
    assert!(!store.end_filling(first).await.unwrap());
    assert!(!store.is_filled().await.unwrap());
    assert!(store.end_filling(second).await.unwrap());
    assert!(store.is_filled().await.unwrap());
}

#[tokio::test]
async fn an_update_that_is_handled_again_and_again_is_no_flood() {
    let (store, user) = (store(), somebody());
    for _ in 0..3 * A_MINUTE {
        assert_eq!(store.pace(user, "patient").await.unwrap(), Pace::Usual);
    }
    for number in 1..A_MINUTE {
        let update = format!("update-{number}");
        assert_eq!(store.pace(user, &update).await.unwrap(), Pace::Usual);
    }
    for _ in 0..2 {
        assert_eq!(store.pace(user, "last").await.unwrap(), Pace::JustTooFast);
        assert_eq!(store.pace(user, "more").await.unwrap(), Pace::TooFast);
    }
    assert_eq!(store.pace(user, "patient").await.unwrap(), Pace::Usual);
}

#[tokio::test]
async fn the_links_of_a_person_into_a_chat_are_known_until_they_are_withdrawn() {
    let (store, user) = (store(), somebody());
    let (club, other) = (ChatId(-100), ChatId(-200));
    for (chat, link) in [(club, "a"), (club, "a"), (club, "b"), (other, "c")] {
        store.keep_link(user, chat, link).await.unwrap();
    }
    let mut links = store.links(user, club).await.unwrap();
    links.sort();
    assert_eq!(links, ["a", "b"]);
    store.forget_links(user, club).await.unwrap();
    assert!(store.links(user, club).await.unwrap().is_empty());
    assert_eq!(store.links(user, other).await.unwrap(), ["c"]);
}

#[tokio::test]
async fn the_catalogue_takes_newer_versions_and_hides_what_is_archived() {
    let store = store();
    let product = ProductId(uuid::Uuid::now_v7());
    let item = |version, active| CatalogItem {
        product_id: product,
        version,
        title: format!("v{version}"),
        description: String::new(),
        price: Money::from_kopecks(100),
        active,
        position: 0,
    };
    assert!(store.learn_product(&item(2, true)).await.unwrap());
    assert!(!store.learn_product(&item(1, true)).await.unwrap());
    assert_eq!(store.product(product).await.unwrap().unwrap().title, "v2");
    let shown: BTreeSet<_> = store
        .catalog()
        .await
        .unwrap()
        .unwrap()
        .into_iter()
        .map(|i| i.product_id)
        .collect();
    assert!(shown.contains(&product));
    assert!(store.learn_product(&item(3, false)).await.unwrap());
    assert!(store.product(product).await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_payment_leaves_behind_is_remembered() {
    let (store, invoice) = (store(), invoice());
    assert!(store.routed_at(invoice).await.unwrap().is_none());
    assert!(store.button(invoice).await.unwrap().is_none());
    let at = Utc::now();
    store.mark_routed(invoice, at).await.unwrap();
    assert_eq!(store.routed_at(invoice).await.unwrap(), Some(at));
    let button = PayButton {
        chat_id: ChatId(5),
        message_id: 7,
        title: "Book".into(),
    };
    store.keep_button(invoice, &button).await.unwrap();
    assert_eq!(store.button(invoice).await.unwrap(), Some(button));
}

#[tokio::test]
async fn an_update_is_handled_once_and_maintenance_follows_its_version() {
    let store = store();
    let update = somebody().get();
    assert!(!store.is_handled(update).await.unwrap());
    store.mark_handled(update).await.unwrap();
    assert!(store.is_handled(update).await.unwrap());
    let version = somebody().get();
    let state = |version, on| MaintenanceChanged {
        on,
        version,
        until: None,
    };
    assert!(
        store
            .learn_maintenance(&state(version, true))
            .await
            .unwrap()
    );
    assert!(
        !store
            .learn_maintenance(&state(version - 1, false))
            .await
            .unwrap()
    );
    assert!(store.is_closed().await.unwrap());
    assert!(
        store
            .learn_maintenance(&state(version + 1, false))
            .await
            .unwrap()
    );
    assert!(!store.is_closed().await.unwrap());
}

#[tokio::test]
async fn a_redis_that_is_down_is_an_error_and_not_a_hang() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let store = Store::open(&format!("redis://127.0.0.1:{free}/")).unwrap();
    let answer =
        tokio::time::timeout(std::time::Duration::from_secs(10), store.route(somebody())).await;
    assert!(answer.expect("it hung").is_err());
    assert!(Store::open("http://nonsense").is_err());
}

#[tokio::test]
async fn an_album_is_acknowledged_for_its_first_message_also_at_a_repeat() {
    let (store, user) = (store(), somebody());
    assert!(store.first_of_album(user, "a", 7).await.unwrap());
    assert!(!store.first_of_album(user, "a", 8).await.unwrap());
    assert!(store.first_of_album(user, "a", 7).await.unwrap());
    assert!(store.first_of_album(user, "b", 8).await.unwrap());
    // Two people may have albums of one name.
    assert!(store.first_of_album(somebody(), "a", 8).await.unwrap());
}

#[tokio::test]
async fn nobody_fills_the_disk_with_files() {
    let (store, user) = (store(), somebody());
    assert!(store.may_send_file(user, FILES_A_DAY).await.unwrap());
    assert!(!store.may_send_file(user, FILES_A_DAY + 1).await.unwrap());
    store.count_file(user, FILES_A_DAY - 1).await.unwrap();
    assert!(store.may_send_file(user, 1).await.unwrap());
    store.count_file(user, 1).await.unwrap();
    assert!(!store.may_send_file(user, 1).await.unwrap());
    assert!(store.may_send_file(somebody(), 1).await.unwrap());
}

#[tokio::test]
async fn teloxides_dialogues_work_on_the_route_store() {
    let (store, user) = (Arc::new(store()), somebody());
    let chat = teloxide::types::ChatId(user.get());
    let dialogue = Dialogue::<Route, Store>::new(Arc::clone(&store), chat);
    assert_eq!(dialogue.get().await.unwrap(), None);
    assert_eq!(dialogue.get_or_default().await.unwrap(), Route::New);

    let paid = Route::Paid { invoice: invoice() };
    dialogue.update(paid.clone()).await.unwrap();
    assert_eq!(dialogue.get().await.unwrap(), Some(paid.clone()));
    assert_eq!(store.route(user).await.unwrap(), paid);

    store.step(user, Step::Menu).await.unwrap();
    assert_eq!(dialogue.get().await.unwrap(), Some(Route::Menu));

    dialogue.exit().await.unwrap();
    assert_eq!(store.route(user).await.unwrap(), Route::New);
    let nothing = dialogue.exit().await;
    assert!(matches!(nothing, Err(DialogueError::NotFound(it)) if it == chat));
}

#[tokio::test]
async fn updates_of_a_dialogue_and_steps_come_one_after_the_other() {
    let (store, user) = (Arc::new(store()), somebody());
    let chat = teloxide::types::ChatId(user.get());
    let changes: Vec<_> = (0..40)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                if n % 2 == 0 {
                    store.step(user, Step::Choose).await.unwrap();
                } else {
                    store.update_dialogue(chat, Route::Menu).await.unwrap();
                }
            })
        })
        .collect();
    for change in changes {
        change.await.unwrap();
    }
    let raw = raw(&format!("geobot:route:{user}")).await;
    assert!(raw.contains(r#""revision":40"#), "{raw}");
}
