//! A real client: teloxide reads every answer the stand-in gives.

use serde_json::json;
use teloxide::prelude::*;
use teloxide::types::{
    AllowedUpdate, BotCommand, ChatAction, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
    InputFile, ParseMode, UpdateKind, UserId,
};
use teloxide::{ApiError, RequestError};

use crate::support::{Sandbox, TOKEN};

fn bot(sandbox: &Sandbox) -> Bot {
    // Only this machine is called: a proxy of the environment must not see it.
    let client = sandbox.http.clone();
    Bot::with_client(TOKEN, client).set_api_url(sandbox.base.parse().unwrap())
}

#[tokio::test]
async fn it_talks_edits_and_is_clicked() {
    let sandbox = Sandbox::start().await;
    let bot = bot(&sandbox);
    assert_eq!(bot.get_me().await.unwrap().id.0, 7_000_000_001);
    bot.set_my_commands([BotCommand::new("start", "Начать")])
        .await
        .unwrap();
    assert_eq!(bot.get_my_commands().await.unwrap()[0].command, "start");
    let person = sandbox
        .post(
            "/control/people",
            json!({"first_name": "Anna", "language_code": "ru"}),
        )
        .await;
    let id = person["id"].as_i64().unwrap();
    let chat = ChatId(id);
    sandbox
        .post(
            &format!("/control/people/{id}/messages"),
            json!({"text": "/start promo"}),
        )
        .await;

    let kinds = [
        AllowedUpdate::Message,
        AllowedUpdate::CallbackQuery,
        AllowedUpdate::MyChatMember,
    ];
    let updates = bot
        .get_updates()
        .timeout(5)
        .allowed_updates(kinds)
        .await
        .unwrap();
    let UpdateKind::Message(message) = &updates[0].kind else {
        panic!("{updates:?}")
    };
    assert_eq!(message.text(), Some("/start promo"));
    assert_eq!(
        message.from.as_ref().unwrap().language_code.as_deref(),
        Some("ru")
    );

    bot.send_chat_action(chat, ChatAction::Typing)
        .await
        .unwrap();
    let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Buy", "buy:1")]]);
    let sent = bot
        .send_message(chat, "<b>Shop</b>")
        .parse_mode(ParseMode::Html)
        .reply_markup(keyboard)
        .await
        .unwrap();
    assert_eq!(sent.text(), Some("Shop"));
    sandbox
        .post(
            &format!("/control/people/{id}/clicks"),
            json!({"message_id": sent.id.0, "button": "buy:1"}),
        )
        .await;
    sandbox
        .post(&format!("/control/people/{id}/block"), json!({}))
        .await;
    sandbox
        .post(&format!("/control/people/{id}/unblock"), json!({}))
        .await;
    let updates = bot
        .get_updates()
        .offset(updates[0].id.as_offset())
        .await
        .unwrap();
    let UpdateKind::CallbackQuery(query) = &updates[0].kind else {
        panic!("{updates:?}")
    };
    assert_eq!(query.data.as_deref(), Some("buy:1"));
    assert!(
        matches!(updates[1].kind, UpdateKind::MyChatMember(_))
            && matches!(updates[2].kind, UpdateKind::MyChatMember(_))
    );
    bot.answer_callback_query(query.id.clone())
        .text("Ok")
        .await
        .unwrap();

    let edited = bot.edit_message_text(chat, sent.id, "Paid").await.unwrap();
    assert_eq!(edited.text(), Some("Paid"));
    bot.delete_message(chat, sent.id).await.unwrap();
    assert_eq!(bot.get_chat(chat).await.unwrap().id, chat);
}

#[tokio::test]
async fn it_sends_and_downloads_files() {
    use teloxide::net::Download;
    let sandbox = Sandbox::start().await;
    let bot = bot(&sandbox);
    let chat = ChatId(sandbox.person().await);
    let photo = InputFile::memory(&b"\x89PNG\r\n\x1a\n..."[..]).file_name("a.png");
    let sent = bot.send_photo(chat, photo).caption("one").await.unwrap();
    assert_eq!(sent.caption(), Some("one"));
    let edited = bot
        .edit_message_caption(chat, sent.id)
        .caption("two")
        .await
        .unwrap();
    assert_eq!(edited.caption(), Some("two"));

    let sent = bot
        .send_document(
            chat,
            InputFile::memory(&b"contents"[..]).file_name("book.pdf"),
        )
        .await
        .unwrap();
    let document = sent.document().unwrap();
    assert_eq!(document.file_name.as_deref(), Some("book.pdf"));
    let file = bot.get_file(document.file.id.clone()).await.unwrap();
    let mut bytes = Vec::new();
    bot.download_file(&file.path, &mut bytes).await.unwrap();
    assert_eq!(bytes, b"contents");
}

#[tokio::test]
async fn it_manages_a_channel_and_a_webhook() {
    let sandbox = Sandbox::start().await;
    let bot = bot(&sandbox);
    let person = sandbox.person().await;
    let (channel, user) = (ChatId(-1_001_234_567_890), UserId(person as u64));
    let link = bot
        .create_chat_invite_link(channel)
        .member_limit(1)
        .await
        .unwrap();
    assert!(link.invite_link.starts_with("https://t.me/+"));
    bot.ban_chat_member(channel, user).await.unwrap();
    bot.unban_chat_member(channel, user)
        .only_if_banned(true)
        .await
        .unwrap();
    let posted = bot.send_message(channel, "news").await.unwrap();
    assert_eq!(posted.chat.id, channel);
    assert_eq!(bot.get_chat(channel).await.unwrap().id, channel);

    bot.set_webhook("http://127.0.0.1:1/hook".parse().unwrap())
        .secret_token("abc")
        .await
        .unwrap();
    assert_eq!(
        bot.get_webhook_info().await.unwrap().url.unwrap().as_str(),
        "http://127.0.0.1:1/hook"
    );
    bot.delete_webhook()
        .drop_pending_updates(true)
        .await
        .unwrap();
    assert_eq!(bot.get_webhook_info().await.unwrap().url, None);
}

