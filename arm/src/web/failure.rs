//! What a page answers when it can't be shown. The words are found later, when the reader's language is known.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use geobot_shared::bus::outbox::OutboxError;
use geobot_shared::files::FileError;
use sea_orm::DbErr;
use tracing::error;

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is nothing here.
    NotFound,
    /// The person's role may not do this.
    Forbidden,
    /// The form is not one of this session.
    ForeignForm,
    /// The form can't be read.
    BadForm,
    /// Something of ours went wrong; it is in the log.
    Internal,
}

impl Failure {
    /// The status and the key of the words.
    pub(crate) fn words(self) -> (StatusCode, &'static str) {
        match self {
            Failure::NotFound => (StatusCode::NOT_FOUND, "failure-not-found"),
            Failure::Forbidden => (StatusCode::FORBIDDEN, "failure-forbidden"),
            Failure::ForeignForm => (StatusCode::FORBIDDEN, "failure-foreign-form"),
            Failure::BadForm => (StatusCode::BAD_REQUEST, "failure-bad-form"),
            Failure::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "failure-internal"),
        }
    }
}

impl IntoResponse for Failure {
    /// A bare answer that carries the failure; `pages::explain` puts the page around it.
    fn into_response(self) -> Response {
        let mut response = self.words().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Failure {
        error!(%error, "page_failed");
        Failure::Internal
    }
}

impl From<OutboxError> for Failure {
    fn from(error: OutboxError) -> Failure {
        error!(%error, "page_failed");
        Failure::Internal
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        error!(%error, "page_failed");
        Failure::Internal
    }
}

impl From<askama::Error> for Failure {
    fn from(error: askama::Error) -> Failure {
        error!(%error, "page_failed");
        Failure::Internal
    }
}

impl From<crate::passwords::PasswordError> for Failure {
    fn from(error: crate::passwords::PasswordError) -> Failure {
        error!(%error, "page_failed");
        Failure::Internal
    }
}
