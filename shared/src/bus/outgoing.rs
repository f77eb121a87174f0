//! Records on their way out: ready to be published, or to be kept in an outbox until then.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Cause, PublishError, header};
use crate::envelope;
use crate::topics::Topic;

/// A record that is ready to be published or to be kept in an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub topic: String,
    /// What keeps its order.
    pub key: Option<String>,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
}

impl Outgoing {
    /// A record that begins a story or continues one outside of a handler; its message-id is new (UUIDv7).
    ///
    /// # Errors
    /// [`PublishError::Rejected`] when the fields can't be written as JSON.
    pub fn new<T: Topic>(
        service: &str,
        event: &T,
        cause: &Cause,
        at: DateTime<Utc>,
    ) -> Result<Outgoing, PublishError> {
        Outgoing::with_id(service, event, cause, Uuid::now_v7(), at)
    }

    /// The record number `index` of its action that is made while `cause` is handled.
    ///
    /// # Errors
    /// As [`Outgoing::new`].
    pub fn caused<T: Topic>(
        service: &str,
        event: &T,
        cause: &Cause,
        index: u32,
        at: DateTime<Utc>,
    ) -> Result<Outgoing, PublishError> {
        Outgoing::with_id(
            service,
            event,
            cause,
            cause.derive(T::NAME, event.action(), index),
            at,
        )
    }

    fn with_id<T: Topic>(
        service: &str,
        event: &T,
        cause: &Cause,
        id: Uuid,
        at: DateTime<Utc>,
    ) -> Result<Outgoing, PublishError> {
        let value = value(service, event, at)?;
        let headers = with_headers(cause, id, |pairs| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        });
        Ok(Outgoing {
            topic: T::NAME.to_owned(),
            key: event.key(),
            value,
            headers,
        })
    }
}

/// A record's value.
pub(super) fn value<T: Topic>(
    service: &str,
    event: &T,
    at: DateTime<Utc>,
) -> Result<Vec<u8>, PublishError> {
    let rejected = |e: serde_json::Error| PublishError::Rejected {
        topic: T::NAME.to_owned(),
        reason: e.to_string(),
    };
    let data = event.encode().map_err(rejected)?;
    envelope::write(
        service,
        event.action(),
        &event.message(),
        at,
        event.level(),
        &data,
    )
    .map_err(rejected)
}

/// Hands the headers of a record to `take`.
pub(super) fn with_headers<R>(
    cause: &Cause,
    id: Uuid,
    take: impl FnOnce(&[(&str, &str)]) -> R,
) -> R {
    let mut text = Uuid::encode_buffer();
    let text: &str = id.hyphenated().encode_lower(&mut text);
    let identity = (header::MESSAGE_ID, text);
    let story = (header::CORRELATION_ID, cause.correlation_id.as_str());
    match &cause.traceparent {
        Some(trace) => {
            let next = next_step(trace, id);
            take(&[identity, story, (header::TRACEPARENT, &next)])
        }
        None => take(&[identity, story]),
    }
}

/// The same trace with a span id of its own.
fn next_step(traceparent: &str, id: Uuid) -> String {
    match traceparent.split('-').collect::<Vec<_>>().as_slice() {
        [version, trace, _, flags] if trace.len() == 32 => {
            format!("{version}-{trace}-{:016x}-{flags}", id.as_u128() as u64 | 1)
        }
        _ => traceparent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::InfoIn;

    #[test]
    fn a_record_carries_its_identity_in_its_headers() {
        let cause = Cause {
            message_id: "m".into(),
            correlation_id: "story".into(),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        };
        let at = DateTime::from_timestamp_millis(0).unwrap();
        let event = InfoIn::new("info", "It is info", serde_json::json!({"a": 1}));
        let out = Outgoing::caused("LK", &event, &cause, 0, at).unwrap();
        assert_eq!(
            String::from_utf8(out.value.clone()).unwrap(),
            r#"{"service":"LK","action":"info","payload":{"message":"It is info","timestamp":"1970-01-01T00:00:00.000000","data":{"a":1}}}"#
        );
        assert_eq!(
            out.headers[0].1,
            cause.derive("info_in", "info", 0).to_string()
        );
        assert_eq!(out.headers[1].1, "story");
        assert!(
            out.headers[2]
                .1
                .starts_with("00-0af7651916cd43dd8448eb211c80319c-")
        );
    }
}
