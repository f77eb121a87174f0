//! Robokassa's client against a stand-in: what is sent, and what each kind of answer or silence means.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use geobot_lk::gateways::robokassa::Robokassa;
use geobot_lk::payment::gateway::{
    PaymentGateway, RefundOrder, RefundProgress, RefundStart, Standing, Unanswered,
};
use geobot_shared::http;
use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::money::Money;
use geobot_shared::robokassa::form;
use geobot_shared::robokassa::{jwt, op_state, refund};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::settings;

#[derive(Clone, Debug)]
struct Call {
    path: String,
    content_type: String,
    body: String,
}

#[derive(Clone)]
struct StandIn {
    answer: Arc<Mutex<(StatusCode, String)>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

async fn answer(
    State(stand_in): State<StandIn>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap());
    stand_in.calls.lock().unwrap().push(Call {
        path: uri.to_string(),
        content_type: content_type.to_owned(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let (status, text) = stand_in.answer.lock().unwrap().clone();
    (status, [(header::LOCATION, "/elsewhere")], text).into_response()
}

struct World {
    stand_in: StandIn,
    robokassa: Robokassa,
    _stop: DropGuard,
}

fn robokassa_at(base: &str) -> Robokassa {
    let pay = format!("--robokassa-pay-url={base}/Merchant");
    let services = format!("--robokassa-services-url={base}/services/");
    Robokassa::new(&settings(&[&pay, &services]).check().unwrap()).unwrap()
}

async fn world() -> World {
    let stand_in = StandIn {
        answer: Arc::new(Mutex::new((StatusCode::OK, String::new()))),
        calls: Arc::default(),
    };
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let routes = Router::new().fallback(answer).with_state(stand_in.clone());
    tokio::spawn(http::serve(listener, routes, stop.clone()));
    World {
        robokassa: robokassa_at(&base),
        stand_in,
        _stop: stop.drop_guard(),
    }
}

impl World {
    fn will_answer(&self, status: u16, text: &str) {
        *self.stand_in.answer.lock().unwrap() =
            (StatusCode::from_u16(status).unwrap(), text.to_owned());
    }

    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.stand_in.calls.lock().unwrap())
    }
}

fn order(sum: Option<i64>) -> RefundOrder {
    RefundOrder {
        op_key: "KEY".into(),
        sum: sum.map(Money::from_kopecks),
    }
}

#[tokio::test]
async fn a_payment_is_asked_about_by_a_signed_post() {
    let world = world().await;
    world.will_answer(
        200,
        "<OperationStateResponse><Result><Code>0</Code></Result><State><Code>100</Code></State>\
         <Info><IncSum>299.000000</IncSum><OutSum>290.00</OutSum><OpKey>KEY</OpKey></Info></OperationStateResponse>",
    );
    let invoice = InvoiceId::new(1001).unwrap();
    let report = world.robokassa.ask_payment(invoice).await.unwrap();
    assert_eq!(report.op_key.as_deref(), Some("KEY"));
    assert_eq!(
        report.standing,
        Standing::Paid {
            paid: Some(Money::from_kopecks(29_900)),
            credited: Some(Money::from_kopecks(29_000)),
        }
    );
    let [call] = world.calls().try_into().unwrap();
    assert_eq!(call.path, "/Merchant/WebService/Service.asmx/OpStateExt");
    let checked = settings(&[]).check().unwrap();
    let credentials = checked.shop.credentials(Mode::Live).unwrap();
    let (fields, _) = op_state::request(invoice, &credentials);
    assert_eq!(form::decode(&call.body), fields);
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_asked_for_again() {
    let world = world().await;
    let invoice = InvoiceId::new(1).unwrap();
    let long = "x".repeat(300_000);
    for (status, text) in [
        (200, ""),
        (200, "<html>"),
        (302, ""),
        (500, ""),
        (200, long.as_str()),
    ] {
        world.will_answer(status, text);
        let answer = world.robokassa.ask_payment(invoice).await;
        assert!(matches!(answer, Err(Unanswered::Later(_))), "{status}");
    }
    // No redirect is followed.
    assert_eq!(world.calls().len(), 5);
    let code = |n| {
        format!(
            "<OperationStateResponse><Result><Code>{n}</Code></Result></OperationStateResponse>"
        )
    };
    world.will_answer(200, &code(3));
    let report = world.robokassa.ask_payment(invoice).await.unwrap();
    assert_eq!(report.standing, Standing::NotFound);
    world.will_answer(200, &code(1));
    let answer = world.robokassa.ask_payment(invoice).await;
    assert!(matches!(answer, Err(Unanswered::Settings(_))));
}

#[tokio::test]
async fn a_refund_is_a_token_in_a_json_string() {
    let world = world().await;
    world.will_answer(200, r#"{"success":true,"message":null,"requestId":"g-1"}"#);
    let started = world.robokassa.start_refund(order(Some(150))).await;
    assert_eq!(
        started,
        RefundStart::Accepted {
            request_id: "g-1".into()
        }
    );
    let [call] = world.calls().try_into().unwrap();
    assert_eq!(call.path, "/services/RefundService/Refund/Create");
    assert_eq!(call.content_type, "application/json");
    let token: String = serde_json::from_str(&call.body).unwrap();
    let payload = jwt::verify(&token, "live3", &refund::ALGORITHMS).unwrap();
    assert_eq!(payload, br#"{"OpKey":"KEY","RefundSum":1.50}"#);

    world.will_answer(
        200,
        r#"{"requestId":"g-1","amount":1.500000,"label":"finished"}"#,
    );
    let report = world.robokassa.ask_refund("g-1&x=2".into()).await.unwrap();
    assert_eq!(report.progress, RefundProgress::Finished);
    assert_eq!(report.amount, Some(Money::from_kopecks(150)));
    let [call] = world.calls().try_into().unwrap();
    assert_eq!(
        call.path,
        "/services/RefundService/Refund/GetState?id=g-1%26x%3D2"
    );
    for (status, text) in [
        (200, ""),
        (200, r#"{"message":"no such request"}"#),
        (500, ""),
    ] {
        world.will_answer(status, text);
        let answer = world.robokassa.ask_refund("g-1".into()).await;
        assert!(matches!(answer, Err(Unanswered::Later(_))));
    }
}

#[tokio::test]
async fn a_refund_that_may_have_been_taken_is_unknown() {
    let world = world().await;
    let long = "x".repeat(300_000);
    for (status, text) in [(200, ""), (200, long.as_str()), (302, ""), (502, "")] {
        world.will_answer(status, text);
        let started = world.robokassa.start_refund(order(None)).await;
        assert!(matches!(started, RefundStart::Unknown(_)), "{status}");
    }
    assert_eq!(world.calls().len(), 4);
    world.will_answer(
        200,
        r#"{"success":false,"message":"NotEnoughOperationFunds","requestId":null}"#,
    );
    let started = world.robokassa.start_refund(order(None)).await;
    assert!(matches!(started, RefundStart::Refused(_)));
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_call_is_unknown_and_none_at_all_was_not_sent() {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let robokassa = robokassa_at(&base);
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut start = [0; 64];
        let read = stream.read(&mut start).await.unwrap();
        assert!(read > 0);
        // Closed without a word; nobody comes a second time.
        drop(stream);
        let again = listener.accept();
        tokio::time::timeout(std::time::Duration::from_millis(300), again)
            .await
            .is_err()
    });
    let started = robokassa.start_refund(order(None)).await;
    assert!(matches!(started, RefundStart::Unknown(_)), "{started:?}");
    assert!(served.await.unwrap(), "it was sent twice");
    // The listener is gone.
    let started = robokassa.start_refund(order(None)).await;
    assert!(matches!(started, RefundStart::NotSent(_)), "{started:?}");
}

#[tokio::test]
async fn without_password_3_there_are_no_refunds() {
    let robokassa =
        Robokassa::new(&settings(&["--robokassa-password3="]).check().unwrap()).unwrap();
    let missing = robokassa.refunds_possible().unwrap_err();
    assert!(missing.contains("ROBOKASSA_PASSWORD3"), "{missing}");
}
