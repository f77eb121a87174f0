//! OpStateExt. Live operations only; an operation is there once the buyer has chosen how to pay.

use geobot_shared::ids::{InvoiceId, Mode};
use geobot_shared::robokassa::form;
use geobot_shared::robokassa::op_state::{
    self, OpStateAnswer, OpStateError, Operation, OperationState, Verdict,
};

use super::Robokassa;
use crate::payment::gateway::{PaymentReport, Standing, Unanswered};

pub(super) async fn ask(shop: &Robokassa, invoice: InvoiceId) -> Result<PaymentReport, Unanswered> {
    let credentials = shop
        .shop
        .credentials(Mode::Live)
        .map_err(|error| Unanswered::Settings(error.to_string()))?;
    let (fields, _) = op_state::request(invoice, &credentials);
    let answer = shop
        .client
        .post_form(&shop.op_state, form::encode(&fields))
        .await
        .map_err(|failed| Unanswered::Later(failed.into_text()))?;
    if !answer.status.is_success() {
        return Err(Unanswered::Later(format!("HTTP {}", answer.status)));
    }
    read(&answer.body)
}

fn read(xml: &str) -> Result<PaymentReport, Unanswered> {
    match op_state::parse(xml) {
        Ok(OpStateAnswer::NotFound) => Ok(PaymentReport {
            standing: Standing::NotFound,
            op_key: None,
        }),
        Ok(OpStateAnswer::Found(operation)) => Ok(report(*operation)),
        Err(error @ (OpStateError::BadSignature | OpStateError::UnknownShop)) => {
            Err(Unanswered::Settings(error.to_string()))
        }
        Err(
            error @ (OpStateError::Unreadable(_)
            | OpStateError::Ambiguous
            | OpStateError::Failed(_)),
        ) => Err(Unanswered::Later(error.to_string())),
    }
}

fn report(operation: Operation) -> PaymentReport {
    let standing = match operation.state.verdict() {
        Verdict::Pending => Standing::Pending,
        // LK starts no holds; one that is there was made by somebody else.
        Verdict::PendingAlert | Verdict::Held => {
            Standing::Suspicious(word(operation.state).to_owned())
        }
        Verdict::Failed => Standing::Failed(word(operation.state).to_owned()),
        Verdict::Paid => Standing::Paid {
            paid: operation.inc_sum,
            credited: operation.out_sum,
        },
    };
    PaymentReport {
        standing,
        op_key: operation.op_key,
    }
}

const fn word(state: OperationState) -> &'static str {
    match state {
        OperationState::Started => "started",
        OperationState::Cancelled => "cancelled",
        OperationState::Held => "held",
        OperationState::Crediting => "crediting",
        OperationState::Returned => "returned",
        OperationState::Suspended => "suspended",
        OperationState::Done => "done",
        OperationState::Other(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geobot_shared::money::Money;

    fn xml(code: i32, state: i32) -> String {
        format!(
            "<OperationStateResponse><Result><Code>{code}</Code></Result><State><Code>{state}</Code></State>\
             <Info><IncSum>310.00</IncSum><OutSum>299.000000</OutSum><OpKey>KEY</OpKey></Info></OperationStateResponse>"
        )
    }

    #[test]
    fn each_state_has_its_meaning() {
        let standing = |state| read(&xml(0, state)).unwrap().standing;
        assert_eq!(standing(5), Standing::Pending);
        assert_eq!(standing(50), Standing::Pending);
        assert_eq!(standing(10), Standing::Failed("cancelled".into()));
        assert_eq!(standing(60), Standing::Failed("returned".into()));
        assert_eq!(standing(80), Standing::Suspicious("suspended".into()));
        assert_eq!(standing(20), Standing::Suspicious("held".into()));
        assert_eq!(standing(77), Standing::Suspicious("unknown".into()));
        let paid = read(&xml(0, 100)).unwrap();
        assert_eq!(
            paid.standing,
            Standing::Paid {
                paid: Some(Money::from_kopecks(31_000)),
                credited: Some(Money::from_kopecks(29_900)),
            }
        );
        assert_eq!(paid.op_key.as_deref(), Some("KEY"));
    }

    #[test]
    fn what_is_no_state_is_told_apart() {
        assert_eq!(read(&xml(3, 0)).unwrap().standing, Standing::NotFound);
        for code in [1, 2] {
            assert!(matches!(read(&xml(code, 0)), Err(Unanswered::Settings(_))));
        }
        for code in [4, 1000, 5] {
            assert!(matches!(read(&xml(code, 0)), Err(Unanswered::Later(_))));
        }
        for text in ["", "<html>", "<!DOCTYPE a><a/>"] {
            assert!(matches!(read(text), Err(Unanswered::Later(_))), "{text}");
        }
    }
}
