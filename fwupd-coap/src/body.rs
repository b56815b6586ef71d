//! A response's body in blocks, cut as they are asked for. RFC 7959 sections 2.3, 2.4 and 2.6.

use crate::block::{BadBlock, Block, Szx};
use crate::endpoint::sum;
use crate::message::Writer;
use crate::out::Out;
use crate::spec::option;

/// One answer of a body that was cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Offset of its first byte, bytes.
    pub offset: u32,
    /// How many bytes it carries.
    pub length: usize,
    /// Length of the whole body, bytes.
    pub size: u32,
    /// Its Block2; none if the body is whole and blocks were not asked for.
    pub block: Option<Block>,
}

/// No such block, to be answered with 4.00: its size is reserved, or it is past the end. RFC 7959 sections 2.2
/// and 2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such block")]
pub struct NoBlock;

impl From<BadBlock> for NoBlock {
    fn from(_: BadBlock) -> Self {
        Self
    }
}

impl Cut {
    /// What of a body of `size` bytes is to be sent to who asked for `block`, in blocks of `most` at most.
    ///
    /// # Errors
    /// [`NoBlock`].
    pub fn of(size: u32, block: Result<Option<Block>, BadBlock>, most: Szx) -> Result<Self, NoBlock> {
        let asked = match block? {
            Some(asked) => asked,
            None if size as usize <= most.size() => {
                return Ok(Self { offset: 0, length: size as usize, size, block: None });
            }
            None => Block { number: 0, more: false, szx: most },
        };
        // A smaller size than was asked for keeps the offset, and so changes the number.
        let (block, _) = Block::at(asked.offset(), asked.szx.min(most)).ok_or(NoBlock)?;
        let offset = block.offset();
        if offset >= size && offset > 0 {
            return Err(NoBlock);
        }
        let left = size.saturating_sub(offset) as usize;
        let length = left.min(block.szx.size());
        Ok(Self { offset, length, size, block: Some(Block { more: length < left, ..block }) })
    }

    /// Writes an entity tag, the content format if there is one, Block2 and Size2 where there are blocks, and
    /// the block of this body.
    pub fn write(&self, body: &[u8], format: Option<u16>, to: &mut Writer<'_>) {
        self.write_tagged(&etag(body), body, format, to);
    }

    /// The same with a tag that was made before, so that not each block of a large body is summed up anew.
    pub fn write_tagged(&self, tag: &[u8], body: &[u8], format: Option<u16>, to: &mut Writer<'_>) {
        if self.block.is_some() {
            to.option(option::ETAG, tag);
        }
        self.rest(format, to);
        let from = self.offset as usize;
        match body.get(from..from.saturating_add(self.length)) {
            Some(bytes) => _ = to.payload(bytes),
            None => to.fail(),
        }
    }

    /// Writes what comes after the entity tag (and Observe) and before the payload, for a body that is read
    /// elsewhere.
    pub fn rest(&self, format: Option<u16>, to: &mut Writer<'_>) {
        if let Some(format) = format {
            to.uint(option::CONTENT_FORMAT, u32::from(format));
        }
        if let Some(block) = self.block {
            to.block(option::BLOCK2, block).uint(option::SIZE2, self.size);
        }
    }
}

/// One answer of a body that is not kept: it is written anew, by the same function, for each of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anew {
    /// A fingerprint of the whole body, and its entity tag: two answers of the same body have the same.
    pub print: [u8; 4],
    /// What of the body is sent.
    pub cut: Cut,
}

impl Anew {
    /// What of this body is to be sent to who asked for `block`, in blocks of `most` at most.
    ///
    /// # Errors
    /// [`NoBlock`].
    pub fn of(body: &[u8], block: Result<Option<Block>, BadBlock>, most: Szx) -> Result<Self, NoBlock> {
        Ok(Self { print: etag(body), cut: Cut::of(body.len() as u32, block, most)? })
    }

    /// Writes the options: the entity tag where there are blocks, Observe, and what [`Cut::rest`] writes.
    pub fn options(&self, observe: Option<u32>, format: u16, to: &mut Writer<'_>) {
        if self.cut.block.is_some() {
            to.option(option::ETAG, &self.print);
        }
        if let Some(sequence) = observe {
            to.uint(option::OBSERVE, sequence);
        }
        self.cut.rest(Some(format), to);
    }

    /// Writes the payload: the block's window of what `body` writes.
    pub fn payload(&self, body: &mut dyn FnMut(&mut Out<'_>), to: &mut Writer<'_>) {
        to.payload_with(|room| {
            let from = self.cut.offset as usize;
            let mut out = Out::window(room, from, from.saturating_add(self.cut.length));
            body(&mut out);
            out.finish().unwrap_or(usize::MAX)
        });
    }
}

/// An entity tag of a body, so that its blocks can be told from those of another one: FNV-1a, 32 bits.
pub fn etag(body: &[u8]) -> [u8; 4] {
    sum(body).to_be_bytes()
}
