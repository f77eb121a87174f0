//! Channels and groups that the bot announces.

use geobot_arm::inbox::arm_sync_tg;
use geobot_arm::store::chats;
use serde_json::{Value, json};

use crate::arm::{Arm, app};
use crate::browser::Browser;
use crate::databases::on_both;
use crate::records::give;

const CHAT: i64 = -1_001_234_567_890;

fn said(at: &str, admin: bool, can_invite: bool, can_restrict: bool) -> Value {
    json!({
        "chat_id": CHAT, "title": "Закрытый <клуб>", "kind": "channel", "admin": admin,
        "can_invite": can_invite, "can_restrict": can_restrict, "at": at,
    })
}

#[tokio::test]
async fn the_bots_later_word_about_a_chat_wins() {
    on_both(async |db| {
        let (app, inbox) = (app(db), arm_sync_tg::handlers());
        for (at, admin) in [
            ("2026-11-25T10:00:01Z", true),
            ("2026-11-25T10:00:03Z", false),
            ("2026-11-25T10:00:02Z", true),
        ] {
            give(&app, &inbox, "chat_changed", said(at, admin, true, true))
                .await
                .unwrap();
        }
        let all = chats::all(db).await.unwrap();
        assert_eq!(all.len(), 1);
        assert!(!all[0].admin && !all[0].can_be_sold());
        assert!(
            give(&app, &inbox, "chat_changed", json!({ "chat_id": CHAT }))
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test]
async fn staff_see_the_chats_and_which_right_is_missing() {
    let arm = Arm::start().await;
    let support = Browser::of(&arm, "support").await;
    assert!(!support.open("/chats").await.body.contains("<table"));
    let inbox = arm_sync_tg::handlers();
    for (second, rights, seen, unseen) in [
        (1, (true, true, true), "можно продавать доступ", "нет права"),
        (
            2,
            (true, false, true),
            "нет права приглашать",
            "нет права удалять",
        ),
        (
            3,
            (true, true, false),
            "нет права удалять",
            "нет права приглашать",
        ),
        (
            4,
            (false, false, false),
            "больше не администратор",
            "нет права",
        ),
    ] {
        let at = format!("2026-11-25T10:00:0{second}Z");
        let state = said(&at, rights.0, rights.1, rights.2);
        give(&arm.app, &inbox, "chat_changed", state).await.unwrap();
        let page = support.open("/chats").await.body;
        assert!(
            page.contains(seen) && !page.contains(unseen),
            "{seen}: {page}"
        );
        assert!(
            page.contains("Закрытый &#60;клуб&#62;") && page.contains("канал"),
            "{page}"
        );
    }
}
