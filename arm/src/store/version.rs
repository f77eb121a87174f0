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
    written(
        Insert::one(row.into_active_model())
            .on_conflict(conflict)
            .exec_without_returning(db)
            .await,
    )
}

/// Whether an insert with an ON CONFLICT clause wrote anything.
pub(super) fn written(result: Result<u64, DbErr>) -> Result<bool, DbErr> {
    match result {
        Ok(rows) => Ok(rows > 0),
        Err(DbErr::RecordNotInserted) => Ok(false),
        Err(error) => Err(error),
    }
}
