//! The products: what may be sold, and how that changes.

mod change;
mod draft;
mod keys;
mod terms;

pub use change::{ChangeError, Saved, create, set_active, update};
pub use draft::{Draft, DraftError, LONGEST_DESCRIPTION, LONGEST_TITLE, MOST_EXPENSIVE};
pub use keys::{MOST_IN_UPLOAD, UploadError, Uploaded, upload_keys};
pub use terms::Terms;
