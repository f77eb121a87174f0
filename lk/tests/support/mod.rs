//! A whole LK over a database of its own, without Kafka: what would be published is read from the outbox.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod fake;
mod served;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Parser;
use geobot_lk::app::App;
use geobot_lk::invoices::request;
use geobot_lk::payment::{Accepted, CallbackRefused, accept_callback};
use geobot_lk::settings::Settings;
use geobot_lk::store::invoices::Invoice;
use geobot_lk::store::{self, callbacks, entitlements, invoices, ledger};
use geobot_lk::{accounts, catalog};
use geobot_shared::bus::outbox::{self, Outbox};
use geobot_shared::bus::{Cause, KafkaSettings, Producer};
use geobot_shared::ids::{ChatId, InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::robokassa::callback::sign_result;
use geobot_shared::robokassa::form::Fields;
use geobot_shared::robokassa::receipt::Tax;
use geobot_shared::topics::lk_sync_tg::{InvoiceRequested, UserStarted};
use geobot_shared::topics::states::{Delivery, ProductState};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, EntityTrait, QueryOrder};
use serde_json::Value;

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use fake::{FakeGateway, paid};
#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use served::Served;

pub(crate) const USER: TelegramUserId = TelegramUserId(123_456_789);
pub(crate) const REMOTE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(185, 59, 216, 65));

pub(crate) struct TestLk {
    pub(crate) app: Arc<App>,
    pub(crate) db: DatabaseConnection,
    /// What the gateway would answer; callbacks are Robokassa's own.
    pub(crate) gateway: Arc<FakeGateway>,
    place: Place,
}

/// What outlives a restart.
struct Place {
    folder: tempfile::TempDir,
    url: String,
    extra: Vec<String>,
    brokers: String,
}

/// One row of the outbox, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    pub(crate) action: String,
    pub(crate) message_id: String,
    pub(crate) value: String,
    pub(crate) data: Value,
    pub(crate) level: Option<String>,
}

/// Runs each `async fn name(lk: TestLk)` on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::TestLk::sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::TestLk::postgres().await).await;
            })+
        }
    };
}

pub(crate) fn settings(extra: &[&str]) -> Settings {
    let route_key = format!("--route-key=1:{}", "ab".repeat(32));
    let base = [
        "geobot-lk",
        "--bot-token=",
        "--robokassa-login=demo",
        "--robokassa-password1=live1",
        "--robokassa-password2=live2",
        "--robokassa-test-password1=test1",
        "--robokassa-test-password2=test2",
        "--robokassa-password3=live3",
        "--robokassa-services-url=",
        "--robokassa-cert-file=",
        "--robokassa-allowed-ips=",
        "--trusted-proxies=",
        "--reconcile-after=120",
        "--reconcile-days=7",
        "--robokassa-hash=sha256",
        "--robokassa-test-hash=sha256",
        "--robokassa-mode=live",
        "--robokassa-pay-url=",
        "--link-key=0123456789abcdef0123456789abcdef",
        "--api-token=secret-token",
        "--legacy-get=false",
        "--route-keys-retired=",
        "--bot-username=geobot_bot",
        "--database-url=",
        "--public-url=http://127.0.0.1:5500",
        "--invoice-ttl=1440",
        "--republish-after=60",
        "--remind-days=3",
        "--robokassa-receipts=none",
        "--robokassa-sno=",
        "--utc-offset=+03:00",
        &route_key,
    ];
    let args = base
        .iter()
        .filter(|arg| {
            let name = arg.split('=').next();
            !extra.iter().any(|other| other.split('=').next() == name)
        })
        .chain(extra);
    Settings::try_parse_from(args).unwrap()
}

/// A new PostgreSQL database.
pub(crate) async fn postgres_url() -> String {
    let server = std::env::var("GEOBOT_TEST_POSTGRES").expect(
        "GEOBOT_TEST_POSTGRES is not set: run `sh init.sh test`, which starts PostgreSQL for the tests",
    );
    let name = format!("lk_{}", uuid::Uuid::now_v7().simple());
    let admin = Database::connect(&server).await.unwrap();
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    admin.close().await.unwrap();
    let (address, _) = server.rsplit_once('/').unwrap();
    format!("{address}/{name}")
}

impl TestLk {
    pub(crate) async fn sqlite() -> TestLk {
        TestLk::sqlite_with(&[], "127.0.0.1:1").await
    }

