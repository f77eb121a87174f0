//! Faults that can be switched on: how the stand-ins misbehave as the real services do.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::guarded::Guarded;

/// More rules than this are a mistake of the caller.
const MOST_RULES: usize = 1_000;
/// How long `timeout_after_accept` keeps a client waiting: longer than any client waits.
const HANG: Duration = Duration::from_secs(300);
const SLOW: Duration = Duration::from_secs(3);

/// Which stand-in misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    Telegram,
    Robokassa,
    Logstash,
}

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// 429; nothing is done.
    TooManyRequests,
    /// 500; nothing is done.
    ServerError,
    /// Everything is done, the answer never comes.
    TimeoutAfterAccept,
    /// The connection is reset; nothing is done.
    Reset,
    /// 401; nothing is done.
    Unauthorized,
    /// Robokassa: the ResultURL and ResultURL2 calls are never made.
    LoseCallback,
    /// Everything is done, later.
    Slow,
    /// Robokassa's services: answered as a refusal in the service's own words; nothing is done.
    Refuse,
}

/// Robokassa's services that can refuse in their own words.
pub(crate) const REFUSING_METHODS: [&str; 5] = [
    "refund_create",
    "refund_state",
    "OpStateExt",
    "receipt_attach",
    "receipt_status",
];
/// The two calls that can be lost.
pub(crate) const LOSABLE_CALLS: [&str; 2] = ["ResultURL", "ResultURL2"];

/// One rule, as `POST /control/faults` gives it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) id: u64,
    pub(crate) target: Target,
    /// Only this method (any letter case); for Robokassa `Index`, `op_state`, `refund_create`, `refund_state`,
    /// `receipt_attach` or `receipt_status`, and for a lost callback `ResultURL` or `ResultURL2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat_id: Option<i64>,
    pub(crate) kind: Kind,
    /// How many times it strikes; without it until deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u64>,
    /// Seconds in a 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    /// What a refusal says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl Rule {
    /// Whether the rule is about this method: it names it, or none.
    pub(crate) fn is_about(&self, method: &str) -> bool {
        self.method.as_deref().is_none_or(|name| {
            // The control API's own spelling beside Robokassa's.
            let name = match name.eq_ignore_ascii_case("op_state") {
                true => "OpStateExt",
                false => name,
            };
            name.eq_ignore_ascii_case(method)
        })
    }
}

/// Which of a payment's calls get lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) result_url: bool,
    pub(crate) result_url2: bool,
}

impl Lost {
    pub(crate) const BOTH: Self = Self {
        result_url: true,
        result_url2: true,
    };
}

/// What a stand-in says when a fault makes it refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<u64>,
}

/// The rules now in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Guarded<Rules>);

#[derive(Debug, Default)]
struct Rules {
    rules: Vec<Rule>,
    last_id: u64,
}

impl Faults {
    /// Adds a rule and returns its id, or nothing when there are too many.
    pub(crate) fn add(&self, mut rule: Rule) -> Option<u64> {
        let mut state = self.0.lock();
        if state.rules.len() >= MOST_RULES {
            return None;
        }
        state.last_id += 1;
        rule.id = state.last_id;
        let id = rule.id;
        state.rules.push(rule);
        Some(id)
    }

    pub(crate) fn clear(&self) {
        self.0.lock().rules.clear();
    }

    pub(crate) fn list(&self) -> Vec<Rule> {
        self.0.lock().rules.clone()
    }

    /// The fault that strikes this call, used up by one.
    pub(crate) fn strike(
        &self,
        target: Target,
        method: &str,
        chat_id: Option<i64>,
    ) -> Option<Rule> {
        self.take(|rule| {
            rule.target == target && rule.kind != Kind::LoseCallback && fits(rule, method, chat_id)
        })
    }

    /// Which calls of one payment get lost; a rule that names neither loses both.
    pub(crate) fn lost_callbacks(&self) -> Lost {
        let mut lost = Lost::default();
        let [first, second] = LOSABLE_CALLS;
        while let Some(rule) = self.take(|rule| {
            rule.target == Target::Robokassa
                && rule.kind == Kind::LoseCallback
                && ((!lost.result_url && rule.is_about(first))
                    || (!lost.result_url2 && rule.is_about(second)))
        }) {
            lost.result_url |= rule.is_about(first);
            lost.result_url2 |= rule.is_about(second);
        }
        lost
    }

    fn take(&self, wanted: impl Fn(&Rule) -> bool) -> Option<Rule> {
        let mut state = self.0.lock();
        let at = state.rules.iter().position(wanted)?;
        let rule = state.rules[at].clone();
        if let Some(times) = &mut state.rules[at].times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                state.rules.remove(at);
            }
        }
        Some(rule)
    }
}

