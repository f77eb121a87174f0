//! `demo`: three products to try the sandbox with.

use geobot_shared::ids::{ChatId, ProductId};
use geobot_shared::topics::states::Delivery;
use uuid::Uuid;

use super::arm::{Arm, ArmSettings, NewProduct};
use crate::failure::Failure;
use crate::sandbox_only::TokenSetting;

/// Puts three products on sale: a text, a private channel, a file. Repeating it changes nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    token: TokenSetting,
    #[command(flatten)]
    arm: ArmSettings,
}

/// The demo product that gives a text.
pub(crate) const GUIDE: ProductId = id(1);

/// Fixed, so that a repetition finds the product of before.
const fn id(number: u128) -> ProductId {
    ProductId(Uuid::from_u128(
        0x0198_0000_0000_7000_8000_6465_6d6f_0000 + number,
    ))
}

impl Demo {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        self.token.refuse_if_real("demo")?;
        let arm = Arm::new(&self.arm)?;
        for product in products() {
            let saved = arm.save(&product).await?;
            println!("{}  {}  {}", saved.product_id, saved.price(), saved.title);
        }
        Ok(())
    }
}

fn products() -> Vec<NewProduct> {
    let product = |number, title: &str, price: &str, description: &str, delivery| NewProduct {
        product_id: id(number),
        title: title.to_owned(),
        description: description.to_owned(),
        price: price.to_owned(),
        delivery,
        position: number as i32,
    };
    vec![
        product(
            1,
            "Гид по городу",
            "299.00",
            "Маршрут на день: куда идти, где есть и что смотреть.",
            Delivery::Text {
                text: "Ваш гид по городу: начните с набережной, пообедайте на рынке, \
                       вечером поднимитесь на смотровую площадку. Хорошей прогулки!"
                    .to_owned(),
            },
        ),
        product(
            2,
            "Закрытый канал на месяц",
            "990.00",
            "Новые маршруты каждую неделю и ответы автора.",
            Delivery::InviteLink {
                chat_id: ChatId(-1_001_234_567_890),
                days: Some(30),
            },
        ),
        product(
            3,
            "Карта маршрутов (PDF)",
            "149.50",
            "Карта для печати, формат A3.",
            Delivery::File {
                url: "https://example.com/geobot/map.pdf".to_owned(),
                caption: Some("Ваша карта маршрутов".to_owned()),
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_products_are_the_same_every_time() {
        let ids = || -> Vec<ProductId> { products().iter().map(|p| p.product_id).collect() };
        assert_eq!(ids(), ids());
        assert_eq!(ids()[0], GUIDE);
        assert_eq!(GUIDE.to_string(), "01980000-0000-7000-8000-64656d6f0001");
    }

    #[test]
    fn the_first_demo_product_gives_a_text() {
        assert!(matches!(products()[0].delivery, Delivery::Text { .. }));
        assert_eq!(products()[0].price, "299.00");
    }
}
