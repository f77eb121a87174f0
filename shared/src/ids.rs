//! The identifiers that travel between services, each a type of its own.
//!
//! On the wire (JSON) they are bare numbers or texts; a value that cannot exist does not parse.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text or a number is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not a decimal number that fits.
    #[error("{what} must be a whole decimal number")]
    NotANumber {
        /// Which identifier was meant.
        what: &'static str,
    },
    /// The number lies outside `1..=2^53-1`.
    #[error("an invoice id must lie in 1..=9007199254740991, got {0}")]
    InvoiceOutOfRange(u64),
    /// The text is not a UUID.
    #[error("a product id must be a UUID")]
    NotAUuid,
    /// The text is neither `live` nor `test`.
    #[error("a mode is `live` or `test`")]
    NotAMode,
}

/// Seconds from the Unix epoch to 2026-01-01T00:00:00Z, the zero of [`InvoiceId::generate`].
const INVOICE_EPOCH: i64 = 1_767_225_600;
/// How many low bits of an invoice id are random.
const INVOICE_RANDOM_BITS: u32 = 21;

/// The number of an invoice: Robokassa's `InvId`, `1..=2^53-1`.
///
/// Robokassa takes up to 2^63-1; the lower limit keeps the number exact in every JSON reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(extend("minimum" = 1, "maximum" = 9_007_199_254_740_991_u64))
)]
#[serde(try_from = "u64", into = "u64")]
pub struct InvoiceId(u64);

impl InvoiceId {
    /// The largest invoice id, 2^53-1.
    pub const MAX: u64 = (1 << 53) - 1;

    /// Takes a number that is already known.
    ///
    /// # Errors
    /// [`IdError::InvoiceOutOfRange`] for 0 and for what is above [`InvoiceId::MAX`].
    pub const fn new(value: u64) -> Result<Self, IdError> {
        if value == 0 || value > Self::MAX {
            Err(IdError::InvoiceOutOfRange(value))
        } else {
            Ok(Self(value))
        }
    }

    /// Makes a number out of the time and randomness: whole seconds since 2026-01-01 in the upper 32 bits,
    /// the low 21 bits of `random` below them. Good from 2026 to February 2162; a clock outside that range is
    /// clamped to its edge. Never 0.
    ///
    /// A database restored from a backup repeats no number, unlike a row counter. Two invoices of one second
    /// meet with a chance of 1 : 2,097,152, so the store still keeps the number UNIQUE and asks again.
    #[must_use]
    pub fn generate(now: DateTime<Utc>, random: u32) -> Self {
        let seconds = now
            .timestamp()
            .saturating_sub(INVOICE_EPOCH)
            .clamp(0, i64::from(u32::MAX))
            .unsigned_abs();
        let low = u64::from(random) & ((1 << INVOICE_RANDOM_BITS) - 1);
        Self(((seconds << INVOICE_RANDOM_BITS) | low).max(1))
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for InvoiceId {
    type Error = IdError;

    fn try_from(value: u64) -> Result<Self, IdError> {
        Self::new(value)
    }
}

impl From<InvoiceId> for u64 {
    fn from(id: InvoiceId) -> Self {
        id.0
    }
}

impl fmt::Display for InvoiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for InvoiceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let not_a_number = IdError::NotANumber {
            what: "an invoice id",
        };
        // `u64::from_str` also takes a leading `+`.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_a_number);
        }
        Self::new(text.parse().map_err(|_| not_a_number)?)
    }
}

macro_rules! telegram_number {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The number itself.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl From<i64> for $name {
            fn from(value: i64) -> Self {
                Self(value)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.starts_with('+') {
                    return Err(IdError::NotANumber { what: $what });
                }
                text.parse().map(Self).map_err(|_| IdError::NotANumber { what: $what })
            }
        }
    };
}

telegram_number! {
    /// A person in Telegram. Bot API: up to 52 significant bits, positive.
    TelegramUserId, "a Telegram user id"
}
telegram_number! {
    /// A chat in Telegram. Bot API: the user's id in a private chat, negative for groups and channels.
    ChatId, "a chat id"
}

impl ChatId {
    /// Whose private chat it is. Bot API: it has the person's own id; groups and channels have negative ones.
    #[must_use]
    pub fn person(self) -> Option<TelegramUserId> {
        (self.0 > 0).then_some(TelegramUserId(self.0))
    }
}

