//! Chats: announced to staff when the bot becomes their administrator, and opened to who has bought access.

use geobot_tests::buyer::Buyer;
use geobot_tests::sandbox::says;
use geobot_tests::stack::Stack;
use geobot_tests::{eventually, goods, shared};
use serde_json::{Value, json};

/// A channel in which the bot may invite and remove people.
async fn channel(stack: &Stack) -> i64 {
    let rights =
        json!({"can_manage_chat": true, "can_invite_users": true, "can_restrict_members": true});
    stack.sandbox.channel(rights).await
}

/// A link that asks for approval.
async fn link(stack: &Stack, channel: i64) -> String {
    let method = format!("createChatInviteLink?chat_id={channel}&creates_join_request=true");
    let made = stack.sandbox.bot_api(&method).await;
    let link = made["result"]["invite_link"].as_str();
    link.unwrap_or_else(|| panic!("no link: {made}")).to_owned()
}

async fn asks_to_join(stack: &Stack, person: i64, link: &str) {
    let wish = json!({ "invite_link": link });
    let asked = stack
        .sandbox
        .do_control(&format!("people/{person}/join_requests"), wish)
        .await;
    assert!(asked["update_id"].is_u64(), "the bot is told: {asked}");
}

async fn seen(stack: &Stack, channel: i64) -> Value {
    let all = stack.sandbox.look_control("channels").await;
    let all = all["channels"].as_array().cloned().unwrap_or_default();
    let found = all.into_iter().find(|it| it["id"] == channel);
    found.expect("the channel is there")
}

fn holds(list: &Value, person: i64) -> bool {
    list.as_array()
        .is_some_and(|all| all.iter().any(|it| it == person))
}

#[test]
fn a_channel_that_makes_the_bot_an_administrator_is_announced_with_its_rights() {
    shared(async |stack| {
        let id = channel(stack).await;
        let told = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: chat_changed", move |it| {
                let record = it.json();
                record["action"] == "chat_changed" && record["payload"]["data"]["chat_id"] == id
            })
            .await
            .json();
        let chat = &told["payload"]["data"];
        assert_eq!(chat["kind"], "channel");
        assert_eq!(
            (&chat["admin"], &chat["can_invite"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(chat["can_restrict"], true);
        assert!(chat["title"].as_str().unwrap().starts_with("Club "));
    });
}

#[test]
fn who_has_bought_access_is_let_in_and_told() {
    shared(async |stack| {
        let channel = channel(stack).await;
        let delivery = json!({"kind": "invite_link", "chat_id": channel});
        let product = goods::on_sale(stack, delivery, "").await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        buyer.staff_see(&button, "paid", "delivered").await;

        let after = buyer.last_message().await;
        asks_to_join(stack, buyer.id, &link(stack, channel).await).await;
        eventually("bot → LK → bot: the request is approved", async || {
            let chat = seen(stack, channel).await;
            match holds(&chat["members"], buyer.id) {
                true => Ok(()),
                false => Err(chat.to_string()),
            }
        })
        .await;
        buyer
            .message("the bot says so", after, says("одобрена"))
            .await;
    });
}

#[test]
fn a_link_that_was_not_used_leads_nowhere_once_the_money_is_back() {
    shared(async |stack| {
        let channel = channel(stack).await;
        let delivery = json!({"kind": "invite_link", "chat_id": channel, "days": 30});
        let product = goods::on_sale(stack, delivery, "").await;
        let buyer = Buyer::new(stack).await;
        let button = buyer.ready_to_pay(&product).await;
        buyer.pay(&button).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        let invite = async || {
            let chat = seen(stack, channel).await;
            let all = chat["invites"].as_object().cloned().unwrap_or_default();
            all.into_values().next().unwrap_or_default()
        };
        let made = invite().await;
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let left = made["expire_date"].as_u64().unwrap_or_default() - now;
        let day = 24 * 60 * 60;
        assert!((29 * day..=30 * day).contains(&left), "{made}");

        let refund = json!({"amount": "299.00", "reason": "a wish of the buyer"});
        let path = format!("invoices/{}/refund", button.invoice);
        stack.arm.post(&path, &refund).await;
        eventually("LK → bot: the link is withdrawn", async || {
            let invite = invite().await;
            match invite["revoked"] == true {
                true => Ok(()),
                false => Err(invite.to_string()),
            }
        })
        .await;
    });
}

#[test]
fn who_has_not_bought_access_is_kept_out_and_offered_it_and_an_answer_that_comes_twice_is_harmless()
{
    shared(async |stack| {
        let channel = channel(stack).await;
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        let after = buyer.last_message().await;
        asks_to_join(stack, buyer.id, &link(stack, channel).await).await;
        let offer = buyer
            .message("the bot says what is missing", after, |it| {
                it.click("products").is_some()
            })
            .await;
        eventually("the request is declined", async || {
            let chat = seen(stack, channel).await;
            match holds(&chat["requests"], buyer.id) || holds(&chat["members"], buyer.id) {
                true => Err(chat.to_string()),
                false => Ok(()),
            }
        })
        .await;

        // The same answer as LK would publish it after a crash: a record of its own, with nothing left to decline.
        let answer = json!({"service": "LK", "action": "join_answered", "payload": {"data": {
            "user_id": buyer.id, "chat_id": channel, "approved": false}}});
        let (key, value) = (buyer.id.to_string(), answer.to_string());
        for _ in 0..2 {
            stack
                .kafka
                .write(
                    "tg_notify",
                    Some(&key),
                    value.as_bytes(),
                    &[("message-id", &format!("join-{}", buyer.id))],
                )
                .await;
        }
        buyer
            .message("the bot handles the answer", offer.message_id, |it| {
                it.click("products").is_some()
            })
            .await;
        let person = buyer.id.to_string();
        let letters = stack.sandbox.logs("record_dead_lettered", &person).await;
        assert!(letters.is_empty(), "{letters:?}");
    });
}
