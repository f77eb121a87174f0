//! The rule of every read model: the newer version wins, whatever order records come in.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Insert, IntoActiveModel,
    Iterable,
};

/// Inserts the row, or overwrites the one with its key if that is older. False: what is stored is as new or newer.
pub(super) async fn newer_wins<E, A>(
    db: &impl ConnectionTrait,
    row: impl IntoActiveModel<A>,
    key: E::Column,
    version: E::Column,
    kept: &[E::Column],
) -> Result<bool, DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    let stays = |column: &E::Column| {
        column.as_str() == key.as_str() || kept.iter().any(|c| c.as_str() == column.as_str())
    };
    let overwritten = E::Column::iter().filter(|column| !stays(column));
    let conflict = OnConflict::column(key)
        .update_columns(overwritten)
        .action_and_where(Expr::col((E::default(), version)).lt(Expr::col(("excluded", version))))
        .to_owned();
    insert_or(db, row, conflict).await
}

/// Inserts the row, or does what is said for one that is there already. False: nothing was written.
pub(super) async fn insert_or<A: ActiveModelTrait>(
    db: &impl ConnectionTrait,
    row: impl IntoActiveModel<A>,
    conflict: OnConflict,
) -> Result<bool, DbErr> {
    let inserted = Insert::one(row.into_active_model())
        .on_conflict(conflict)
        .exec_without_returning(db)
        .await;
    match inserted {
        Ok(rows) => Ok(rows > 0),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error),
    }
}
