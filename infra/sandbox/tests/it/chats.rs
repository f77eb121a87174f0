//! Who may be written to, the menu, channels.

use serde_json::{Value, json};

use crate::support::Sandbox;

#[tokio::test]
async fn a_chat_that_never_wrote_is_not_found_until_it_writes() {
    let sandbox = Sandbox::start().await;
    sandbox
        .post(
            "/control/people",
            json!({"id": 123_456_789, "first_name": "Boris"}),
        )
        .await;
    let hello = json!({"chat_id": 123_456_789, "text": "hello"});
    assert_eq!(
        sandbox.refused("sendMessage", hello.clone()).await,
        (400, "Bad Request: chat not found".to_owned())
    );
    assert_eq!(sandbox.refused("getChat", hello.clone()).await.0, 400);
    sandbox
        .post(
            "/control/people/123456789/messages",
            json!({"text": "/start"}),
        )
        .await;
    sandbox.ok("sendMessage", hello).await;
    assert_eq!(
        sandbox.ok("getChat", json!({"chat_id": 123_456_789})).await["first_name"],
        "Boris"
    );
}

#[tokio::test]
async fn a_blocked_bot_gets_403_and_my_chat_member() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    sandbox
        .post(&format!("/control/people/{id}/block"), json!({}))
        .await;
    let refused = sandbox
        .refused("sendMessage", json!({"chat_id": id, "text": "x"}))
        .await;
    assert_eq!(
        refused,
        (403, "Forbidden: bot was blocked by the user".to_owned())
    );
    let answer = sandbox
        .try_post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "x"}),
        )
        .await;
    assert_eq!(answer.status(), 409);

    sandbox
        .post(&format!("/control/people/{id}/unblock"), json!({}))
        .await;
    sandbox
        .ok("sendMessage", json!({"chat_id": id, "text": "x"}))
        .await;
    let updates = sandbox.ok("getUpdates", json!({})).await;
    assert_eq!(
        updates[0]["my_chat_member"]["new_chat_member"]["status"],
        "kicked"
    );
    assert_eq!(
        updates[1]["my_chat_member"]["new_chat_member"]["status"],
        "member"
    );
}

#[tokio::test]
async fn the_menu_of_commands_is_kept_by_language() {
    let sandbox = Sandbox::start().await;
    let commands = json!([{"command": "start", "description": "Начать"}]);
    sandbox
        .ok(
            "setMyCommands",
            json!({"commands": commands, "language_code": "ru"}),
        )
        .await;
    assert_eq!(
        sandbox
            .ok("getMyCommands", json!({"language_code": "ru"}))
            .await,
        commands
    );
    assert_eq!(sandbox.ok("getMyCommands", json!({})).await, json!([]));
    assert_eq!(
        sandbox.get("/control/bot?language=ru").await["commands"],
        commands
    );
    for bad in [
        json!("x"),
        json!([{"command": "Bad!", "description": "x"}]),
        json!([{"command": "a", "description": ""}]),
    ] {
        assert_eq!(
            sandbox
                .refused("setMyCommands", json!({"commands": bad}))
                .await
                .0,
            400
        );
    }
}

