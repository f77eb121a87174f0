//! The Bot API calls seen, for tests and for curiosity.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::value::RawValue;

/// Calls kept; older ones are forgotten.
const KEPT: usize = 100_000;
/// Bytes of parameters kept over all calls.
const KEPT_BYTES: usize = 128 * 1024 * 1024;

/// One call.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Call {
    pub(crate) seq: u64,
    pub(crate) at: String,
    pub(crate) method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chat_id: Option<i64>,
    pub(crate) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<u16>,
    pub(crate) params: Box<RawValue>,
}

/// The last calls, in order.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    last_seq: u64,
    bytes: usize,
}

impl CallLog {
    /// Keeps a call; its `seq` is given here.
    pub(crate) fn push(&mut self, mut call: Call) {
        self.last_seq += 1;
        call.seq = self.last_seq;
        self.bytes += call.params.get().len();
        self.calls.push_back(call);
        while self.calls.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.calls.pop_front() else {
                break;
            };
            self.bytes -= oldest.params.get().len();
        }
    }

    /// Calls after `after`, of one method and chat when given.
    pub(crate) fn find(&self, method: Option<&str>, chat_id: Option<i64>, after: u64) -> Vec<Call> {
        let start = self.calls.partition_point(|call| call.seq <= after);
        self.calls
            .range(start..)
            .filter(|call| method.is_none_or(|name| call.method.eq_ignore_ascii_case(name)))
            .filter(|call| chat_id.is_none_or(|id| call.chat_id == Some(id)))
            .cloned()
            .collect()
    }

    pub(crate) fn forget(&mut self) {
        self.calls.clear();
        self.bytes = 0;
    }
}
