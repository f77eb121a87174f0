//! Where a person is in the conversation: a state machine, changed by compare-and-set.

use geobot_shared::ids::{InvoiceId, ProductId, TelegramUserId};
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{Kept, LONG, Store, StoreError, read};

/// Where a person is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Route {
    /// Never seen, or forgotten.
    #[default]
    New,
    /// In the menu.
    Menu,
    /// Has chosen a product; LK makes the invoice.
    Choosing,
    /// Types a promo code for a product.
    EnteringPromo {
        /// The product.
        product: ProductId,
    },
    /// Has a pay button.
    AwaitingPayment {
        /// The invoice.
        invoice: InvoiceId,
    },
    /// Has paid.
    Paid {
        /// The invoice paid last.
        invoice: InvoiceId,
    },
}

/// What moves a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// /start or a button of the menu.
    Menu,
    /// A product was chosen.
    Choose,
    /// A promo code is to be typed.
    EnterPromo(ProductId),
    /// The pay button is there.
    InvoiceReady(InvoiceId),
    /// There will be no invoice, or its time is over.
    InvoiceGone(Option<InvoiceId>),
    /// Something else is wanted than what the person was asked to type.
    Leave,
    /// The payment was checked.
    Paid(InvoiceId, ProductId),
}

impl Route {
    /// The next route. A step that does not fit leaves the person where they are: an old invoice that expires must not
    /// take somebody out of a newer one.
    #[must_use]
    pub fn next(self, step: Step) -> Route {
        match (self, step) {
            (_, Step::Menu) => Route::Menu,
            (_, Step::Choose) => Route::Choosing,
            (_, Step::EnterPromo(product)) => Route::EnteringPromo { product },
            // The person has asked for something else meanwhile, and what they type next is a promo code.
            (typing @ Route::EnteringPromo { .. }, Step::InvoiceReady(_)) => typing,
            (Route::EnteringPromo { product }, Step::Paid(_, paid)) if paid != product => {
                Route::EnteringPromo { product }
            }
            (_, Step::InvoiceReady(invoice)) => Route::AwaitingPayment { invoice },
            (_, Step::Paid(invoice, _)) => Route::Paid { invoice },
            (Route::EnteringPromo { .. }, Step::Leave) => Route::Menu,
            (route, Step::Leave) => route,
            (Route::AwaitingPayment { invoice }, Step::InvoiceGone(Some(gone)))
                if invoice == gone =>
            {
                Route::Menu
            }
            (Route::Choosing, Step::InvoiceGone(None)) => Route::Menu,
            (route, Step::InvoiceGone(_)) => route,
        }
    }
}

/// A route and how often it was changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stored {
    revision: u64,
    #[serde(flatten)]
    route: Route,
}

impl Store {
    /// Where a person is; [`Route::New`] when nothing is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn route(&self, user: TelegramUserId) -> Result<Route, StoreError> {
        Ok(self.known_route(user).await?.unwrap_or_default())
    }

    /// Where a person is, if anything is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn known_route(&self, user: TelegramUserId) -> Result<Option<Route>, StoreError> {
        let key = key(user);
        let text: Option<String> = self.connection().get(&key).await?;
        Ok(read::<Stored>(&key, text)?.map(|stored| stored.route))
    }

    /// Moves a person and returns where they are now. Concurrent moves are made one after the other.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn step(&self, user: TelegramUserId, step: Step) -> Result<Route, StoreError> {
        self.move_by(user, |route| route.next(step)).await
    }

    /// Puts a person somewhere, wherever they were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_route(&self, user: TelegramUserId, route: Route) -> Result<(), StoreError> {
        self.move_by(user, |_| route.clone()).await?;
        Ok(())
    }

    /// Forgets where a person is; false when nothing was known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_route(&self, user: TelegramUserId) -> Result<bool, StoreError> {
        Ok(self.connection().del(key(user)).await?)
    }

    async fn move_by(
        &self,
        user: TelegramUserId,
        by: impl Fn(Route) -> Route,
    ) -> Result<Route, StoreError> {
        let kept = Kept::Seconds(LONG);
        let stored = self
            .change(&key(user), kept, |stored: Stored| Stored {
                revision: stored.revision + 1,
                route: by(stored.route),
            })
            .await?;
        Ok(stored.route)
    }
}

fn key(user: TelegramUserId) -> String {
    format!("geobot:route:{user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invoice(n: u64) -> InvoiceId {
        InvoiceId::new(n).unwrap()
    }

    #[test]
    fn a_payment_is_taken_wherever_the_person_is() {
        let product = ProductId(uuid::Uuid::from_u128(1));
        let paid = Route::Paid {
            invoice: invoice(1),
        };
        for route in [
            Route::New,
            Route::Menu,
            Route::Choosing,
            Route::EnteringPromo { product },
            Route::AwaitingPayment {
                invoice: invoice(2),
            },
        ] {
            assert_eq!(route.next(Step::Paid(invoice(1), product)), paid);
        }
    }

    #[test]
    fn who_types_a_promo_code_is_left_to_it_until_they_want_something_else() {
        let product = |n| ProductId(uuid::Uuid::from_u128(n));
        let typing = Route::EnteringPromo {
            product: product(1),
        };
        for step in [
            Step::Paid(invoice(1), product(2)),
            Step::InvoiceReady(invoice(1)),
            Step::InvoiceGone(Some(invoice(1))),
        ] {
            assert_eq!(typing.clone().next(step), typing);
        }
        assert_eq!(typing.next(Step::Leave), Route::Menu);
        let waiting = Route::AwaitingPayment {
            invoice: invoice(2),
        };
        assert_eq!(waiting.clone().next(Step::Leave), waiting);
    }

    #[test]
    fn an_old_invoice_that_ends_moves_nobody_out_of_a_newer_one() {
        let waiting = Route::AwaitingPayment {
            invoice: invoice(2),
        };
        assert_eq!(
            waiting.clone().next(Step::InvoiceGone(Some(invoice(1)))),
            waiting
        );
        assert_eq!(
            waiting.next(Step::InvoiceGone(Some(invoice(2)))),
            Route::Menu
        );
    }
}
