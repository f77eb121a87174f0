//! Buying: the products, the choice, "I have paid".

use geobot_shared::bus::Handled;
use geobot_shared::i18n;
use geobot_shared::ids::{InvoiceId, ProductId};
use geobot_shared::topics::lk_sync_tg::{CatalogRequested, InvoiceRequested, PaymentCheckAsked};
use geobot_shared::topics::tg_send::Button;

use super::answer::Answer;
use super::keyboard::{self, Click};
use crate::store::route::Step;
use crate::telegram::sender::Content;
use crate::texts::escape;

/// Longer texts are no promo codes.
const LONGEST_PROMO: usize = 64;

/// The products on sale, each with a button.
pub(super) async fn products(answer: &mut Answer<'_>) -> Handled {
    let Some(items) = answer.app.store.catalog().await? else {
        // Redis lost the catalogue, or there never was one: LK sends it again.
        answer.tell_lk(CatalogRequested {}).await?;
        return answer.say_with_menu("nothing-on-sale").await;
    };
    if items.is_empty() {
        return answer.say_with_menu("nothing-on-sale").await;
    }
    let texts = &answer.app.texts;
    let mut text = texts.get(answer.language, "choose-product");
    let mut buttons: Vec<Vec<Button>> = Vec::new();
    for item in &items {
        let price = i18n::rubles(answer.language, item.price);
        let parameters = [
            ("title", escape(&item.title).into()),
            ("price", price.clone().into()),
        ];
        text.push_str("\n\n");
        text.push_str(&texts.format(answer.language, "product-line", &parameters));
        if !item.description.is_empty() {
            text.push('\n');
            text.push_str(&escape(&item.description));
        }
        let label = format!("{} — {price}", item.title);
        buttons.push(vec![keyboard::labelled(
            label,
            &Click::Buy(item.product_id),
        )]);
    }
    buttons.push(keyboard::back(texts, answer.language));
    answer.send(Content::html(text).with_buttons(buttons)).await
}

/// A product was chosen: LK makes the invoice and answers by tg_robokassa.
pub(super) async fn choose(answer: &mut Answer<'_>, product: ProductId) -> Handled {
    let store = &answer.app.store;
    // While Redis has no catalogue, LK decides.
    if store.product(product).await?.is_none() && store.catalog().await?.is_some() {
        answer.say("product-gone", &[]).await?;
        return products(answer).await;
    }
    answer.app.store.step(answer.user, Step::Choose).await?;
    let wish = InvoiceRequested {
        user_id: answer.user,
        chat_id: answer.chat,
        product_id: product,
        promo_code: None,
    };
    answer.tell_lk(wish).await
}

/// A promo code is to be typed: the next message is taken for one.
pub(super) async fn ask_promo(answer: &mut Answer<'_>, product: ProductId) -> Handled {
    answer
        .app
        .store
        .step(answer.user, Step::EnterPromo(product))
        .await?;
    answer.say_with_menu("enter-promo").await
}

/// A typed promo code: LK makes an invoice with it, or says that it is not taken.
pub(super) async fn try_promo(answer: &mut Answer<'_>, product: ProductId, code: &str) -> Handled {
    answer.app.store.step(answer.user, Step::Choose).await?;
    let wish = InvoiceRequested {
        user_id: answer.user,
        chat_id: answer.chat,
        product_id: product,
        promo_code: Some(code.chars().take(LONGEST_PROMO).collect()),
    };
    answer.tell_lk(wish).await
}

/// "I have paid": LK looks and answers by tg_notify.
pub(super) async fn check(answer: &mut Answer<'_>, invoice: InvoiceId) -> Handled {
    let question = PaymentCheckAsked {
        user_id: answer.user,
        invoice_id: invoice,
    };
    answer.tell_lk(question).await
}
