//! What wit-bindgen makes of the world of breaker policies: like [`crate::bindings`], and none of it written by hand either.
#![allow(unsafe_code, missing_docs, rust_2018_idioms, clippy::all)]

wit_bindgen::generate!({
    path: "../wit/0.1",
    world: "breaker-policy",
    pub_export_macro: true,
    export_macro_name: "export_policy_component",
    additional_derives: [PartialEq],
    with: {
        "otelier:plugin/types@0.1.0": crate::bindings::otelier::plugin::types,
        "otelier:plugin/log@0.1.0": crate::bindings::otelier::plugin::log,
    },
});
