//! People who leave a path of the conversation, come back to old messages, or press what is not theirs.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::sandbox::{ChatMessage, says};
use geobot_tests::stack::Stack;
use geobot_tests::{alone, eventually, shared};
use serde_json::{Value, json};

async fn presses(stack: &Stack, buyer: &Buyer<'_>, under: &ChatMessage, button: &str) {
    let click = stack.sandbox.click(buyer.id, under.message_id, button);
    click.await;
}

/// The offer of a product, by which its promo code can be entered.
async fn offered(buyer: &Buyer<'_>, product: &Product) -> ChatMessage {
    let button = buyer.choose(product).await;
    let offer = buyer.message("the offer", button.message_id - 1, |it| it.link().is_some());
    offer.await
}

async fn asked_for_promo(stack: &Stack, buyer: &Buyer<'_>, product: &Product) {
    let offer = offered(buyer, product).await;
    presses(stack, buyer, &offer, &format!("promo:{}", product.id)).await;
    let asked = buyer.message("a code is asked", offer.message_id, says("промокод одним"));
    asked.await;
}

/// What ARM's inbox has of a person.
async fn written(stack: &Stack, buyer: &Buyer<'_>, text: &str) {
    eventually("bot → ARM: message_received", async || {
        let card = stack.arm.user(buyer.id).await.unwrap_or_default();
        let texts = card["messages"].as_array().cloned().unwrap_or_default();
        match texts.iter().any(|it| it["text"] == text) {
            true => Ok(()),
            false => Err(card.to_string()),
        }
    })
    .await;
}

/// An update as Telegram delivers it.
async fn update(stack: &Stack, person: i64, mut update: Value) {
    let number: u32 = rand::random();
    update["update_id"] = json!(number);
    let record = json!({"service": "TG", "action": "update",
        "payload": {"data": {"update_id": number, "update": update}}});
    let (key, value) = (person.to_string(), record.to_string());
    stack
        .kafka
        .write("tg_updates", Some(&key), value.as_bytes(), &[])
        .await;
}

fn click(person: i64, chat: Value, message_id: i64, data: &str) -> Value {
    json!({"callback_query": {"id": format!("{}", rand::random::<u32>()), "chat_instance": "1", "data": data,
        "from": {"id": person, "is_bot": false, "first_name": "Anna", "language_code": "ru"},
        "message": {"message_id": message_id, "date": 1_795_600_800, "chat": chat, "text": "old",
            "from": {"id": 7, "is_bot": true, "first_name": "geobot"}}}})
}

#[test]
fn who_leaves_the_promo_code_for_something_else_writes_to_staff_again() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        asked_for_promo(stack, &buyer, &product).await;
        buyer.hears("/payments", "Ваши платежи").await;
        buyer.hears("Where is my book?", "Передал").await;
        written(stack, &buyer, "Where is my book?").await;
    });
}

#[test]
fn a_payment_for_another_product_leaves_a_person_to_the_promo_code() {
    shared(async |stack| {
        let (paid, wanted) = (Product::on_sale(stack).await, Product::on_sale(stack).await);
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&paid).await;
        asked_for_promo(stack, &buyer, &wanted).await;
        buyer.pay(&button).await;
        buyer.gets(&paid).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        buyer.hears("NO-SUCH-CODE", "Промокод не подошёл").await;
    });
}

#[test]
fn a_wrong_promo_code_can_be_tried_again_and_the_product_bought_without() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let code = format!("E2E-{:08X}", rand::random::<u32>());
        let fields = json!({"code": code, "percent": 50});
        stack.arm.make("promos", &fields).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        asked_for_promo(stack, &buyer, &product).await;
        let refused = buyer.hears("NO-SUCH-CODE", "Промокод не подошёл").await;
        presses(stack, &buyer, &refused, &format!("promo:{}", product.id)).await;
        let asked = buyer.message(
            "a code is asked",
            refused.message_id,
            says("одним сообщением"),
        );
        asked.await;
        let typed = format!("  {}  ", code.to_lowercase());
        let offer = buyer.hears(&typed, "149,50").await;
        presses(stack, &buyer, &refused, &format!("buy:{}", product.id)).await;
        let whole = buyer.message("the full price", offer.message_id, says("299"));
        assert!(whole.await.click("menu").is_some(), "there is a way back");
    });
}

