//! sdk
#[allow(unsafe_code, missing_docs, clippy::all)]
pub mod bindings {
    //! x
    wit_bindgen::generate!({
        path: "../wit/0.1",
        world: "processor-plugin",
        pub_export_macro: true,
        export_macro_name: "export_component",
        additional_derives: [PartialEq],
        generate_all,
    });
}
