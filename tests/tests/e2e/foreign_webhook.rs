//! Somebody else has set a webhook: staff hears of it once, and by one name.

use geobot_tests::stack::Service;
use geobot_tests::{alone, eventually};
use serde_json::json;

#[test]
fn a_foreign_webhook_that_stands_in_the_way_of_polling_is_one_clear_alert() {
    alone(async |stack| {
        stack.stop(Service::Bot).await;
        // A host that can't be mistaken for that of another test.
        let theirs = "http://localhost:9/hook-of-a-thief";
        stack
            .sandbox
            .bot_api(&format!("setWebhook?url={theirs}"))
            .await;
        // The bot takes webhooks away at its start; this one comes back afterwards, as a thief would do it.
        let fault = json!({"target": "telegram", "method": "deleteWebhook", "kind": "server_error", "times": 1});
        stack.sandbox.break_something(fault).await;
        stack.start_again(Service::Bot).await;
        let alerts = eventually("bot → logger: foreign_webhook_found", async || {
            let found = stack
                .sandbox
                .logs("foreign_webhook_found", "localhost")
                .await;
            match found.is_empty() {
                true => Err("no alert".to_owned()),
                false => Ok(found),
            }
        })
        .await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        let text = alerts[0].document.to_string();
        assert!(!text.contains("hook-of-a-thief"), "{text}");
        let readers = stack
            .sandbox
            .logs("another_reader_of_updates_found", "webhook");
        assert_eq!(readers.await.len(), 0);
        stack.sandbox.bot_api("deleteWebhook").await;
    });
}