#[test]
fn i_have_paid_before_paying_says_that_nothing_came_and_offers_to_look_again() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let check = format!("check:{}", button.invoice);
        stack
            .sandbox
            .click(buyer.id, button.message_id, &check)
            .await;
        let told = buyer.message("LK → bot", button.message_id, says("пока не пришла"));
        let told = told.await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        // Another's invoice is nobody's business.
        let stranger = Buyer::new(stack).await;
        stranger.start().await;
        let menu = stranger.last_message().await;
        let chat = json!({"id": stranger.id, "type": "private", "first_name": "Anna"});
        update(stack, stranger.id, click(stranger.id, chat, menu, &check)).await;
        presses(stack, &buyer, &told, &check).await;
        let after = told.message_id;
        buyer.message("LK → bot", after, says("оплачен.")).await;
        stranger.hears("/help", "Robokassa").await;
        let all = stack.sandbox.from_bot(stranger.id, 0).await;
        assert!(all.iter().all(|it| !says(&product.title)(it)), "{all:?}");
    });
}

#[test]
fn a_button_pressed_in_a_group_is_answered_to_that_person_alone() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        buyer.find(&product).await;
        let group = -1_009_000_000_000_i64 - i64::from(rand::random::<u32>());
        let chat = json!({"id": group, "type": "supergroup", "title": "Friends"});
        let after = buyer.last_message().await;
        let data = format!("buy:{}", product.id);
        update(stack, buyer.id, click(buyer.id, chat.clone(), 5, &data)).await;
        let offer = buyer.message("the offer comes in private", after, |it| {
            it.link().is_some()
        });
        let offer = offer.await;
        update(stack, buyer.id, click(buyer.id, chat, 5, "news:off")).await;
        let settings = buyer.message("so do the settings", offer.message_id, |it| {
            it.click("news:on").is_some()
        });
        settings.await;
        for method in ["sendMessage", "editMessageText"] {
            let calls = stack.sandbox.calls(method, group).await;
            assert!(calls.is_empty(), "{calls:?}");
        }
    });
}

#[test]
fn a_switch_under_a_message_that_is_gone_brings_a_new_one() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let after = buyer.last_message().await;
        let chat = json!({"id": buyer.id, "type": "private", "first_name": "Anna"});
        update(
            stack,
            buyer.id,
            click(buyer.id, chat, 999_999_999, "news:off"),
        )
        .await;
        let fresh = buyer.message("the settings come anew", after, |it| {
            it.click("news:on").is_some()
        });
        fresh.await;
    });
}

#[test]
fn garbage_in_a_button_leads_to_the_menu_once_however_often_telegram_repeats_it() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        for data in [
            "check:0",
            "buy:nonsense",
            "lang:xx",
            ":",
            "\u{0}\u{1F980}",
            &"x".repeat(64),
        ] {
            let after = buyer.last_message().await;
            let chat = json!({"id": buyer.id, "type": "private", "first_name": "Anna"});
            update(stack, buyer.id, click(buyer.id, chat, after, data)).await;
            buyer.message(data, after, says("Что показать")).await;
        }
        let letters = stack
            .sandbox
            .logs("record_dead_lettered", &buyer.id.to_string())
            .await;
        assert!(letters.is_empty(), "{letters:?}");
    });
}

#[test]
fn an_unknown_command_is_answered_and_one_with_words_reaches_staff() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let told = buyer.hears("/fly", "Такой команды нет").await;
        assert!(told.click("products").is_some());
        buyer
            .hears("/Menu@geobot_sandbox_bot", "Что показать")
            .await;
        let profile = buyer.hears("/profile", &buyer.id.to_string()).await;
        assert!(says("Новости магазина: приходят")(&profile), "{profile:?}");
        presses(stack, &buyer, &profile, "lang:en").await;
        let english = buyer.message("in English", profile.message_id, says("We speak English"));
        english.await;
        buyer
            .hears("/refund my book please", "passed your message on")
            .await;
        written(stack, &buyer, "/refund my book please").await;
    });
}

