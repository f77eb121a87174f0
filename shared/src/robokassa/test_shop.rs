//! A shop for tests.

use super::algorithm::HashAlgorithm;
use super::secrets::{PasswordSet, ShopSecrets};

/// `demo_shop` with SHA-256 live and MD5 in test mode.
pub(crate) fn demo() -> ShopSecrets {
    with_hashes(HashAlgorithm::Sha256, HashAlgorithm::Md5)
}

/// `demo_shop` with the given algorithms.
pub(crate) fn with_hashes(live: HashAlgorithm, test: HashAlgorithm) -> ShopSecrets {
    ShopSecrets::new(
        "demo_shop",
        Some(PasswordSet::new(
            "Pass1_qwerty".into(),
            "Pass2_asdfgh".into(),
            live,
        )),
        Some(PasswordSet::new(
            "Test1_qwerty".into(),
            "Test2_asdfgh".into(),
            test,
        )),
    )
    .unwrap()
    .with_password3("Pass3_zxcvbn".into())
    .unwrap()
}
