//! LK as a process with a fresh SQLite file, and invoices that can be paid. There is no bot: what LK tells it stays in
//! Kafka, and its answers are played by the measurement.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::Utc;
use geobot_shared::bus::{Cause, KafkaSettings, Outgoing, Producer};
use geobot_shared::ids::{ChatId, InvoiceId, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::robokassa::form;
use geobot_shared::topics::lk_sync_tg::{InvoiceRequested, PaymentRouted};
use geobot_shared::topics::states::{Delivery, ProductState};
use geobot_shared::topics::{
    ArmSyncLk, InfoIn, LkSyncOrm, LkSyncTg, TgNotify, TgRobokassa, Topic, dead_letter_topic,
};
use geobot_tests::kafka::Kafka;
use geobot_tests::ports;
use geobot_tests::process::{self, Process, Signal};
use geobot_tests::robokassa::Robokassa;
use geobot_tests::servers::Servers;
use geobot_tests::watchdog::Watchdog;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use super::load::Callback;
use crate::broker::Broker;

/// How long LK may take to make the invoices of one run.
const LIMIT: Duration = Duration::from_secs(600);
/// Records handed over to Kafka at once.
const BATCH: usize = 5_000;
/// What LK reads and writes here.
const TOPICS: [&str; 6] = [
    LkSyncTg::NAME,
    LkSyncOrm::NAME,
    TgRobokassa::NAME,
    TgNotify::NAME,
    ArmSyncLk::NAME,
    InfoIn::NAME,
];
/// The price: 299 roubles.
const PRICE: Money = Money::from_kopecks(29_900);

/// An invoice and its buyer.
#[derive(Clone, Copy)]
pub(super) struct Sold {
    pub(super) invoice: InvoiceId,
    pub(super) user: TelegramUserId,
}

pub(super) struct Shop {
    pub(super) broker: Broker,
    pub(super) product: ProductId,
    address: SocketAddr,
    lk: Process,
    database: PathBuf,
    producer: Producer,
    robokassa: Robokassa,
    /// Buyers so far; everybody buys once.
    buyers: i64,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
    _watchdog: Arc<Watchdog>,
}

impl Shop {
    /// Starts LK and puts something on sale.
    pub(super) async fn open() -> anyhow::Result<Shop> {
        let servers = Servers::from_environment().context(
            "`callback` needs a throw-away stack: sh init.sh test-stack FILE, then . FILE",
        )?;
        let broker = Broker::new(&servers.kafka)?;
        for topic in TOPICS {
            broker.create_if_missing(topic).await?;
            broker.create_if_missing(&dead_letter_topic(topic)).await?;
        }
        let folder = tempfile::Builder::new()
            .prefix("geobot-callback.")
            .tempdir()?;
        // The service looks for .env in parent folders as well; it finds this empty one first.
        std::fs::write(folder.path().join(".env"), "")?;
        let watchdog = Arc::new(Watchdog::start(folder.path())?);
        let port = *ports::free(1).first().context("no free port")?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let http = reqwest::Client::builder().no_proxy().build()?;
        let robokassa = Robokassa::new()?;
        let data = folder.path().join("data");
        let mut settings = robokassa.settings();
        settings.extend(
            [
                ("BOT_TOKEN", ""),
                ("KAFKA_BROKERS", servers.kafka_sasl.as_str()),
                ("KAFKA_SECURITY", "scram"),
                ("KAFKA_USERNAME", &servers.kafka_user),
                ("KAFKA_PASSWORD", &servers.kafka_password),
                ("LK_LISTEN", &address.to_string()),
                ("LK_LINK_KEY", &"5b".repeat(32)),
                ("DATA_DIR", &data.display().to_string()),
                // Nobody answers for most payments; a bot would, long before it is asked again.
                ("LK_REPUBLISH_AFTER", "3600"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let command = process::command("geobot-lk", folder.path(), &settings)?;
        let listens = address.to_string();
        let mut lk = Process::start("lk", command, &listens, folder.path(), &watchdog)?;
        lk.ready(&http).await?;
        let shop = Shop {
            producer: Producer::new(&KafkaSettings::plaintext(&servers.kafka), "TG")?,
            broker,
            product: ProductId::generate(Utc::now(), rand::random()),
            address,
            lk,
            database: data.join("lk.sqlite"),
            robokassa,
            buyers: 0,
            http,
            _folder: folder,
            _watchdog: watchdog,
        };
        shop.put_on_sale().await?;
        Ok(shop)
    }

    async fn put_on_sale(&self) -> anyhow::Result<()> {
        let product = ProductState {
            product_id: self.product,
            version: 1,
            title: "Access to everything".to_owned(),
            description: "For measurements".to_owned(),
            price: PRICE,
            delivery: Delivery::Text {
                text: "Thank you! Here is what you have bought.".to_owned(),
            },
            active: true,
            position: 1,
            days: None,
            low_stock: None,
            tax: Default::default(),
            payment_object: None,
            payment_method: None,
        };
        let arm = Producer::new(self.broker.settings(), "ARM")?;
        arm.publish::<LkSyncOrm>(product, &Cause::new_story())
            .await?;
        let sql = format!(
            "SELECT COUNT(*) AS n FROM products WHERE product_id = '{}'",
            self.product
        );
        self.until(&sql, 1).await
    }

    pub(super) fn pid(&self) -> u32 {
        self.lk.pid()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The size of the database with its write-ahead log, in MB.
    pub(super) fn database_mb(&self) -> f64 {
        let bytes: u64 = ["lk.sqlite", "lk.sqlite-wal"]
            .iter()
            .filter_map(|name| self.database.with_file_name(name).metadata().ok())
            .map(|file| file.len())
            .sum();
        bytes as f64 / 1e6
    }

    /// Has LK make invoices as it does for the bot, waits until all it says of them is in Kafka, and returns a signed
    /// callback for each.
    pub(super) async fn callbacks(&mut self, count: usize) -> anyhow::Result<Vec<Callback>> {
        let before = self.buyers;
        for from in (0..count).step_by(BATCH) {
            let wishes: Vec<Outgoing> = (from..count.min(from + BATCH))
                .map(|n| self.wish(before + n as i64))
                .collect::<Result<_, _>>()?;
            for sent in self.producer.send_all(&wishes).await {
                sent?;
            }
        }
        self.buyers += count as i64;
        let made = format!(
            "SELECT COUNT(*) AS n FROM invoices WHERE product_id = '{}'",
            self.product
        );
        self.until(&made, self.buyers).await?;
        self.until_published().await?;
        let rows = self
            .query(&format!(
                "SELECT invoice_id AS i, user_id AS u FROM invoices WHERE product_id = '{}' AND status = 'created'",
                self.product
            ))
            .await?;
        let fresh: Vec<Callback> = rows
            .iter()
            .map(|row| {
                let invoice: i64 = row.try_get("", "i")?;
                let sold = Sold {
                    invoice: InvoiceId::new(invoice.cast_unsigned())?,
                    user: TelegramUserId(row.try_get("", "u")?),
                };
                let form = self.form(sold);
                Ok(Callback { sold, form })
            })
            .collect::<anyhow::Result<_>>()?;
        ensure!(
            fresh.len() >= count,
            "LK made {} of {count} invoices",
            fresh.len()
        );
        Ok(fresh)
    }

    fn wish(&self, buyer: i64) -> Result<Outgoing, geobot_shared::bus::PublishError> {
        let user = TelegramUserId(1_000_000 + buyer);
        let wish = InvoiceRequested {
            user_id: user,
            chat_id: ChatId(user.get()),
            product_id: self.product,
            promo_code: None,
        };
        Outgoing::new("TG", &LkSyncTg::from(wish), &Cause::new_story(), Utc::now())
    }

    /// The body of the ResultURL call for an invoice, with the fields that Robokassa sends.
    fn form(&self, sold: Sold) -> String {
        let invoice = sold.invoice.get();
        let route = self
            .robokassa
            .route_token(invoice, sold.user.get(), self.product, PRICE);
        let out_sum = format!("{}0000", PRICE.to_out_sum());
        let mut fields = self.robokassa.callback(invoice, &out_sum, &route);
        fields.extend(
            [
                ("Fee", "10.465000"),
                ("EMail", "buyer@example.com"),
                ("PaymentMethod", "BankCard"),
                ("IncCurrLabel", "BankCardPSR"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        form::encode(&fields)
    }

    /// Tells LK, as the bot would, that a person has what was paid for.
    pub(super) async fn answer(&self, sold: Sold) -> anyhow::Result<()> {
        let routed = PaymentRouted {
            invoice_id: sold.invoice,
            user_id: sold.user,
            at: Utc::now(),
        };
        self.producer
            .publish::<LkSyncTg>(routed, &Cause::new_story())
            .await?;
        Ok(())
    }

    /// A number that LK's database gives as `n`.
    pub(super) async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let rows = self.query(sql).await?;
        Ok(rows.first().context("no row")?.try_get("", "n")?)
    }

    async fn query(&self, sql: &str) -> anyhow::Result<Vec<sea_orm::QueryResult>> {
        let db = self.reader().await?;
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
            .await?;
        db.close().await?;
        Ok(rows)
    }

    /// A connection that only reads, beside LK's own.
    async fn reader(&self) -> anyhow::Result<DatabaseConnection> {
        let address = format!("sqlite://{}?mode=ro", self.database.display());
        Ok(Database::connect(address).await?)
    }

    /// Waits until the outbox is empty.
    pub(super) async fn until_published(&self) -> anyhow::Result<()> {
        self.until(
            "SELECT COUNT(*) AS n FROM outbox WHERE published_at IS NULL",
            0,
        )
        .await
    }

    async fn until(&self, sql: &str, wanted: i64) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let seen = self.number(sql).await?;
            if seen == wanted {
                return Ok(());
            }
            ensure!(
                began.elapsed() < LIMIT,
                "LK's database still says {seen} instead of {wanted}: {sql}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What LK counted by itself, for the record: one of its metrics.
    pub(super) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("http://{}/metrics", self.address);
        let text = self.http.get(url).send().await?.text().await?;
        Ok(text
            .lines()
            .filter(|line| line.starts_with(name))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }

    /// Ends LK as an operator does, and takes its records away: a bot that came to this broker would deliver.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.lk.signal(Signal::Term)?;
        let (status, _) = self.lk.wait().await?;
        ensure!(status.success(), "LK ended with {}", process::how(status));
        let kafka = Kafka::new(&self.broker.settings().brokers)?;
        for topic in TOPICS {
            kafka.lose_records(topic).await;
        }
        Ok(())
    }
}
