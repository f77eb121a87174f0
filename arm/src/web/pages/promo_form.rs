//! The form of a promo code: its fields as they are typed.

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone, Utc};
use geobot_shared::money::Money;

use crate::promo::{PromoDraft, PromoFault, PromoTerms};
use crate::store::promos::Model;
use crate::store::time;
use crate::web::posted::Fields;

/// HTML: the value of `<input type="datetime-local">`.
const LOCAL: &str = "%Y-%m-%dT%H:%M";

/// The form's fields as texts: what was typed stays when it is refused.
#[derive(Default)]
pub(super) struct Form {
    pub(super) code: String,
    pub(super) kind: String,
    pub(super) percent: String,
    pub(super) amount: String,
    pub(super) limit: String,
    pub(super) once: bool,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    pub(super) active: bool,
    pub(super) version: String,
}

impl Form {
    pub(super) fn blank() -> Form {
        Form {
            kind: "percent".to_owned(),
            active: true,
            ..Form::default()
        }
    }

    pub(super) fn sent(fields: &Fields) -> Form {
        let get = |name| fields.get(name).trim().to_owned();
        Form {
            code: get("code"),
            kind: get("kind"),
            percent: get("percent"),
            amount: get("amount"),
            limit: get("limit"),
            once: get("once") == "yes",
            starts_at: get("starts_at"),
            ends_at: get("ends_at"),
            active: get("active") == "yes",
            version: get("version"),
        }
    }

    pub(super) fn of(row: &Model, zone: FixedOffset) -> Form {
        let local = |at: Option<i64>| {
            at.map(|at| time(at).with_timezone(&zone).format(LOCAL).to_string())
                .unwrap_or_default()
        };
        let kind = if row.percent.is_some() {
            "percent"
        } else {
            "amount"
        };
        Form {
            code: row.code.clone(),
            kind: kind.to_owned(),
            percent: row.percent.map(|n| n.to_string()).unwrap_or_default(),
            amount: row
                .amount
                .map(|amount| Money::from_kopecks(amount).to_out_sum())
                .unwrap_or_default(),
            limit: row.use_limit.map(|n| n.to_string()).unwrap_or_default(),
            once: row.once_per_person,
            starts_at: local(row.starts_at),
            ends_at: local(row.ends_at),
            active: row.active,
            version: row.version.to_string(),
        }
    }

    pub(super) fn draft(&self, zone: FixedOffset) -> Result<PromoDraft, PromoFault> {
        let (percent, amount) = match self.kind.as_str() {
            "percent" => {
                let percent = self.percent.trim_end_matches('%').trim().parse();
                (Some(percent.map_err(|_| PromoFault::Percent)?), None)
            }
            "amount" => {
                let text: String = self
                    .amount
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .map(|c| if c == ',' { '.' } else { c })
                    .collect();
                let amount = Money::parse_rubles(&text).map_err(|_| PromoFault::Amount)?;
                (None, Some(amount))
            }
            _ => return Err(PromoFault::Off),
        };
        let terms = PromoTerms {
            percent,
            amount,
            limit: match self.limit.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|_| PromoFault::Limit)?),
            },
            once_per_person: self.once,
            starts_at: local_time(&self.starts_at, zone)?,
            ends_at: local_time(&self.ends_at, zone)?,
            active: self.active,
        };
        PromoDraft::new(&self.code, terms)
    }
}

fn local_time(text: &str, zone: FixedOffset) -> Result<Option<DateTime<Utc>>, PromoFault> {
    if text.is_empty() {
        return Ok(None);
    }
    let local = NaiveDateTime::parse_from_str(text, LOCAL).map_err(|_| PromoFault::Time)?;
    let at = zone.from_local_datetime(&local).single();
    at.map(|at| Some(at.to_utc())).ok_or(PromoFault::Time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_time_is_that_of_the_shop() {
        let at = local_time("2026-11-24T00:30", config::zone(3)).unwrap();
        assert_eq!(at, Some("2026-11-23T21:30:00Z".parse().unwrap()));
        assert_eq!(local_time("", config::zone(3)), Ok(None));
        for bad in ["today", "2026-13-01T00:00", "2026-11-24"] {
            assert_eq!(local_time(bad, config::zone(3)), Err(PromoFault::Time));
        }
    }

    #[test]
    fn bad_fields_are_named() {
        let bad = |change: fn(&mut Form)| {
            let mut form = Form {
                code: "AUTUMN".to_owned(),
                percent: "10 %".to_owned(),
                ..Form::blank()
            };
            assert!(form.draft(config::zone(3)).is_ok());
            change(&mut form);
            form.draft(config::zone(3)).unwrap_err()
        };
        assert_eq!(bad(|f| f.kind = "gift".into()), PromoFault::Off);
        assert_eq!(bad(|f| f.percent = "256".into()), PromoFault::Percent);
        assert_eq!(bad(|f| f.kind = "amount".into()), PromoFault::Amount);
        assert_eq!(bad(|f| f.limit = "many".into()), PromoFault::Limit);
        assert_eq!(bad(|f| f.code = "a b".into()), PromoFault::Code);
    }
}