    pub(crate) async fn sqlite_with(extra: &[&str], brokers: &str) -> TestLk {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("lk.sqlite").display()
        );
        TestLk::start(folder, url, extra, brokers).await
    }

    pub(crate) async fn postgres() -> TestLk {
        TestLk::postgres_with(&[]).await
    }

    pub(crate) async fn postgres_with(extra: &[&str]) -> TestLk {
        let url = postgres_url().await;
        TestLk::start(tempfile::tempdir().unwrap(), url, extra, "127.0.0.1:1").await
    }

    async fn start(
        folder: tempfile::TempDir,
        url: String,
        extra: &[&str],
        brokers: &str,
    ) -> TestLk {
        let place = Place {
            folder,
            url,
            extra: extra.iter().map(|&arg| arg.to_owned()).collect(),
            brokers: brokers.to_owned(),
        };
        let checked = settings(extra).check().unwrap();
        let gateway = Arc::new(FakeGateway::new(&checked));
        TestLk::open(place, gateway).await
    }

    async fn open(place: Place, gateway: Arc<FakeGateway>) -> TestLk {
        let db = store::connect(&place.url).await.unwrap();
        let producer = Producer::new(&KafkaSettings::plaintext(&place.brokers), "LK").unwrap();
        let outbox = Outbox::new(producer.clone());
        let extra: Vec<&str> = place.extra.iter().map(String::as_str).collect();
        let checked = settings(&extra).check().unwrap();
        let mut app = App::new(checked, db.clone(), outbox, producer).unwrap();
        app.gateway = gateway.clone();
        TestLk {
            app: Arc::new(app),
            db,
            gateway,
            place,
        }
    }

    /// The same database and the same outside world after a restart.
    pub(crate) async fn restarted(self) -> TestLk {
        let TestLk {
            app,
            db,
            gateway,
            place,
        } = self;
        drop(app);
        db.close().await.unwrap();
        TestLk::open(place, gateway).await
    }

    /// Everything that was put into the outbox, in order.
    pub(crate) async fn sent(&self) -> Vec<Sent> {
        let rows = outbox::Entity::find()
            .order_by_asc(outbox::Column::Id)
            .all(&self.db)
            .await
            .unwrap();
        rows.into_iter()
            .map(|row| {
                let value: Value = serde_json::from_str(&row.value).unwrap();
                let headers: Vec<(String, String)> = serde_json::from_str(&row.headers).unwrap();
                assert_eq!(headers[0].0, "message-id");
                Sent {
                    topic: row.topic,
                    key: row.key,
                    action: value["action"].as_str().unwrap().to_owned(),
                    message_id: headers[0].1.clone(),
                    data: value["payload"]["data"].clone(),
                    level: value["payload"]["level"].as_str().map(str::to_owned),
                    value: row.value,
                }
            })
            .collect()
    }

    /// What was sent of one action.
    pub(crate) async fn sent_of(&self, topic: &str, action: &str) -> Vec<Sent> {
        let mut all = self.sent().await;
        all.retain(|sent| sent.topic == topic && sent.action == action);
        all
    }

    pub(crate) async fn forget_sent(&self) {
        outbox::Entity::delete_many().exec(&self.db).await.unwrap();
    }

    pub(crate) async fn start_person(&self, user: TelegramUserId, language: &str) {
        let person = UserStarted {
            user_id: user,
            chat_id: user.into(),
            first_name: "Анна".into(),
            last_name: None,
            username: Some("anna".into()),
            language: language.into(),
            payload: None,
            at: Utc::now(),
        };
        accounts::started(&self.app, person, &Cause::new_story(), Utc::now())
            .await
            .unwrap();
    }

    pub(crate) async fn put_product(&self, product: &ProductState) {
        catalog::product_upserted(&self.app, product.clone(), &Cause::new_story(), Utc::now())
            .await
            .unwrap();
    }

    pub(crate) async fn ask_invoice(&self, product: ProductId, at: DateTime<Utc>) {
        let wish = InvoiceRequested {
            user_id: USER,
            chat_id: ChatId(USER.get()),
            product_id: product,
            promo_code: None,
        };
        request::requested(&self.app, wish, &Cause::new_story(), at)
            .await
            .unwrap();
    }

    /// An invoice over 299 rubles, made at `at`.
    pub(crate) async fn invoice_made(&self, at: DateTime<Utc>) -> Invoice {
        let product = product();
        self.put_product(&product).await;
        self.ask_invoice(product.product_id, at).await;
        let ready = self.sent_of("tg_robokassa", "invoice_ready").await;
        let id = ready.last().unwrap().data["invoice_id"].as_u64().unwrap();
        self.forget_sent().await;
        self.invoice(InvoiceId::new(id).unwrap()).await
    }

    pub(crate) async fn invoice(&self, id: InvoiceId) -> Invoice {
        invoices::find(&self.db, id).await.unwrap().unwrap()
    }

    /// A callback as Robokassa would send it.
    pub(crate) fn signed(&self, mode: Mode, out_sum: &str, inv_id: &str) -> Fields {
        self.signed_with(mode, out_sum, inv_id, &[])
    }

    pub(crate) fn signed_with(
        &self,
        mode: Mode,
        out_sum: &str,
        inv_id: &str,
        shp: &[(String, String)],
    ) -> Fields {
        let credentials = self.app.settings.shop.credentials(mode).unwrap();
        let signature = sign_result(out_sum, inv_id, shp, &credentials);
        let mut fields: Fields = [
            ("OutSum", out_sum),
            ("InvId", inv_id),
            ("Fee", "8.96"),
            ("EMail", "anna@example.org"),
            ("PaymentMethod", "BankCard"),
            ("SignatureValue", &signature),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        fields.extend_from_slice(shp);
        fields
    }

    pub(crate) async fn accept(&self, fields: Fields) -> Result<Accepted, CallbackRefused> {
        accept_callback(&self.app, fields, REMOTE, Utc::now()).await
    }

    pub(crate) async fn ledger(&self) -> Vec<ledger::Model> {
        ledger::Entity::find().all(&self.db).await.unwrap()
    }

    pub(crate) async fn callbacks(&self) -> Vec<callbacks::Model> {
        callbacks::Entity::find()
            .order_by_asc(callbacks::Column::Id)
            .all(&self.db)
            .await
            .unwrap()
    }

    pub(crate) async fn entitlements(&self) -> Vec<entitlements::Model> {
        entitlements::Entity::find().all(&self.db).await.unwrap()
    }
}

pub(crate) fn product() -> ProductState {
    ProductState {
        product_id: ProductId::generate(Utc::now(), rand::random()),
        version: 1,
        title: "Закрытый канал".into(),
        description: "Доступ на месяц".into(),
        price: Money::from_kopecks(29_900),
        delivery: Delivery::InviteLink {
            chat_id: ChatId(-1_001_234),
            days: Some(30),
        },
        active: true,
        position: 1,
        days: None,
        low_stock: None,
        tax: Tax::None,
        payment_object: None,
        payment_method: None,
    }
}