fn fits(rule: &Rule, method: &str, chat_id: Option<i64>) -> bool {
    rule.is_about(method) && rule.chat_id.is_none_or(|id| Some(id) == chat_id)
}

/// The words of a refusal when a fault of that kind strikes: the rule's own or the usual ones.
pub(crate) fn refusal_of(fault: Option<&Rule>, usual: &str) -> Option<String> {
    let fault = fault.filter(|fault| fault.kind == Kind::Refuse)?;
    Some(fault.message.clone().unwrap_or_else(|| usual.to_owned()))
}

/// A refusal of a service without a form of its own for it: the bare status.
pub(crate) fn bare_refusal(refusal: Option<Refusal>) -> Response {
    refusal
        .map_or(StatusCode::BAD_GATEWAY, |refusal| refusal.status)
        .into_response()
}

/// Does the work of one call under a fault: before it, instead of it, or in place of its answer.
pub(crate) async fn under(
    fault: Option<Rule>,
    connection: &Connection,
    stopping: &CancellationToken,
    refuse: impl FnOnce(Option<Refusal>) -> Response,
    work: impl Future<Output = Response>,
) -> Response {
    let Some(fault) = fault else {
        return work.await;
    };
    let delay = fault.delay_ms.map(Duration::from_millis);
    let refusal = |status| {
        Some(Refusal {
            status,
            retry_after: None,
        })
    };
    match fault.kind {
        Kind::TooManyRequests => refuse(Some(Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(fault.retry_after.unwrap_or(1)),
        })),
        Kind::ServerError => refuse(refusal(StatusCode::INTERNAL_SERVER_ERROR)),
        Kind::Unauthorized => refuse(refusal(StatusCode::UNAUTHORIZED)),
        Kind::Reset => {
            let answer = refuse(None);
            connection.cut();
            answer
        }
        Kind::TimeoutAfterAccept => {
            drop(work.await);
            pause(delay.unwrap_or(HANG), stopping).await;
            connection.cut();
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        Kind::Slow => {
            pause(delay.unwrap_or(SLOW), stopping).await;
            work.await
        }
        Kind::LoseCallback | Kind::Refuse => work.await,
    }
}

async fn pause(time: Duration, stopping: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = stopping.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(method: Option<&str>, chat_id: Option<i64>, times: Option<u64>) -> Rule {
        Rule {
            id: 0,
            target: Target::Telegram,
            method: method.map(str::to_owned),
            chat_id,
            kind: Kind::ServerError,
            times,
            retry_after: None,
            delay_ms: None,
            message: None,
        }
    }

    #[test]
    fn one_rule_loses_both_calls_and_one_that_names_a_call_only_that() {
        let lose = |method| Rule {
            target: Target::Robokassa,
            kind: Kind::LoseCallback,
            ..rule(method, None, Some(1))
        };
        let faults = Faults::default();
        assert_eq!(faults.lost_callbacks(), Lost::default());
        faults.add(lose(None));
        assert_eq!(faults.lost_callbacks(), Lost::BOTH);
        assert!(faults.list().is_empty());
        faults.add(lose(Some("resulturl2")));
        let lost = faults.lost_callbacks();
        assert!(lost.result_url2 && !lost.result_url);
        faults.add(lose(Some("ResultURL")));
        faults.add(lose(Some("ResultURL2")));
        assert_eq!(faults.lost_callbacks(), Lost::BOTH);
    }

    #[test]
    fn a_fault_strikes_as_often_as_asked() {
        let faults = Faults::default();
        faults.add(rule(None, None, Some(2)));
        let struck = (0..4)
            .filter(|_| faults.strike(Target::Telegram, "getMe", None).is_some())
            .count();
        assert_eq!(struck, 2);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn a_fault_strikes_only_what_it_names() {
        let faults = Faults::default();
        faults.add(rule(Some("sendmessage"), Some(5), None));
        assert!(
            faults
                .strike(Target::Telegram, "sendMessage", Some(6))
                .is_none()
        );
        assert!(
            faults
                .strike(Target::Telegram, "sendPhoto", Some(5))
                .is_none()
        );
        assert!(
            faults
                .strike(Target::Logstash, "sendMessage", Some(5))
                .is_none()
        );
        assert!(
            faults
                .strike(Target::Telegram, "sendMessage", Some(5))
                .is_some()
        );
    }

    #[test]
    fn rules_are_bounded() {
        let faults = Faults::default();
        for _ in 0..MOST_RULES {
            assert!(faults.add(rule(None, None, None)).is_some());
        }
        assert!(faults.add(rule(None, None, None)).is_none());
    }
}
