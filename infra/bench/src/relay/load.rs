//! The records that are relayed.

use std::time::Duration;

use chrono::Utc;
use geobot_shared::bus::KafkaSettings;
use geobot_shared::envelope;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use serde_json::value::RawValue;

const KEYS: u64 = 10_000;

type Loader = ThreadedProducer<DefaultProducerContext>;

/// One record of the `create_user` form, 290 bytes long.
fn record(number: u64) -> anyhow::Result<(String, Vec<u8>)> {
    let user = 100_000_000 + number % KEYS;
    let data = format!(
        r#"{{"user_id":{user},"username":"user_{user}","first_name":"Иван","last_name":"Петров","language_code":"ru","source":"ad-{:04}","number":"{number:08}"}}"#,
        number % 97
    );
    let data = RawValue::from_string(data)?;
    let value = envelope::write(
        "LK",
        "create_user",
        "It is create_user",
        Utc::now(),
        envelope::Level::Info,
        &data,
    )?;
    Ok((user.to_string(), value))
}

/// Writes `records` records as fast as it goes.
pub(super) async fn fill(
    settings: &KafkaSettings,
    topic: &str,
    records: u64,
) -> anyhow::Result<()> {
    let producer: Loader = settings.producer("geobot-bench-load").create()?;
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        for number in 0..records {
            send(&producer, &topic, number)?;
        }
        producer.flush(Duration::from_secs(60))?;
        Ok(())
    })
    .await?
}

/// Writes `records` records at `pace` a second; the time in each is when it was due.
pub(super) async fn pace(
    settings: &KafkaSettings,
    topic: &str,
    records: u64,
    pace: u64,
) -> anyhow::Result<()> {
    let producer: Loader = settings
        .producer("geobot-bench-load")
        .set("linger.ms", "0")
        .create()?;
    // The contestant joins its group meanwhile; whoever needs longer pays for it with the first records, so they wait.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    let began = tokio::time::Instant::now();
    let mut number = 0;
    while number < records {
        tick.tick().await;
        let due = (began.elapsed().as_secs_f64() * pace as f64) as u64;
        while number < due.min(records) {
            send(&producer, topic, number)?;
            number += 1;
        }
    }
    tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(30))).await??;
    Ok(())
}

fn send(producer: &Loader, topic: &str, number: u64) -> anyhow::Result<()> {
    let (key, value) = record(number)?;
    loop {
        let sent = producer.send(BaseRecord::to(topic).key(&key).payload(&value));
        match sent {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_long_as_those_the_older_figures_were_measured_with() {
        let (_, value) = record(1234).unwrap();
        assert!((280..=300).contains(&value.len()), "{} bytes", value.len());
    }
}
