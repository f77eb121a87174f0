//! Vectors of the kinds that are signed with an HMAC over a token.

use super::{Outcome, Vector};
use crate::robokassa::algorithm::HashAlgorithm;
use crate::robokassa::jwt::{self, JwtAlgorithm};
use crate::robokassa::refund;

impl Vector {
    pub(super) fn jwt(&self) -> Result<Outcome, String> {
        let hash = self.hmac_hash()?;
        let key = self.inputs.required("key")?;
        let base = jwt::signing_input(
            self.inputs.required("header_json")?,
            self.inputs.required("payload_json")?,
        );
        let signature = hash
            .map(|hash| jwt::signature(&base, key, hash))
            .unwrap_or_default();
        let genuine = format!("{base}.{signature}");
        let verified = |token: &str| match (self.kind.as_str(), hash) {
            ("refund_jwt", _) => jwt::verify(token, key, &refund::ALGORITHMS),
            (_, Some(hash)) => jwt::verify_for_shop(token, key, &JwtAlgorithm::ALL, hash),
            (_, None) => jwt::verify(token, key, &JwtAlgorithm::ALL),
        };
        if self.valid {
            verified(&genuine).map_err(|error| error.to_string())?;
        }
        let with_signature = self
            .inputs
            .text("received_signature")
            .map(|received| format!("{base}.{received}"));
        // The token of a forgery may be the forged one.
        let forged = self
            .token
            .clone()
            .filter(|token| !self.valid && *token != genuine);
        let accepted = [with_signature, forged]
            .iter()
            .flatten()
            .map(|token| verified(token).is_ok())
            .reduce(|one, other| one || other);
        Ok(Outcome {
            base,
            signature,
            token: self.valid.then_some(genuine),
            accepted,
        })
    }

    /// The hash under the HMAC; none for a forgery that has none.
    fn hmac_hash(&self) -> Result<Option<HashAlgorithm>, String> {
        let name = self
            .algorithm
            .strip_prefix("hmac-")
            .unwrap_or(&self.algorithm);
        match name.parse() {
            Ok(hash) => Ok(Some(hash)),
            Err(_) if name == "none" && !self.valid => Ok(None),
            Err(error) => Err(format!("{error}")),
        }
    }
}
