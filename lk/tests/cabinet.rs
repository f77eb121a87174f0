//! The cabinet: a link that signs in once, sessions, and a page that shows nobody else's data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

mod support;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use geobot_lk::accounts;
use geobot_lk::cabinet::{self, LINK_LIFETIME, Link, SESSION_LIFETIME, Token};
use geobot_lk::invoices::request;
use geobot_lk::promo;
use geobot_lk::refunds::by_hand;
use geobot_lk::store::{sessions, sign_in_links};
use geobot_shared::bus::Cause;
use geobot_shared::ids::{InvoiceId, Mode, ProductId, TelegramUserId};
use geobot_shared::money::Money;
use geobot_shared::topics::lk_sync_orm::{PromoUpserted, RefundRecorded};
use geobot_shared::topics::lk_sync_tg::InvoiceRequested;
use reqwest::StatusCode;
use sea_orm::EntityTrait;
use support::{Served, TestLk, USER, product};

on_both_databases!(
    a_wish_is_answered_with_a_link_whose_token_is_not_kept,
    a_link_signs_in_once_however_many_press_at_the_same_moment,
    a_newer_link_takes_the_place_of_the_older,
    a_link_ends_after_ten_minutes_and_a_session_after_thirty_days,
    a_blocked_person_gets_no_link_and_is_not_signed_in,
    signing_out_ends_one_session_or_all_of_the_person,
);

const OTHER: TelegramUserId = TelegramUserId(987_654_321);

async fn linked(lk: &TestLk, user: TelegramUserId, at: DateTime<Utc>) -> Token {
    let token = Token::generate();
    cabinet::requested(&lk.app, user, &token, &Cause::new_story(), at)
        .await
        .unwrap();
    token
}

async fn signed_in(lk: &TestLk, user: TelegramUserId, at: DateTime<Utc>) -> Token {
    let link = linked(lk, user, at).await;
    let session = Token::generate();
    let opened = cabinet::sign_in(&lk.app, &link, &session, None, at).await;
    assert!(matches!(opened, Ok(Link::Good(account)) if account.user_id == user));
    session
}

async fn whose(lk: &TestLk, session: &Token, at: DateTime<Utc>) -> Option<TelegramUserId> {
    let account = cabinet::signed_in(&lk.app, session, at).await.unwrap();
    account.map(|account| account.user_id)
}

async fn a_wish_is_answered_with_a_link_whose_token_is_not_kept(lk: TestLk) {
    let (token, cause, now) = (Token::generate(), Cause::new_story(), Utc::now());
    for _ in 0..2 {
        cabinet::requested(&lk.app, USER, &token, &cause, now)
            .await
            .unwrap();
    }
    let [told] = lk.sent_of("tg_notify", "notify").await.try_into().unwrap();
    assert_eq!(told.key, Some(USER.to_string()));
    assert_eq!(told.data["event"], "cabinet_link");
    let url = format!(
        "http://127.0.0.1:5500/cabinet/sign-in?token={}",
        token.text()
    );
    assert_eq!(told.data["url"], url);
    let expires_at: DateTime<Utc> =
        serde_json::from_value(told.data["expires_at"].clone()).unwrap();
    assert!((expires_at - now - LINK_LIFETIME).num_seconds().abs() <= 1);
    let [kept] = sign_in_links::Entity::find()
        .all(&lk.db)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(
        (kept.user_id, &kept.token_hash),
        (USER.get(), &token.hash())
    );
    assert_ne!(kept.token_hash, token.text());
}

