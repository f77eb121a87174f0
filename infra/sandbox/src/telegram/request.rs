//! Reading a Bot API request: query, urlencoded, JSON and multipart bodies, GET and POST alike.

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::Value;

use super::answer::{Answer, ApiError};
use super::params::{Params, Upload};

/// Telegram: 50 MB a file, and a little for the rest of the form.
pub(crate) const LARGEST_BODY: usize = 52 * 1024 * 1024;

/// Reads all parameters; those of the body replace those of the query.
pub(crate) async fn read(request: Request) -> Answer<Params> {
    let mut params = Params::default();
    if let Some(query) = request.uri().query() {
        put_form(&mut params, query.as_bytes());
    }
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .unwrap_or_default();
    if content_type == "multipart/form-data" {
        put_multipart(&mut params, request).await?;
        return Ok(params);
    }
    let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY)
        .await
        .map_err(|_| ApiError::new(413, "Request Entity Too Large"))?;
    match content_type.as_str() {
        _ if body.iter().all(u8::is_ascii_whitespace) => {}
        "application/json" => match serde_json::from_slice(&body) {
            Ok(Value::Object(values)) => params.values.extend(values),
            _ => return Err(ApiError::bad_request("can't parse request JSON object")),
        },
        "application/x-www-form-urlencoded" => put_form(&mut params, &body),
        _ => {
            return Err(ApiError::bad_request(
                "unsupported content type of the request body",
            ));
        }
    }
    Ok(params)
}

fn put_form(params: &mut Params, text: &[u8]) {
    for (name, value) in url::form_urlencoded::parse(text) {
        params.put_text(name.into_owned(), value.into_owned());
    }
}

async fn put_multipart(params: &mut Params, request: Request) -> Answer<()> {
    let broken = || ApiError::bad_request("can't parse multipart/form-data");
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| broken())?;
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let mime_type = field.content_type().map(str::to_owned);
        let bytes = field
            .bytes()
            .await
            .map_err(|_| ApiError::new(413, "Request Entity Too Large"))?;
        match file_name {
            Some(file_name) => {
                params.uploads.insert(
                    name,
                    Upload {
                        file_name,
                        mime_type,
                        bytes,
                    },
                );
            }
            None => {
                let text = String::from_utf8(bytes.to_vec())
                    .map_err(|_| ApiError::bad_request("strings must be encoded in UTF-8"))?;
                params.put_text(name, text);
            }
        }
    }
    Ok(())
}
