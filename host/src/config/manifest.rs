//! The manifest: which plugins there are, where their files lie, and what each may use.
//!
//! A plugin whose entry is wrong keeps its name here, so that one mistake is not reported again by every processor.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::error::{Error, Position};
use super::fields::Fields;
use super::node::{Entry, Node};
use super::plan::{Limits, PluginPlan, World};
use super::problem::Problem;
use crate::contract::ComponentId;
use crate::contract::OnTrap;

/// What a wasm32 memory can address.
const MEMORY_MIB_MAX: u32 = 4096;

/// The plugins by name; `None` for one whose entry has a problem of its own.
pub(super) type Plugins = BTreeMap<String, Option<PluginPlan>>;

/// Reads the manifest's tree. `path` is where relative plugin files start from: its folder.
pub(super) fn read(root: &Node, path: &Path, problems: &mut Vec<Error>) -> Plugins {
    let mut plugins = Plugins::new();
    let fields = Fields::of(root, &["plugins"], problems);
    let Some(entries) = fields.required("plugins", problems) else {
        return plugins;
    };
    for entry in super::fields::entries(entries, problems) {
        check_name(entry, problems);
        let plugin = entry.value.parse::<RawPlugin>().map(|raw| raw.resolve(entry, path));
        plugins.insert(entry.key.clone(), plugin.map_err(|error| problems.push(error)).ok());
    }
    plugins
}

/// A plugin's name is the type of its processors: the part of a component id before the slash.
fn check_name(entry: &Entry, problems: &mut Vec<Error>) {
    let name = &entry.key;
    let problem = match name.parse::<ComponentId>() {
        Ok(id) if id.name().is_none() => return,
        Ok(_) => Problem::Invalid {
            reason: format!(
                "plugin name `{name}` has a slash; name it `{}` and use the slash in processor ids",
                name.replace('/', "_")
            ),
        },
        Err(reason) => Problem::Id { id: name.clone(), reason },
    };
    problems.push(Error::new(&entry.position, problem));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlugin {
    #[serde(deserialize_with = "file")]
    file: String,
    #[serde(default)]
    world: World,
    #[serde(default, deserialize_with = "pin")]
    sha256: Option<[u8; 32]>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    on_trap: OnTrap,
}

impl RawPlugin {
    fn resolve(self, entry: &Entry, manifest: &Path) -> PluginPlan {
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let file_position = file_position(&entry.value).unwrap_or(&entry.position).clone();
        PluginPlan {
            name: entry.key.clone(),
            file: folder.join(self.file),
            file_position,
            world: self.world,
            sha256: self.sha256,
            limits: self.limits,
            on_trap: self.on_trap,
        }
    }
}

fn file_position(plugin: &Node) -> Option<&Position> {
    plugin.get("file").map(Node::position)
}

fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.is_empty() {
        return Err(de::Error::custom(
            "an empty path; name the plugin's `.wasm` file, relative to the manifest's folder",
        ));
    }
    Ok(path)
}

fn pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    deserializer.deserialize_str(PinVisitor).map(Some)
}

struct PinVisitor;

impl Visitor<'_> for PinVisitor {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("64 hexadecimal digits, as `sha256sum` prints them (quoted, if all are decimal)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; 32], E> {
        let malformed = || E::invalid_value(de::Unexpected::Str(text), &self);
        let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(malformed)?;
        let bytes: Vec<u8> =
            digits.as_chunks().0.iter().filter_map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect();
        bytes.try_into().map_err(|_| malformed())
    }
}

/// For [`Limits::memory_mib`].
pub(super) fn memory_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(de::Error::custom("must be at least 1")),
        mib if mib > MEMORY_MIB_MAX => {
            Err(de::Error::custom(format_args!("a plugin can address at most {MEMORY_MIB_MAX} MiB, `{mib}` is more")))
        }
        mib => Ok(mib),
    }
}

/// For limits where zero would forbid everything.
pub(super) fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(de::Error::custom("must be at least 1")),
        number => Ok(number),
    }
}
