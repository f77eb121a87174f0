//! Kafka loses everything it has while the services run.

use geobot_shared::bus::{Cause, KafkaSettings, Producer};
use geobot_shared::topics::InfoIn;
use geobot_tests::buyer::{Buyer, Product, paid_without_the_bot};
use geobot_tests::kafka::Kafka;
use geobot_tests::own_kafka::OwnKafka;
use geobot_tests::stack::Service;
use geobot_tests::watchdog::Watchdog;
use geobot_tests::{eventually, on_a_kafka_of_its_own};
use reqwest::Method;
use serde_json::json;

use crate::older_graph::each_endpoint_reaches_logstash;

#[test]
fn a_kafka_wiped_between_payment_and_routing_costs_nobody_anything_and_all_go_on() {
    on_a_kafka_of_its_own(async |stack, kafka| {
        let product = Product::on_sale(stack).await;
        let (person, button) = paid_without_the_bot(stack, &product).await;
        stack.kafka.payment_record(button.invoice).await;
        kafka.lose_everything().await.unwrap();
        stack.ensure_topics().await.unwrap();
        stack.start_again(Service::Bot).await;

        let buyer = Buyer::known(stack, person);
        buyer.gets(&product).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        assert_eq!(
            stack.ledger.entries(button.invoice).await,
            [product.kopecks]
        );
        // ARM, LK and the logger were never started again: what they say and hear goes on by itself.
        let next = Product::on_sale(stack).await;
        let button = buyer.ready_to_pay(&next).await;
        buyer.pay(&button).await;
        buyer.gets(&next).await;
        buyer.staff_see(&button, "paid", "delivered").await;
        each_endpoint_reaches_logstash(stack, Method::POST, true).await;
        buyer.gets(&product).await;
    });
}

/// A wiped Kafka gives its producer ids again, from the first one on.
#[tokio::test]
async fn a_producer_that_outlives_a_wiped_kafka_is_not_taken_for_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let watchdog = std::sync::Arc::new(Watchdog::start(folder.path()).unwrap());
    let mut kafka = OwnKafka::start(&watchdog).await.unwrap();
    kafka.make_topic("info_in").await.unwrap();
    let settings = KafkaSettings::plaintext(kafka.internal());
    // Keys, and with them partitions: one that the old producer has written to before, and one that it has not.
    let (known, fresh) = ("known", "fresh");
    let old = Producer::new(&settings, "OLD").unwrap();
    for _ in 0..3 {
        published(&old, known).await;
    }
    kafka.lose_everything().await.unwrap();
    eventually("the old one has seen it", async || {
        (old.replaced() > 0)
            .then_some(())
            .ok_or("it has not".to_owned())
    })
    .await;
    kafka.make_topic("info_in").await.unwrap();
    let new = Producer::new(&settings, "NEW").unwrap();
    for story in [known, fresh] {
        published(&new, story).await;
    }
    for story in [fresh, known, fresh, known] {
        published(&old, story).await;
    }
    let records = Kafka::new(&kafka.internal()).unwrap();
    assert_eq!(records.records_in("info_in").await.unwrap(), 2 + 4);
}

async fn published(producer: &Producer, key: &str) {
    eventually("a record is acknowledged", async || {
        let event = InfoIn::new("counted", "m", json!({})).keyed(key);
        let sent = producer.publish::<InfoIn>(event, &Cause::new_story()).await;
        sent.map_err(|error| error.to_string())
    })
    .await;
}
