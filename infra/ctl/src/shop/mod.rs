//! Products, through ARM's JSON API.

pub(crate) mod arm;
pub(crate) mod demo;
pub(crate) mod product;
