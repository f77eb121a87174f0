//! `lag`: how many records each service has not handled yet.

use geobot_shared::bus::KafkaSettings;
use geobot_shared::topics;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::reading::{self, Span};
use super::{ASK, blocking, check, names};
use crate::failure::Failure;
use crate::table::Table;

/// Shows for each topic how many records its reader has not finished. The reader's group is `<service>.<topic>`.
#[derive(Debug, clap::Args)]
pub(crate) struct Lag {
    #[command(flatten)]
    kafka: KafkaSettings,
}

impl Lag {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        check(&self.kafka).await?;
        print!("{}", blocking(move || lags(&self.kafka)).await?.render());
        Ok(())
    }
}

fn lags(kafka: &KafkaSettings) -> Result<Table, Failure> {
    let mut table = Table::new(["topic", "group", "#records", "#lag", "note"]);
    for topic in topics::ALL {
        let Some(reader) = topic.readers.first() else {
            continue;
        };
        let group = reader.group(topic.name);
        let client: BaseConsumer = reading::config(kafka, &group).create()?;
        for name in names(topic) {
            let spans = reading::spans(&client, &[name.to_owned()])?;
            if spans.is_empty() {
                table.row([name, &group, "", "", "missing: topics ensure"].map(str::to_owned));
                continue;
            }
            let (lag, read) = lag(&client, &spans)?;
            let records: i64 = spans.iter().map(Span::len).sum();
            table.row([
                name.to_owned(),
                group.clone(),
                records.to_string(),
                lag.to_string(),
                if read || records == 0 {
                    ""
                } else {
                    "never read"
                }
                .to_owned(),
            ]);
        }
    }
    Ok(table)
}

/// How many records are not finished, and whether any was. A partition without a committed offset is read from its
/// earliest record on.
fn lag(client: &BaseConsumer, spans: &[Span]) -> Result<(i64, bool), Failure> {
    let mut list = TopicPartitionList::new();
    for span in spans {
        list.add_partition(&span.topic, span.partition);
    }
    let committed = client.committed_offsets(list, ASK)?;
    let mut read = false;
    let mut lag = 0;
    for span in spans {
        let next = committed
            .find_partition(&span.topic, span.partition)
            .map(|found| found.offset());
        let from = match next {
            Some(Offset::Offset(next)) => {
                read = true;
                next.max(span.low)
            }
            _ => span.low,
        };
        lag += (span.high - from).max(0);
    }
    Ok((lag, read))
}
