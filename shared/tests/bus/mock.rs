//! Faults that a real broker shows only when it likes: injected into librdkafka's mock cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use geobot_shared::bus::{Cause, ConsumerOptions, GroupProtocol, KafkaSettings, Producer};
use geobot_shared::topics::InfoIn;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::kafka::{until, user};
use crate::service::{App, Member, group, quick};

const LIMIT: Duration = Duration::from_secs(5);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster(topics: &[&str]) -> (Cluster, KafkaSettings) {
    let cluster = MockCluster::new(1).unwrap();
    for topic in topics {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    let settings = KafkaSettings {
        group_protocol: GroupProtocol::Classic,
        ..KafkaSettings::plaintext(cluster.bootstrap_servers())
    };
    (cluster, settings)
}

fn write(settings: &KafkaSettings, topic: &str, values: &[&[u8]]) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        settings.producer("load").create().unwrap();
    for value in values {
        let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).key("k").payload(value);
        producer.send(record).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(LIMIT).unwrap();
}

fn committed(settings: &KafkaSettings, group: &str, topic: &str) -> i64 {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("group.id", group)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let offsets = client.committed_offsets(list, LIMIT).unwrap();
    match offsets.elements()[0].offset() {
        Offset::Offset(next) => next,
        _ => 0,
    }
}

fn high(settings: &KafkaSettings, topic: &str) -> i64 {
    let client: BaseConsumer = settings.client("test").create().unwrap();
    client.fetch_watermarks(topic, 0, LIMIT).unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_waits_for_its_dead_letter_to_be_acknowledged() {
    let (cluster, settings) = cluster(&["t", "t.dlq", "info_in"]);
    write(&settings, "t", &[b"junk"]);
    // Refused for good, again and again: librdkafka does not try such a record a second time.
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.topic_error("t.dlq", refusal).unwrap();
    let app = App::new(|_, _| async { Ok(()) });
    let member = Member::start_with(&settings, "t", &app, quick());
    until("the topic is paused", || async {
        member.health.is_paused()
    })
    .await;
    tokio::time::sleep(quick().commit_every * 2).await;
    assert_eq!(committed(&settings, &group("t"), "t"), 0);
    assert_eq!(member.health.in_flight(), 1);
    let ok = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    cluster.topic_error("t.dlq", ok).unwrap();
    until("the letter is there", || async {
        high(&settings, "t.dlq") == 1
    })
    .await;
    until("its offset is committed", || async {
        committed(&settings, &group("t"), "t") == 1
    })
    .await;
    member.stop().await;
}

/// A member that has handled a record, of a broker that refuses the first commit.
async fn handled_and_its_commit_refused() -> (Cluster, KafkaSettings, Member) {
    let (cluster, settings) = cluster(&["t", "t.dlq", "info_in"]);
    let value = user("k", 0).value;
    write(&settings, "t", &[&value]);
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[refusal]);
    let app = App::new(|_, _| async { Ok(()) });
    let member = Member::start_with(&settings, "t", &app, quick());
    until("it is handled", || async { app.count() == 1 }).await;
    (cluster, settings, member)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_the_broker_refuses_is_made_again() {
    let (_cluster, settings, member) = handled_and_its_commit_refused().await;
    // No further record comes, so only the comparison with the broker can tell.
    until("its offset is committed", || async {
        committed(&settings, &group("t"), "t") == 1
    })
    .await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_commit_is_made_again_before_the_partition_is_given_up() {
    let (_cluster, settings, member) = handled_and_its_commit_refused().await;
    // The refused commit goes out, and the statistics have not told of it yet.
    tokio::time::sleep(quick().commit_every * 3).await;
    member.stop().await;
    assert_eq!(committed(&settings, &group("t"), "t"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_does_not_hold_up_a_shutdown() {
    let (cluster, settings) = cluster(&["t", "t.dlq", "info_in"]);
    let value = user("k", 0).value;
    write(&settings, "t", &[&value]);
    let handled = Arc::new(AtomicUsize::new(0));
    let app = {
        let handled = Arc::clone(&handled);
        App::new(move |_, _| {
            handled.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
    };
    let options = ConsumerOptions {
        commit_every: Duration::from_secs(3_600),
        shutdown_drain: Duration::from_secs(1),
        ..quick()
    };
    let member = Member::start_with(&settings, "t", &app, options);
    until("it is handled", || async {
        handled.load(Ordering::SeqCst) == 1
    })
    .await;
    cluster.broker_down(1).unwrap();
    let began = Instant::now();
    member.stop().await;
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_survives_errors_that_pass_and_names_those_that_do_not() {
    let (cluster, settings) = cluster(&["info_in"]);
    let producer = Producer::new(&settings, "TEST").unwrap();
    let passing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    cluster.request_errors(RDKafkaApiKey::Produce, &[passing; 3]);
    let event = || InfoIn::new("info", "m", serde_json::json!({}));
    let story = Cause::new_story();
    producer.publish::<InfoIn>(event(), &story).await.unwrap();
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large]);
    let error = producer
        .publish::<InfoIn>(event(), &story)
        .await
        .unwrap_err();
    assert!(
        matches!(error, geobot_shared::bus::PublishError::Rejected { .. }),
        "{error}"
    );
    assert_eq!(high(&settings, "info_in"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_failed_for_good_is_replaced_and_goes_on() {
    let (cluster, settings) = cluster(&["info_in"]);
    let producer = Producer::new(&settings, "TEST").unwrap();
    let story = Cause::new_story();
    // Librdkafka sends nothing more after it: not what waits, not what comes.
    let fatal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[fatal]);
    let event = || InfoIn::new("info", "m", serde_json::json!({}));
    let error = producer
        .publish::<InfoIn>(event(), &story)
        .await
        .unwrap_err();
    assert!(
        matches!(error, geobot_shared::bus::PublishError::Unavailable { .. }),
        "{error}"
    );
    until("it publishes again", || async {
        producer.publish::<InfoIn>(event(), &story).await.is_ok()
    })
    .await;
    assert_eq!(high(&settings, "info_in"), 1);
}
