//! Names that cargo, the compiler and configurations take.

use anyhow::{Result, bail, ensure};
use otelier::run::Components;

use crate::built_in::BUILT_IN;

/// As crates.io has it.
const LENGTH_MAX: usize = 64;

/// A crate of this name could not be named in code.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that come with the compiler, or that the plugin depends on.
const TAKEN: &[&str] = &["alloc", "core", "otelier_sdk", "proc_macro", "serde", "std", "test"];

/// Says what is wrong with a plugin's name.
pub fn check(name: &str) -> Result<()> {
    let starts = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    ensure!(starts, "`{name}`: a plugin's name starts with a letter of ASCII");
    let is_known = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if let Some(other) = name.chars().find(|c| !is_known(c)) {
        bail!("`{name}`: {other:?} cannot be in a plugin's name; use letters and digits of ASCII, `-` and `_`");
    }
    ensure!(name.len() <= LENGTH_MAX, "`{name}`: a plugin's name has at most {LENGTH_MAX} characters");
    let krate = name.replace('-', "_");
    ensure!(!KEYWORDS.contains(&krate.as_str()), "`{name}` is a word of Rust; choose another name");
    ensure!(!TAKEN.contains(&krate.as_str()), "`{name}` is the name of a crate that the plugin needs; choose another");
    let components = Components::with(&[]);
    let types = components.catalogue().into_iter().flat_map(|(_, types)| types).flat_map(|about| about.names);
    let built_in = BUILT_IN.iter().map(|plugin| plugin.name);
    ensure!(
        !types.copied().chain(built_in).any(|known| known == name),
        "`{name}` is a component type of otelier already; choose another name"
    );
    Ok(())
}
