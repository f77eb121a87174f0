//! A browser as far as the pages need one: it keeps cookies, follows nothing by itself, and sends forms with Origin.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};

use crate::arm::{Arm, PASSWORD};

pub(crate) struct Browser {
    client: Client,
    base: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn location(&self) -> &str {
        self.headers
            .get(LOCATION)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the first field with this name.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = self
            .body
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap_or_else(|| panic!("no field {name} in {}", self.body))
            .1;
        start.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub(crate) fn new(arm: &Arm) -> Browser {
        Browser {
            client: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            base: arm.url.clone(),
            cookies: Mutex::default(),
        }
    }

    /// A browser in which the account of this login is signed in.
    pub(crate) async fn of(arm: &Arm, login: &str) -> Browser {
        let browser = Browser::new(arm);
        let seen = browser.sign_in(login, PASSWORD).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
        browser
    }

    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> Seen {
        self.send("/sign-in", &[("login", login), ("password", password)])
            .await
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies
            .lock()
            .unwrap()
            .insert(name.into(), value.into());
    }

    pub(crate) async fn open(&self, path: &str) -> Seen {
        let request = self.client.get(format!("{}{path}", self.base));
        self.seen(request.header(COOKIE, self.cookie()).send().await.unwrap())
            .await
    }

    /// Sends a form as it is.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let own = self.base.clone();
        self.send_from(path, fields, Some(&own)).await
    }

    /// Sends a form from a page of this origin.
    pub(crate) async fn send_from(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        origin: Option<&str>,
    ) -> Seen {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header(COOKIE, self.cookie())
            .form(fields);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        self.seen(request.send().await.unwrap()).await
    }

    /// Sends a form with the session's token.
    pub(crate) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let token = self.open("/account").await.field("csrf");
        let mut all = vec![("csrf", token.as_str())];
        all.extend_from_slice(fields);
        self.send(path, &all).await
    }

    /// Sends a form with the session's token and a file.
    pub(crate) async fn upload(
        &self,
        path: &str,
        fields: &[(&'static str, String)],
        file: (&'static str, Part),
    ) -> Seen {
        let token = self.open("/account").await.field("csrf");
        let mut form = Form::new().text("csrf", token);
        for (name, value) in fields {
            form = form.text(*name, value.clone());
        }
        self.send_form(path, form.part(file.0, file.1)).await
    }

    /// The same with the token behind the file.
    pub(crate) async fn upload_late(&self, path: &str, file: (&'static str, Part)) -> Seen {
        let token = self.open("/account").await.field("csrf");
        let form = Form::new().part(file.0, file.1).text("csrf", token);
        self.send_form(path, form).await
    }

    async fn send_form(&self, path: &str, form: Form) -> Seen {
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header(COOKIE, self.cookie())
            .header(ORIGIN, &self.base)
            .multipart(form);
        self.seen(request.send().await.unwrap()).await
    }

    fn cookie(&self) -> String {
        let cookies = self.cookies.lock().unwrap();
        let pairs: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("; ")
    }

    async fn seen(&self, response: Response) -> Seen {
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.set_cookie(name, value);
        }
        Seen {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }
}
