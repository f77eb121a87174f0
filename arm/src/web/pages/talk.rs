//! What was said, as the pages show it.

use geobot_shared::topics::arm_sync_tg::{Attachment, AttachmentKind};
use sea_orm::{ConnectionTrait, DbErr};

use super::files;
use crate::store::messages::{self, Model};

/// A message.
pub(super) struct Line {
    pub(super) id: i64,
    pub(super) user_id: i64,
    pub(super) at: i64,
    pub(super) source: String,
    pub(super) state: String,
    pub(super) staff: Option<String>,
    pub(super) text: Option<String>,
    pub(super) files: Vec<Shown>,
}

/// A picture or file in a message.
pub(super) enum Shown {
    /// Shown in the page.
    Picture { href: String, name: String },
    /// To be saved; its size in KB.
    Saved {
        href: String,
        name: String,
        size: u64,
    },
    /// Its bytes could not be kept, and why.
    Missing { why: String },
}

impl From<Attachment> for Shown {
    fn from(it: Attachment) -> Shown {
        let Some(file) = it.file else {
            return Shown::Missing {
                why: it.missing.unwrap_or_default(),
            };
        };
        let href = files::address(&file.sha256, &file.name);
        let name = file.name;
        match it.kind {
            AttachmentKind::Photo => Shown::Picture { href, name },
            _ => Shown::Saved {
                href,
                name,
                size: file.size.div_ceil(1_024),
            },
        }
    }
}

impl Line {
    pub(super) fn new(row: Model) -> Result<Line, DbErr> {
        let files = row.attachments()?.into_iter().map(Shown::from).collect();
        Ok(Line {
            id: row.id,
            user_id: row.user_id,
            at: row.at,
            source: row.source,
            state: row.state,
            staff: row.staff,
            text: row.text,
            files,
        })
    }
}

/// The talk with a person, the newest first.
pub(super) async fn with(
    db: &impl ConnectionTrait,
    user: i64,
    limit: u64,
) -> Result<Vec<Line>, DbErr> {
    let rows = messages::of_user(db, user, limit).await?;
    rows.into_iter().map(Line::new).collect()
}
