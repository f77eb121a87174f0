//! The Bot API stand-in.

pub(crate) mod answer;
pub(crate) mod api;
pub(crate) mod callbacks;
pub(crate) mod calls;
pub(crate) mod channels;
pub(crate) mod character_reference;
pub(crate) mod chats;
pub(crate) mod commands;
pub(crate) mod editing;
pub(crate) mod entities;
pub(crate) mod files;
pub(crate) mod html;
pub(crate) mod join_requests;
pub(crate) mod keyboards;
pub(crate) mod limits;
pub(crate) mod media;
pub(crate) mod members;
pub(crate) mod messages;
pub(crate) mod methods;
pub(crate) mod params;
pub(crate) mod people;
pub(crate) mod request;
pub(crate) mod rights;
pub(crate) mod sending;
pub(crate) mod updates;
pub(crate) mod webhook;
pub(crate) mod world;
pub(crate) mod writing;

pub(crate) use api::routes;
