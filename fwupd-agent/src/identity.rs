//! Who a device is: the vendor and class identifiers of RFC 9124, sections 3.3 and 3.4.

use uuid::Uuid;

/// The longest name that is hashed, bytes.
const LONGEST: usize = 255;

/// Text that is neither a UUID nor a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadIdentifier {
    /// It has the form of a UUID but other characters than hex digits.
    #[error("{0:?} has the form of a UUID but is none")]
    Uuid(String),
    /// It is empty or too long.
    #[error("a vendor or class name has 1 to {LONGEST} bytes")]
    Name,
}

/// Vendor and class of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Vendor identifier.
    pub vendor: Uuid,
    /// Class identifier.
    pub class: Uuid,
}

impl Identity {
    /// Of two texts, each a UUID or a name. A vendor's name is its domain name, hashed as UUID5 of the DNS
    /// namespace; a class's name is hashed as UUID5 of the vendor identifier.
    ///
    /// # Errors
    /// Text that is empty, too long, or nearly a UUID.
    pub fn named(vendor: &str, class: &str) -> Result<Self, BadIdentifier> {
        let vendor = identifier(&Uuid::NAMESPACE_DNS, vendor)?;
        Ok(Self { vendor, class: identifier(&vendor, class)? })
    }
}

fn identifier(space: &Uuid, text: &str) -> Result<Uuid, BadIdentifier> {
    let lengths = text.split('-').map(str::len);
    // A slip in a UUID must not silently become the hash of a name.
    if lengths.eq([8, 4, 4, 4, 12]) {
        return Uuid::try_parse(text).map_err(|_| BadIdentifier::Uuid(text.to_owned()));
    }
    if text.is_empty() || text.len() > LONGEST {
        return Err(BadIdentifier::Name);
    }
    Ok(Uuid::new_v5(space, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_uuids_are_the_same_identity() {
        let vendor = "cfbff0d1-9375-5685-968c-48ce8b15ae17";
        let class = "7d0789e9-0509-5940-9265-5b7d4bb99955";
        let named = Identity::named("example.com", "demo-board-1").unwrap();
        assert_eq!((named.vendor.to_string().as_str(), named.class.to_string().as_str()), (vendor, class));
        assert_eq!(Identity::named(vendor, class), Ok(named));
        assert_eq!(Identity::named(vendor, "demo-board-1"), Ok(named));
    }

    #[test]
    fn a_slip_in_a_uuid_is_not_hashed_as_a_name() {
        let slip = "7d0789e9-0509-5940-9265-5b7d4bb9995g";
        assert_eq!(Identity::named("example.com", slip), Err(BadIdentifier::Uuid(slip.into())));
        assert_eq!(Identity::named("", "x"), Err(BadIdentifier::Name));
        assert_eq!(Identity::named("x", &"y".repeat(256)), Err(BadIdentifier::Name));
    }
}
