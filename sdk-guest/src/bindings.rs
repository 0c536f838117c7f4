//! What wit-bindgen makes of the contract in `wit/0.1`: the one module with unsafe code, none of it written by hand.
#![allow(unsafe_code, missing_docs, rust_2018_idioms, clippy::all)]

wit_bindgen::generate!({
    path: "../wit/0.1",
    world: "processor-plugin",
    pub_export_macro: true,
    export_macro_name: "export_component",
    additional_derives: [PartialEq],
});
