//! Generated from `wit/0.1`: the world as the host sees it. Imports may trap; errors a guest can handle are in the WIT.

#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../wit/0.1",
    world: "processor-plugin",
    imports: { default: trappable },
});