#[tokio::test]
async fn it_knows_every_refusal_by_its_variant() {
    let sandbox = Sandbox::with(&[("--limits", "true"), ("--limit-private-burst", "3")]).await;
    let bot = bot(&sandbox);
    let id = sandbox.person().await;
    let chat = ChatId(id);
    let api = |result: Result<Message, RequestError>| match result.unwrap_err() {
        RequestError::Api(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        api(bot.send_message(ChatId(5), "x").await),
        ApiError::ChatNotFound
    );
    let unparsed = api(bot
        .send_message(chat, "<b>x")
        .parse_mode(ParseMode::Html)
        .await);
    assert!(matches!(unparsed, ApiError::CantParseEntities(_)));
    assert_eq!(
        api(bot.send_message(chat, "").await),
        ApiError::MessageTextIsEmpty
    );
    assert_eq!(
        api(bot.send_message(chat, "x".repeat(4097)).await),
        ApiError::MessageIsTooLong
    );

    let sent = bot.send_message(chat, "x").await.unwrap();
    assert_eq!(
        api(bot.edit_message_text(chat, sent.id, "x").await),
        ApiError::MessageNotModified
    );
    let missing = teloxide::types::MessageId(1);
    assert_eq!(
        api(bot.edit_message_text(chat, missing, "x").await),
        ApiError::MessageToEditNotFound
    );
    let gone = bot.delete_message(chat, missing).await.unwrap_err();
    assert!(matches!(
        gone,
        RequestError::Api(ApiError::MessageToDeleteNotFound)
    ));
    let old = bot
        .answer_callback_query(teloxide::types::CallbackQueryId("1".to_owned()))
        .await
        .unwrap_err();
    // Telegram writes "query ID", teloxide expects "query id": clients of the real API get Unknown as well.
    assert!(
        matches!(old, RequestError::Api(ApiError::Unknown(words)) if words.contains("query is too old"))
    );
    assert_eq!(
        api(bot.edit_message_text(chat, sent.id, "x".repeat(4097)).await),
        ApiError::EditedMessageIsTooLong
    );

    bot.send_message(chat, "2").await.unwrap();
    bot.send_message(chat, "3").await.unwrap();
    let limited = bot.send_message(chat, "4").await.unwrap_err();
    assert!(
        matches!(limited, RequestError::RetryAfter(wait) if wait.seconds() == 1),
        "{limited:?}"
    );

    sandbox
        .post(&format!("/control/people/{id}/block"), json!({}))
        .await;
    assert_eq!(api(bot.send_message(chat, "x").await), ApiError::BotBlocked);
    let stranger = Bot::with_client("7000000001:SANDBOX-other", sandbox.http.clone())
        .set_api_url(sandbox.base.parse().unwrap());
    assert!(matches!(
        stranger.get_me().await.unwrap_err(),
        RequestError::Api(ApiError::InvalidToken)
    ));
}

#[tokio::test]
async fn it_reads_join_requests_rights_places_and_contacts() {
    let sandbox = Sandbox::start().await;
    let bot = bot(&sandbox);
    let id = sandbox.person().await;
    let made = sandbox
        .post("/control/channels", json!({"title": "Club"}))
        .await;
    let channel = ChatId(made["id"].as_i64().unwrap());
    let rights = json!({"can_invite_users": true, "can_restrict_members": true});
    sandbox
        .post(&format!("/control/channels/{channel}/admin"), rights)
        .await;
    let link = bot
        .create_chat_invite_link(channel)
        .creates_join_request(true)
        .await
        .unwrap();
    sandbox
        .post(
            &format!("/control/people/{id}/join_requests"),
            json!({"invite_link": link.invite_link}),
        )
        .await;
    let says = format!("/control/people/{id}/messages");
    sandbox
        .post(
            &says,
            json!({"location": {"latitude": 1.5, "longitude": 2}}),
        )
        .await;
    sandbox
        .post(&says, json!({"contact": {"phone_number": "+7999"}}))
        .await;
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::MyChatMember(change) = &updates[0].kind else {
        panic!("{updates:?}")
    };
    assert!(change.new_chat_member.kind.is_administrator());
    assert!(!change.old_chat_member.is_present());
    let UpdateKind::ChatJoinRequest(request) = &updates[1].kind else {
        panic!("{updates:?}")
    };
    assert_eq!(request.from.id, UserId(id as u64));
    let UpdateKind::Message(place) = &updates[2].kind else {
        panic!("{updates:?}")
    };
    assert_eq!(place.location().unwrap().latitude, 1.5);
    let UpdateKind::Message(contact) = &updates[3].kind else {
        panic!("{updates:?}")
    };
    assert_eq!(contact.contact().unwrap().phone_number, "+7999");

    bot.approve_chat_join_request(channel, UserId(id as u64))
        .await
        .unwrap();
    let administrators = bot.get_chat_administrators(channel).await.unwrap();
    assert!(administrators[0].kind.is_owner() && administrators[1].kind.is_administrator());
    let member = bot
        .get_chat_member(channel, UserId(id as u64))
        .await
        .unwrap();
    assert!(member.is_present());
    let sent = bot.send_location(ChatId(id), 1.0, 2.0).await.unwrap();
    assert_eq!(sent.location().unwrap().longitude, 2.0);
}
