//! What the bot's tests stand on: databases of a real Redis, and Bot APIs of their own.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use chrono::Utc;
use geobot_bot::telegram::api::Api;
use redis::aio::MultiplexedConnection;

/// The address of the test Redis.
pub(crate) fn server() -> String {
    std::env::var("GEOBOT_TEST_REDIS")
        .expect("GEOBOT_TEST_REDIS is not set: run the tests by `sh init.sh test`")
}

/// The address of one of its databases.
pub(crate) fn database(number: u8) -> String {
    format!("{}{number}", server())
}

/// A connection to a database, past the store.
pub(crate) async fn connection(number: u8) -> MultiplexedConnection {
    let client = redis::Client::open(database(number)).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The address of a database with nothing in it.
pub(crate) async fn emptied(number: u8) -> String {
    let _: () = redis::cmd("FLUSHDB")
        .query_async(&mut connection(number).await)
        .await
        .unwrap();
    database(number)
}

/// A number that no other person, chat or request has.
pub(crate) fn unused() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(0);
    Utc::now().timestamp_micros() + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Serves a Bot API on a free port; its address.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    address
}

/// Serves a Bot API and calls it with the token `1:secret`.
pub(crate) async fn api(routes: Router) -> Api {
    let address = serve(routes).await;
    Api::new(&address.parse().unwrap(), &"1:secret".to_owned().into()).unwrap()
}