async fn a_link_signs_in_once_however_many_press_at_the_same_moment(lk: TestLk) {
    let now = Utc::now();
    let link = linked(&lk, USER, now).await;
    let pressing: Vec<_> = (0..20)
        .map(|_| {
            let (app, link) = (Arc::clone(&lk.app), link.clone());
            tokio::spawn(async move {
                let session = Token::generate();
                cabinet::sign_in(&app, &link, &session, None, now).await
            })
        })
        .collect();
    let mut opened = 0;
    for pressed in pressing {
        match pressed.await.unwrap().unwrap() {
            Link::Good(account) => {
                assert_eq!(account.user_id, USER);
                opened += 1;
            }
            Link::Gone => {}
            Link::Blocked(_) => panic!("nobody is blocked"),
        }
    }
    assert_eq!(opened, 1);
    let open = sessions::Entity::find().all(&lk.db).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(lk.sent_of("info_in", "cabinet_signed_in").await.len(), 1);
}

async fn a_newer_link_takes_the_place_of_the_older(lk: TestLk) {
    let now = Utc::now();
    let older = linked(&lk, USER, now).await;
    let others = linked(&lk, OTHER, now).await;
    let newer = linked(&lk, USER, now).await;
    let try_it = async |link: &Token| {
        cabinet::sign_in(&lk.app, link, &Token::generate(), None, now)
            .await
            .unwrap()
    };
    assert_eq!(try_it(&older).await, Link::Gone);
    assert!(matches!(try_it(&newer).await, Link::Good(it) if it.user_id == USER));
    assert!(matches!(try_it(&others).await, Link::Good(it) if it.user_id == OTHER));
    assert_eq!(try_it(&Token::generate()).await, Link::Gone);
}

async fn a_link_ends_after_ten_minutes_and_a_session_after_thirty_days(lk: TestLk) {
    let now = Utc::now();
    let second = TimeDelta::seconds(1);
    let link = linked(&lk, USER, now).await;
    let session = Token::generate();
    let late = cabinet::sign_in(&lk.app, &link, &session, None, now + LINK_LIFETIME).await;
    assert_eq!(late.unwrap(), Link::Gone);
    let last = now + LINK_LIFETIME - second;
    let looked = cabinet::look(&lk.app, &link, last).await.unwrap();
    assert!(matches!(looked, Link::Good(_)));
    let before = signed_in(&lk, OTHER, now - SESSION_LIFETIME).await;
    let opened = cabinet::sign_in(&lk.app, &link, &session, None, last).await;
    assert!(matches!(opened.unwrap(), Link::Good(_)));

    let end = last + SESSION_LIFETIME;
    assert_eq!(whose(&lk, &session, end - second).await, Some(USER));
    assert_eq!(whose(&lk, &session, end).await, None);
    assert_eq!(whose(&lk, &before, now).await, None);
    // What has ended is not kept.
    let open = sessions::Entity::find().all(&lk.db).await.unwrap();
    assert_eq!(open.len(), 1);
}

async fn a_blocked_person_gets_no_link_and_is_not_signed_in(lk: TestLk) {
    let now = Utc::now();
    let link = linked(&lk, USER, now).await;
    let session = signed_in(&lk, OTHER, now).await;
    for user in [USER, OTHER] {
        accounts::block(&lk.app, user, true, &Cause::new_story(), now)
            .await
            .unwrap();
    }
    lk.forget_sent().await;
    linked(&lk, USER, now).await;
    assert_eq!(lk.sent_of("tg_notify", "notify").await, []);
    let pressed = cabinet::sign_in(&lk.app, &link, &Token::generate(), None, now).await;
    assert!(matches!(pressed.unwrap(), Link::Blocked(_)));
    let known = cabinet::signed_in(&lk.app, &session, now).await.unwrap();
    assert!(known.unwrap().blocked);
}