#[tokio::test]
async fn a_one_time_invite_link_lets_one_person_in() {
    let sandbox = Sandbox::start().await;
    let (anna, boris) = (sandbox.person().await, sandbox.person().await);
    let channel = -1_001_234_567_890_i64;
    let link = sandbox
        .ok(
            "createChatInviteLink",
            json!({"chat_id": channel, "member_limit": 1, "name": "order 7"}),
        )
        .await;
    assert_eq!(
        (&link["member_limit"], &link["is_revoked"]),
        (&json!(1), &json!(false))
    );
    let join = |id: i64| format!("/control/people/{id}/joins");
    let invite = json!({"invite_link": link["invite_link"]});
    assert_eq!(
        sandbox.post(&join(anna), invite.clone()).await["chat_id"],
        channel
    );
    assert_eq!(
        sandbox
            .try_post(&join(boris), invite.clone())
            .await
            .status(),
        409
    );
    let member = |id: i64| json!({"chat_id": channel, "user_id": id});
    assert_eq!(
        sandbox.ok("getChatMember", member(anna)).await["status"],
        "member"
    );
    assert_eq!(
        sandbox.ok("getChatMember", member(boris)).await["status"],
        "left"
    );

    assert_eq!(sandbox.ok("banChatMember", member(anna)).await, true);
    assert_eq!(
        sandbox.ok("getChatMember", member(anna)).await["status"],
        "kicked"
    );
    assert_eq!(sandbox.try_post(&join(anna), invite).await.status(), 409);
    assert_eq!(
        sandbox
            .ok(
                "unbanChatMember",
                json!({"chat_id": channel, "user_id": anna, "only_if_banned": true})
            )
            .await,
        true
    );
    assert_eq!(sandbox.refused("banChatMember", member(1)).await.0, 400);
    assert_eq!(
        sandbox
            .refused(
                "createChatInviteLink",
                json!({"chat_id": channel, "member_limit": -1})
            )
            .await
            .0,
        400
    );
    assert_eq!(
        sandbox
            .refused("createChatInviteLink", json!({"chat_id": anna}))
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_chat_action_is_true_and_an_unknown_one_is_refused() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.person().await;
    assert_eq!(
        sandbox
            .ok("sendChatAction", json!({"chat_id": id, "action": "typing"}))
            .await,
        true
    );
    assert_eq!(
        sandbox
            .refused(
                "sendChatAction",
                json!({"chat_id": id, "action": "sleeping"})
            )
            .await
            .0,
        400
    );
}

async fn last_update(sandbox: &Sandbox) -> Value {
    let updates = sandbox.ok("getUpdates", json!({"offset": -1})).await;
    updates[0].clone()
}

#[tokio::test]
async fn the_bot_is_made_an_administrator_and_loses_its_rights() {
    let sandbox = Sandbox::start().await;
    let anna = sandbox.person().await;
    let made = sandbox
        .post("/control/channels", json!({"title": "Клуб", "owner": anna}))
        .await;
    let channel = made["id"].as_i64().unwrap();
    assert!(channel < -1_000_000_000_000);
    assert_eq!(made["bot"]["status"], "left");
    let here = json!({"chat_id": channel});
    for method in ["getChat", "createChatInviteLink", "getChatAdministrators"] {
        assert_eq!(
            sandbox.refused(method, here.clone()).await,
            (
                403,
                "Forbidden: bot is not a member of the channel chat".to_owned()
            )
        );
    }

    let admin = format!("/control/channels/{channel}/admin");
    let rights = json!({"can_invite_users": true, "can_restrict_members": true});
    let given = sandbox.post(&admin, rights).await;
    assert_eq!(given["bot"]["rights"]["can_invite_users"], true);
    let change = last_update(&sandbox).await["my_chat_member"].clone();
    assert_eq!(
        change["chat"],
        json!({"id": channel, "type": "channel", "title": "Клуб"})
    );
    assert_eq!(change["from"]["id"], anna);
    assert_eq!(change["old_chat_member"]["status"], "left");
    let new = &change["new_chat_member"];
    assert_eq!(
        (
            &new["status"],
            &new["can_invite_users"],
            &new["can_post_messages"]
        ),
        (&json!("administrator"), &json!(true), &json!(false))
    );
    let bot_id = json!({"chat_id": channel, "user_id": 7_000_000_001_i64});
    assert_eq!(sandbox.ok("getChatMember", bot_id.clone()).await, *new);
    let administrators = sandbox.ok("getChatAdministrators", here.clone()).await;
    assert_eq!(
        (
            &administrators[0]["status"],
            &administrators[0]["user"]["id"]
        ),
        (&json!("creator"), &json!(anna))
    );
    assert_eq!(administrators[1], *new);
    sandbox.ok("createChatInviteLink", here.clone()).await;
    assert_eq!(
        sandbox
            .refused("sendMessage", json!({"chat_id": channel, "text": "x"}))
            .await
            .1,
        "Bad Request: need administrator rights in the channel chat"
    );

    sandbox
        .post(&admin, json!({"can_post_messages": true}))
        .await;
    let change = last_update(&sandbox).await["my_chat_member"].clone();
    assert_eq!(change["old_chat_member"]["can_invite_users"], true);
    assert_eq!(change["new_chat_member"]["can_invite_users"], false);
    assert_eq!(
        sandbox
            .refused("createChatInviteLink", here.clone())
            .await
            .1,
        "Bad Request: not enough rights to manage chat invite link"
    );
    assert_eq!(
        sandbox
            .refused(
                "banChatMember",
                json!({"chat_id": channel, "user_id": anna})
            )
            .await
            .1,
        "Bad Request: not enough rights to restrict/unrestrict chat member"
    );

    let removed = sandbox
        .http
        .delete(sandbox.url(&admin))
        .send()
        .await
        .unwrap();
    assert_eq!(removed.status(), 200);
    let change = last_update(&sandbox).await["my_chat_member"].clone();
    assert_eq!(change["new_chat_member"]["status"], "kicked");
    assert_eq!(
        sandbox
            .refused("sendMessage", json!({"chat_id": channel, "text": "x"}))
            .await,
        (
            403,
            "Forbidden: bot was kicked from the channel chat".to_owned()
        )
    );
    assert_eq!(sandbox.refused("getChatMember", bot_id).await.0, 403);
}

#[tokio::test]
async fn a_request_to_join_is_approved_or_declined() {
    let sandbox = Sandbox::start().await;
    let (anna, boris) = (sandbox.person().await, sandbox.person().await);
    let channel = -1_001_234_567_891_i64;
    let asks = json!({"chat_id": channel, "creates_join_request": true});
    let link = sandbox.ok("createChatInviteLink", asks).await;
    let invite = json!({"invite_link": link["invite_link"]});
    let path = |id: i64| format!("/control/people/{id}/join_requests");
    let asked = sandbox.post(&path(anna), invite.clone()).await;
    assert_eq!(asked["chat_id"], channel);
    let update = last_update(&sandbox).await;
    assert_eq!(update["update_id"], asked["update_id"]);
    let request = &update["chat_join_request"];
    assert_eq!(
        (
            &request["from"]["id"],
            &request["user_chat_id"],
            &request["chat"]["id"]
        ),
        (&json!(anna), &json!(anna), &json!(channel))
    );
    assert_eq!(request["invite_link"]["invite_link"], link["invite_link"]);
    // Following the link asks as well.
    let followed = sandbox
        .post(&format!("/control/people/{boris}/joins"), invite.clone())
        .await;
    assert_eq!(followed, json!({"chat_id": channel, "requested": true}));
    let shown = sandbox.get("/control/channels").await["channels"][0].clone();
    assert_eq!(shown["requests"].as_array().unwrap().len(), 2);

    let of = |id: i64| json!({"chat_id": channel, "user_id": id});
    assert_eq!(sandbox.ok("approveChatJoinRequest", of(anna)).await, true);
    assert_eq!(sandbox.ok("declineChatJoinRequest", of(boris)).await, true);
    assert_eq!(
        sandbox.ok("getChatMember", of(anna)).await["status"],
        "member"
    );
    assert_eq!(
        sandbox.ok("getChatMember", of(boris)).await["status"],
        "left"
    );
    assert_eq!(
        sandbox.refused("approveChatJoinRequest", of(anna)).await.1,
        "Bad Request: USER_ALREADY_PARTICIPANT"
    );
    assert_eq!(
        sandbox.refused("approveChatJoinRequest", of(boris)).await.1,
        "Bad Request: HIDE_REQUESTER_MISSING"
    );
    assert_eq!(
        sandbox.refused("declineChatJoinRequest", of(1)).await.0,
        400
    );
    assert_eq!(
        sandbox.try_post(&path(anna), invite.clone()).await.status(),
        409
    );
    let plain = sandbox
        .ok("createChatInviteLink", json!({"chat_id": channel}))
        .await;
    let plain = json!({"invite_link": plain["invite_link"]});
    assert_eq!(sandbox.try_post(&path(boris), plain).await.status(), 409);

    assert_eq!(sandbox.ok("banChatMember", of(boris)).await, true);
    assert_eq!(
        sandbox
            .try_post(&path(boris), invite.clone())
            .await
            .status(),
        409
    );
    let shown = sandbox.get("/control/channels").await["channels"][0].clone();
    assert_eq!(
        (&shown["banned"], &shown["members"], &shown["requests"]),
        (&json!([boris]), &json!([anna]), &json!([]))
    );
    sandbox
        .post(&format!("/control/channels/{channel}/admin"), json!({}))
        .await;
    assert_eq!(
        sandbox.refused("approveChatJoinRequest", of(boris)).await.1,
        "Bad Request: not enough rights to manage chat invite link"
    );
    let clara = sandbox.person().await;
    // Without the right to invite the bot is not told.
    let asked = sandbox.post(&path(clara), invite).await;
    assert_eq!(asked["update_id"], Value::Null);
}

#[tokio::test]
async fn a_channel_that_makes_no_sense_is_refused() {
    let sandbox = Sandbox::start().await;
    for (path, body, status) in [
        ("/control/channels", json!({}), 400),
        ("/control/channels", json!({"title": " "}), 400),
        ("/control/channels", json!({"title": "x".repeat(129)}), 400),
        ("/control/channels", json!({"title": "x", "id": 5}), 400),
        ("/control/channels", json!({"title": "x", "owner": 5}), 404),
        ("/control/channels/-1001000000000/admin", json!({}), 404),
    ] {
        assert_eq!(
            sandbox.try_post(path, body).await.status(),
            status,
            "{path}"
        );
    }
    let made = json!({"title": "x", "id": -1_001_000_000_000_i64});
    sandbox.post("/control/channels", made.clone()).await;
    assert_eq!(
        sandbox.try_post("/control/channels", made).await.status(),
        400
    );
    let unknown = sandbox
        .try_post(
            "/control/channels/-1001000000000/admin",
            json!({"can_fly": true}),
        )
        .await;
    assert_eq!(unknown.status(), 400);
}
