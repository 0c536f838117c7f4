//! A finished component is read for what it imports and exports.

use anyhow::{Context, Result, bail};
use wit_component::DecodedWasm;

/// How every component begins; a core module differs in the last four bytes.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// What a component asks for and offers, as full interface names (`otelier:plugin/processor@0.1.0`).
pub struct World {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// The world of a finished component; anything else is an error.
pub fn world(component: &[u8]) -> Result<World> {
    // The decoder also reads the world that a core module carries.
    if !component.starts_with(PREAMBLE) {
        bail!("not a component");
    }
    let DecodedWasm::Component(resolve, id) = wit_component::decode(component)? else {
        bail!("a WIT package, not a component");
    };
    let world = resolve.worlds.get(id).context("a component without a world")?;
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok(World { imports, exports })
}

/// Errors unless this is a processor as the README has it built: it exports the interface and imports no WASI.
pub fn check_processor(component: &[u8]) -> Result<World> {
    let world = world(component)?;
    if !world.exports.iter().any(|name| name.contains("/processor@")) {
        bail!("exports no processor interface, only {:?}", world.exports);
    }
    if let Some(name) = world.imports.iter().find(|name| name.starts_with("wasi:")) {
        bail!("imports {name}: a plugin has no clock, no files and no sockets");
    }
    Ok(world)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_module_is_no_component() {
        let empty_module = b"\0asm\x01\0\0\0";
        assert!(world(empty_module).is_err());
    }

    #[test]
    fn an_empty_component_is_no_processor() {
        let result = check_processor(PREAMBLE).map(|world| world.exports);
        assert!(result.is_err_and(|error| error.to_string().contains("no processor")));
    }
}
