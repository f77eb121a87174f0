//! Sending under bad conditions: storms, kills, a Redis that has forgotten everything.

use geobot_tests::buyer::Buyer;
use geobot_tests::stack::{Service, Stack};
use geobot_tests::{alone, eventually};
use serde_json::{Value, json};

async fn wish(stack: &Stack, person: i64, text: &str, priority: &str) {
    let record = json!({"service": "ARM", "action": "send_message", "payload": {"data": {
        "chat_id": person, "text": text, "priority": priority}}});
    let (key, value) = (person.to_string(), record.to_string());
    let id = format!("e2e-{text}");
    stack
        .kafka
        .write(
            "tg_send",
            Some(&key),
            value.as_bytes(),
            &[("message-id", &id)],
        )
        .await;
}

/// The texts of the bot that begin so, in the order of the chat.
async fn texts(stack: &Stack, person: i64, begin: &str) -> Vec<String> {
    let all = stack.sandbox.from_bot(person, 0).await;
    let all = all.into_iter().filter_map(|message| message.text);
    all.filter(|text| text.starts_with(begin)).collect()
}

async fn people(stack: &Stack, count: usize) -> Vec<i64> {
    let mut people = Vec::new();
    for _ in 0..count {
        let buyer = Buyer::new(stack).await;
        buyer.start().await;
        people.push(buyer.id);
    }
    people
}

/// Every message is there at least once and each chat has them in order. Returns how many are there twice.
async fn all_arrive(stack: &Stack, people: &[i64], begin: &str, each: usize) -> usize {
    let mut doubled = 0;
    for person in people {
        let wanted: Vec<String> = (0..each)
            .map(|n| format!("{begin} {person} {n:02}"))
            .collect();
        let got = eventually("every message reaches the chat", async || {
            let got = texts(stack, *person, begin).await;
            let missing: Vec<_> = wanted.iter().filter(|text| !got.contains(text)).collect();
            match missing.is_empty() {
                true => Ok(got),
                false => Err(format!("{person} misses {missing:?}")),
            }
        })
        .await;
        doubled += got.len() - each;
        assert!(got.is_sorted(), "the order of {person} is broken: {got:?}");
    }
    doubled
}

#[test]
fn a_broadcast_after_redis_was_lost_reaches_nobody_who_opted_out() {
    alone(async |stack| {
        let people = people(stack, 3).await;
        let quiet = people[1];
        stack.sandbox.write(quiet, "/stop").await;
        eventually("bot → LK: the wish is stored", async || {
            let settings =
                stack
                    .kafka
                    .find("tg_notify", "LK → bot: user_state_changed", move |it| {
                        let data = &it.json()["payload"]["data"];
                        data["user_id"] == quiet && data["settings"]["news"] == false
                    });
            settings.await;
            Ok(())
        })
        .await;
        stack.servers.empty_redis().await.unwrap();
        for person in &people {
            wish(stack, *person, &format!("news {person}"), "bulk").await;
        }
        for person in [people[0], people[2]] {
            eventually(
                "the broadcast reaches those who want it",
                async || match texts(stack, person, "news").await.len() {
                    1 => Ok(()),
                    count => Err(format!("{person} has {count}")),
                },
            )
            .await;
        }
        let report = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: delivery_report", move |it| {
                let deliveries = it.json()["payload"]["data"]["deliveries"].clone();
                let wanted = |d: &Value| d["chat_id"] == quiet && d["outcome"] == "failed";
                deliveries
                    .as_array()
                    .is_some_and(|all| all.iter().any(wanted))
            })
            .await;
        assert!(report.json().to_string().contains("wants no news"));
        assert_eq!(texts(stack, quiet, "news").await, Vec::<String>::new());
    });
}

#[test]
fn a_bot_killed_again_and_again_loses_no_message() {
    alone(async |stack| {
        const EACH: usize = 12;
        const KILLS: usize = 3;
        let people = people(stack, 5).await;
        for n in 0..EACH {
            for person in &people {
                wish(stack, *person, &format!("killed {person} {n:02}"), "notify").await;
            }
            if n % (EACH / KILLS) == 1 {
                // In the middle of the work: the round has begun to arrive.
                let first = people[0];
                eventually("the round begins to arrive", async || {
                    match texts(stack, first, "killed").await.len() > n.saturating_sub(1) {
                        true => Ok(()),
                        false => Err("not yet".to_owned()),
                    }
                })
                .await;
                stack.kill(Service::Bot);
                stack.start_again(Service::Bot).await;
            }
        }
        let doubled = all_arrive(stack, &people, "killed", EACH).await;
        // Promise D4: one message a chat may be in the air when the process dies.
        assert!(
            doubled <= KILLS * people.len(),
            "{doubled} messages came twice"
        );
    });
}

#[test]
fn a_storm_of_429_delays_messages_and_loses_none() {
    alone(async |stack| {
        const EACH: usize = 4;
        let people = people(stack, 4).await;
        let storm = json!({"target": "telegram", "method": "sendMessage", "kind": "too_many_requests",
            "retry_after": 1, "times": 20});
        stack.sandbox.break_something(storm).await;
        for n in 0..EACH {
            for person in &people {
                wish(stack, *person, &format!("storm {person} {n:02}"), "notify").await;
            }
        }
        assert_eq!(all_arrive(stack, &people, "storm", EACH).await, 0);
    });
}

#[test]
fn an_answer_lost_after_telegram_took_the_message_costs_a_duplicate_and_no_message() {
    alone(async |stack| {
        let people = people(stack, 2).await;
        let fault =
            json!({"target": "telegram", "method": "sendMessage", "kind": "reset", "times": 2});
        stack.sandbox.break_something(fault).await;
        for n in 0..2 {
            for person in &people {
                wish(stack, *person, &format!("reset {person} {n:02}"), "notify").await;
            }
        }
        assert!(all_arrive(stack, &people, "reset", 2).await <= 2);
    });
}