async fn signing_out_ends_one_session_or_all_of_the_person(lk: TestLk) {
    let now = Utc::now();
    let (first, second) = (
        signed_in(&lk, USER, now).await,
        signed_in(&lk, USER, now).await,
    );
    let others = signed_in(&lk, OTHER, now).await;
    cabinet::sign_out(&lk.app, &first).await.unwrap();
    assert_eq!(whose(&lk, &first, now).await, None);
    assert_eq!(whose(&lk, &second, now).await, Some(USER));

    let third = signed_in(&lk, USER, now).await;
    let link = linked(&lk, USER, now).await;
    cabinet::sign_out_everywhere(&lk.app, &third, now)
        .await
        .unwrap();
    for session in [&second, &third] {
        assert_eq!(whose(&lk, session, now).await, None);
    }
    assert_eq!(
        cabinet::look(&lk.app, &link, now).await.unwrap(),
        Link::Gone
    );
    assert_eq!(whose(&lk, &others, now).await, Some(OTHER));
    // A session that has ended ends nothing.
    cabinet::sign_out_everywhere(&lk.app, &third, now)
        .await
        .unwrap();
    assert_eq!(whose(&lk, &others, now).await, Some(OTHER));
}

/// A browser with its cookie.
struct Browser<'a> {
    served: &'a Served,
    cookie: Option<String>,
}

struct Answer {
    status: StatusCode,
    set_cookie: Option<String>,
    page: String,
}

