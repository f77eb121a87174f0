//! `robokassa vectors` and `robokassa explain`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use geobot_shared::ids::Mode;
use geobot_shared::money::Money;
use geobot_shared::robokassa::{explain, vectors};
use geobot_shared::shop::ShopSettings;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum RobokassaCommand {
    /// Check the signatures of this build against a file of test vectors (JSON)
    Vectors {
        /// The file
        file: PathBuf,
    },
    /// Say in plain words why a callback is accepted or refused
    Explain(Box<Explain>),
}

/// Reads what Robokassa sent: a query, a form body, a whole address, a line of an access log, a list of parameters or
/// JSON. It is compared with what the shop's settings would sign. Passwords are never shown. Exit code 0: genuine; 1: refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    shop: ShopSettings,
    /// The callback; standard input when absent or `-`
    #[arg(default_value = "-", hide_default_value = true)]
    callback: String,
    /// The invoice's mode, live or test; both are tried when absent
    #[arg(long)]
    mode: Option<Mode>,
    /// The invoice's price in rubles, for example 299.00
    #[arg(long, value_parser = Money::parse_rubles)]
    amount: Option<Money>,
}

impl RobokassaCommand {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            RobokassaCommand::Vectors { file } => check(&file),
            RobokassaCommand::Explain(explain) => explain.run(),
        }
    }
}

fn check(file: &Path) -> Result<(), Failure> {
    let unreadable =
        |why: String| Failure::setting(format!("{} can't be read: {why}", file.display()));
    let json = std::fs::read_to_string(file).map_err(|e| unreadable(e.to_string()))?;
    let report = vectors::check(json.trim_start_matches('\u{feff}'))
        .map_err(|e| unreadable(e.to_string()))?;
    println!("{report}");
    if report.is_success() {
        Ok(())
    } else if report.failed.is_empty() {
        Err(Failure::failed("the file has no vectors"))
    } else {
        Err(Failure::Reported)
    }
}

impl Explain {
    fn run(&self) -> Result<(), Failure> {
        let shop = self
            .shop
            .secrets()
            .map_err(|e| Failure::setting(e.to_string()))?;
        let mut received = self.callback.clone();
        if received == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .take(1 << 20)
                .read_to_end(&mut bytes)
                .map_err(|e| Failure::setting(format!("standard input can't be read: {e}")))?;
            // What is no UTF-8 is part of what is to be explained.
            received = String::from_utf8_lossy(&bytes).into_owned();
        }
        let known = explain::Known {
            mode: self.mode,
            amount: self.amount,
        };
        let explanation = explain::explain(&received, &shop, known);
        println!("{explanation}");
        match explanation.accepted {
            Some(_) => Ok(()),
            None => Err(Failure::Reported),
        }
    }
}
