//! What is part of the program beside its code: plugins, and the sources of the SDK for authors. Plugins are those that `cargo xtask` has put
//! into `target/plugins` of the repository before: they are their own package's to compile, for another target.

#[path = "build/sdk.rs"]
mod sdk;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Each plugin that ships, with the name of its world.
const PLUGINS: [(&str, &str); 6] = [
    ("aggregate", "Processor"),
    ("attributes", "Processor"),
    ("consecutive-failures", "BreakerPolicy"),
    ("failure-rate", "BreakerPolicy"),
    ("filter", "Processor"),
    ("resource", "Processor"),
];

fn main() -> io::Result<()> {
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let repository = Path::new(&here).join("../..");
    let folder = repository.join("target/plugins");
    // A folder that is not there would be looked for at each build, and everything built anew.
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut table = String::new();
    for (name, world) in PLUGINS {
        let file = folder.join(format!("{name}.wasm"));
        if !file.is_file() {
            println!("cargo::warning=plugin {name} is not built in: `cargo xtask plugins` makes {}", file.display());
            continue;
        }
        println!("cargo::rerun-if-changed={}", file.display());
        let file = file.canonicalize()?;
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "    BuiltInPlugin {{ name: {name:?}, world: World::{world}, component: include_bytes!({:?}) }},",
            file.display().to_string()
        );
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("built_in.rs"), format!("&[\n{table}]\n"))?;
    sdk::write_table(&repository, Path::new(&out))
}
