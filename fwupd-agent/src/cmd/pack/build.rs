//! `fwagent pack build`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Context, IdentityFlags, component};
use crate::error::{Error, Exit};
use crate::files::{self, Access, Existing};
use crate::keys::PrivateKey;
use crate::pack::build::{self, Algorithm, Place, Recipe};
use crate::pack::version;

#[derive(Debug, Args)]
pub(in crate::cmd) struct Flags {
    /// Image that the package is to install
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// Private key that signs, PKCS#8 PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Sequence number: a device refuses a lower one than it has
    #[arg(long, value_name = "N")]
    sequence: u64,
    /// Version for people, as in 1.2.0 or 1.2.0-rc.1
    #[arg(long, value_name = "TEXT")]
    version: Option<String>,
    #[command(flatten)]
    identity: IdentityFlags,
    /// Leave the image out; the device fetches it from here
    #[arg(long)]
    uri: Option<String>,
    /// With --uri: carry the image as well
    #[arg(long, requires = "uri")]
    bundle: bool,
    /// Component identifier, hex digits
    #[arg(long, value_name = "HEX", default_value = "00")]
    component: String,
    /// How the signature names its algorithm
    #[arg(long, value_enum, default_value_t)]
    alg: Algorithm,
    /// File of the package
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let identity = flags.identity.over(&context.config()?.identity)?;
    let version = flags.version.as_deref().map(version::parse).transpose().map_err(Error::usage)?;
    let component = component(&flags.component)?;
    let key = PrivateKey::read(&flags.key)?;
    let image = files::read(&flags.image, u32::MAX.into())?;
    let place = match (flags.uri.as_deref(), flags.bundle) {
        (None, _) => Place::Inside,
        (Some(uri), false) => Place::At(uri),
        (Some(uri), true) => Place::Both(uri),
    };
    let package = build::build(&Recipe {
        image: &image,
        identity: &identity,
        sequence: flags.sequence,
        version: version.as_deref(),
        component: &component,
        place,
        algorithm: flags.alg,
        key: &key,
    })
    .map_err(Error::failed)?;
    files::write(&flags.out, &package, Access::Everyone, Existing::Replace)?;

    let (file, size) = (flags.out.display().to_string(), package.len());
    let object = json!({ "file": file, "size": size, "sequence": flags.sequence });
    context.ui.result(&object, format_args!("{file}: sequence {}, {size} bytes", flags.sequence))?;
    Ok(Exit::Done)
}
