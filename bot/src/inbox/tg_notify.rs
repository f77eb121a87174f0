//! tg_notify: events to tell people and staff, and the states the bot keeps in Redis.

use std::sync::Arc;

use chrono::Utc;
use geobot_shared::bus::{Event, Handled, Inbox};
use geobot_shared::topics::arm_sync_tg::UserUnreachable;
use geobot_shared::topics::tg_notify::{
    CatalogChanged, JoinAnswered, MaintenanceChanged, Notify, PeopleKnown, StaffAlert,
    UserStateChanged,
};
use geobot_shared::topics::{ArmSyncTg, TgNotify};
use tracing::info;

use crate::app::App;
use crate::telegram::failure::SendFailure;
use crate::telegram::sender::SendError;
use crate::{joining, notices};

/// The handlers.
pub fn handlers() -> Inbox<App, TgNotify> {
    Inbox::new()
        .on(notify)
        .on(catalog_changed)
        .on(user_state_changed)
        .on(people_known)
        .on(join_answered)
        .on(staff_alert)
        .on(maintenance_changed)
}

async fn notify(app: Arc<App>, event: Event<Notify>) -> Handled {
    let Notify {
        user_id,
        event: told,
    } = event.data;
    let manner = notices::manner(&told);
    // What can wait is spared; what is about money, and what somebody has asked for, is always tried.
    if manner.can_wait && app.store.unreachable(user_id).await?.is_some() {
        metrics::counter!("geobot_sends_spared_total").increment(1);
        return Ok(());
    }
    let person = app.store.person(user_id).await?.unwrap_or_default();
    if notices::is_reminder(&told) && !person.settings.reminders {
        return Ok(());
    }
    let reader = notices::Reader {
        texts: &app.texts,
        language: person.language,
        offset: app.offset,
    };
    let content = notices::content(reader, &told, Utc::now());
    let request = &event.cause.message_id;
    let priority = notices::priority(&told);
    let sent = app
        .sender
        .send_in(request, user_id.get(), &content, priority, manner)
        .await;
    if let Err(SendError::Telegram(SendFailure::Unreachable(reason))) = sent {
        let gone = UserUnreachable {
            user_id,
            reason,
            at: Utc::now(),
        };
        app.producer
            .publish_caused::<ArmSyncTg>(gone, &event.cause, 0)
            .await?;
        return Ok(());
    }
    sent?;
    Ok(())
}

async fn catalog_changed(app: Arc<App>, event: Event<CatalogChanged>) -> Handled {
    for item in &event.data.products {
        app.store.learn_product(item).await?;
    }
    Ok(())
}

async fn user_state_changed(app: Arc<App>, event: Event<UserStateChanged>) -> Handled {
    app.store.learn_person(&event.data.0).await?;
    Ok(())
}

async fn people_known(app: Arc<App>, event: Event<PeopleKnown>) -> Handled {
    for person in &event.data.people {
        app.store.learn_person(person).await?;
    }
    let request_id = event.data.request_id;
    if event.data.last && app.store.end_filling(request_id).await? {
        info!(%request_id, "people_filled");
    }
    Ok(())
}

async fn join_answered(app: Arc<App>, event: Event<JoinAnswered>) -> Handled {
    joining::answer(&app, &event.data, &event.cause).await
}

async fn staff_alert(app: Arc<App>, event: Event<StaffAlert>) -> Handled {
    // Without a chat for staff nobody would ever take it out again.
    if !app.staff_is_told {
        return Ok(());
    }
    let request = &event.cause.message_id;
    app.store.collect_alert(request, &event.data).await?;
    Ok(())
}

async fn maintenance_changed(app: Arc<App>, event: Event<MaintenanceChanged>) -> Handled {
    app.store.learn_maintenance(&event.data).await?;
    Ok(())
}
