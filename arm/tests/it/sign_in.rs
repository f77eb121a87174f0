//! Who gets in, and who does not.

use geobot_arm::store::{messages, staff};
use reqwest::StatusCode;

use crate::arm::{Arm, PASSWORD, published_as};
use crate::browser::Browser;
use crate::demo;

const PAGES: [&str; 9] = [
    "/",
    "/payments",
    "/payments/1",
    "/users",
    "/users/1",
    "/messages",
    "/products",
    "/tasks",
    "/audit",
];

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in() {
    let arm = Arm::start().await;
    let browser = Browser::new(&arm);
    for token in ["", &"a".repeat(64), "<script>"] {
        browser.set_cookie("arm_session", token);
        for path in PAGES {
            let seen = browser.open(path).await;
            assert_eq!(
                (seen.status, seen.location()),
                (StatusCode::SEE_OTHER, "/sign-in"),
                "{path}"
            );
        }
        for path in [
            "/products",
            "/sign-out",
            "/messages/1/answer",
            "/account/password",
        ] {
            let seen = browser.send(path, &[("title", "x")]).await;
            assert_eq!(
                (seen.status, seen.location()),
                (StatusCode::SEE_OTHER, "/sign-in"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_get_the_same_answer() {
    let arm = Arm::start().await;
    let browser = Browser::new(&arm);
    let wrong = browser.sign_in("owner", "wrong").await;
    let unknown = browser.sign_in("ghost", "wrong").await;
    assert_eq!(
        (wrong.status, unknown.status),
        (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED)
    );
    assert_eq!(wrong.body.replace("owner", "ghost"), unknown.body);
    let account = staff::by_login(arm.db(), "support").await.unwrap().unwrap();
    staff::set_disabled(arm.db(), account.id, true)
        .await
        .unwrap();
    let disabled = browser.sign_in("support", PASSWORD).await;
    assert_eq!(disabled.body.replace("support", "ghost"), unknown.body);
    let hostile = browser.sign_in("\"><script>", "wrong").await;
    assert!(!hostile.body.contains("<script>"));
}

#[tokio::test]
async fn the_session_cookie_is_closed_to_scripts_and_other_sites() {
    let arm = Arm::start().await;
    let browser = Browser::new(&arm);
    let seen = browser.sign_in(" Owner ", PASSWORD).await;
    assert_eq!((seen.status, seen.location()), (StatusCode::SEE_OTHER, "/"));
    let cookie = seen.headers["set-cookie"].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(browser.open("/").await.status, StatusCode::OK);
    assert_eq!(browser.open("/sign-in").await.location(), "/");
    assert_eq!(
        published_as(arm.db(), "info_in", "staff_signed_in")
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn sign_out_ends_the_session_itself() {
    let arm = Arm::start().await;
    let browser = Browser::of(&arm, "owner").await;
    let copy = Browser::new(&arm);
    let seen = browser.open("/account").await;
    let token = seen.field("csrf");
    let before = browser.send("/sign-out", &[("csrf", "wrong")]).await;
    assert_eq!(before.status, StatusCode::FORBIDDEN);
    let signed_in = Browser::of(&arm, "owner").await;
    let out = browser.send("/sign-out", &[("csrf", &token)]).await;
    assert_eq!(out.location(), "/sign-in");
    assert_eq!(browser.open("/").await.location(), "/sign-in");
    assert_eq!(copy.open("/").await.location(), "/sign-in");
    assert_eq!(
        signed_in.open("/").await.status,
        StatusCode::OK,
        "another session goes on"
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_even_with_the_right_password() {
    let arm = Arm::start().await;
    let browser = Browser::new(&arm);
    for _ in 0..5 {
        assert_eq!(
            browser.sign_in("owner", "wrong").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let slow = browser.sign_in("owner", PASSWORD).await;
    assert_eq!(slow.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        slow.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(
        browser.sign_in("manager", PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn many_guesses_at_once_do_not_slip_through_together() {
    let arm = std::sync::Arc::new(Arm::start().await);
    let guesses = (0..20).map(|_| {
        let arm = arm.clone();
        tokio::spawn(async move { Browser::new(&arm).sign_in("owner", "wrong").await.status })
    });
    let mut tried = 0;
    for guess in guesses.collect::<Vec<_>>() {
        tried += u32::from(guess.await.unwrap() == StatusCode::UNAUTHORIZED);
    }
    assert!(tried <= 5, "{tried} were tried");
}

#[tokio::test]
async fn a_form_without_the_sessions_token_is_refused() {
    let arm = Arm::start().await;
    demo::fill(&arm.app).await;
    let owner = Browser::of(&arm, "owner").await;
    let foreign = Browser::of(&arm, "manager")
        .await
        .open("/account")
        .await
        .field("csrf");
    let waiting = messages::waiting(arm.db()).await.unwrap();
    for token in ["", "wrong", foreign.as_str()] {
        for path in [
            "/products",
            "/messages/1/answer",
            "/messages/1/close",
            "/sign-out",
            "/account/password",
        ] {
            let seen = owner.send(path, &[("csrf", token), ("text", "x")]).await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(messages::waiting(arm.db()).await.unwrap(), waiting);
}

#[tokio::test]
async fn a_form_from_another_sites_page_is_refused() {
    let arm = Arm::start().await;
    let owner = Browser::of(&arm, "owner").await;
    let token = owner.open("/account").await.field("csrf");
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let fields = [("csrf", token.as_str())];
        let seen = owner.send_from("/sign-out", &fields, Some(origin)).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{origin}");
        let fields = [("login", "owner"), ("password", PASSWORD)];
        let seen = owner.send_from("/sign-in", &fields, Some(origin)).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(owner.open("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let arm = Arm::start().await;
    let (here, there) = (
        Browser::of(&arm, "owner").await,
        Browser::of(&arm, "owner").await,
    );
    for (current, new, repeated) in [
        ("wrong", "new password", "new password"),
        (PASSWORD, "new password", "other password"),
        (PASSWORD, "short", "short"),
    ] {
        let fields = [("current", current), ("new", new), ("repeated", repeated)];
        let seen = here.submit("/account/password", &fields).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    let fields = [
        ("current", PASSWORD),
        ("new", "new password"),
        ("repeated", "new password"),
    ];
    assert_eq!(
        here.submit("/account/password", &fields).await.status,
        StatusCode::OK
    );
    assert_eq!(here.open("/").await.status, StatusCode::OK);
    assert_eq!(there.open("/").await.location(), "/sign-in");
    assert_eq!(
        there.sign_in("owner", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        there.sign_in("owner", "new password").await.status,
        StatusCode::SEE_OTHER
    );
}
