//! Every path of the conversation: commands, buttons of today and of yesterday, and a place on the map.

use geobot_tests::buyer::Buyer;
use geobot_tests::sandbox::{ChatMessage, says};
use geobot_tests::stack::{Service, Stack};
use geobot_tests::{alone, eventually, shared};
use serde_json::{Value, json};

async fn presses(
    stack: &Stack,
    buyer: &Buyer<'_>,
    under: &ChatMessage,
    button: &str,
    words: &str,
) -> ChatMessage {
    let after = buyer.last_message().await;
    let click = stack.sandbox.click(buyer.id, under.message_id, button);
    click.await;
    answer(buyer, button, after, words).await
}

async fn answer(buyer: &Buyer<'_>, what: &str, after: i64, words: &str) -> ChatMessage {
    let hop = format!("the bot answers {what}");
    buyer.message(&hop, after, says(words)).await
}

async fn keyboard(stack: &Stack, person: i64) -> Value {
    let chat = stack
        .sandbox
        .look_control(&format!("people/{person}/chat"))
        .await;
    chat["reply_keyboard"].clone()
}

#[test]
fn every_command_is_answered() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        buyer.hears("/help", "Robokassa").await;
        buyer.hears("/payments", "Платежей пока нет").await;
        buyer.hears("/subscriptions", "Подписок пока нет").await;
        buyer.hears("/settings", "Что присылать").await;
        buyer.hears("/stop", "больше не присылаю").await;
        buyer.hears("/profile", "Язык: русский").await;
        buyer.hears("/fly", "Такой команды нет").await;
        buyer.hears("/start spring", "Здравствуйте").await;
    });
}

#[test]
fn every_button_of_the_menu_is_answered() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        let menu = buyer.hears("/start", "Здравствуйте").await;
        presses(stack, &buyer, &menu, "payments", "Платежей пока нет").await;
        presses(stack, &buyer, &menu, "subscriptions", "Подписок пока нет").await;
        presses(stack, &buyer, &menu, "profile", "Язык: русский").await;
        presses(stack, &buyer, &menu, "help", "Robokassa").await;
        let settings = presses(stack, &buyer, &menu, "settings", "Что присылать").await;
        presses(stack, &buyer, &settings, "menu", "Что показать").await;
        stack
            .sandbox
            .click(buyer.id, settings.message_id, "news:off")
            .await;
        eventually("the switch turns in place", async || {
            let all = stack.sandbox.from_bot(buyer.id, 0).await;
            let now = all.iter().find(|it| it.message_id == settings.message_id);
            match now.and_then(|it| it.click("news:on")) {
                Some(_) => Ok(()),
                None => Err(format!("{now:?}")),
            }
        })
        .await;
        let english = presses(stack, &buyer, &menu, "lang:en", "We speak English").await;
        presses(stack, &buyer, &english, "payments", "No payments yet").await;
        // The Russian menu is still in the chat, and works.
        presses(stack, &buyer, &menu, "help", "Choose a product").await;
    });
}

#[test]
fn the_cabinet_is_opened_by_a_link_that_works_once_and_can_t_be_passed_on() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let link = buyer.hears("/cabinet", "один раз").await;
        let url = link.link().unwrap_or_default();
        assert!(
            url.contains(stack.address(Service::Lk)),
            "the button leads to {url:?}"
        );
        let calls = stack.sandbox.calls("sendMessage", buyer.id).await;
        let last = calls.last().unwrap();
        assert_eq!(last.params["protect_content"], true, "{:?}", last.params);
    });
}

#[test]
fn a_button_of_an_older_version_leads_to_the_menu() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let text = format!("An older message for {}", buyer.id);
        let record = json!({"service": "LK", "action": "send_message", "payload": {"data": {
            "chat_id": buyer.id, "text": text, "priority": "interactive",
            "buttons": [[{"text": "Old", "callback_data": "v1:gone:7"}]]}}});
        let key = buyer.id.to_string();
        stack
            .kafka
            .write("tg_send", Some(&key), record.to_string().as_bytes(), &[])
            .await;
        let old = answer(&buyer, "tg_send", 0, &text).await;
        presses(stack, &buyer, &old, "v1:gone:7", "Что показать").await;
    });
}

#[test]
fn a_place_is_not_wanted_while_location_is_off() {
    shared(async |stack| {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let settings = buyer.hears("/settings", "Что присылать").await;
        assert_eq!(settings.click("city"), None);
        let after = buyer.last_message().await;
        let place = json!({"location": {"latitude": 55.7558, "longitude": 37.6173}});
        stack.sandbox.send_to_bot(buyer.id, place).await;
        answer(&buyer, "a place", after, "не нужно знать").await;
    });
}

#[test]
fn a_place_becomes_a_job_and_the_city_is_told() {
    alone(async |stack| {
        stack.stop(Service::Bot).await;
        let on = [("BOT_LOCATION", Some("true"))];
        stack.start_with(Service::Bot, &on).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let settings = buyer.hears("/settings", "Что присылать").await;
        presses(stack, &buyer, &settings, "city", "Нажмите кнопку").await;
        let asked = keyboard(stack, buyer.id).await;
        assert_eq!(asked["keyboard"][0][0]["request_location"], true, "{asked}");

        let after = buyer.last_message().await;
        let place = json!({"location": {"latitude": 55.7558, "longitude": 37.6173}});
        stack.sandbox.send_to_bot(buyer.id, place).await;
        answer(&buyer, "a place", after, "Ищу город").await;
        assert_eq!(keyboard(stack, buyer.id).await, Value::Null);
        let person = buyer.id;
        let task = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: task_requested", move |it| {
                let record = it.json();
                record["payload"]["data"]["args"]["user_id"] == person
            })
            .await
            .json();
        assert_eq!(task["payload"]["data"]["kind"], "reverse_geocode");
        answer(&buyer, "ARM → worker → ARM → bot", after, "Ваш город").await;
        let place = stack.sandbox.logs("", "37.6173").await;
        assert!(place.is_empty(), "a place was logged: {place:?}");
    });
}
