//! Closing the shop for maintenance and opening it again.

use chrono::Utc;
use geobot_arm::maintenance::{change, tell_again};
use geobot_arm::store::audit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::{Arm, app, published_as};
use crate::browser::Browser;
use crate::databases::on_both;
use crate::shop::call;

async fn told(db: &sea_orm::DatabaseConnection) -> Vec<Value> {
    published_as(db, "tg_notify", "maintenance_changed").await
}

#[tokio::test]
async fn the_shop_is_closed_and_opened_from_the_first_page() {
    let arm = Arm::start().await;
    let manager = Browser::of(&arm, "manager").await;
    assert!(
        !manager
            .open("/")
            .await
            .body
            .contains("закрыт на обслуживание:")
    );
    let close = manager.submit("/maintenance", &[("closed", "yes")]).await;
    assert_eq!(close.status, StatusCode::SEE_OTHER);
    assert!(
        manager
            .open("/")
            .await
            .body
            .contains("закрыт на обслуживание:")
    );
    manager.submit("/maintenance", &[("closed", "no")]).await;
    let told = told(&arm.app.db).await;
    let on: Vec<&Value> = told.iter().map(|state| &state["on"]).collect();
    assert_eq!(on, [true, false]);
    assert!(told[0]["version"].as_i64() < told[1]["version"].as_i64());
    let done = audit::list(&arm.app.db, 0, 10).await.unwrap();
    let done: Vec<&str> = done.iter().map(|deed| deed.action.as_str()).collect();
    assert_eq!(done[..2], ["shop_opened", "shop_closed"]);
}

#[tokio::test]
async fn support_can_t_close_the_shop_and_a_wrong_form_changes_nothing() {
    let arm = Arm::start().await;
    let support = Browser::of(&arm, "support").await;
    assert!(
        !support
            .open("/")
            .await
            .body
            .contains("action=\"/maintenance\"")
    );
    let seen = support.submit("/maintenance", &[("closed", "yes")]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    let owner = Browser::of(&arm, "owner").await;
    let seen = owner.submit("/maintenance", &[("closed", "perhaps")]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert!(told(&arm.app.db).await.is_empty());
}

#[tokio::test]
async fn programs_see_and_change_it_too() {
    let arm = Arm::start().await;
    let path = "/api/maintenance";
    let (_, seen) = call(&arm, Method::GET, path, &json!({})).await;
    assert_eq!(seen, json!({ "closed": false, "since": null }));
    for wrong in [json!({}), json!({ "closed": "yes" }), json!([])] {
        let (status, _) = call(&arm, Method::PUT, path, &wrong).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let (status, seen) = call(&arm, Method::PUT, path, &json!({ "closed": true })).await;
    assert_eq!((status, &seen["closed"]), (StatusCode::OK, &json!(true)));
    // Once more: nothing new.
    call(&arm, Method::PUT, path, &json!({ "closed": true })).await;
    assert_eq!(told(&arm.app.db).await.len(), 1);
}

#[tokio::test]
async fn the_bot_is_told_again_only_while_the_shop_is_closed() {
    on_both(async |db| {
        let app = app(db);
        assert!(!tell_again(&app, Utc::now()).await.unwrap());
        change(&app, "owner", true, Utc::now()).await.unwrap();
        assert!(tell_again(&app, Utc::now()).await.unwrap());
        change(&app, "owner", false, Utc::now()).await.unwrap();
        assert!(!tell_again(&app, Utc::now()).await.unwrap());
        let told = told(db).await;
        assert_eq!(told.len(), 3);
        assert_eq!(
            told[0], told[1],
            "the same version, so a bot that knows it does nothing"
        );
    })
    .await;
}
