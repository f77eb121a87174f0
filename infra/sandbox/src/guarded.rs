//! A mutex whose holder never waits and never fails: state behind it is only touched in short synchronous steps.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// State shared by request handlers. A panic in one handler must not take the stand-in down, so poison is ignored.
#[derive(Debug, Default)]
pub(crate) struct Guarded<T>(Mutex<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
