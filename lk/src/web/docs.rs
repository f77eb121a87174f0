//! `/docs`: what LK serves, as OpenAPI 3.1 and as a page. The document is kept by hand in `static/openapi.json`; a test
//! compares it with the router.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use geobot_shared::i18n::Language;
use serde::Deserialize;
use serde_json::Value;

use super::page;
use crate::app::App;

const DOCUMENT: &str = include_str!("../../static/openapi.json");

/// The methods, in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/docs", get(show))
        .route(
            "/docs/openapi.json",
            get(|| async { document("application/json") }),
        )
        // JSON is YAML as well (YAML 1.2).
        .route(
            "/docs/openapi.yaml",
            get(|| async { document("application/yaml") }),
        )
}

fn document(kind: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], DOCUMENT)
}

/// The parts of an OpenAPI document that the page shows.
#[derive(Deserialize)]
struct Document {
    info: Info,
    tags: Vec<Tag>,
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
}

#[derive(Deserialize)]
struct Info {
    title: String,
    description: String,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    description: String,
}

#[derive(Deserialize)]
struct Operation {
    tags: Vec<String>,
    summary: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default, rename = "requestBody")]
    body: Option<Body>,
    responses: BTreeMap<String, Answer>,
    #[serde(default)]
    security: Vec<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(rename = "in")]
    place: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    description: String,
    content: BTreeMap<String, Content>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    example: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Schema {
    #[serde(default)]
    properties: BTreeMap<String, Field>,
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Answer {
    description: String,
}

/// Read once; a test reads it as well.
static READ: LazyLock<Result<Document, String>> =
    LazyLock::new(|| serde_json::from_str(DOCUMENT).map_err(|error| error.to_string()));

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    frame: page::Frame,
    about: &'a str,
    document: String,
    groups: Vec<Group<'a>>,
}

struct Group<'a> {
    name: &'a str,
    description: &'a str,
    calls: Vec<Call<'a>>,
}

struct Call<'a> {
    method: String,
    path: &'a str,
    operation: &'a Operation,
    access: Vec<&'a str>,
    /// Name, where it stands, whether it must be there, meaning.
    fields: Vec<(&'a str, &'a str, bool, &'a str)>,
    body: Option<(String, &'a str, Option<String>)>,
}

async fn show(State(app): State<Arc<App>>) -> Response {
    let document = match &*READ {
        Ok(document) => document,
        Err(failure) => return page::unavailable(&app, Language::En, failure),
    };
    let title = document.info.title.clone();
    let shown = DocsPage {
        // Written for programmers, in one language.
        frame: page::Frame::new(&app, Language::En, title),
        about: &document.info.description,
        document: format!("{}/docs/openapi.yaml", app.settings.links.base_path()),
        groups: document
            .tags
            .iter()
            .map(|tag| group(document, tag))
            .collect(),
    };
    page::html(StatusCode::OK, &shown)
}

fn group<'a>(document: &'a Document, tag: &'a Tag) -> Group<'a> {
    let mut calls = Vec::new();
    for (path, operations) in &document.paths {
        for method in METHODS {
            if let Some(operation) = operations.get(method)
                && operation.tags.contains(&tag.name)
            {
                calls.push(call(method, path, operation));
            }
        }
    }
    Group {
        name: &tag.name,
        description: &tag.description,
        calls,
    }
}

fn call<'a>(method: &str, path: &'a str, operation: &'a Operation) -> Call<'a> {
    let mut fields: Vec<_> = operation
        .parameters
        .iter()
        .map(|it| {
            let (name, place) = (it.name.as_str(), it.place.as_str());
            (name, place, it.required, it.description.as_str())
        })
        .collect();
    let mut body = None;
    if let Some(sent) = &operation.body {
        for (kind, content) in &sent.content {
            fields.extend(content.schema.properties.iter().map(|(name, field)| {
                let required = content.schema.required.contains(name);
                (name.as_str(), "body", required, field.description.as_str())
            }));
            let example = content.example.as_ref().map(Value::to_string);
            body = Some((kind.clone(), sent.description.as_str(), example));
        }
    }
    Call {
        method: method.to_ascii_uppercase(),
        path,
        operation,
        access: operation
            .security
            .iter()
            .flat_map(|one| one.keys().map(String::as_str))
            .collect(),
        fields,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_document_is_shown_under_a_heading() {
        let document = READ.as_ref().unwrap();
        let all: usize = document.paths.values().map(BTreeMap::len).sum();
        let shown: usize = document
            .tags
            .iter()
            .map(|tag| group(document, tag).calls.len())
            .sum();
        assert!(all > 20 && shown == all, "{shown} of {all}");
    }
}
