//! One file per incoming topic.

pub(crate) mod info_in;
