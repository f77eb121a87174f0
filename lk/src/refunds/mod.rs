//! Money goes back. A refund is decided by staff ([`request`]), its sum set aside and committed, then made by upkeep
//! ([`call`], [`poll`]); it ends done or refused ([`ending`]), or unknown until a person says what became of it
//! ([`by_hand`]).
//!
//! ```text
//! reserved ──▶ calling ──▶ requested ──▶ done
//!     ▲           │ │          └───────▶ refused
//!     └─not sent──┘ ├─────────────────▶ refused
//!                   └──▶ unknown ──by hand──▶ done, refused
//! ```

pub mod by_hand;
pub mod call;
pub mod ending;
pub mod poll;
pub mod request;
