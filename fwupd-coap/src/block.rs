//! The value of Block1 and Block2: number, more, and size of a block. RFC 7959 section 2.2.

/// The size of a block: 16 to 1024 bytes, a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Szx(u8);

impl Szx {
    /// 16 bytes.
    pub const MIN: Self = Self(0);
    /// 1024 bytes.
    pub const MAX: Self = Self(6);

    /// The exponent as it is sent, 0 to 6. 7 is reserved.
    pub const fn new(exponent: u8) -> Option<Self> {
        if exponent <= 6 { Some(Self(exponent)) } else { None }
    }

    /// The largest size that is at most `bytes`; 16 where that is less.
    pub const fn fitting(bytes: usize) -> Self {
        let mut szx = Self::MAX;
        while szx.0 > 0 && szx.size() > bytes {
            szx.0 -= 1;
        }
        szx
    }

    /// The exponent as it is sent.
    pub const fn exponent(self) -> u8 {
        self.0
    }

    /// Bytes of a block.
    pub const fn size(self) -> usize {
        16 << self.0
    }
}

/// One block of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Number of the block, in units of its own size; 20 bits.
    pub number: u32,
    /// Whether more blocks follow.
    pub more: bool,
    /// Its size.
    pub szx: Szx,
}

/// A block option that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBlock {
    /// Its size is 7, which is reserved: to be answered with 4.00. RFC 7959 section 2.2.
    #[error("block size 7 is reserved")]
    Reserved,
    /// Its value has more than three bytes.
    #[error("the block option is too long")]
    TooLong,
}

impl Block {
    /// The largest number of a block.
    pub const NUMBER_MAX: u32 = (1 << 20) - 1;

    /// The block of this size that holds the byte at `offset`, with `more` unset, and how many bytes of it come
    /// before that one. None past the last number.
    pub const fn at(offset: u32, szx: Szx) -> Option<(Self, usize)> {
        let number = offset >> (szx.0 + 4);
        let before = offset as usize & (szx.size() - 1);
        if number > Self::NUMBER_MAX { None } else { Some((Self { number, more: false, szx }, before)) }
    }

    /// Reads an option's value of 0 to 3 bytes.
    ///
    /// # Errors
    /// [`BadBlock`], by its variants.
    pub fn parse(value: &[u8]) -> Result<Self, BadBlock> {
        if value.len() > 3 {
            return Err(BadBlock::TooLong);
        }
        let value = value.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
        let szx = Szx::new(value as u8 & 7).ok_or(BadBlock::Reserved)?;
        Ok(Self { number: value >> 4, more: value & 8 != 0, szx })
    }

    /// The option's value, as the number that is sent.
    pub const fn value(self) -> u32 {
        (self.number << 4) | ((self.more as u32) << 3) | self.szx.0 as u32
    }

    /// Offset of its first byte in the body, bytes.
    pub const fn offset(self) -> u32 {
        self.number << (self.szx.0 + 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_reads_as_the_rfc_writes_it() {
        // RFC 7959 section 2.2: number, M and SZX; section 3.1 writes 2:1/1/128 for block 1 of 128 bytes.
        assert_eq!(
            Block::parse(&[0x1B]),
            Ok(Block { number: 1, more: true, szx: Szx::new(3).unwrap() }),
            "1/1/128"
        );
        let zero = Block { number: 0, more: false, szx: Szx::MIN };
        assert_eq!(Block::parse(&[]), Ok(zero), "an option without a value is 0/0/16");
        assert_eq!(Block::parse(&[0, 0, 0]), Ok(zero), "leading zeros are allowed");
        let last = Block { number: Block::NUMBER_MAX, more: false, szx: Szx::MAX };
        assert_eq!(Block::parse(&[0xFF, 0xFF, 0xF6]), Ok(last));
        assert_eq!((last.value(), last.offset()), (0xFF_FFF6, 0x3FFF_FC00));
    }

    #[test]
    fn size_seven_and_four_bytes_are_refused() {
        assert_eq!(Block::parse(&[0x0F]), Err(BadBlock::Reserved));
        assert_eq!(Block::parse(&[0, 0, 0, 0]), Err(BadBlock::TooLong));
        assert_eq!(Szx::new(7), None);
    }

    #[test]
    fn an_offset_is_found_in_the_block_that_holds_it() {
        let szx = Szx::fitting(64);
        assert_eq!(szx.size(), 64);
        assert_eq!(Block::at(130, szx), Some((Block { number: 2, more: false, szx }, 2)));
        assert_eq!(Block::at(16 << 20, Szx::MIN), None, "more than 20 bits of number");
        assert_eq!(
            (Szx::fitting(5), Szx::fitting(1023).size(), Szx::fitting(9999)),
            (Szx::MIN, 512, Szx::MAX)
        );
    }
}
