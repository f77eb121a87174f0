//! The columns and indexes that every step is made of. Released steps are made from these as well, so what one of them
//! makes never changes; another kind of column gets a name of its own.

use sea_orm_migration::prelude::*;

pub(super) fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().to_owned()
}

pub(super) fn optional_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().to_owned()
}

/// Counts from 0, also in rows that were there before.
pub(super) fn counter(name: &'static str) -> ColumnDef {
    number(name).default(0).to_owned()
}

pub(super) fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().to_owned()
}

pub(super) fn optional_text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().to_owned()
}

pub(super) fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().to_owned()
}

/// The number that the database gives each row.
pub(super) fn row_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
        .big_integer()
        .not_null()
        .auto_increment()
        .primary_key()
        .to_owned()
}

pub(super) fn index(
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}
