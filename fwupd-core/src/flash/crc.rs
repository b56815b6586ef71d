//! CRC-32 (ISO-HDLC, as in zlib), by half bytes: 64 bytes of table.

const TABLE: [u32; 16] = [
    entry(0),
    entry(1),
    entry(2),
    entry(3),
    entry(4),
    entry(5),
    entry(6),
    entry(7),
    entry(8),
    entry(9),
    entry(10),
    entry(11),
    entry(12),
    entry(13),
    entry(14),
    entry(15),
];

const fn entry(n: u32) -> u32 {
    let mut crc = n;
    let mut bit = 0;
    while bit < 4 {
        crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        bit += 1;
    }
    crc
}

/// A checksum in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const NEW: Self = Self(u32::MAX);

    pub(crate) fn byte(&mut self, byte: u8) {
        for half in [byte & 15, byte >> 4] {
            let index = (self.0 as u8 & 15) ^ half;
            self.0 = (self.0 >> 4) ^ TABLE.get(usize::from(index)).copied().unwrap_or(0);
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.byte(*b));
    }

    pub(crate) fn value(self) -> u32 {
        !self.0
    }

    pub(crate) fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::NEW;
        crc.update(bytes);
        crc.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(Crc::of(b"123456789"), 0xCBF4_3926);
    }

    proptest! {
        #[test]
        fn it_is_the_crc_of_crc32fast(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Crc::of(&bytes), crc32fast::hash(&bytes));
        }
    }
}
