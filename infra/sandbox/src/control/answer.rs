//! How the control API reads and refuses: JSON whatever the content type says, `{"error": reason}` with a fitting status.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::robokassa::payments::CannotPay;
use crate::robokassa::refunds::CannotDecide;
use crate::telegram::people::CannotDo;

/// A refusal and what to do about it.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    reason: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, reason: impl std::fmt::Display) -> Self {
        Self {
            status,
            reason: reason.to_string(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({"error": self.reason}))).into_response()
    }
}

impl From<CannotDo> for Refused {
    fn from(cause: CannotDo) -> Self {
        let status = match cause {
            CannotDo::NoPerson(_)
            | CannotDo::NoChannel(_)
            | CannotDo::NoMessage(_)
            | CannotDo::NoButton { .. } => StatusCode::NOT_FOUND,
            CannotDo::Invalid(_) | CannotDo::IsLink(_) | CannotDo::BadFile(_) => {
                StatusCode::BAD_REQUEST
            }
            CannotDo::Blocked | CannotDo::BadInvite(_) => StatusCode::CONFLICT,
            CannotDo::TooMany | CannotDo::TooManyChannels => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::new(status, cause)
    }
}

impl From<CannotPay> for Refused {
    fn from(cause: CannotPay) -> Self {
        let status = match cause {
            CannotPay::NotOpened(_) => StatusCode::NOT_FOUND,
            CannotPay::Paid(_) | CannotPay::NotPaid(_) => StatusCode::CONFLICT,
        };
        Self::new(status, cause)
    }
}

impl From<CannotDecide> for Refused {
    fn from(cause: CannotDecide) -> Self {
        let status = match cause {
            CannotDecide::Unknown => StatusCode::NOT_FOUND,
            CannotDecide::Ended => StatusCode::CONFLICT,
        };
        Self::new(status, cause)
    }
}

/// A JSON body; an empty one is `{}`.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|error| Refused::new(StatusCode::PAYLOAD_TOO_LARGE, error))?;
        let text: &[u8] = if bytes.iter().all(u8::is_ascii_whitespace) {
            b"{}"
        } else {
            &bytes
        };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, error))
    }
}
