//! As much of ELF (32 bits, little-endian) as it takes to measure a binary.

/// What a binary takes on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Code and constants, bytes: what stays in flash.
    pub(crate) text: u32,
    /// Static RAM, bytes.
    pub(crate) ram: u32,
    /// Symbols with their size, largest first.
    pub(crate) symbols: Vec<(u32, String)>,
}

/// A section is in memory, and may be written.
const ALLOC: u32 = 2;
const WRITE: u32 = 1;
/// Section types: symbols, and zeros that take no room in the file.
const SYMTAB: u32 = 2;
const NOBITS: u32 = 8;

struct Section {
    kind: u32,
    flags: u32,
    offset: u32,
    size: u32,
    link: u32,
}

/// Measures a binary; `None` if it is none.
pub(crate) fn measure(file: &[u8]) -> Option<Sizes> {
    // ELF, 32 bits, little-endian.
    file.strip_prefix(b"\x7fELF\x01\x01")?;
    let (table, entry, count) = (word(file, 32)?, half(file, 46)?, half(file, 48)?);
    let at = |n: u32| Some(table.checked_add(n.checked_mul(u32::from(entry))?)? as usize);
    let sections: Option<Vec<Section>> = (0..u32::from(count))
        .map(|n| {
            let entry = file.get(at(n)?..)?.first_chunk::<40>()?;
            Some(Section {
                kind: word(entry, 4)?,
                flags: word(entry, 8)?,
                offset: word(entry, 16)?,
                size: word(entry, 20)?,
                link: word(entry, 24)?,
            })
        })
        .collect();
    let sections = sections?;
    let mut sizes = Sizes { text: 0, ram: 0, symbols: Vec::new() };
    for section in &sections {
        let in_memory = section.flags & ALLOC != 0;
        let is_ram = section.flags & WRITE != 0;
        // What is written at run time and is not zero at first lies in flash as well.
        if in_memory && section.kind != NOBITS {
            sizes.text += section.size;
        }
        if in_memory && is_ram {
            sizes.ram += section.size;
        }
        if section.kind == SYMTAB {
            let names = bytes(file, sections.get(section.link as usize)?)?;
            sizes.symbols = symbols(bytes(file, section)?, names)?;
        }
    }
    Some(sizes)
}

fn symbols(table: &[u8], names: &[u8]) -> Option<Vec<(u32, String)>> {
    let mut symbols = Vec::new();
    for symbol in table.chunks_exact(16) {
        let (name, size) = (word(symbol, 0)? as usize, word(symbol, 8)?);
        let name = names.get(name..)?.split(|byte| *byte == 0).next()?;
        if size > 0 {
            symbols.push((size, String::from_utf8_lossy(name).into_owned()));
        }
    }
    symbols.sort_by(|a, b| b.cmp(a));
    Some(symbols)
}

fn bytes<'f>(file: &'f [u8], section: &Section) -> Option<&'f [u8]> {
    file.get(section.offset as usize..)?.get(..section.size as usize)
}

fn word(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

fn half(file: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of five sections: code, constants, data, zeros and symbols with their names.
    fn file() -> Vec<u8> {
        let mut file = b"\x7fELF\x01\x01".to_vec();
        file.resize(52, 0);
        let names = file.len() as u32;
        file.extend(b"\0small\0large\0");
        let table = file.len() as u32;
        for (name, size) in [(1u32, 10u32), (7, 300), (1, 0)] {
            file.extend([name, 0, size, 0].map(u32::to_le_bytes).concat());
        }
        let sections = file.len() as u32;
        for [kind, flags, offset, size, link] in [
            [1, ALLOC | 4, 0, 1000, 0],
            [1, ALLOC, 0, 200, 0],
            [1, ALLOC | WRITE, 0, 30, 0],
            [NOBITS, ALLOC | WRITE, 0, 4000, 0],
            [1, 0, 0, 7777, 0],
            [3, 0, names, 13, 0],
            [SYMTAB, 0, table, 48, 5],
        ] {
            file.extend([0, kind, flags, 0, offset, size, link, 0, 0, 0].map(u32::to_le_bytes).concat());
        }
        file[32..36].copy_from_slice(&sections.to_le_bytes());
        file[46..48].copy_from_slice(&40u16.to_le_bytes());
        file[48..50].copy_from_slice(&7u16.to_le_bytes());
        file
    }

    #[test]
    fn sections_count_by_where_they_lie() {
        let sizes = measure(&file()).unwrap();
        assert_eq!((sizes.text, sizes.ram), (1230, 4030));
        assert_eq!(sizes.symbols, [(300, "large".to_owned()), (10, "small".to_owned())]);
    }

    #[test]
    fn what_is_no_such_file_or_cut_short_is_none() {
        let file = file();
        assert_eq!(measure(b"#!/bin/sh"), None);
        for len in 0..file.len() {
            assert_eq!(measure(&file[..len]), None, "{len}");
        }
    }
}
