//! Why a command did not do what was asked, as the two classes that choose the exit code.

/// One line for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A wrong or missing setting or argument: exit code 2.
    #[error("{0}")]
    Setting(String),
    /// It could not be done, or a check failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// A check failed and its report, already printed, says how: exit code 1.
    #[error("a check failed")]
    Reported,
}

impl Failure {
    pub(crate) fn setting(why: impl Into<String>) -> Failure {
        Failure::Setting(why.into())
    }

    pub(crate) fn failed(why: impl Into<String>) -> Failure {
        Failure::Failed(why.into())
    }
}

/// The innermost cause of an HTTP error. The outer ones repeat the address, which may hold a signed link.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.is::<reqwest::Error>() && error.is_timeout() {
        return "no answer in time".to_owned();
    }
    innermost.to_string()
}
