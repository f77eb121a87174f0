//! A whole ARM in the test's process: database, pages and API, but no Kafka; what would be published stays in the
//! outbox, where a test looks at it.

use std::sync::Arc;

use argon2::Params;
use chrono::{TimeDelta, Utc};
use geobot_arm::access::Role;
use geobot_arm::app::App;
use geobot_arm::passwords::Passwords;
use geobot_arm::store::staff;
use geobot_arm::{config, web};
use geobot_shared::bus::outbox::{self, Outbox};
use geobot_shared::bus::{KafkaSettings, Producer};
use geobot_shared::files::FileStore;
use geobot_shared::http;
use sea_orm::{DatabaseConnection, EntityTrait, QueryOrder};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::databases::Sqlite;

pub(crate) const API_TOKEN: &str = "test-token-of-the-api";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The state of an ARM on this database.
pub(crate) fn app(db: &DatabaseConnection) -> Arc<App> {
    let producer = Producer::new(&KafkaSettings::plaintext("127.0.0.1:1"), "ARM").unwrap();
    let passwords = Passwords::with(Params::new(Params::MIN_M_COST, 1, 1, None).unwrap()).unwrap();
    App::new(
        db.clone(),
        Outbox::new(producer),
        API_TOKEN.into(),
        FileStore::new(std::env::temp_dir().join(format!("arm-files-{}", std::process::id()))),
        passwords,
        config::zone(3),
        TimeDelta::minutes(15),
    )
    .unwrap()
}

/// What waits in the outbox, as (topic, action, data).
pub(crate) async fn published(db: &DatabaseConnection) -> Vec<(String, String, Value)> {
    outbox::Entity::find()
        .order_by_asc(outbox::Column::Id)
        .all(db)
        .await
        .unwrap()
        .into_iter()
        .map(|row| {
            let value: Value = serde_json::from_str(&row.value).unwrap();
            assert_eq!(value["service"], "ARM");
            let action = value["action"].as_str().unwrap().to_owned();
            (row.topic, action, value["payload"]["data"].clone())
        })
        .collect()
}

/// The data of the records of one topic and action.
pub(crate) async fn published_as(db: &DatabaseConnection, topic: &str, action: &str) -> Vec<Value> {
    published(db)
        .await
        .into_iter()
        .filter(|(t, a, _)| t == topic && a == action)
        .map(|(_, _, data)| data)
        .collect()
}

/// An ARM that serves on SQLite, with one account of each role; its login is the role's name.
pub(crate) struct Arm {
    pub(crate) app: Arc<App>,
    pub(crate) url: String,
    _database: Sqlite,
    _server: DropGuard,
}

impl Arm {
    pub(crate) async fn start() -> Arm {
        let database = Sqlite::new().await;
        let app = app(&database.db);
        let hash = app.passwords.hash(PASSWORD).await.unwrap();
        for role in Role::ALL {
            staff::create(&app.db, role.as_str(), &hash, role, Utc::now())
                .await
                .unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(http::serve(listener, web::routes(&app), stop.clone()));
        Arm {
            app,
            url,
            _database: database,
            _server: stop.drop_guard(),
        }
    }

    pub(crate) fn db(&self) -> &DatabaseConnection {
        &self.app.db
    }
}
