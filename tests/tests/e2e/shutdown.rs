//! SIGTERM and SIGINT alike: each service ends by itself within 10 s, with exit code 0.

use geobot_tests::alone;
use geobot_tests::process::Signal;
use geobot_tests::stack::Service;

fn each_service_ends_well_by(signal: Signal) {
    alone(async |stack| {
        for service in Service::ALL.into_iter().rev() {
            let took = stack
                .try_stop(service, signal)
                .await
                .unwrap_or_else(|e| panic!("{e:#}"));
            println!("  ✓ {} ended ({} ms)", service.name(), took.as_millis());
        }
    });
}

#[test]
fn sigterm_ends_each_service_within_ten_seconds() {
    each_service_ends_well_by(Signal::Term);
}

#[test]
fn sigint_ends_each_service_within_ten_seconds() {
    each_service_ends_well_by(Signal::Int);
}
