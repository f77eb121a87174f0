//! Which of the shop's secrets and algorithms a signature was made with, and what it means that it was not the right one.

use super::algorithm::HashAlgorithm;
use super::secrets::{Credentials, ShopSecrets};
use super::signed_return::SignedReturn;
use crate::ids::Mode;

/// Which secret fits.
pub(super) struct Signer {
    mode: Mode,
    is_password1: bool,
    label: &'static str,
    configured: HashAlgorithm,
    actual: HashAlgorithm,
}

pub(super) fn find_signer(
    parsed: &SignedReturn,
    shop: &ShopSecrets,
    tried: &[Credentials<'_>],
) -> Option<Signer> {
    let mut all: Vec<Credentials<'_>> = [Mode::Live, Mode::Test]
        .into_iter()
        .filter_map(|mode| shop.credentials(mode).ok())
        .collect();
    all.sort_by_key(|credentials| {
        !tried
            .iter()
            .any(|wanted| wanted.mode() == credentials.mode())
    });
    all.iter()
        .flat_map(|c| [(c, c.password2(), false), (c, c.password1(), true)])
        .flat_map(|(c, password, is_password1)| {
            HashAlgorithm::ALL.map(|actual| (c, password, is_password1, actual))
        })
        .find(|(_, password, _, actual)| parsed.check(*password, *actual).is_ok())
        .map(|(credentials, password, is_password1, actual)| Signer {
            mode: credentials.mode(),
            is_password1,
            label: password.label(),
            configured: credentials.hash(),
            actual,
        })
}

impl Signer {
    pub(super) fn is_right(&self, tried: &[Credentials<'_>]) -> bool {
        !self.is_password1
            && self.configured == self.actual
            && tried.iter().any(|wanted| wanted.mode() == self.mode)
    }

    pub(super) fn words(&self, tried: &[Credentials<'_>]) -> Vec<String> {
        let mut findings = Vec::new();
        if self.is_password1 {
            findings.push(format!(
                "It is signed with the {}, and a ResultURL call is signed with Password#2. Either it is a SuccessURL \
                 redirect (the buyer's browser, no proof of payment), or #1 and #2 are swapped in the settings.",
                self.label
            ));
        }
        if !tried.iter().any(|wanted| wanted.mode() == self.mode) {
            findings.push(format!(
                "It is signed with the {}, and the invoice is not a {} one. Test payments pay test invoices only, and live \
                 payments live ones.",
                self.label, self.mode
            ));
        }
        if self.configured != self.actual {
            findings.push(format!(
                "It is signed with {}, and the settings say {} for {}: set the hash as in the cabinet.",
                self.actual, self.configured, self.mode
            ));
        }
        findings
    }
}
