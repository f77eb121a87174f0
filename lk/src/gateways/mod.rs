//! The gateways, a folder each. Whoever adds one implements [`crate::payment::gateway::PaymentGateway`].

pub mod robokassa;
