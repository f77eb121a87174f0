//! Many people who pay at the same time while LK is killed again and again, and the count of what came of it: each
//! payment credited once and delivered once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use rand::Rng;
use serde::Serialize;
use serde_json::{Value, json};

use crate::buyer::Product;
use crate::sandbox::Sandbox;
use crate::stack::{Service, Stack};
use crate::wait::within;

/// Calls under way at the same time.
const AT_ONCE: usize = 16;
/// LK lives for a random time between these, in milliseconds from the moment it is ready.
const LIVES: std::ops::Range<u64> = 20..600;
/// The reconciler must not repair what a callback has lost.
const ON_ITS_OWN: [(&str, Option<&str>); 1] = [("LK_RECONCILE_AFTER", Some("3600"))];

/// People with an open payment each, all for one product.
pub struct Crowd {
    product: Product,
    payers: Vec<Payer>,
}

#[derive(Clone, Copy)]
struct Payer {
    person: i64,
    invoice: u64,
}

impl Crowd {
    /// So many people who have started the bot, been offered an invoice and opened Robokassa's page.
    pub async fn ready_to_pay(stack: &mut Stack, count: usize) -> Crowd {
        stack.stop(Service::Lk).await;
        stack.start_with(Service::Lk, &ON_ITS_OWN).await;
        let stack: &Stack = stack;
        // A hop of so many takes longer on a busy machine than a hop of one.
        let limit = Duration::from_secs(60 + count as u64 / 25);
        let product = Product::on_sale(stack).await;
        within(limit, "ARM → LK: the product", async || {
            match stack.ledger.has_product(product.id).await {
                true => Ok(()),
                false => Err("LK does not have it".to_owned()),
            }
        })
        .await;
        let people: Vec<i64> = stream::iter(0..count)
            .map(|_| async {
                let person = stack.sandbox.person("Anna").await.id;
                stack.sandbox.write(person, "/start").await;
                person
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let id = &product_id(&product);
        stream::iter(&people)
            .for_each_concurrent(AT_ONCE, |&person| async move {
                let wish = json!({"service": "TG", "action": "invoice_requested", "payload": {
                    "data": {"user_id": person, "chat_id": person, "product_id": id}}});
                let (key, value) = (person.to_string(), wish.to_string());
                stack
                    .kafka
                    .write("lk_sync_tg", Some(&key), value.as_bytes(), &[])
                    .await;
            })
            .await;
        within(limit, "LK makes an invoice for each", async || match stack
            .ledger
            .books(product.id)
            .await
            .invoices
        {
            made if made == count => Ok(()),
            made => Err(format!("{made} of {count}")),
        })
        .await;
        let offers = offers(stack, &product, count, limit).await;
        stream::iter(offers.values())
            .for_each_concurrent(AT_ONCE, |(_, url)| stack.lk.open_payment(url))
            .await;
        println!("  ✓ {count} payments are open");
        Crowd {
            product,
            payers: offers.values().map(|(payer, _)| *payer).collect(),
        }
    }

    /// Everybody pays, in as many parts as LK is killed: each part begins when LK is up, and LK is killed at a random
    /// moment while its callbacks come. Robokassa repeats them until they are taken.
    ///
    /// # Panics
    /// When LK does not come back.
    pub async fn pay_while_lk_is_killed(&self, stack: &mut Stack, kills: usize) {
        for part in self.payers.chunks(self.payers.len().div_ceil(kills.max(1))) {
            let paying = tokio::spawn(pay(stack.sandbox.clone(), part.to_vec()));
            let life = rand::rng().random_range(LIVES);
            tokio::time::sleep(Duration::from_millis(life)).await;
            stack.kill(Service::Lk);
            stack.start_with(Service::Lk, &ON_ITS_OWN).await;
            paying.await.expect("everybody pays");
        }
    }

    /// Everybody pays, and nothing is killed.
    pub async fn pay_at_once(&self, stack: &Stack) {
        pay(stack.sandbox.clone(), self.payers.clone()).await;
    }

    /// Waits until LK knows that everybody has the goods; gives up after a time, for the count to say what is missing.
    pub async fn settle(&self, stack: &Stack, limit: Duration) {
        let begin = Instant::now();
        loop {
            let delivered = stack.ledger.books(self.product.id).await.delivered;
            if delivered == self.payers.len() || begin.elapsed() > limit {
                println!(
                    "  ✓ {delivered} payments are delivered ({} ms)",
                    begin.elapsed().as_millis()
                );
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Counts what came of it, everywhere.
    pub async fn outcome(&self, stack: &Stack) -> Outcome {
        let books = stack.ledger.books(self.product.id).await;
        let mut outcome = Outcome {
            payments: self.payers.len(),
            paid: books.paid,
            entries: books.entries,
            entered_invoices: books.entered,
            delivered: books.delivered,
            ..Outcome::default()
        };
        let mut calls = stream::iter(&self.payers)
            .map(|payer| async {
                let payment = stack.sandbox.payment(payer.invoice).await;
                let calls = payment.map(|payment| payment.callbacks).unwrap_or_default();
                let goods = &self.product.goods;
                let texts = stack.sandbox.count_of_text(payer.person, goods).await;
                (calls, texts)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((calls, texts)) = calls.next().await {
            let taken = calls.iter().filter(|call| call.accepted).count();
            outcome.callbacks += calls.len();
            outcome.callbacks_not_taken += calls.len() - taken;
            outcome.taken_once += usize::from(taken == 1);
            match texts {
                0 => outcome.without_goods += 1,
                1 => outcome.goods_once += 1,
                _ => outcome.goods_again += 1,
            }
        }
        let invoices: BTreeSet<u64> = self.payers.iter().map(|payer| payer.invoice).collect();
        let payments = count(stack, "tg_robokassa", "payment_callback", &invoices).await;
        let answers = count(stack, "lk_sync_tg", "payment_routed", &invoices).await;
        outcome.published_invoices = payments.invoices;
        outcome.published_messages = payments.messages;
        outcome.published_copies = payments.copies;
        outcome.answered_invoices = answers.invoices;
        outcome.answers = answers.messages;
        outcome
    }
}

async fn pay(sandbox: Sandbox, payers: Vec<Payer>) {
    stream::iter(payers)
        .for_each_concurrent(AT_ONCE, |payer| {
            let sandbox = &sandbox;
            async move { sandbox.pay(payer.invoice, json!({})).await }
        })
        .await;
}

/// What came of a crowd's payments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// People who paid, each once.
    pub payments: usize,
    /// ResultURL calls that were made.
    pub callbacks: usize,
    /// Those of them that were not answered OK, because LK was dead or died meanwhile.
    pub callbacks_not_taken: usize,
    /// Payments of which exactly one call was answered OK.
    pub taken_once: usize,
    /// Invoices that are paid.
    pub paid: usize,
    /// Payments in the ledger.
    pub entries: usize,
    /// Their invoices.
    pub entered_invoices: usize,
    /// Invoices whose payment record is on tg_robokassa.
    pub published_invoices: usize,
    /// Payment records that are not copies of another.
    pub published_messages: usize,
    /// Copies under a message-id that is there already; the bot knows them.
    pub published_copies: usize,
    /// Invoices that the bot has answered for.
    pub answered_invoices: usize,
    /// Its answers that are not copies of another.
    pub answers: usize,
    /// Invoices that LK knows to be delivered.
    pub delivered: usize,
    /// People whose chat shows the goods once.
    pub goods_once: usize,
    /// People whose chat shows them more than once.
    pub goods_again: usize,
    /// People whose chat does not show them.
    pub without_goods: usize,
}

impl Outcome {
    /// Every payment was taken, credited, published, answered for and delivered, and each of it once.
    #[must_use]
    pub fn all_once(&self) -> bool {
        [
            self.taken_once,
            self.paid,
            self.entries,
            self.entered_invoices,
            self.published_invoices,
            self.published_messages,
            self.answered_invoices,
            self.answers,
            self.delivered,
            self.goods_once,
        ]
        .iter()
        .all(|&count| count == self.payments)
    }
}

struct Count {
    invoices: usize,
    messages: usize,
    copies: usize,
}

/// The records of an action about these invoices.
async fn count(
    stack: &Stack,
    topic: &str,
    action: &'static str,
    invoices: &BTreeSet<u64>,
) -> Count {
    let invoices = invoices.clone();
    let found = stack
        .kafka
        .all(topic, move |it| {
            let record = it.json();
            let about = invoice_of(&record);
            (record["action"] == action && about.is_some_and(|id| invoices.contains(&id)))
                .then(|| (about, it.headers.get("message-id").cloned()))
        })
        .await;
    let messages: BTreeSet<_> = found.iter().map(|(_, id)| id).collect();
    let about: BTreeSet<_> = found.iter().map(|(invoice, _)| invoice).collect();
    Count {
        invoices: about.len(),
        messages: messages.len(),
        copies: found.len() - messages.len(),
    }
}

fn invoice_of(record: &Value) -> Option<u64> {
    let data = &record["payload"]["data"];
    let direct = data["invoice_id"].as_u64();
    direct.or_else(|| data["granted"]["invoice_id"].as_u64())
}

/// The newest offer of each invoice: who pays, and LK's page.
async fn offers(
    stack: &Stack,
    product: &Product,
    count: usize,
    limit: Duration,
) -> BTreeMap<u64, (Payer, String)> {
    within(limit, "LK → bot: invoice_ready for each", async || {
        let product = product_id(product);
        let found = stack
            .kafka
            .all("tg_robokassa", move |it| {
                let record = it.json();
                let data = &record["payload"]["data"];
                let ours = record["action"] == "invoice_ready" && data["product_id"] == product;
                let payer = Payer {
                    person: data["user_id"].as_i64()?,
                    invoice: data["invoice_id"].as_u64()?,
                };
                ours.then(|| {
                    (
                        payer,
                        data["pay_url"].as_str().unwrap_or_default().to_owned(),
                    )
                })
            })
            .await;
        let offers: BTreeMap<u64, (Payer, String)> = found
            .into_iter()
            .map(|(payer, url)| (payer.invoice, (payer, url)))
            .collect();
        match offers.len() {
            made if made == count => Ok(offers),
            made => Err(format!("{made} of {count}")),
        }
    })
    .await
}

fn product_id(product: &Product) -> Value {
    json!(product.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_means_everywhere_and_for_everybody() {
        let good = Outcome {
            payments: 2,
            callbacks: 5,
            callbacks_not_taken: 3,
            taken_once: 2,
            paid: 2,
            entries: 2,
            entered_invoices: 2,
            published_invoices: 2,
            published_messages: 2,
            published_copies: 1,
            answered_invoices: 2,
            answers: 2,
            delivered: 2,
            goods_once: 2,
            goods_again: 0,
            without_goods: 0,
        };
        assert!(good.all_once());
        let changes: [fn(&mut Outcome); 6] = [
            |it| it.taken_once = 1,
            |it| it.paid = 1,
            |it| it.entries = 3,
            |it| it.published_messages = 3,
            |it| it.answers = 1,
            |it| it.goods_once = 1,
        ];
        for change in changes {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(!bad.all_once(), "{bad:?}");
        }
    }
}
