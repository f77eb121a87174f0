//! A form with a file: the fields, and the file's bytes in the file store.

use std::sync::Arc;

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use geobot_shared::files::{FileError, FileStore, LONGEST_FILE};
use geobot_shared::topics::states::StoredFile;
use subtle::ConstantTimeEq;

use super::failure::Failure;
use super::posted::{CSRF, Fields, Posted};
use super::session::Visit;
use crate::access::Role;
use crate::app::App;

/// The longest form with a file, in bytes: the file, and the fields beside it.
pub(crate) const LONGEST_FORM: usize = LONGEST_FILE as usize + 256 * 1_024;
/// The longest field beside the file, in bytes.
const LONGEST_FIELD: usize = 64 * 1_024;
/// The name of the field with the file.
const FILE: &str = "file";
/// A form without a file.
const URL_ENCODED: &[u8] = b"application/x-www-form-urlencoded";

/// A form of somebody who is signed in, which has not been read yet: its file is kept only if the sender may send it.
pub(crate) struct Upload {
    visit: Visit,
    form: Form,
}

enum Form {
    /// Without a file. Its token is right.
    Plain(Fields),
    Parts(Multipart),
}

/// The same, read. The token must have come before the file, so that nobody else's file is ever kept.
pub(crate) struct Uploaded {
    pub(crate) visit: Visit,
    pub(crate) fields: Fields,
    /// The file, if one was chosen; kept already.
    pub(crate) file: Option<StoredFile>,
    /// Why the file that was chosen is not taken.
    pub(crate) refused: Option<FileError>,
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Upload, Response> {
        let (mut parts, body) = request.into_parts();
        let is_plain = (parts.headers.get(CONTENT_TYPE))
            .is_some_and(|kind| kind.as_bytes().starts_with(URL_ENCODED));
        if is_plain {
            let request = Request::from_parts(parts, body);
            let Posted { visit, fields } = Posted::from_request(request, app).await?;
            let form = Form::Plain(fields);
            return Ok(Upload { visit, form });
        }
        let visit = Visit::from_request_parts(&mut parts, app).await?;
        let form = Multipart::from_request(Request::from_parts(parts, body), app).await;
        let form = Form::Parts(form.map_err(|_| Failure::BadForm.into_response())?);
        Ok(Upload { visit, form })
    }
}

impl Upload {
    /// Reads it, and keeps its file, if whoever sends it `may`.
    ///
    /// # Errors
    /// [`Failure::Forbidden`], [`Failure::ForeignForm`], [`Failure::BadForm`], or the file store's.
    pub(crate) async fn read(
        self,
        may: impl FnOnce(Role) -> bool,
        files: &FileStore,
    ) -> Result<Uploaded, Failure> {
        let may = may(self.visit.staff.role);
        let mut uploaded = Uploaded {
            visit: self.visit,
            fields: Fields::default(),
            file: None,
            refused: None,
        };
        match self.form {
            Form::Plain(fields) if may => uploaded.fields = fields,
            Form::Parts(form) if may => read(form, &mut uploaded, files).await?,
            Form::Plain(_) => return Err(Failure::Forbidden),
            Form::Parts(form) => {
                pass_by(form).await?;
                return Err(Failure::Forbidden);
            }
        }
        Ok(uploaded)
    }
}

/// Reads a form to its end and keeps nothing: a browser that still sends would never see the answer.
async fn pass_by(mut form: Multipart) -> Result<(), Failure> {
    while let Some(mut field) = form.next_field().await.map_err(|_| Failure::BadForm)? {
        while field.chunk().await.map_err(|_| Failure::BadForm)?.is_some() {}
    }
    Ok(())
}

async fn read(
    mut form: Multipart,
    uploaded: &mut Uploaded,
    files: &FileStore,
) -> Result<(), Failure> {
    let mut ours = false;
    while let Some(mut field) = form.next_field().await.map_err(|_| Failure::BadForm)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == FILE {
            if !ours {
                return Err(Failure::ForeignForm);
            }
            match keep(files, field).await? {
                Ok(file) => uploaded.file = file,
                Err(refused) => uploaded.refused = Some(refused),
            }
            continue;
        }
        let value = text(&mut field).await?;
        if name == CSRF {
            let token = uploaded.visit.staff.csrf.as_bytes();
            ours = bool::from(value.as_bytes().ct_eq(token));
        }
        uploaded.fields.add(name, value);
    }
    match ours {
        true => Ok(()),
        false => Err(Failure::ForeignForm),
    }
}

async fn text(field: &mut Field<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while let Some(part) = field.chunk().await.map_err(|_| Failure::BadForm)? {
        bytes.extend_from_slice(&part);
        if bytes.len() > LONGEST_FIELD {
            return Err(Failure::BadForm);
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Keeps a file. `None`: the form has the field, and no file was chosen.
async fn keep(
    files: &FileStore,
    mut field: Field<'_>,
) -> Result<Result<Option<StoredFile>, FileError>, Failure> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let media_type = field.content_type().map(str::to_owned);
    let mut incoming = match files.begin().await {
        Ok(incoming) => incoming,
        Err(error) => return Err(error.into()),
    };
    let mut long = false;
    while let Some(part) = field.chunk().await.map_err(|_| Failure::BadForm)? {
        // Read to its end all the same, or the browser would never see the answer.
        match incoming.write(&part).await {
            Ok(()) => {}
            Err(FileError::TooLong) => long = true,
            Err(error) => return Err(error.into()),
        }
    }
    if long {
        return Ok(Err(FileError::TooLong));
    }
    match incoming.end(&name, media_type.as_deref()).await {
        Ok(file) => Ok(Ok(Some(file))),
        // A browser sends an empty part without a name when no file was chosen.
        Err(FileError::Empty) if name.is_empty() => Ok(Ok(None)),
        Err(FileError::Empty) => Ok(Err(FileError::Empty)),
        Err(error) => Err(error.into()),
    }
}
