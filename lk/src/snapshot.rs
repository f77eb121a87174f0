//! LK's whole state for ARM, page by page. Each page is acknowledged before the next is read; what changes meanwhile
//! travels by itself, with a higher version.

use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::topics::arm_sync_lk::Snapshot;
use geobot_shared::topics::tg_notify::PeopleKnown;
use geobot_shared::topics::{ArmSyncLk, TgNotify};
use uuid::Uuid;

use crate::app::App;
use crate::invoices::announce;
use crate::store::{accounts, entitlements, invoices, promos, stock};

/// Rows in one record, which stays far below Kafka's limit of 1 MB.
const PER_RECORD: u64 = 200;

/// Sends all accounts, invoices, rights, stocks and uses of promo codes, then a last empty page that says so.
///
/// # Errors
/// The database's and Kafka's; the pages have the same message-ids when they are sent again.
pub async fn send(app: &App, cause: &Cause) -> Handled {
    let mut pages = Pages {
        app,
        cause,
        index: 0,
    };
    let mut after = i64::MIN;
    loop {
        let users = accounts::page(&app.db, after, PER_RECORD).await?;
        let Some(last) = users.last() else { break };
        after = last.user_id.get();
        let page = Snapshot {
            users,
            ..Snapshot::default()
        };
        pages.send(page).await?;
    }
    after = 0;
    loop {
        let found = invoices::page(&app.db, after, PER_RECORD).await?;
        let Some(last) = found.last() else { break };
        after = last.id.get().cast_signed();
        let mut invoices = Vec::with_capacity(found.len());
        for invoice in &found {
            invoices.push(announce::state(&app.db, invoice).await?);
        }
        let page = Snapshot {
            invoices,
            ..Snapshot::default()
        };
        pages.send(page).await?;
    }
    after = 0;
    loop {
        let entitlements = entitlements::page(&app.db, after, PER_RECORD).await?;
        let Some(last) = entitlements.last() else {
            break;
        };
        after = last.invoice_id.get().cast_signed();
        let page = Snapshot {
            entitlements,
            ..Snapshot::default()
        };
        pages.send(page).await?;
    }
    for (index, stock) in (0..).zip(stock::all(&app.db).await?) {
        let state = stock.state()?;
        app.producer
            .publish_caused::<ArmSyncLk>(state, cause, index)
            .await?;
    }
    for (index, promo) in (0..).zip(promos::all(&app.db).await?) {
        app.producer
            .publish_caused::<ArmSyncLk>(promo.use_state(), cause, index)
            .await?;
    }
    let end = Snapshot {
        last: true,
        ..Snapshot::default()
    };
    pages.send(end).await
}

/// Sends the languages, settings and blocks of all people to the bot, whose Redis is empty. The pages share a key, so
/// the last arrives last.
///
/// # Errors
/// The database's and Kafka's; the pages have the same message-ids when they are sent again.
pub async fn people(app: &App, request_id: Uuid, cause: &Cause) -> Handled {
    let (mut after, mut index) = (i64::MIN, 0);
    loop {
        let people = accounts::page(&app.db, after, PER_RECORD).await?;
        let last = people.last().map(|person| person.user_id.get());
        let page = PeopleKnown {
            request_id,
            people,
            last: last.is_none(),
        };
        app.producer
            .publish_caused::<TgNotify>(page, cause, index)
            .await?;
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
        index += 1;
    }
}

struct Pages<'a> {
    app: &'a App,
    cause: &'a Cause,
    index: u32,
}

impl Pages<'_> {
    async fn send(&mut self, page: Snapshot) -> Result<(), HandleError> {
        self.app
            .producer
            .publish_caused::<ArmSyncLk>(page, self.cause, self.index)
            .await?;
        self.index += 1;
        Ok(())
    }
}
