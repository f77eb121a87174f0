//! Topics against a real Kafka, under names of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;

use crate::command::{Ended, ctl, real_kafka};

type Admin = AdminClient<DefaultClientContext>;

struct Cluster {
    admin: Admin,
    brokers: String,
    prefix: String,
}

impl Cluster {
    fn new() -> Cluster {
        let (brokers, _) = real_kafka();
        let mut config = ClientConfig::new();
        Cluster {
            admin: config.set("bootstrap.servers", &brokers).create().unwrap(),
            brokers,
            prefix: format!("ctl-{}-", uuid::Uuid::now_v7().simple()),
        }
    }

    fn ctl(&self, words: &[&str]) -> Ended {
        let arguments = [words, &["--prefix", &self.prefix]].concat();
        ctl(
            &arguments,
            &[
                ("KAFKA_BROKERS", &self.brokers),
                ("KAFKA_SECURITY", "plaintext"),
            ],
        )
    }

    fn names(&self) -> Vec<String> {
        let metadata = self
            .admin
            .inner()
            .fetch_metadata(None, Duration::from_secs(10))
            .unwrap();
        let names = metadata.topics().iter().map(|t| t.name().to_owned());
        names
            .filter(|name| name.starts_with(&self.prefix))
            .collect()
    }

    fn partitions(&self, topic: &str) -> usize {
        let name = format!("{}{topic}", self.prefix);
        let metadata = self
            .admin
            .inner()
            .fetch_metadata(Some(&name), Duration::from_secs(10));
        metadata.unwrap().topics()[0].partitions().len()
    }

    async fn settings(&self, topic: &str) -> BTreeMap<String, String> {
        let name = format!("{}{topic}", self.prefix);
        let answer = self
            .admin
            .describe_configs([&ResourceSpecifier::Topic(&name)], &AdminOptions::new())
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        let entries = answer.entries.into_iter();
        entries.filter_map(|e| Some((e.name, e.value?))).collect()
    }
}

#[tokio::test]
async fn topics_are_made_corrected_and_grown_and_a_repetition_changes_nothing() {
    let cluster = Cluster::new();
    // Two that are there already: one too small with a wrong retention and a setting of somebody else, one larger.
    let small = format!("{}info_in", cluster.prefix);
    let large = format!("{}task_in", cluster.prefix);
    let before = [
        NewTopic::new(&small, 2, TopicReplication::Fixed(1))
            .set("retention.ms", "1000")
            .set("segment.ms", "3600000"),
        NewTopic::new(&large, 8, TopicReplication::Fixed(1)).set("retention.ms", "2592000000"),
    ];
    for result in cluster
        .admin
        .create_topics(&before, &AdminOptions::new())
        .await
        .unwrap()
    {
        result.unwrap();
    }

    let first = cluster.ctl(&["topics", "ensure"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(
        first.out.contains(&format!("{small}: 2 → 6 partitions")),
        "{}",
        first.out
    );
    assert!(
        first
            .out
            .contains(&format!("{small}: retention.ms 1000 → 2592000000")),
        "{}",
        first.out
    );
    assert!(
        first
            .out
            .ends_with("34 topics: 32 created, 1 grown, 1 corrected\n"),
        "{}",
        first.out
    );

    assert_eq!(cluster.names().len(), 34);
    assert_eq!(cluster.partitions("info_in"), 6);
    assert_eq!(cluster.partitions("task_in"), 8, "never shrunk");
    assert_eq!(cluster.partitions("orm_sync_tg.dlq"), 6);
    let records = cluster.settings("info_in").await;
    assert_eq!(records["retention.ms"], "2592000000");
    assert_eq!(
        records["segment.ms"], "3600000",
        "somebody else's setting stays"
    );
    let letters = cluster.settings("info_in.dlq").await;
    assert_eq!(letters["retention.ms"], "-1");
    assert_eq!(letters["max.message.bytes"], "2097152");

    let second = cluster.ctl(&["topics", "ensure"]);
    assert_eq!(second.out, "34 topics: 0 created, 0 grown, 0 corrected\n");

    let dead_letters = format!("{}info_in.dlq", cluster.prefix);
    let wrong = AlterConfig::new(ResourceSpecifier::Topic(&dead_letters)).set("retention.ms", "5");
    cluster
        .admin
        .alter_configs([&wrong], &AdminOptions::new())
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let shown = cluster.ctl(&["topics", "describe"]);
    let line = |name: &str| {
        shown
            .out
            .lines()
            .find(|l| l.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(
        line(&dead_letters).ends_with("differs: topics ensure"),
        "{}",
        shown.out
    );
    assert!(line(&small).contains("30 days"), "{}", shown.out);
    let third = cluster.ctl(&["topics", "ensure"]);
    assert!(
        third.out.ends_with("0 created, 0 grown, 1 corrected\n"),
        "{}",
        third.out
    );

    let names = cluster.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    cluster
        .admin
        .delete_topics(&names, &AdminOptions::new())
        .await
        .unwrap();
}

#[test]
fn a_wrong_password_is_one_line_and_exit_code_2() {
    let brokers = std::env::var("GEOBOT_TEST_KAFKA_SASL")
        .expect("GEOBOT_TEST_KAFKA_SASL is not set: run `sh init.sh test`");
    let ended = ctl(
        &["topics", "describe"],
        &[("KAFKA_BROKERS", &brokers), ("KAFKA_PASSWORD", "wrong")],
    );
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("KAFKA_PASSWORD"), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
}

#[test]
fn lag_is_shown_for_every_topic() {
    let (_, variables) = real_kafka();
    let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(ctl(&["topics", "ensure"], &variables).code, Some(0));
    let ended = ctl(&["lag"], &variables);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out.lines().count(), 1 + 17, "{}", ended.out);
    assert!(ended.out.contains("worker.task_in"), "{}", ended.out);
}