impl From<TelegramUserId> for ChatId {
    /// The private chat with a person has the person's number.
    fn from(user: TelegramUserId) -> Self {
        Self(user.0)
    }
}

/// A product, a UUID version 7 made by ARM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ProductId(pub Uuid);

impl ProductId {
    /// Makes an id (UUID version 7) out of the time and 10 random bytes.
    #[must_use]
    pub fn generate(now: DateTime<Utc>, random: [u8; 10]) -> Self {
        let millis = now.timestamp_millis().max(0).unsigned_abs();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The UUID itself.
    #[must_use]
    pub const fn get(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for ProductId {
    fn from(value: Uuid) -> Self {
        Self(value)
    }
}

impl From<ProductId> for Uuid {
    fn from(id: ProductId) -> Self {
        id.0
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ProductId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self).map_err(|_| IdError::NotAUuid)
    }
}

/// Whether an invoice moves money. The invoice keeps it; a request never chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A real payment.
    Live,
    /// Robokassa's `IsTest=1`: passwords of its own, no money.
    Test,
}

impl Mode {
    /// The text on the wire and in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The other mode.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Live => Self::Test,
            Self::Test => Self::Live,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(IdError::NotAMode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn an_invoice_id_is_seconds_and_randomness() {
        let id = InvoiceId::generate(at("2026-01-01T00:00:05Z"), 7);
        assert_eq!(id.get(), (5 << 21) | 7);
    }

    #[test]
    fn an_invoice_id_is_never_zero() {
        assert_eq!(InvoiceId::generate(at("2026-01-01T00:00:00Z"), 0).get(), 1);
        assert_eq!(
            InvoiceId::generate(at("1970-01-01T00:00:00Z"), 1 << 21).get(),
            1
        );
    }

    #[test]
    fn a_clock_beyond_the_range_stays_in_range() {
        let id = InvoiceId::generate(at("2500-01-01T00:00:00Z"), u32::MAX);
        assert_eq!(id.get(), InvoiceId::MAX);
    }

    #[test]
    fn an_invoice_id_out_of_range_does_not_parse() {
        for text in [
            "",
            "0",
            "-1",
            "+1",
            " 1",
            "1.0",
            "9007199254740992",
            "99999999999999999999",
        ] {
            assert!(text.parse::<InvoiceId>().is_err(), "{text:?}");
        }
        assert!(serde_json::from_str::<InvoiceId>("0").is_err());
        assert!(serde_json::from_str::<InvoiceId>("9007199254740992").is_err());
        assert!(serde_json::from_str::<InvoiceId>("\"1\"").is_err());
    }

    #[test]
    fn ids_are_bare_values_in_json() {
        let product = ProductId::generate(at("2026-11-23T10:00:00Z"), [9; 10]);
        assert_eq!(product.get().get_version_num(), 7);
        let json = serde_json::to_string(&(
            InvoiceId::new(5).unwrap(),
            TelegramUserId(42),
            ChatId(-100),
            product,
            Mode::Test,
        ))
        .unwrap();
        assert_eq!(json, format!("[5,42,-100,\"{product}\",\"test\"]"));
    }

    #[test]
    fn other_texts_are_no_ids() {
        assert!("".parse::<TelegramUserId>().is_err());
        assert!("+1".parse::<ChatId>().is_err());
        assert!("x".parse::<ProductId>().is_err());
        assert!("LIVE".parse::<Mode>().is_err());
        assert_eq!("-100".parse(), Ok(ChatId(-100)));
        assert_eq!("test".parse(), Ok(Mode::Test));
    }

    proptest! {
        #[test]
        fn a_generated_invoice_id_reads_back(seconds in 0i64..10_000_000_000, random: u32) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let id = InvoiceId::generate(now, random);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert!(id.get() >= 1 && id.get() <= InvoiceId::MAX);
        }

        #[test]
        fn later_invoices_have_larger_numbers(seconds in 0i64..4_000_000_000, a: u32, b: u32) {
            let at = |s| DateTime::from_timestamp(INVOICE_EPOCH + s, 0).unwrap();
            prop_assert!(InvoiceId::generate(at(seconds), a) < InvoiceId::generate(at(seconds + 1), b));
        }
    }
}
