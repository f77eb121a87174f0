//! `/cabinet`: from the chat into the browser, once.

use geobot_tests::buyer::{Buyer, Product};
use geobot_tests::page::first_post_form;
use geobot_tests::shared;
use geobot_tests::stack::{Service, Stack};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;

/// A browser that keeps one cookie and says what it was answered.
struct Browser {
    base: String,
    http: reqwest::Client,
    cookie: Option<String>,
}

impl Browser {
    fn new(stack: &Stack) -> Browser {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build();
        Browser {
            base: format!("http://{}", stack.address(Service::Lk)),
            http: http.unwrap(),
            cookie: None,
        }
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> (u16, HeaderMap, String) {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        if let Some(set) = headers.get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned());
        }
        (status, headers, answer.text().await.unwrap())
    }

    async fn open(&mut self, url: &str) -> (u16, String) {
        let (status, _, page) = self.send(self.http.get(url)).await;
        (status, page)
    }

    /// Presses the button of a page's first form.
    async fn press(&mut self, page: &str) -> (u16, Option<String>) {
        let form = first_post_form(page).unwrap_or_else(|| panic!("no button:\n{page}"));
        let url = format!("{}{}", self.base, form.action);
        let request = self
            .http
            .post(url)
            .header("sec-fetch-site", "same-origin")
            .form(&form.fields);
        let (status, headers, _) = self.send(request).await;
        let location = headers.get(LOCATION);
        (status, location.map(|to| to.to_str().unwrap().to_owned()))
    }
}

/// Asks the bot for a link.
async fn link(stack: &Stack, buyer: &Buyer<'_>) -> String {
    let after = buyer.last_message().await;
    stack.sandbox.write(buyer.id, "/cabinet").await;
    let message = buyer
        .message("LK → bot: the sign-in link", after, |it| {
            it.link()
                .is_some_and(|url| url.contains("/cabinet/sign-in?token="))
        })
        .await;
    message.link().unwrap().to_owned()
}

#[test]
fn the_bots_link_signs_in_once_and_shows_the_persons_own_payments() {
    shared(async |stack| {
        let (own, foreign) = (Product::on_sale(stack).await, Product::on_sale(stack).await);
        let buyer = Buyer::new(stack).await;
        let other = Buyer::new(stack).await;
        other.ready_to_pay(&foreign).await;
        let button = buyer.ready_to_pay(&own).await;
        buyer.pay(&button).await;
        buyer.gets(&own).await;

        let older = link(stack, &buyer).await;
        let newer = link(stack, &buyer).await;
        let mut browser = Browser::new(stack);
        assert_eq!(
            browser.open(&older).await.0,
            410,
            "a newer link replaced it"
        );
        // A preview by the chat, and the person's own look.
        let (status, _) = Browser::new(stack).open(&newer).await;
        assert_eq!(status, 200);
        let (status, page) = browser.open(&newer).await;
        assert_eq!(status, 200);
        let (status, to) = browser.press(&page).await;
        assert_eq!((status, to.as_deref()), (303, Some("/cabinet")));
        assert_eq!(Browser::new(stack).press(&page).await.0, 410);

        let cabinet = format!("{}/cabinet", browser.base);
        let (status, page) = browser.open(&cabinet).await;
        assert_eq!(status, 200);
        assert!(page.contains(&own.title) && page.contains("Anna"), "{page}");
        assert!(page.contains(&button.invoice.to_string()), "{page}");
        assert!(!page.contains(&foreign.title), "{page}");

        let cookie = browser.cookie.clone();
        assert_eq!(browser.press(&page).await.0, 303, "signed out");
        browser.cookie = cookie;
        assert_eq!(browser.open(&cabinet).await.0, 401);
    });
}
