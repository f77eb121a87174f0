//! Sending under bad conditions: storms, kills, a Redis that has forgotten everything.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use geobot_shared::files::FileStore;
use geobot_tests::buyer::Buyer;
use geobot_tests::ordeal::{BOT_LIMITS, Ordeal};
use geobot_tests::own_redis::OwnRedis;
use geobot_tests::stack::{Service, Stack};
use geobot_tests::{alone, eventually, shared, stays};
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

#[test]
fn an_ordeal_loses_no_message_doubles_none_uncounted_and_keeps_the_order() {
    alone(async |stack| {
        let mut people = Vec::new();
        for _ in 0..60 {
            let person = stack.sandbox.person("Ordeal").await;
            stack.sandbox.write(person.id, "/start").await;
            people.push(person.id);
        }
        stack.stop(Service::Bot).await;
        let redis = OwnRedis::start(stack.watchdog()).await.unwrap();
        let url = redis.url();
        let mut settings = vec![("REDIS_URL", Some(url.as_str()))];
        settings.extend(BOT_LIMITS.map(|(name, value)| (name, Some(value))));
        // Slow enough that everything has time to break.
        settings.push(("BOT_LIMIT_ALL", Some("80")));
        let ordeal = Ordeal {
            bots: stack.more_bots(2, &settings),
            sandbox: &stack.sandbox,
            kafka: &stack.kafka,
            brokers: &stack.servers.kafka,
            redis,
            people,
            each: 10,
            every: Duration::from_millis(400),
            rounds: 1,
            limit: Duration::from_secs(90),
        };
        let outcome = ordeal.run().await.unwrap();
        println!("{outcome}");
        assert!(outcome.is_kept(), "a promise is broken: {outcome}");
    });
}

