//! Products that another system gives: ARM is asked for the job, and has it before the payment counts as routed.

use chrono::Utc;
use geobot_shared::bus::{Cause, HandleError, Handled};
use geobot_shared::ids::InvoiceId;
use geobot_shared::route_token::RouteToken;
use geobot_shared::topics::ArmSyncTg;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::DeliverWebhook;
use geobot_shared::topics::tg_robokassa::Granted;
use tracing::info;
use uuid::Uuid;

use crate::app::App;

/// Namespace of the jobs' names (UUIDv5 of the invoice's number).
const JOBS: Uuid = Uuid::from_u128(0x2c9d_51f7_6e0a_4b38_8f44_9a70_13c5_de62);

/// Asks ARM to have the call made. A payment that is published again asks for the same job.
///
/// # Errors
/// When Kafka does not take the wish.
pub(super) async fn order(
    app: &App,
    token: &RouteToken,
    granted: &Granted,
    url: &str,
    cause: &Cause,
) -> Handled {
    let job = DeliverWebhook {
        url: url.to_owned(),
        invoice_id: token.invoice,
        user_id: token.user,
        product_id: token.product,
        title: granted.title.clone(),
        amount: token.amount,
        mode: token.mode,
        at: Utc::now(),
    };
    let task = Task::of(job_of(token.invoice), &job)
        .map_err(|error| HandleError::BadData(error.to_string()))?;
    info!(invoice_id = %token.invoice, task_id = %task.task_id, "webhook_ordered");
    app.producer
        .publish_caused::<ArmSyncTg>(task, cause, 0)
        .await?;
    Ok(())
}

fn job_of(invoice: InvoiceId) -> Uuid {
    Uuid::new_v5(&JOBS, invoice.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_has_one_job_however_often_it_is_asked_for() {
        let job = |n: u64| job_of(InvoiceId::new(n).unwrap());
        assert_eq!(job(7), job(7));
        assert_ne!(job(7), job(8));
        assert_eq!(job(7).get_version_num(), 5);
    }
}
