//! The topics that LK reads, one file each.

pub mod lk_sync_orm;
pub mod lk_sync_tg;
