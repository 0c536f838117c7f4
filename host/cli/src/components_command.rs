//! `otelier components`: what a configuration can name.

use std::fmt::Write as _;

use anyhow::Result;
use clap::{Args, ValueEnum};
use otelier::config::{BuiltInPlugin, Family, World};
use otelier::run::Components;
use serde_json::{Value, json};

use crate::built_in::BUILT_IN;
use crate::output::print_text;

/// How to list them.
#[derive(Debug, Args)]
pub struct ComponentsCommand {
    /// `text` is names alone; `json` has with each type what it says of itself, and the JSON Schema of its configuration.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Lists them.
pub fn run(command: &ComponentsCommand) -> Result<()> {
    let components = Components::with(&[]);
    match command.format {
        Format::Text => print_text(&names(&components)),
        Format::Json => print_text(&format!("{:#}\n", described(&components))),
    }
}

fn of_world(world: World) -> impl Iterator<Item = &'static BuiltInPlugin> {
    BUILT_IN.iter().filter(move |plugin| plugin.world == world)
}

fn names(components: &Components) -> String {
    let listed = |world| of_world(world).map(|plugin| plugin.name).collect::<Vec<_>>().join(", ");
    let mut text = String::new();
    for (family, types) in components.catalogue() {
        let names: Vec<&str> = types.iter().flat_map(|about| about.names).copied().collect();
        let plugins = match family {
            Family::Processor => format!(", {}, and those of the manifest", listed(World::Processor)),
            Family::Connector => ", and plugins for processors that make metrics of spans or log records".to_owned(),
            _ => String::new(),
        };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{}: {}{plugins}", family.section(), names.join(", "));
    }
    let policies = listed(World::BreakerPolicy);
    let _ = writeln!(text, "breakers, under extensions: {policies}, and those of the manifest");
    text
}

fn described(components: &Components) -> Value {
    let plugins = |world, family| of_world(world).map(move |plugin| json!({"family": family, "type": plugin.name}));
    let built_in: Vec<Value> =
        plugins(World::Processor, "processor").chain(plugins(World::BreakerPolicy, "extension")).collect();
    json!({"version": env!("CARGO_PKG_VERSION"), "components": components.described(), "plugins": built_in})
}