#[test]
fn a_start_link_of_any_content_is_welcomed_and_kept() {
    shared(async |stack| {
        for payload in [
            "x".repeat(64),
            "buy_nonsense".to_owned(),
            "\u{1F980} <b>".to_owned(),
        ] {
            let buyer = Buyer::new(stack).await;
            buyer
                .hears(&format!("/start {payload}"), "Здравствуйте")
                .await;
            eventually("bot → ARM: user_started", async || {
                let card = stack.arm.user(buyer.id).await.unwrap_or_default();
                match card["telegram"]["start_payload"] == payload {
                    true => Ok(()),
                    false => Err(card.to_string()),
                }
            })
            .await;
        }
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        buyer.find(&product).await;
        let after = buyer.last_message().await;
        let link = format!("/start buy_{}", product.id);
        stack.sandbox.write(buyer.id, &link).await;
        let offer = buyer.message("straight to the offer", after, |it| it.link().is_some());
        assert!(says(&product.title)(&offer.await));
    });
}

#[test]
fn who_was_banned_still_gets_what_was_paid_for() {
    shared(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        let ban = format!("users/{}/block", buyer.id);
        stack.arm.post(&ban, &json!({"reason": "rude"})).await;
        eventually("ARM → LK → bot: the ban", async || {
            let after = buyer.last_message().await;
            stack.sandbox.write(buyer.id, "/buy").await;
            let answer = buyer.message("the bot answers", after, |_| true).await;
            match says("Доступ к боту для вас закрыт")(&answer) {
                true => Ok(()),
                false => Err(format!("{answer:?}")),
            }
        })
        .await;
        buyer.pay(&button).await;
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
    });
}

#[test]
fn a_reminder_reaches_nobody_who_wants_none_and_the_end_everybody() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let settings = buyer.hears("/settings", "Что присылать").await;
        presses(stack, &buyer, &settings, "reminders:off").await;
        eventually("the switch turns", async || {
            let all = stack.sandbox.from_bot(buyer.id, 0).await;
            match all.iter().any(|it| it.click("reminders:on").is_some()) {
                true => Ok(()),
                false => Err(format!("{all:?}")),
            }
        })
        .await;
        let product = uuid::Uuid::now_v7();
        for event in ["subscription_ends_soon", "subscription_ended"] {
            let record = json!({"service": "LK", "action": "notify", "payload": {"data": {
                "user_id": buyer.id, "event": event, "title": "Club", "product_id": product,
                "ends_at": "2026-12-01T00:00:00Z"}}});
            let (key, value) = (buyer.id.to_string(), record.to_string());
            let kafka = &stack.kafka;
            kafka
                .write("tg_notify", Some(&key), value.as_bytes(), &[])
                .await;
        }
        let ended = buyer.message("the end is told", 0, says("Срок закончился"));
        ended.await;
        let all = stack.sandbox.from_bot(buyer.id, 0).await;
        assert!(!all.iter().any(says("действует до")), "{all:?}");
    });
}

#[test]
fn a_flood_is_told_once_to_slow_down() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        for _ in 0..60 {
            stack.sandbox.write(buyer.id, "/help").await;
        }
        let hop = "the flood is told to slow down";
        buyer.message(hop, 0, says("Слишком много")).await;
        let all = stack.sandbox.from_bot(buyer.id, 0).await;
        let told = all.iter().filter(|it| says("Слишком много")(it)).count();
        assert_eq!(told, 1);
        assert!(all.len() <= 43, "{} answers", all.len());
    });
}

#[test]
fn after_redis_was_lost_old_buttons_sell_and_a_language_is_remembered() {
    alone(async |stack| {
        let product = Product::on_sale(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let list = buyer.find(&product).await;
        let menu = buyer.hears("/profile", "Язык").await;
        presses(stack, &buyer, &menu, "lang:en").await;
        let english = buyer.message("in English", menu.message_id, says("We speak English"));
        let english = english.await;
        let person = buyer.id;
        stack
            .kafka
            .find("tg_notify", "LK → bot: user_state_changed", move |it| {
                let data = &it.json()["payload"]["data"];
                data["user_id"] == person && data["language"] == "en"
            })
            .await;
        stack.servers.empty_redis().await.unwrap();
        presses(stack, &buyer, &list, &format!("buy:{}", product.id)).await;
        let offer = buyer.message("LK decides", english.message_id, |it| it.link().is_some());
        let offer = offer.await;
        assert!(says(&product.title)(&offer), "{offer:?}");
        eventually("LK → bot: the language comes back", async || {
            let after = buyer.last_message().await;
            stack.sandbox.write(buyer.id, "/profile").await;
            let answer = buyer.message("the bot answers", after, |_| true).await;
            match says("Language: English")(&answer) {
                true => Ok(()),
                false => Err(format!("{answer:?}")),
            }
        })
        .await;
    });
}
