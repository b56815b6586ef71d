//! `fwagent key gen|show`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::Context;
use crate::error::{Error, Exit};
use crate::files::{self, Access, Existing};
use crate::keys::{AnyKey, PrivateKey, public_path};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key pair: FILE (private, mode 0600) and its public half
    Gen {
        /// File of the private key, PKCS#8 PEM
        file: PathBuf,
        /// File of the public key, SPKI PEM [default: FILE with .pub.pem]
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,
        /// Replace files that exist
        #[arg(long)]
        force: bool,
    },
    /// Print the public key of a key file, as hex and PEM
    Show {
        /// Private or public key: PEM, or the 64 hex digits of a public key
        file: PathBuf,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Gen { file, public, force } => {
            let public = public.clone().unwrap_or_else(|| public_path(file));
            let existing = if *force { Existing::Replace } else { Existing::Keep };
            // Looked for first, so that a refusal leaves no half of a pair; the write refuses as well.
            if existing == Existing::Keep
                && let Some(there) = [file, &public].into_iter().find(|f| f.exists())
            {
                return Err(files::exists(there));
            }
            let key = PrivateKey::generate()?;
            files::write(file, key.to_pem()?.as_bytes(), Access::Owner, existing)?;
            files::write(&public, key.public().to_pem()?.as_bytes(), Access::Everyone, existing)?;
            let object = json!({
                "private": file.display().to_string(),
                "public": public.display().to_string(),
                "key": key.public().to_string(),
            });
            let (private, public, key) = (file.display(), public.display(), key.public());
            let text = format_args!("private  {private}\npublic   {public}\nkey      {key}").to_string();
            context.ui.result(&object, text)?;
        }
        Command::Show { file } => {
            let key = AnyKey::read(file)?.public();
            let pem = key.to_pem()?;
            let object = json!({ "key": key.to_string(), "pem": pem });
            context.ui.result(&object, format_args!("{key}\n{}", pem.trim_end()))?;
        }
    }
    Ok(Exit::Done)
}
