//! The component types that there are, and what to say of one that there is not.

use super::instead;
use super::plan::BuiltInPlugin;
use super::problem::{Family, Hint};

/// The component types that the host has. Types of processors and breakers are plugins: those of the manifest, and those built in.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Receiver types.
    pub receivers: &'a [&'a str],
    /// Processor types that are no plugins.
    pub processors: &'a [&'a str],
    /// Exporter types.
    pub exporters: &'a [&'a str],
    /// Those of them that name other exporters, under `exporters`.
    pub groups: &'a [&'a str],
    /// Extension types.
    pub extensions: &'a [&'a str],
    /// Connector types.
    pub connectors: &'a [&'a str],
    /// Plugins that need no manifest.
    pub plugins: &'a [BuiltInPlugin],
}

impl Known<'_> {
    /// What to do about a type that is not there.
    pub(super) fn type_hint<'k>(&self, family: Family, kind: &str, types: impl Iterator<Item = &'k str>) -> Hint {
        if let Some(words) = instead::remedy(family, kind) {
            return Hint::Instead(words.to_owned());
        }
        let families = [
            (Family::Receiver, self.receivers),
            (Family::Exporter, self.exporters),
            (Family::Extension, self.extensions),
            (Family::Processor, self.processors),
            (Family::Connector, self.connectors),
        ];
        match families.into_iter().find(|(other, types)| *other != family && types.contains(&kind)) {
            Some((other, _)) => Hint::Instead(format!(
                "there is {} {other} of this type: define it under `{}`",
                other.article(),
                other.section()
            )),
            None => Hint::misspelt(kind, types),
        }
    }
}
