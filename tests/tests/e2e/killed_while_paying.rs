//! LK is killed at random moments while many people pay. `geobot-bench payments` does it with thousands of them.

use std::time::Duration;

use geobot_tests::alone;
use geobot_tests::crowd::Crowd;

#[test]
fn an_lk_killed_again_and_again_credits_and_delivers_every_payment_once() {
    alone(async |stack| {
        let crowd = Crowd::ready_to_pay(stack, 150).await;
        crowd.pay_while_lk_is_killed(stack, 5).await;
        crowd.settle(stack, Duration::from_secs(40)).await;
        let outcome = crowd.outcome(stack).await;
        println!("  {outcome:?}");
        assert!(outcome.all_once(), "{outcome:#?}");
        assert!(
            outcome.callbacks_not_taken > 0,
            "no callback came while LK was down: {outcome:?}"
        );
    });
}
