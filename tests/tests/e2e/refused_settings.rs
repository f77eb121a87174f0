//! A wrong or missing setting: one clear line and exit code 2, for each service.

use futures_util::future::join_all;
use geobot_tests::process::how;
use geobot_tests::shared;
use geobot_tests::stack::{Service, Stack};

async fn refuses(stack: &Stack, service: Service, setting: (&str, Option<&str>), named: &str) {
    let (status, errors) = stack.run_with(service, &[setting]).await.unwrap();
    let name = service.binary();
    assert_eq!(
        status.code(),
        Some(2),
        "{name} with {setting:?}: {}\n{errors}",
        how(status)
    );
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 1, "{name} with {setting:?} says:\n{errors}");
    assert!(
        lines[0].contains(named),
        "{name} with {setting:?} says: {errors}"
    );
}

#[test]
fn a_wrong_kafka_password_is_one_line_and_exit_code_2() {
    shared(async |stack| {
        let services = [
            Service::Logger,
            Service::Arm,
            Service::Lk,
            Service::Worker0,
            Service::Bot,
        ];
        let wrong = ("KAFKA_PASSWORD", Some("e2e-wrong-password"));
        join_all(services.map(|it| refuses(stack, it, wrong, "KAFKA_PASSWORD"))).await;
    });
}

#[test]
fn a_missing_or_wrong_setting_is_one_line_and_exit_code_2() {
    shared(async |stack| {
        let real_token = ("BOT_TOKEN", Some("1234567890:AAF-looks-like-a-real-one"));
        let cases = [
            (Service::Bot, ("ROUTE_KEY", None), "ROUTE_KEY"),
            (Service::Bot, ("ROBOKASSA_PASSWORD2", None), "ROBOKASSA"),
            (Service::Bot, ("BOT_TOKEN", Some("nonsense")), "BOT_TOKEN"),
            (Service::Lk, ("ROUTE_KEY", None), "ROUTE_KEY"),
            (Service::Lk, ("LK_LINK_KEY", None), "LK_LINK_KEY"),
            (Service::Lk, ("ROBOKASSA_LOGIN", None), "ROBOKASSA_LOGIN"),
            (Service::Arm, ("ARM_API_TOKEN", None), "ARM_API_TOKEN"),
            (
                Service::Arm,
                ("ARM_OWNER_PASSWORD", None),
                "ARM_OWNER_PASSWORD",
            ),
            (
                Service::Worker0,
                ("WORKER_NAME", Some("ROBOT")),
                "WORKER_NAME",
            ),
            (
                Service::Logger,
                ("LOGSTASH_URL", Some("nonsense")),
                "LOGSTASH_URL",
            ),
            (Service::Sandbox, real_token, "BOT_TOKEN"),
            (
                Service::Sandbox,
                ("SANDBOX_LISTEN", Some("0.0.0.0:0")),
                "loopback",
            ),
        ];
        join_all(cases.map(|(service, setting, named)| refuses(stack, service, setting, named)))
            .await;
    });
}

#[test]
fn a_taken_port_is_one_line_and_exit_code_2() {
    shared(async |stack| {
        // Each one's own port, which its running copy holds. It must be refused before the copy joins a group or
        // opens a database, or it would take work away from the tests beside this one.
        let taken = Service::ALL.map(|it| {
            let address = stack.address(it);
            refuses(stack, it, (it.listen_setting(), Some(address)), address)
        });
        join_all(taken).await;
    });
}
