//! From the core module that cargo builds to the component that the host loads: what `otelier plugin build` and `cargo xtask plugins` share.

use anyhow::Result;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wit_component::ComponentEncoder;

/// The target that plugins are built for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Wraps a core module that carries its world in a custom section, and checks the result. A module that was built on WASI's first preview gets
/// the adapter that cargo-component gives it.
pub fn encode(core_module: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(core_module)?;
    let is_on_wasi = core_module.windows(ADAPTER_NAME.len()).any(|window| window == ADAPTER_NAME.as_bytes());
    if is_on_wasi {
        encoder.adapter(ADAPTER_NAME, ADAPTER)?;
    }
    encoder.encode()
}
