//! The figures of a run.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Contestant, Options, Part};

#[derive(Serialize)]
pub(super) struct Report {
    /// Ours / bare librdkafka, the best run of each.
    ratio: Option<f64>,
    /// Ours / batched Python, the best run of each.
    ratio_python: Option<f64>,
    machine: String,
    records: u64,
    record_bytes: u32,
    keys: u32,
    /// Records a second while latencies were measured.
    pace: u64,
    contestants: BTreeMap<&'static str, Figures>,
}

#[derive(Serialize, Default)]
struct Figures {
    /// Of the best run.
    records_per_second: f64,
    /// Processor time of the contestant's process per record, in microseconds.
    cpu_us_per_record: f64,
    memory_mb: f64,
    /// From the time in a record to the acknowledgement of what was made of it.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    runs: Vec<f64>,
}

impl Report {
    pub(super) fn new(options: &Options, machine: String) -> Report {
        Report {
            ratio: None,
            ratio_python: None,
            machine,
            records: options.records,
            record_bytes: 290,
            keys: 10_000,
            pace: options.pace,
            contestants: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, who: Contestant, part: Part) {
        let rate = self.records as f64 / part.seconds;
        let figures = self.contestants.entry(who.name()).or_default();
        figures.runs.push(rate.round());
        if rate > figures.records_per_second {
            figures.records_per_second = rate.round();
            figures.cpu_us_per_record = part.cpu_seconds * 1e6 / self.records as f64;
            figures.memory_mb = part.memory_mb;
        }
        let best = |who: Contestant| {
            let figures = self.contestants.get(who.name())?;
            Some(figures.records_per_second)
        };
        let ratio = |to: Contestant| Some(best(Contestant::Ours)? / best(to)?);
        self.ratio = ratio(Contestant::Bare);
        self.ratio_python = ratio(Contestant::Python);
    }

    pub(super) fn paced(&mut self, who: Contestant, part: Part) {
        let figures = self.contestants.entry(who.name()).or_default();
        figures.p50_ms = part.p50_ms;
        figures.p99_ms = part.p99_ms;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        writeln!(
            f,
            "{} records of {} bytes, {} keys; latencies at {} records/s",
            self.records, self.record_bytes, self.keys, self.pace
        )?;
        writeln!(
            f,
            "{:8} {:>10} {:>12} {:>8} {:>8} {:>8}  all runs",
            "", "records/s", "CPU µs/rec", "MB", "p50 ms", "p99 ms"
        )?;
        for (who, figures) in &self.contestants {
            let ms = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.1}"));
            writeln!(
                f,
                "{who:8} {:>10.0} {:>12.1} {:>8.0} {:>8} {:>8}  {:?}",
                figures.records_per_second,
                figures.cpu_us_per_record,
                figures.memory_mb,
                ms(figures.p50_ms),
                ms(figures.p99_ms),
                figures.runs
            )?;
        }
        let percent = |value: Option<f64>| {
            value.map_or("not measured".to_owned(), |v| format!("{:.0} %", v * 100.0))
        };
        writeln!(f, "ours / bare librdkafka: {}", percent(self.ratio))?;
        write!(f, "ours / batched Python:  {}", percent(self.ratio_python))
    }
}
