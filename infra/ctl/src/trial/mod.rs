//! `try`: one purchase as a person would make it, through the running services and the sandbox.

mod form;
mod hops;
mod pay_page;
mod sandbox;
mod story;
mod tail;

use std::time::Duration;

use geobot_shared::bus::KafkaSettings;
use geobot_shared::ids::ProductId;
use url::Url;

use self::sandbox::Sandbox;
use self::story::Story;
use self::tail::Tail;
use crate::failure::Failure;
use crate::kafka::{blocking, check};
use crate::sandbox_only::TokenSetting;
use crate::shop::arm::{Arm, ArmSettings};

/// Buys one product as a person would: /start, the buy button, the pay page, the payment, the goods.
///
/// Prints each hop with the milliseconds since the start: the records on Kafka, and what the person does and sees.
/// Exit code 0 only if everything expected was seen. A real BOT_TOKEN is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Try {
    #[command(flatten)]
    token: TokenSetting,
    #[command(flatten)]
    kafka: KafkaSettings,
    #[command(flatten)]
    arm: ArmSettings,
    /// Where the sandbox is
    #[arg(long, env = "SANDBOX_URL", default_value = "http://127.0.0.1:8081")]
    sandbox_url: Url,
    /// How long to wait for each thing, in seconds
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Which product; the demo product with a text, or else the first in the menu, when absent
    #[arg(long)]
    product: Option<ProductId>,
}

impl Try {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        self.token.refuse_if_real("try")?;
        let sandbox = Sandbox::new(&self.sandbox_url)?;
        let arm = Arm::new(&self.arm)?;
        let products = arm.products().await?;
        if !products.iter().any(|p| p.active) {
            return Err(Failure::failed(
                "ARM has no product on sale: geobot-ctl demo",
            ));
        }
        check(&self.kafka).await?;
        let kafka = self.kafka.clone();
        let tail = blocking(move || Tail::start(&kafka)).await?;
        let story = Story {
            sandbox: &sandbox,
            arm: &arm,
            products: &products,
            wanted: self.product,
            tail: &tail,
            limit: Duration::from_secs(self.timeout),
        };
        let result = story.run().await;
        let took = tail.with(|hops| hops.elapsed());
        let hops = tail.finish();
        result?;
        println!("{hops} hops, bought in {} ms", took.as_millis());
        Ok(())
    }
}
