//! What people ask about their own payments; answered by tg_notify.

use chrono::{DateTime, Utc};
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::TelegramUserId;
use geobot_shared::topics::TgNotify;
use geobot_shared::topics::lk_sync_tg::PaymentCheckAsked;
use geobot_shared::topics::tg_notify::{Notify, NotifyEvent};
use tracing::warn;

use crate::app::App;
use crate::payment::check_now;
use crate::store::invoices::{AskedBy, Invoice};
use crate::store::{entitlements, invoices};

/// So many payments or rights are shown in a chat.
const SHOWN: u64 = 20;

/// "I have paid": how that invoice stands, at once; then the gateway is asked, and the person is told again if that
/// changed something. Only its owner is told.
///
/// # Errors
/// The database's; [`HandleError::Refused`] for an invoice that is not the asker's.
pub async fn payment_state(
    app: &App,
    question: PaymentCheckAsked,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(invoice) = invoices::find(&app.db, question.invoice_id)
        .await?
        .filter(|invoice| invoice.user == question.user_id)
    else {
        warn!(user_id = %question.user_id, invoice_id = %question.invoice_id, "foreign_invoice_asked_for");
        return Err(HandleError::Refused(
            "the invoice is not the asker's".to_owned(),
        ));
    };
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    let tell = Notify {
        user_id: question.user_id,
        event: NotifyEvent::PaymentState {
            invoice: invoice.state(),
        },
    };
    app.outbox
        .put::<TgNotify>(&txn, tell, cause, 0, now)
        .await?;
    check_now::soon(&txn, &invoice, AskedBy::Person, now).await?;
    Ok(app.commit(txn).await?)
}

/// "My payments", newest first.
///
/// # Errors
/// The database's.
pub async fn payments(
    app: &App,
    user: TelegramUserId,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let latest = invoices::latest_of(&app.db, user, SHOWN).await?;
    let invoices = latest.iter().map(Invoice::state).collect();
    tell(app, user, NotifyEvent::Payments { invoices }, cause, now).await
}

/// "My subscriptions", newest first.
///
/// # Errors
/// The database's.
pub async fn subscriptions(
    app: &App,
    user: TelegramUserId,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let entitlements = entitlements::latest_of(&app.db, user, SHOWN).await?;
    tell(
        app,
        user,
        NotifyEvent::Subscriptions { entitlements },
        cause,
        now,
    )
    .await
}

async fn tell(
    app: &App,
    user_id: TelegramUserId,
    event: NotifyEvent,
    cause: &Cause,
    now: DateTime<Utc>,
) -> Handled {
    let Some(txn) = app.begin_once(cause, now).await? else {
        return Ok(());
    };
    app.outbox
        .put::<TgNotify>(&txn, Notify { user_id, event }, cause, 0, now)
        .await?;
    Ok(app.commit(txn).await?)
}
