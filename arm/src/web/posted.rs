//! A form that was sent: it counts only with the token of the session it was made for.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::failure::Failure;
use super::session::Visit;
use crate::app::App;

/// The name of the field with the token.
pub(crate) const CSRF: &str = "csrf";

/// A form's fields; a field that came twice counts as it came first.
#[derive(Debug, Default)]
pub(crate) struct Fields(HashMap<String, String>);

impl Fields {
    /// Reads a URL-encoded form.
    pub(crate) fn read(body: &[u8]) -> Fields {
        let mut fields = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            fields
                .entry(name.into_owned())
                .or_insert_with(|| value.into_owned());
        }
        Fields(fields)
    }

    /// Adds a field, unless it is there.
    pub(crate) fn add(&mut self, name: String, value: String) {
        self.0.entry(name).or_insert(value);
    }

    /// A field's text; empty when it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl FromRequest<Arc<App>> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Fields, Response> {
        let body = Bytes::from_request(request, app)
            .await
            .map_err(|_| Failure::BadForm.into_response())?;
        Ok(Fields::read(&body))
    }
}

/// A form of somebody who is signed in, with the right token.
pub(crate) struct Posted {
    pub(crate) visit: Visit,
    pub(crate) fields: Fields,
}

impl FromRequest<Arc<App>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Posted, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, app).await?;
        let fields = Fields::from_request(Request::from_parts(parts, body), app).await?;
        let sent = fields.get(CSRF).as_bytes();
        if bool::from(sent.ct_eq(visit.staff.csrf.as_bytes())) {
            Ok(Posted { visit, fields })
        } else {
            Err(Failure::ForeignForm.into_response())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_whatever_they_hold() {
        let fields = Fields::read("a=1&a=2&b=%D1%8F+x&c&=&%ff=%ff".as_bytes());
        assert_eq!(fields.get("a"), "1");
        assert_eq!(fields.get("b"), "я x");
        assert_eq!(fields.get("c"), "");
        assert_eq!(fields.get("none"), "");
    }
}