impl<'a> Browser<'a> {
    fn new(served: &'a Served) -> Browser<'a> {
        Browser {
            served,
            cookie: None,
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let mut request = request;
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"));
        let set_cookie = header("set-cookie");
        if let Some(set) = &set_cookie {
            let (pair, _) = set.split_once(';').unwrap();
            self.cookie = Some(pair.to_owned());
        }
        if answer.status() == StatusCode::SEE_OTHER {
            assert_eq!(header("location").as_deref(), Some("/cabinet"));
        }
        Answer {
            status: answer.status(),
            set_cookie,
            page: answer.text().await.unwrap(),
        }
    }

    async fn get(&mut self, path: &str) -> Answer {
        let request = self
            .served
            .client
            .get(format!("{}{path}", self.served.base));
        self.send(request).await
    }

    async fn post(&mut self, path: &str, body: String, site: &str) -> Answer {
        let request = self
            .served
            .client
            .post(format!("{}{path}", self.served.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "null")
            .header("sec-fetch-site", site)
            .body(body);
        self.send(request).await
    }

    async fn press(&mut self, link: &Token) -> Answer {
        let body = format!("token={}", link.text());
        self.post("/cabinet/sign-in", body, "same-origin").await
    }
}

fn opens(link: &Token) -> String {
    format!("/cabinet/sign-in?token={}", link.text())
}

#[tokio::test]
async fn opening_the_link_uses_nothing_up_and_its_button_signs_in_once() {
    let served = Served::new().await;
    served.lk.start_person(USER, "ru").await;
    let link = linked(&served.lk, USER, Utc::now()).await;
    let mut preview = Browser::new(&served);
    for _ in 0..3 {
        let seen = preview.get(&opens(&link)).await;
        assert_eq!(seen.status, StatusCode::OK);
        assert_eq!(seen.set_cookie, None);
        assert!(seen.page.contains("Вы входите как Анна."), "{}", seen.page);
        assert!(seen.page.contains("method=\"post\"") && !seen.page.contains("<script"));
        let url = format!("{}{}", served.base, opens(&link));
        let head = served.client.head(url).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
    }
    let mut browser = Browser::new(&served);
    assert_eq!(
        browser.get("/cabinet").await.status,
        StatusCode::UNAUTHORIZED
    );
    let pressed = browser.press(&link).await;
    assert_eq!(pressed.status, StatusCode::SEE_OTHER);
    let cookie = pressed.set_cookie.unwrap();
    for attribute in [
        "HttpOnly",
        "SameSite=Lax",
        "Path=/cabinet;",
        "Max-Age=2592000",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain http in this test");
    assert!(
        !cookie.contains(&link.text()),
        "the link is not the session"
    );
    let page = browser.get("/cabinet").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.page.contains("Анна") && page.page.contains("Платежей пока нет"));

    let again = Browser::new(&served).press(&link).await;
    assert_eq!((again.status, again.set_cookie), (StatusCode::GONE, None));
    assert!(again.page.contains("/cabinet"), "{}", again.page);
    let opened = preview.get(&opens(&link)).await;
    assert_eq!(opened.status, StatusCode::GONE);
}

#[tokio::test]
async fn https_makes_the_cookie_secure() {
    let public = &["--public-url=https://shop.example"];
    let lk = TestLk::sqlite_with(public, "127.0.0.1:1").await;
    let served = Served::of(lk).await;
    let link = linked(&served.lk, USER, Utc::now()).await;
    let pressed = Browser::new(&served).press(&link).await;
    assert!(
        pressed
            .set_cookie
            .unwrap()
            .ends_with("SameSite=Lax; Secure")
    );
    let told = served.lk.sent_of("tg_notify", "notify").await;
    let url = told[0].data["url"].as_str().unwrap();
    assert!(url.starts_with("https://shop.example/cabinet/sign-in?token="));
}

#[tokio::test]
async fn what_is_no_link_is_refused_by_kind() {
    let served = Served::new().await;
    let mut browser = Browser::new(&served);
    let good = Token::generate().text();
    for query in [
        String::new(),
        "?token=".to_owned(),
        format!("?token={}", &good[..42]),
        format!("?token={good}A"),
        format!("?token=%ff{}", &good[3..]),
        format!("?other={good}"),
        format!("?token={}", "A".repeat(5_000)),
    ] {
        let seen = browser.get(&format!("/cabinet/sign-in{query}")).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{query:.60}");
        assert!(seen.page.contains("/cabinet"));
    }
    let ours = "same-origin";
    for body in [String::new(), "token".into(), "\u{0}".into(), good.clone()] {
        let pressed = browser.post("/cabinet/sign-in", body, ours).await;
        assert_eq!(pressed.status, StatusCode::BAD_REQUEST);
    }
    let long = format!("token={}", "A".repeat(2_000));
    let pressed = browser.post("/cabinet/sign-in", long, ours).await;
    assert_eq!(pressed.status, StatusCode::PAYLOAD_TOO_LARGE);
    let unknown = browser.get(&format!("/cabinet/sign-in?token={good}")).await;
    assert_eq!(unknown.status, StatusCode::GONE);
    assert_eq!(browser.cookie, None);
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let served = Served::new().await;
    let link = linked(&served.lk, USER, Utc::now()).await;
    let mut browser = Browser::new(&served);
    let body = format!("token={}", link.text());
    let foreign = browser.post("/cabinet/sign-in", body, "cross-site").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.press(&link).await.status, StatusCode::SEE_OTHER);
    for path in ["/cabinet/sign-out", "/cabinet/sign-out-everywhere"] {
        let foreign = browser.post(path, String::new(), "cross-site").await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.get("/cabinet").await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_closes_the_page() {
    let served = Served::new().await;
    for path in ["/cabinet/sign-out", "/cabinet/sign-out-everywhere"] {
        let link = linked(&served.lk, USER, Utc::now()).await;
        let mut browser = Browser::new(&served);
        browser.press(&link).await;
        let kept = browser.cookie.clone();
        let out = browser.post(path, String::new(), "same-origin").await;
        assert_eq!(out.status, StatusCode::SEE_OTHER);
        assert!(out.set_cookie.unwrap().contains("Max-Age=0"));
        assert_eq!(
            browser.get("/cabinet").await.status,
            StatusCode::UNAUTHORIZED
        );
        // The cookie itself is worth nothing any more.
        browser.cookie = kept;
        assert_eq!(
            browser.get("/cabinet").await.status,
            StatusCode::UNAUTHORIZED
        );
        // Nor does it hurt to press twice.
        let twice = browser.post(path, String::new(), "same-origin").await;
        assert_eq!(twice.status, StatusCode::SEE_OTHER);
    }
    let link = linked(&served.lk, USER, Utc::now()).await;
    let mut browser = Browser::new(&served);
    browser.press(&link).await;
    let before = browser.cookie.clone();
    // The same browser signs in anew: its session before ends.
    let link = linked(&served.lk, USER, Utc::now()).await;
    browser.press(&link).await;
    assert_ne!(browser.cookie, before);
    browser.cookie = before;
    assert_eq!(
        browser.get("/cabinet").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_person_who_was_blocked_sees_nothing() {
    let served = Served::new().await;
    let link = linked(&served.lk, USER, Utc::now()).await;
    let mut browser = Browser::new(&served);
    browser.press(&link).await;
    let next = linked(&served.lk, USER, Utc::now()).await;
    accounts::block(&served.lk.app, USER, true, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    assert_eq!(browser.get("/cabinet").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.get(&opens(&next)).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(browser.press(&next).await.status, StatusCode::FORBIDDEN);
}

async fn asked(
    lk: &TestLk,
    user: TelegramUserId,
    product: ProductId,
    code: Option<&str>,
) -> InvoiceId {
    let wish = InvoiceRequested {
        user_id: user,
        chat_id: user.into(),
        product_id: product,
        promo_code: code.map(str::to_owned),
    };
    request::requested(&lk.app, wish, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let ready = lk.sent_of("tg_robokassa", "invoice_ready").await;
    let id = ready.last().unwrap().data["invoice_id"].as_u64().unwrap();
    InvoiceId::new(id).unwrap()
}

#[tokio::test]
async fn the_page_shows_the_persons_payments_and_rights_and_nobody_elses() {
    let served = Served::new().await;
    let lk = &served.lk;
    lk.start_person(USER, "en").await;
    lk.start_person(OTHER, "ru").await;
    let named = |title: &str| {
        let mut named = product();
        named.title = title.into();
        named
    };
    let (own, open, theirs) = (
        named("My <b>channel</b>"),
        named("My open one"),
        named("Their channel"),
    );
    for product in [&own, &open, &theirs] {
        lk.put_product(product).await;
    }
    let code = PromoUpserted {
        code: "AUTUMN".into(),
        version: 1,
        percent: Some(50),
        amount: None,
        limit: None,
        once_per_person: false,
        starts_at: None,
        ends_at: None,
        active: true,
    };
    promo::promo_upserted(&lk.app, code, &Cause::new_story(), Utc::now())
        .await
        .unwrap();
    let mine = asked(lk, USER, own.product_id, Some("autumn")).await;
    asked(lk, USER, open.product_id, None).await;
    let other = asked(lk, OTHER, theirs.product_id, None).await;
    for (id, sum) in [(mine, "149.50"), (other, "299.00")] {
        let callback = lk.signed(Mode::Live, sum, &id.to_string());
        lk.accept(callback).await.unwrap();
    }
    let refund = RefundRecorded {
        invoice_id: mine,
        amount: Money::from_kopecks(4_950),
        staff: "owner".into(),
        reason: "a gift".into(),
    };
    by_hand::recorded(&lk.app, refund, &Cause::new_story(), Utc::now())
        .await
        .unwrap();

    let link = linked(lk, USER, Utc::now()).await;
    let mut browser = Browser::new(&served);
    browser.press(&link).await;
    let page = browser.get("/cabinet").await.page;
    let there = Utc::now().with_timezone(&lk.app.settings.offset);
    let today = there.format("%d.%m.%Y").to_string();
    for part in [
        "Анна",
        "My &#60;b&#62;channel&#60;/b&#62;",
        "<s>₽299</s> ₽149.50",
        "Promo code AUTUMN",
        "Part of the money was returned",
        &format!("Paid on {today}"),
        &format!("Returned ₽49.50 ({today})"),
        "My open one",
        "Waiting for payment",
        &format!("Invoice of {today}"),
        "Until ",
        "/cabinet/sign-out-everywhere",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    assert!(page.contains(&format!("/pay/{mine}.")));
    for foreign in [
        "Their channel",
        &other.to_string(),
        "<b>",
        "<script",
        "a gift",
    ] {
        assert!(!page.contains(foreign), "{foreign}: {page}");
    }
}
