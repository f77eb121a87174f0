//! The diagram of a person's routes in the docs says what the code does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use geobot_bot::store::route::{Route, Step};
use geobot_shared::ids::{InvoiceId, ProductId};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/routes.md");

fn invoice(n: u64) -> InvoiceId {
    InvoiceId::new(n).unwrap()
}

fn name(route: &Route) -> &'static str {
    match route {
        Route::New => "New",
        Route::Menu => "Menu",
        Route::Choosing => "Choosing",
        Route::EnteringPromo { .. } => "EnteringPromo",
        Route::AwaitingPayment { .. } => "AwaitingPayment",
        Route::Paid { .. } => "Paid",
    }
}

/// Every step from every state, as a Mermaid diagram. Steps that leave a person where they are have no arrow.
fn diagram() -> String {
    let product = ProductId(uuid::Uuid::from_u128(1));
    let another = ProductId(uuid::Uuid::from_u128(2));
    let (mine, other) = (invoice(1), invoice(2));
    let routes = [
        Route::New,
        Route::Menu,
        Route::Choosing,
        Route::EnteringPromo { product },
        Route::AwaitingPayment { invoice: mine },
        Route::Paid { invoice: mine },
    ];
    let steps = [
        ("menu", Step::Menu),
        ("product chosen", Step::Choose),
        ("promo code asked", Step::EnterPromo(product)),
        ("invoice ready", Step::InvoiceReady(mine)),
        ("another invoice ready", Step::InvoiceReady(other)),
        ("invoice refused", Step::InvoiceGone(None)),
        ("its invoice expired", Step::InvoiceGone(Some(mine))),
        ("another invoice expired", Step::InvoiceGone(Some(other))),
        ("something else wanted", Step::Leave),
        ("payment checked", Step::Paid(mine, product)),
        (
            "payment of another product checked",
            Step::Paid(mine, another),
        ),
    ];
    let mut text = String::from("```mermaid\nstateDiagram-v2\n    [*] --> New\n");
    for route in &routes {
        for (label, step) in &steps {
            let next = route.clone().next(*step);
            if next != *route {
                text.push_str(&format!(
                    "    {} --> {}: {label}\n",
                    name(route),
                    name(&next)
                ));
            }
        }
    }
    text + "```\n"
}

#[test]
fn the_diagram_of_routes_says_what_the_code_does() {
    let docs = std::fs::read_to_string(DOCS).expect("docs/routes.md");
    if std::env::var_os("GEOBOT_WRITE_DOCS").is_some() {
        let head = docs.split("```mermaid").next().unwrap_or_default();
        std::fs::write(DOCS, format!("{head}{}", diagram())).unwrap();
        return;
    }
    assert!(
        docs.ends_with(&diagram()),
        "docs/routes.md is out of date: GEOBOT_WRITE_DOCS=1 cargo test -p geobot-bot --test routes"
    );
}
