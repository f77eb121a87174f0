//! The one stack of a test binary, and how tests get at it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;

use futures_util::FutureExt as _;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::own_kafka::OwnKafka;
use crate::servers::Servers;
use crate::stack::{Service, Stack};

struct Fixture {
    runtime: Runtime,
    stack: RwLock<Stack>,
}

/// The first test starts the stack, the others wait for it. It ends with the process: see [`crate::watchdog`].
fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Result<Fixture, String>> = OnceLock::new();
    let started = FIXTURE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let stack = runtime
            .block_on(Stack::start())
            .map_err(|error| format!("{error:#}"))?;
        Ok(Fixture {
            runtime,
            stack: RwLock::new(stack),
        })
    });
    match started {
        Ok(fixture) => fixture,
        Err(why) => panic!("the stack did not start: {why}"),
    }
}

thread_local! {
    static WORDS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Lines of the services' logs that hold this word (a person's or an invoice's number) are shown if the test fails.
pub fn about(word: impl ToString) {
    WORDS.with_borrow_mut(|words| words.push(word.to_string()));
}

/// Runs a test beside others.
///
/// # Panics
/// As the test does, after the services' logs were shown.
pub fn shared(test: impl AsyncFnOnce(&Stack)) {
    let fixture = fixture();
    let mut since = BTreeMap::new();
    let result = catch_unwind(AssertUnwindSafe(|| {
        fixture.runtime.block_on(async {
            let stack = fixture.stack.read().await;
            since = stack.log_places();
            test(&stack).await;
        });
    }));
    if let Err(panic) = result {
        fixture
            .runtime
            .block_on(async { show_logs(&*fixture.stack.read().await, &since) });
        resume_unwind(panic);
    }
}

/// Runs a test while no other runs: it may stop services and break things. Afterwards everything is brought back.
///
/// # Panics
/// As the test does, after the services' logs were shown, or when something does not come back.
pub fn alone(test: impl AsyncFnOnce(&mut Stack)) {
    let fixture = fixture();
    let mut since = BTreeMap::new();
    let mut guard = fixture.runtime.block_on(fixture.stack.write());
    let result = catch_unwind(AssertUnwindSafe(|| {
        since = guard.log_places();
        fixture.runtime.block_on(test(&mut guard));
    }));
    if result.is_err() {
        show_logs(&guard, &since);
    }
    let restored = fixture.runtime.block_on(guard.restore());
    drop(guard);
    if let Err(panic) = result {
        resume_unwind(panic);
    }
    restored.unwrap_or_else(|error| panic!("the stack did not come back: {error:#}"));
}

/// As [`alone`], with a second stack on a Kafka of its own, which the test may take away. Both end with the test.
///
/// # Panics
/// As the test does, after the services' logs were shown, or when Kafka or the stack does not start.
pub fn on_a_kafka_of_its_own(test: impl AsyncFnOnce(&mut Stack, &mut OwnKafka)) {
    alone(async |first| {
        let kafka = OwnKafka::start(first.watchdog()).await;
        let mut kafka = kafka.unwrap_or_else(|error| panic!("{error:#}"));
        let servers = Servers::with_kafka(&kafka).unwrap_or_else(|error| panic!("{error:#}"));
        let second = Stack::start_on(servers).await;
        let mut second = second.unwrap_or_else(|error| panic!("{error:#}"));
        let since = second.log_places();
        let test = AssertUnwindSafe(test(&mut second, &mut kafka));
        if let Err(panic) = test.catch_unwind().await {
            show_logs(&second, &since);
            resume_unwind(panic);
        }
    });
}

fn show_logs(stack: &Stack, since: &BTreeMap<Service, u64>) {
    let words = WORDS.with_borrow(Clone::clone);
    println!("The services' logs since the test began (complaints, and lines about {words:?}):");
    println!("{}", stack.log_report(since, &words));
}
