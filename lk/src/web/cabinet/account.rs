//! The account page: who the person is, what they paid, what they have a right to.

use askama::Template;
use chrono::{DateTime, Utc};
use geobot_shared::i18n::{self, Language};
use geobot_shared::topics::states::{EntitlementState, RefundEntry, RefundStage, UserState};
use sea_orm::DbErr;

use super::{address, language_of};
use crate::app::App;
use crate::invoices::announce;
use crate::store::invoices::Invoice;
use crate::store::{entitlements, invoices};
use crate::web::{page, pay};

/// So many payments and rights are shown, the newest first.
const SHOWN: u64 = 50;

#[derive(Template)]
#[template(path = "cabinet.html")]
pub(super) struct AccountPage {
    frame: page::Frame,
    name: String,
    /// Texts by themselves: headings, buttons.
    words: Words,
    payments: Vec<Payment>,
    rights: Vec<Right>,
    sign_out: String,
    sign_out_everywhere: String,
}

struct Words {
    language: String,
    payments: String,
    no_payments: String,
    rights: String,
    no_rights: String,
    newest: Option<String>,
    sign_out: String,
    sign_out_everywhere: String,
}

struct Payment {
    title: String,
    url: String,
    state: &'static str,
    state_text: String,
    price: page::Price,
    facts: Vec<String>,
}

struct Right {
    title: String,
    state: &'static str,
    text: String,
}

/// A person's name, as in Telegram; their number where there is none.
pub(super) fn name(account: &UserState) -> String {
    let names = [
        Some(account.first_name.as_str()),
        account.last_name.as_deref(),
    ];
    let name: Vec<&str> = names
        .into_iter()
        .flatten()
        .filter(|name| !name.trim().is_empty())
        .collect();
    if name.is_empty() {
        return account.user_id.to_string();
    }
    name.join(" ")
}

/// The page of the account, which shows nobody else's data.
pub(super) async fn page(
    app: &App,
    account: &UserState,
    now: DateTime<Utc>,
) -> Result<AccountPage, DbErr> {
    let language = language_of(account);
    let get = |key| app.texts.get(language, key);
    let latest = invoices::latest_of(&app.db, account.user_id, SHOWN).await?;
    let held = entitlements::latest_of(&app.db, account.user_id, SHOWN).await?;
    let cut = latest.len().max(held.len()) as u64 == SHOWN;
    let mut payments = Vec::with_capacity(latest.len());
    for invoice in &latest {
        payments.push(payment(app, language, invoice, now).await?);
    }
    Ok(AccountPage {
        frame: page::Frame::new(app, language, get("cabinet-title")),
        name: name(account),
        words: Words {
            language: get("cabinet-language"),
            payments: get("cabinet-payments"),
            no_payments: get("cabinet-no-payments"),
            rights: get("cabinet-rights"),
            no_rights: get("cabinet-no-rights"),
            newest: cut.then(|| {
                let shown = SHOWN.cast_signed();
                app.texts
                    .format(language, "cabinet-newest", &[("count", shown.into())])
            }),
            sign_out: get("cabinet-sign-out"),
            sign_out_everywhere: get("cabinet-sign-out-everywhere"),
        },
        payments,
        rights: held
            .iter()
            .map(|right| show_right(app, language, right, now))
            .collect(),
        sign_out: format!("{}/sign-out", address(app)),
        sign_out_everywhere: format!("{}/sign-out-everywhere", address(app)),
    })
}

fn day(app: &App, at: DateTime<Utc>) -> String {
    let there = at.with_timezone(&app.settings.offset);
    there.format("%d.%m.%Y").to_string()
}

async fn payment(
    app: &App,
    language: Language,
    invoice: &Invoice,
    now: DateTime<Utc>,
) -> Result<Payment, DbErr> {
    let (state, text, _) = pay::wording(invoice, pay::is_open(invoice, now));
    let dated = |key, at| {
        app.texts
            .format(language, key, &[("date", day(app, at).as_str().into())])
    };
    let mut facts = vec![match invoice.paid_at {
        Some(at) => dated("cabinet-paid-at", at),
        None => dated("cabinet-made-at", invoice.created_at),
    }];
    let received = invoice.funds.received;
    if let Some(received) = received.filter(|&received| received != invoice.amount) {
        facts.push(app.texts.format(
            language,
            "cabinet-received",
            &[("amount", i18n::rubles(language, received).as_str().into())],
        ));
    }
    let refunds = announce::state(&app.db, invoice).await?.funds.refunds;
    facts.extend(
        refunds
            .iter()
            .filter_map(|refund| show_refund(app, language, refund)),
    );
    Ok(Payment {
        title: invoice.title.clone(),
        url: app.settings.links.url(invoice.id),
        state,
        state_text: app.texts.get(language, text),
        price: page::Price::of(app, language, invoice),
        facts,
    })
}

/// A refund that is made or on its way. One that was refused moved no money, and staff speak of it themselves.
fn show_refund(app: &App, language: Language, refund: &RefundEntry) -> Option<String> {
    let key = match refund.state {
        RefundStage::Done => "cabinet-refunded",
        RefundStage::Reserved
        | RefundStage::Calling
        | RefundStage::Requested
        | RefundStage::Unknown => "cabinet-refunding",
        RefundStage::Refused => return None,
    };
    let amount = i18n::rubles(language, refund.amount);
    Some(app.texts.format(
        language,
        key,
        &[
            ("amount", amount.as_str().into()),
            ("date", day(app, refund.at).as_str().into()),
        ],
    ))
}

fn show_right(
    app: &App,
    language: Language,
    right: &EntitlementState,
    now: DateTime<Utc>,
) -> Right {
    let ended = right.ends_at.is_some_and(|end| end <= now);
    let (state, key) = match (right.ends_at, right.revoked) {
        (Some(_), _) if ended => ("closed", "right-ended"),
        (_, true) => ("closed", "right-revoked"),
        (Some(_), false) if right.starts_at > now => ("open", "right-begins"),
        (Some(_), false) => ("paid", "right-until"),
        (None, false) => ("paid", "right-forever"),
    };
    let start = day(app, right.starts_at);
    let end = right.ends_at.map(|end| day(app, end)).unwrap_or_default();
    Right {
        title: right.title.clone(),
        state,
        text: app.texts.format(
            language,
            key,
            &[
                ("start", start.as_str().into()),
                ("end", end.as_str().into()),
            ],
        ),
    }
}
