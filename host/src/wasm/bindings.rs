//! Generated from `wit/0.1`: the worlds as the host sees them. Imports may trap; errors a guest can handle are in the WIT.

#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../wit/0.1",
    world: "processor-plugin",
    imports: { default: trappable },
});

/// The world of breaker policies.
pub mod breaker {
    wasmtime::component::bindgen!({
        path: "../wit/0.1",
        world: "breaker-policy",
        imports: { default: trappable },
    });
}
