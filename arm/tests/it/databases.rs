//! Databases for a test: a SQLite file and a PostgreSQL database of its own, both gone afterwards.

use geobot_arm::store;
use geobot_shared::sql;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// A fresh SQLite database.
pub(crate) struct Sqlite {
    pub(crate) db: DatabaseConnection,
    _folder: TempDir,
}

impl Sqlite {
    pub(crate) async fn new() -> Sqlite {
        let folder = TempDir::new().unwrap();
        let url = sql::database_url("", folder.path(), "arm.sqlite").unwrap();
        let db = sql::connect(&url).await.unwrap();
        store::migrate(&db).await.unwrap();
        Sqlite {
            db,
            _folder: folder,
        }
    }
}

/// Runs a test on SQLite and on PostgreSQL.
pub(crate) async fn on_both(test: impl AsyncFn(&DatabaseConnection)) {
    let sqlite = Sqlite::new().await;
    test(&sqlite.db).await;

    let setting = std::env::var("GEOBOT_TEST_POSTGRES").expect(
        "GEOBOT_TEST_POSTGRES must name a PostgreSQL for tests; `sh init.sh test` starts one",
    );
    let name = format!("arm_{}", Uuid::now_v7().simple());
    let server = sql::connect(&setting).await.unwrap();
    let run = async |command: String| server.execute_unprepared(&command).await.unwrap();
    run(format!("CREATE DATABASE {name}")).await;
    let mut url = Url::parse(&setting).unwrap();
    url.set_path(&name);
    let db = sql::connect(url.as_str()).await.unwrap();
    store::migrate(&db).await.unwrap();
    store::migrate(&db).await.unwrap();
    test(&db).await;
    db.close().await.unwrap();
    // A vacuum of the server's own may still be in there; then the database goes away with the throw-away server.
    let _ = server
        .execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await;
}
