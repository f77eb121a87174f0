//! Looks at the start and every few minutes whether Telegram delivers updates to us and to nobody else, and whether it
//! still accepts the token.

use std::time::Duration;

use chrono::{DateTime, Utc};
use geobot_shared::bus::Producer;
use teloxide::payloads::GetWebhookInfo;
use teloxide::types::WebhookInfo;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::api::Api;
use super::failure::SendFailure;
use super::{alert, start};
use crate::settings::Webhook;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(180);

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Updates come as they should.
    Well,
    /// No webhook is set, and there should be ours.
    Unset,
    /// Telegram delivers to another host.
    Foreign(String),
    /// Telegram tried to deliver to us since the last look, and could not; its own words.
    Failing(String),
}

/// Compares what Telegram says with what we want; `since` is the last look. No webhook is wanted for long polling.
pub fn judge(told: &WebhookInfo, wanted: Option<&Url>, since: DateTime<Utc>) -> Finding {
    match (&told.url, wanted) {
        (None, Some(_)) => return Finding::Unset,
        (Some(url), wanted) if Some(url) != wanted => {
            let host = url.host_str().unwrap_or("nowhere");
            return Finding::Foreign(host.to_owned());
        }
        _ => {}
    }
    match (&told.last_error_message, told.last_error_date) {
        (Some(words), Some(at)) if wanted.is_some() && at > since => {
            Finding::Failing(words.clone())
        }
        _ => Finding::Well,
    }
}

/// Runs until `stop`. `wanted` is our webhook, `None` for long polling. Each trouble is told once, until it is over.
/// Looks at once when polling has `met` a webhook or a refusal of the token.
pub async fn run(
    api: &Api,
    wanted: Option<Webhook>,
    met: &Notify,
    producer: &Producer,
    stop: CancellationToken,
) {
    let url = wanted.as_ref().map(|hook| &hook.url);
    let mut before = Finding::Well;
    let mut refused = false;
    let mut since = Utc::now();
    loop {
        let now = Utc::now();
        match api.call(&GetWebhookInfo::new()).await {
            Ok(told) => {
                let found = judge(&told, url, since);
                since = now;
                if std::mem::discriminant(&found) != std::mem::discriminant(&before) {
                    say(producer, &found).await;
                }
                if let (Finding::Unset, Some(hook)) = (&found, &wanted) {
                    set_again(api, hook).await;
                }
                before = found;
                refused = false;
            }
            Err(SendFailure::WrongToken) => {
                if !std::mem::replace(&mut refused, true) {
                    alert::token_refused(producer).await;
                }
            }
            Err(error) => warn!(%error, "webhook_not_looked_at"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = met.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn say(producer: &Producer, found: &Finding) {
    match found {
        Finding::Well => info!("updates_come_again"),
        Finding::Unset => warn!("webhook_not_set"),
        Finding::Foreign(host) => alert::foreign_webhook(producer, host).await,
        Finding::Failing(words) => alert::webhook_failing(producer, words).await,
    }
}

/// Telegram could not be reached at the start, or somebody took the webhook away.
async fn set_again(api: &Api, hook: &Webhook) {
    match start::set_webhook(api, hook).await {
        Ok(()) => info!("webhook_set_again"),
        Err(error) => warn!(%error, "webhook_not_set_again"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SINCE: i64 = 1_795_600_800;

    fn found(told: serde_json::Value, wanted: Option<&str>) -> Finding {
        let mut info = json!({"has_custom_certificate": false, "pending_update_count": 0});
        let fields = told.as_object().cloned().unwrap_or_default();
        info.as_object_mut().unwrap().extend(fields);
        let info: WebhookInfo = serde_json::from_value(info).unwrap();
        let wanted = wanted.map(|url| Url::parse(url).unwrap());
        let since = DateTime::from_timestamp(SINCE, 0).unwrap();
        judge(&info, wanted.as_ref(), since)
    }

    #[test]
    fn our_webhook_and_no_webhook_for_polling_are_well() {
        let ours = "https://shop.example/telegram/webhook";
        assert_eq!(found(json!({"url": ours}), Some(ours)), Finding::Well);
        assert_eq!(found(json!({"url": ""}), None), Finding::Well);
    }

    #[test]
    fn a_webhook_that_points_elsewhere_is_named_by_its_host_alone() {
        let theirs = json!({"url": "https://thief.example/hook?token=secret"});
        let foreign = Finding::Foreign("thief.example".to_owned());
        assert_eq!(found(theirs.clone(), None), foreign);
        assert_eq!(found(theirs, Some("https://shop.example/hook")), foreign);
    }

    #[test]
    fn a_webhook_that_is_not_set_is_set_again() {
        let unset = found(json!({"url": ""}), Some("https://shop.example/hook"));
        assert_eq!(unset, Finding::Unset);
    }

    #[test]
    fn only_an_error_since_the_last_look_counts() {
        let ours = "https://shop.example/hook";
        let failing = |at: i64| {
            let words = "Connection refused";
            let told = json!({"url": ours, "last_error_date": at, "last_error_message": words});
            found(told, Some(ours))
        };
        assert_eq!(failing(SINCE - 60), Finding::Well);
        assert_eq!(
            failing(SINCE + 60),
            Finding::Failing("Connection refused".to_owned())
        );
    }
}
