//! Products that ARM's JSON API of the tests does not make: told to LK as ARM tells them.

use geobot_shared::files::FileStore;
use geobot_shared::ids::ProductId;
use serde_json::{Value, json};

use crate::buyer::Product;
use crate::stack::{Service, Stack};

/// Puts a product on sale that gives something else than a text; `goods` is the text that a buyer then reads, if any.
pub async fn on_sale(stack: &Stack, delivery: Value, goods: &str) -> Product {
    let id = uuid::Uuid::now_v7();
    let title = format!("Goods {}", &id.simple().to_string()[24..]);
    let record = json!({"service": "ARM", "action": "product_upserted", "payload": {"data": {
        "product_id": id, "version": 1, "title": title, "description": "", "price": 29_900,
        "delivery": delivery, "active": true, "position": 0}}});
    let (key, value) = (id.to_string(), record.to_string());
    stack
        .kafka
        .write("lk_sync_orm", Some(&key), value.as_bytes(), &[])
        .await;
    Product {
        id: ProductId(id),
        title,
        kopecks: 29_900,
        goods: goods.to_owned(),
    }
}

/// The shop's files, as ARM and the bot share them.
#[must_use]
pub fn files(stack: &Stack) -> FileStore {
    let settings = stack.settings(Service::Bot);
    let data = settings.iter().find(|(name, _)| name == "DATA_DIR");
    let (_, data) = data.expect("every service is told DATA_DIR");
    FileStore::new(std::path::Path::new(data).join("files"))
}
