//! The products of the menu and whether the shop is closed, as ARM and LK tell it.

use geobot_shared::ids::ProductId;
use geobot_shared::topics::states::CatalogItem;
use geobot_shared::topics::tg_notify::MaintenanceChanged;
use redis::{AsyncCommands, Script};

use super::{Store, StoreError, read, write};

const CATALOG: &str = "geobot:catalog";
const MAINTENANCE: &str = "geobot:maintenance";

/// Sets a field of the hash unless a newer version is there.
const PUT_IF_NEWER: &str = r"
local now = redis.call('HGET', KEYS[1], ARGV[1])
if now and tonumber(cjson.decode(now).version) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
";

/// As above, for a key of its own.
const SET_IF_NEWER: &str = r"
local now = redis.call('GET', KEYS[1])
if now and tonumber(cjson.decode(now).version) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
";

impl Store {
    /// Takes a product; false when a newer version is already here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn_product(&self, item: &CatalogItem) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        Ok(Script::new(PUT_IF_NEWER)
            .key(CATALOG)
            .arg(item.product_id.to_string())
            .arg(write(CATALOG, item)?)
            .arg(item.version)
            .invoke_async(&mut connection)
            .await?)
    }

    /// The products that can be bought, in the order of the menu. `None`: no product was ever learned.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog(&self) -> Result<Option<Vec<CatalogItem>>, StoreError> {
        let all: Vec<String> = self.connection().hvals(CATALOG).await?;
        if all.is_empty() {
            return Ok(None);
        }
        let mut items = Vec::with_capacity(all.len());
        for text in all {
            items.extend(read::<CatalogItem>(CATALOG, Some(text))?);
        }
        items.retain(|item| item.active);
        items.sort_by(|a, b| (a.position, &a.title).cmp(&(b.position, &b.title)));
        Ok(Some(items))
    }

    /// One product, if it can be bought.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn product(&self, product: ProductId) -> Result<Option<CatalogItem>, StoreError> {
        let text: Option<String> = self.connection().hget(CATALOG, product.to_string()).await?;
        Ok(read::<CatalogItem>(CATALOG, text)?.filter(|item| item.active))
    }

    /// Takes the news that the shop closes or opens.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn_maintenance(&self, state: &MaintenanceChanged) -> Result<bool, StoreError> {
        let mut connection = self.connection();
        Ok(Script::new(SET_IF_NEWER)
            .key(MAINTENANCE)
            .arg(write(MAINTENANCE, state)?)
            .arg(state.version)
            .invoke_async(&mut connection)
            .await?)
    }

    /// Whether the shop is closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_closed(&self) -> Result<bool, StoreError> {
        let text: Option<String> = self.connection().get(MAINTENANCE).await?;
        Ok(read::<MaintenanceChanged>(MAINTENANCE, text)?.is_some_and(|state| state.on))
    }
}
