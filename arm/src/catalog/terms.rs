//! The terms of a product beside what it is and what it costs.

use geobot_shared::robokassa::receipt::{PaymentMethod, PaymentObject, Tax};
use geobot_shared::topics::states::ProductState;

/// For how long a product is sold, what it says in a receipt, when its stock is low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// For how many days; for ever when absent.
    pub days: Option<u32>,
    /// Staff is warned when so many keys are left.
    pub low_stock: Option<u32>,
    /// The VAT.
    pub tax: Tax,
    /// What it is; the shop's setting in Robokassa when absent.
    pub payment_object: Option<PaymentObject>,
    /// How far it is paid; the shop's setting in Robokassa when absent.
    pub payment_method: Option<PaymentMethod>,
}

impl Terms {
    /// The terms of a product that there is.
    pub fn of(state: &ProductState) -> Terms {
        Terms {
            days: state.days,
            low_stock: state.low_stock,
            tax: state.tax,
            payment_object: state.payment_object,
            payment_method: state.payment_method,
        }
    }
}
