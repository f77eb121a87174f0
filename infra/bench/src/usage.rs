//! What a process has used, as Linux tells it.

use std::time::Duration;

/// Linux counts processor time in hundredths of a second, on every machine that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of this process until now.
pub(crate) fn processor_time() -> Duration {
    processor_time_of(std::process::id())
}

/// Processor time of a process until now.
pub(crate) fn processor_time_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may contain spaces; utime and stime are the 12th and 13th field behind it.
    let ticks: f64 = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
}

/// The most memory this process has had resident, in MB.
pub(crate) fn peak_memory_mb() -> f64 {
    peak_mb_of(std::process::id())
}

/// The most memory that a process has had resident, in MB.
pub(crate) fn peak_mb_of(pid: u32) -> f64 {
    megabytes(pid, "VmHWM:")
}

/// The memory that a process has resident now, in MB.
pub(crate) fn resident_mb(pid: u32) -> f64 {
    megabytes(pid, "VmRSS:")
}

fn megabytes(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0);
    kilobytes / 1024.0
}

/// One line about the machine, for the figures.
pub(crate) fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{processors} × {model}, load {load} before the run")
}
