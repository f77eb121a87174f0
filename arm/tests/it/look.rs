//! For whoever works on the pages: ARM with demo rows, to be looked at in a browser.
//! `cargo test -p geobot-arm --test it -- --ignored --nocapture look`, Ctrl-C ends it.

use crate::arm::{Arm, PASSWORD};
use crate::demo;

#[tokio::test]
#[ignore = "serves until it is ended"]
async fn look_at_the_pages() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    println!(
        "{}  login owner, manager or support, password: {PASSWORD}",
        arm.url
    );
    std::future::pending::<()>().await;
}
