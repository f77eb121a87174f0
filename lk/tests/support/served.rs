//! LK over HTTP.

use std::net::SocketAddr;

use geobot_lk::web;
use geobot_shared::http;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::TestLk;

/// LK behind a port of its own.
pub(crate) struct Served {
    pub(crate) lk: TestLk,
    pub(crate) base: String,
    pub(crate) client: Client,
    _stop: DropGuard,
}

impl Served {
    pub(crate) async fn new() -> Served {
        Served::of(TestLk::sqlite().await).await
    }

    pub(crate) async fn of(lk: TestLk) -> Served {
        let routes = web::routes(lk.app.clone());
        Served::with_routes(lk, routes).await
    }

    pub(crate) async fn with_routes(lk: TestLk, routes: axum::Router) -> Served {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(http::serve(listener, routes, stop.clone()));
        Served {
            lk,
            base,
            client: Client::builder()
                .no_proxy()
                .redirect(Policy::custom(|attempt| {
                    // A sign-in's cookie would be lost on the way.
                    match attempt.previous().last().map(Url::path) {
                        Some(path) if path.starts_with("/cabinet") => attempt.stop(),
                        _ => attempt.follow(),
                    }
                }))
                .build()
                .unwrap(),
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) async fn post_form(&self, path: &str, body: String) -> (StatusCode, String) {
        let answer = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}
