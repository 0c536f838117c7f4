//! The plugins that are part of the program.

use otelier::config::{BuiltInPlugin, World};

/// Plugins that need no manifest.
pub const BUILT_IN: &[BuiltInPlugin] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));
