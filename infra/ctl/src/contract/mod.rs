//! `contract`: docs/asyncapi.yaml, made from the topic types of this build.

mod document;
mod messages;
mod schemas;
mod yaml;

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Prints what is on every topic as an AsyncAPI 3 document: actions, keys, headers, schemas and examples.
#[derive(Debug, clap::Args)]
pub(crate) struct Contract {
    /// Compare this file with what would be printed, and print nothing. Exit code 1 when it differs.
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

impl Contract {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let text = text()?;
        match &self.check {
            None => {
                print!("{text}");
                Ok(())
            }
            Some(file) => check(file, &text),
        }
    }
}

/// The document as it stands in the file.
fn text() -> Result<String, Failure> {
    let head = "# Made from the topic types by `geobot-ctl contract`. To change it, change shared/src/topics.\n";
    Ok(format!("{head}{}", yaml::write(&document::document()?)))
}

fn check(file: &Path, wanted: &str) -> Result<(), Failure> {
    let found = std::fs::read_to_string(file)
        .map_err(|e| Failure::setting(format!("{} can't be read: {e}", file.display())))?;
    if found == wanted {
        return Ok(());
    }
    let same = found
        .lines()
        .zip(wanted.lines())
        .take_while(|(a, b)| a == b);
    let line = same.count();
    let at = |text: &str| {
        text.lines()
            .nth(line)
            .unwrap_or("(its end)")
            .trim()
            .to_owned()
    };
    Err(Failure::failed(format!(
        "{file} does not match the topic types: line {number} is `{found}`, not `{wanted}`. \
         Write it anew: geobot-ctl contract > {file}",
        file = file.display(),
        number = line + 1,
        found = at(&found),
        wanted = at(wanted),
    )))
}