/// A decision about a broadcast, as ARM writes it; returns when the bot has taken it.
async fn decide(stack: &Stack, broadcast: &str, action: &str, standing: Option<&str>) {
    let record = json!({"service": "ARM", "action": action, "payload": {"data": {"broadcast_id": broadcast}}});
    let value = record.to_string();
    stack
        .kafka
        .write("tg_send_bulk", Some(broadcast), value.as_bytes(), &[])
        .await;
    let client = redis::Client::open(stack.servers.redis.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    eventually("ARM → bot: the decision is taken", async || {
        let mut get = redis::cmd("GET");
        get.arg(format!("geobot:broadcast:{broadcast}"));
        let now: Option<String> = get.query_async(&mut connection).await.unwrap();
        match now.as_deref() == standing {
            true => Ok(()),
            false => Err(format!("{now:?}")),
        }
    })
    .await;
}

async fn news(stack: &Stack, broadcast: &str, person: i64, number: usize) {
    let record = json!({"service": "WORKER_0", "action": "send_message", "payload": {"data": {
        "chat_id": person, "text": format!("{broadcast} {number:03}"), "priority": "bulk",
        "broadcast_id": broadcast}}});
    let (key, value) = (person.to_string(), record.to_string());
    let id = format!("{broadcast}-{person}-{number}");
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

/// So many outcomes of a broadcast's messages.
async fn outcomes(stack: &Stack, broadcast: &str, outcome: &'static str, wanted: usize) {
    let broadcast = broadcast.to_owned();
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let what = format!("bot → ARM: {wanted} times {outcome}");
    stack
        .kafka
        .find("arm_sync_tg", &what, move |it| {
            let all = it.json()["payload"]["data"]["deliveries"].clone();
            let mut seen = seen.lock().unwrap();
            for delivery in all.as_array().into_iter().flatten() {
                if delivery["broadcast_id"] == *broadcast && delivery["outcome"] == outcome {
                    seen.insert(delivery["request_id"].to_string());
                }
            }
            seen.len() >= wanted
        })
        .await;
}

fn new_broadcast() -> String {
    format!("b{:08x}", rand::random::<u32>())
}

#[test]
fn a_paused_broadcast_waits_beside_another_and_goes_on() {
    shared(async |stack| {
        let people = people(stack, 2).await;
        let (paused, other) = (new_broadcast(), new_broadcast());
        decide(stack, &paused, "broadcast_paused", Some("paused")).await;
        news(stack, &paused, people[0], 1).await;
        news(stack, &other, people[1], 1).await;
        outcomes(stack, &other, "sent", 1).await;
        stays("the paused broadcast waits", async || {
            match texts(stack, people[0], &paused).await.len() {
                0 => Ok(()),
                some => Err(format!("{some} messages")),
            }
        })
        .await;
        decide(stack, &paused, "broadcast_resumed", None).await;
        outcomes(stack, &paused, "sent", 1).await;
        assert_eq!(texts(stack, people[0], &paused).await.len(), 1);
    });
}

#[test]
fn a_cancel_is_heard_over_a_paused_broadcast_that_fills_the_bots_hands() {
    alone(async |stack| {
        // More than the bot takes at a time: what stands behind them in Kafka is not read any more.
        const EACH: usize = 90;
        let people = people(stack, 3).await;
        let broadcast = new_broadcast();
        decide(stack, &broadcast, "broadcast_paused", Some("paused")).await;
        for number in 0..EACH {
            for person in &people {
                news(stack, &broadcast, *person, number).await;
            }
        }
        decide(stack, &broadcast, "broadcast_cancelled", Some("cancelled")).await;
        outcomes(stack, &broadcast, "cancelled", EACH * people.len()).await;
        for person in &people {
            assert_eq!(texts(stack, *person, &broadcast).await.len(), 0);
        }
        // A late word changes nothing.
        decide(stack, &broadcast, "broadcast_resumed", Some("cancelled")).await;
        decide(stack, &broadcast, "broadcast_paused", Some("cancelled")).await;
        let next = new_broadcast();
        news(stack, &next, people[0], 1).await;
        outcomes(stack, &next, "sent", 1).await;
    });
}

/// The mark that says why a person can't be written to.
async fn is_marked(stack: &Stack, person: i64, wanted: bool) {
    let client = redis::Client::open(stack.servers.redis.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    eventually("bot: the mark of the person", async || {
        let mut exists = redis::cmd("EXISTS");
        exists.arg(format!("geobot:unreachable:{person}"));
        let marked: bool = exists.query_async(&mut connection).await.unwrap();
        match marked == wanted {
            true => Ok(()),
            false => Err(format!("{marked}")),
        }
    })
    .await;
}

#[test]
fn a_broadcast_calls_telegram_for_nobody_who_blocked_the_bot_until_they_come_back() {
    shared(async |stack| {
        let person = people(stack, 1).await[0];
        let second = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        let started = second();
        // Within one second nobody knows which came first, and the message would be tried.
        eventually("the next second", async || match second() > started + 1 {
            true => Ok(()),
            false => Err("not yet".to_owned()),
        })
        .await;
        stack.sandbox.block(person).await;
        is_marked(stack, person, true).await;
        let calls = async || stack.sandbox.calls("sendMessage", person).await.len();
        let before = calls().await;
        let broadcast = new_broadcast();
        for number in 0..3 {
            news(stack, &broadcast, person, number).await;
        }
        outcomes(stack, &broadcast, "failed", 3).await;
        assert_eq!(calls().await, before, "Telegram was asked");
        // Whoever asked, or paid, is tried: here Telegram refuses.
        wish(stack, person, &format!("answer {person}"), "interactive").await;
        eventually("an answer is tried all the same", async || {
            match calls().await - before {
                1.. => Ok(()),
                none => Err(format!("{none} calls")),
            }
        })
        .await;
        stack.sandbox.unblock(person).await;
        is_marked(stack, person, false).await;
        let next = new_broadcast();
        news(stack, &next, person, 1).await;
        outcomes(stack, &next, "sent", 1).await;
        assert_eq!(texts(stack, person, &next).await.len(), 1);
    });
}

#[test]
fn a_stored_file_and_one_in_the_record_reach_the_chat() {
    shared(async |stack| {
        let person = people(stack, 1).await[0];
        let settings = stack.settings(Service::Bot);
        let folder = settings.iter().find(|(name, _)| name == "DATA_DIR");
        let files = FileStore::new(std::path::Path::new(&folder.unwrap().1).join("files"));
        let bytes = format!("guide {}", new_broadcast());
        let kept = files.keep(bytes.as_bytes(), "guide.txt", None).await;
        let stored = json!(kept.unwrap());
        let mut missing = stored.clone();
        missing["sha256"] = json!("0".repeat(64));
        let inline = json!({"name": "a.txt", "base64": "aGVsbG8="});
        for (number, content) in [&stored, &stored, &inline, &missing].iter().enumerate() {
            let record = json!({"service": "ARM", "action": "send_document", "payload": {"data": {
                "chat_id": person, "content": content, "caption": "here", "priority": "interactive"}}});
            let (key, value) = (person.to_string(), record.to_string());
            let id = format!("file-{person}-{number}");
            let headers = [("message-id", id.as_str())];
            stack
                .kafka
                .write("tg_send", Some(&key), value.as_bytes(), &headers)
                .await;
        }
        let last = format!("file-{person}-3");
        let report = stack
            .kafka
            .find("arm_sync_tg", "bot → ARM: the missing file", move |it| {
                it.json().to_string().contains(&last)
            })
            .await;
        assert!(report.json().to_string().contains("FILES_DIR"));
        let calls = stack.sandbox.calls("sendDocument", person).await;
        assert_eq!(calls.len(), 3);
        assert!(calls.iter().all(|call| call.ok), "{calls:?}");
        let by_name = |call: &geobot_tests::sandbox::Call| {
            let document = call.params["document"].as_str();
            document.is_some_and(|it| !it.starts_with("attach://"))
        };
        assert_eq!(
            calls.iter().map(by_name).collect::<Vec<_>>(),
            [false, true, false]
        );
    });
}
