//! What a component is made of, for people who look at one.

use std::collections::BTreeSet;

use wasmtime::component::Component;

use super::engine::Engine;
use super::file::PluginFile;
use super::load_error::LoadError;
use super::sections::Sections;

/// Of linear memory.
const PAGE_BYTES: u64 = 65_536;
/// The worlds of the contract, and what each exports.
const WORLDS: [(&str, &str); 2] = [
    ("otelier:plugin/processor@0.1.0", "processor-plugin@0.1.0"),
    ("otelier:plugin/breaker@0.1.0", "breaker-policy@0.1.0"),
];

/// A component's outside.
#[derive(Debug, Clone)]
pub struct Anatomy {
    /// Whose world it exports.
    pub world: Option<&'static str>,
    /// Interfaces it wants of the host, with their versions.
    pub imports: BTreeSet<String>,
    /// Interfaces it has, with their versions.
    pub exports: BTreeSet<String>,
    /// Bytes of linear memory it starts with, if that is known from outside.
    pub memory_bytes: Option<u64>,
    /// Elements its largest table starts with.
    pub table_elements: Option<u64>,
    /// What it says of itself.
    pub sections: Sections,
}

/// The world of the contract that a component exports, with its version.
pub(super) fn world_of(engine: &Engine, component: &Component) -> Option<&'static str> {
    let has = |name: &str| component.component_type().exports(engine.inner()).any(|(export, _)| export == name);
    WORLDS.into_iter().find(|(export, _)| has(export)).map(|(_, world)| world)
}

impl Engine {
    /// Compiles a file and looks at it from outside.
    pub fn anatomy(&self, file: &PluginFile) -> Result<Anatomy, LoadError> {
        let (component, _) = self.component(file)?;
        let outside = component.component_type();
        let resources = component.resources_required();
        let exports: BTreeSet<String> = outside.exports(self.inner()).map(|(name, _)| name.to_owned()).collect();
        Ok(Anatomy {
            world: world_of(self, &component),
            imports: outside.imports(self.inner()).map(|(name, _)| name.to_owned()).collect(),
            exports,
            memory_bytes: resources
                .as_ref()
                .and_then(|resources| resources.max_initial_memory_size)
                .map(|pages| pages.saturating_mul(PAGE_BYTES)),
            table_elements: resources.as_ref().and_then(|resources| resources.max_initial_table_size),
            sections: Sections::read(file.bytes()),
        })
    }
}
