//! D1, D3, D4: a member that is killed loses nothing. The members are processes: this test binary starts itself.

use std::collections::{HashMap, HashSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use geobot_shared::bus::{Consumer, Event, Handled, Inbox, Producer};
use geobot_shared::topics::CreateUserIn;
use geobot_shared::topics::create_user_in::CreateUser;
use tokio_util::sync::CancellationToken;

use crate::kafka::{count, fill, new_topic, read_all, settings, until, user};
use crate::service::quick;

const KEYS: u64 = 500;
const RECORDS: u64 = 30_000;

struct Relay {
    producer: Producer,
    to: String,
}

async fn relay(app: Arc<Relay>, event: Event<CreateUser>) -> Handled {
    app.producer
        .publish_caused_to::<CreateUserIn>(&app.to, event.data, &event.cause, 0)
        .await?;
    Ok(())
}

/// Not a test: the member that is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started as a process by the test below"]
async fn member_process() {
    let (Ok(from), Ok(to)) = (std::env::var("MEMBER_FROM"), std::env::var("MEMBER_TO")) else {
        return;
    };
    let producer = Producer::new(&settings(), "TEST").unwrap();
    let app = Arc::new(Relay {
        producer: producer.clone(),
        to,
    });
    let inbox = Inbox::<Relay, CreateUserIn>::new().on(relay);
    let consumer =
        Consumer::start_on(&[&from], &settings(), producer, app, inbox, quick()).unwrap();
    consumer.run(CancellationToken::new()).await.unwrap();
}

struct Member(Child);

impl Member {
    fn start(from: &str, to: &str) -> Member {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::member_process", "--ignored"])
            .env("MEMBER_FROM", from)
            .env("MEMBER_TO", to)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Member(child)
    }
}

impl Drop for Member {
    /// SIGKILL.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_killed_lose_nothing_and_what_they_repeat_is_recognised() {
    let from = new_topic("kill_in", 6).await;
    let to = new_topic("kill_out", 6).await;
    let mut next = 0;
    let mut more = |records: u64| {
        fill(
            &from,
            (next..next + records).map(|n| user(&format!("k{}", n % KEYS), n)),
        );
        next += records;
    };
    let mut members = vec![Member::start(&from, &to), Member::start(&from, &to)];
    for _ in 0..3 {
        let before = count(&to);
        more(RECORDS / 3);
        until("they are at work", || async { count(&to) > before + 100 }).await;
        // The older one dies in the middle of its work, a new one takes its place.
        drop(members.remove(0));
        members.push(Member::start(&from, &to));
    }
    let distinct = || {
        read_all(&to)
            .into_iter()
            .map(|r| r.headers["message-id"].clone())
            .collect::<HashSet<_>>()
            .len() as u64
    };
    until("every record has its effect", || async {
        count(&to) as u64 >= RECORDS && distinct() == RECORDS
    })
    .await;
    drop(members);

    let mut known = HashSet::new();
    let mut last_of: HashMap<String, u64> = HashMap::new();
    let written = read_all(&to);
    for record in &written {
        if known.insert(record.headers["message-id"].clone()) {
            let (key, n) = record.number();
            let last = last_of.entry(key.clone()).or_insert(0);
            assert!(*last <= n, "{key} is out of order");
            *last = n;
        }
    }
    assert_eq!(known.len() as u64, RECORDS);
    println!("{} repeated", written.len() as u64 - RECORDS);
}
