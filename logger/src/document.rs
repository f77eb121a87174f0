//! The form of a document in Logstash.

use chrono::{DateTime, Utc};
use geobot_shared::bus::Event;
use serde::Serialize;
use serde_json::Value;

/// What stands in every document as its source.
const SERVICE: &str = "logger-service";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    service: &'static str,
    executer: &'a str,
    message: &'a str,
    level: &'static str,
    action: &'a str,
    data: &'a Value,
}

/// One event as a JSON document.
///
/// # Errors
/// Only when the event can't be JSON, which nothing that was read from JSON is.
pub(crate) fn of(event: &Event<Value>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Document {
        timestamp: timestamp(event.at),
        service: SERVICE,
        executer: &event.service,
        message: &event.message,
        level: event.level.as_str(),
        action: &event.action,
        data: &event.data,
    })
}

/// ISO 8601 with microseconds and `Z`: Logstash reads a time without a zone as its own.
fn timestamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use geobot_shared::bus::Cause;
    use geobot_shared::envelope::Level;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_has_the_agreed_form() {
        let event = Event {
            data: json!({"invoice_id": 7, "nested": {"а": [1, null]}}),
            action: "payment_credited".into(),
            service: "LK".into(),
            message: "Оплата «зачтена»".into(),
            level: Level::Warn,
            at: "2026-11-23T13:00:00.5+03:00".parse().unwrap(),
            cause: Cause::new_story(),
        };
        assert_eq!(
            String::from_utf8(of(&event).unwrap()).unwrap(),
            r#"{"@timestamp":"2026-11-23T10:00:00.500000Z","service":"logger-service","executer":"LK","message":"Оплата «зачтена»","level":"warn","action":"payment_credited","data":{"invoice_id":7,"nested":{"а":[1,null]}}}"#
        );
    }
}
