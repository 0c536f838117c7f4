//! Components that do at their instantiation what no compiler makes of a guest in Rust: a finished component, and behind its own sections
//! a core module that is instantiated with it. Section numbers are those of the WebAssembly core specification and of the component model's
//! `Binary.md`.

use anyhow::{Context, Result, ensure};

/// How every component begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// How every core module begins.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Of a component: a core module, and instances of core modules.
const MODULE: u8 = 1;
const INSTANCES: u8 = 2;

/// Section 1 of a core module: one type, a function without parameters and results.
const TYPES: (u8, &[u8]) = (1, b"\x01\x60\x00\x00");
/// Section 3: one function of that type.
const FUNCTIONS: (u8, &[u8]) = (3, b"\x01\x00");
/// Section 8: that function runs when the module is instantiated.
const START: (u8, &[u8]) = (8, b"\x00");

/// What the core module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// `(func $start (loop br 0))`
    EndlessStart,
    /// `(table 0 funcref) (func $start (loop (drop (table.grow (ref.null func) (i32.const 1000))) br 0))`
    GrowingTable,
    /// `(memory 0)`: beside the one that the component has.
    Memory,
    /// `(table 0 funcref)` seventeen times.
    Tables,
    /// An empty module, of which there are that many instances.
    Instances(u32),
}

/// Each that breaks, with what is said of it.
pub const AT_INSTANTIATION: [(Behind, &str); 5] = [
    (Behind::EndlessStart, "deadline exceeded"),
    (Behind::GrowingTable, "forcing trap when growing table to 21000 elements"),
    (Behind::Memory, "resource limit exceeded: memory count too high at 2"),
    (Behind::Tables, "resource limit exceeded: table count too high at "),
    (Behind::Instances(500), "resource limit exceeded: instance count too high at 17"),
];

/// The component with that behind it.
pub fn with(component: &[u8], behind: Behind) -> Result<Vec<u8>> {
    let number = core_modules(component)?;
    let count = match behind {
        Behind::Instances(count) => count,
        _ => 1,
    };
    // Instantiate, that module, without arguments.
    let instance = [&[0], &*unsigned(number), &[0]].concat();
    let instances = [unsigned(count), instance.repeat(count as usize)].concat();
    Ok([component, &section(MODULE, &module(behind)), &section(INSTANCES, &instances)].concat())
}

fn module(behind: Behind) -> Vec<u8> {
    let sections: &[(u8, &[u8])] = match behind {
        Behind::EndlessStart => &[TYPES, FUNCTIONS, START, (10, b"\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b")],
        Behind::GrowingTable => &[
            TYPES,
            FUNCTIONS,
            (4, b"\x01\x70\x00\x00"),
            START,
            (10, b"\x01\x10\x00\x03\x40\xd0\x70\x41\xe8\x07\xfc\x0f\x00\x1a\x0c\x00\x0b\x0b"),
        ],
        Behind::Memory => &[(5, b"\x01\x00\x00")],
        Behind::Tables => &[(4, SEVENTEEN_TABLES)],
        Behind::Instances(_) => &[],
    };
    sections.iter().fold(CORE_MODULE.to_vec(), |module, (id, content)| [module, section(*id, content)].concat())
}

const SEVENTEEN_TABLES: &[u8] = &{
    let mut tables = [0; 1 + 17 * 3];
    tables[0] = 17;
    let mut table = 0;
    while table < 17 {
        tables[1 + table * 3] = 0x70;
        table += 1;
    }
    tables
};

/// How many core modules a component has: the number of the next one.
fn core_modules(component: &[u8]) -> Result<u32> {
    let mut rest = component.strip_prefix(COMPONENT).context("no component")?;
    let mut modules = 0;
    while let Some((id, after)) = rest.split_first() {
        let (length, after) = read_unsigned(after)?;
        ensure!(after.len() >= length, "a section of {length} bytes has {}", after.len());
        modules += u32::from(*id == MODULE);
        rest = after.get(length..).unwrap_or_default();
    }
    Ok(modules)
}

/// A section of a component or of a core module.
pub fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &*unsigned(content.len() as u32), content].concat()
}

/// LEB128.
fn unsigned(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn read_unsigned(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| *byte < 0x80).context("a number without an end")?;
    ensure!(end < 5, "a number beyond 32 bits");
    let (number, rest) = bytes.split_at(end + 1);
    Ok((number.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_counted_over_the_sections_between_them() -> Result<()> {
        let component = [COMPONENT, &section(MODULE, &[0; 300]), &section(0, b"\x01a"), &section(MODULE, b"")].concat();
        ensure!(core_modules(&component)? == 2);
        ensure!(core_modules(&with(&component, Behind::Memory)?)? == 3);
        ensure!(core_modules(CORE_MODULE).is_err() && core_modules(&component[..100]).is_err());
        Ok(())
    }

    #[test]
    fn numbers_are_read_as_they_are_written() -> Result<()> {
        for number in [0, 127, 128, 300, u32::MAX] {
            ensure!(read_unsigned(&unsigned(number))? == (number as usize, &[][..]));
        }
        Ok(())
    }
}
