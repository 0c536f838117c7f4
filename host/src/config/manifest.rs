//! The manifest: which plugins there are, where their files lie, and what each may use.
//!
//! A plugin whose entry is wrong keeps its name here, so that one mistake is not reported again by every processor.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use semver::Version;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::error::Error;
use super::fields::{self, Fields};
use super::limits::Limits;
use super::node::{Entry, Node};
use super::plan::{BuiltInPlugin, PluginPlan, Update, World};
use super::problem::Problem;
use super::versions::{Chosen, Folder};
use crate::contract::{ComponentId, Grants, Instances, OnTrap, PartitionKey, PartitionLevel};

/// Each has a memory of its own, and takes a part of every batch.
const INSTANCES_MAX: u32 = 64;

/// The plugins by name; `None` for one whose entry has a problem of its own.
pub(super) type Plugins = BTreeMap<String, Option<PluginPlan>>;

/// The manifest as far as it could be read.
pub(super) struct Manifest {
    /// For messages; `None` where there are only the plugins that are built in.
    pub path: Option<String>,
    /// `None` when the file could not be read at all: then no processor is blamed for it.
    pub plugins: Option<Plugins>,
}

impl Manifest {
    /// Where a plugin was looked for.
    pub fn plugins_name(&self) -> String {
        match &self.path {
            Some(path) => format!("in the manifest {path}"),
            None => "among those built in, and no `--manifest FILE` has others".to_owned(),
        }
    }
}

/// The plugins that are built in.
pub(super) fn built_in(built_in: &[BuiltInPlugin]) -> Plugins {
    built_in.iter().map(|plugin| (plugin.name.to_owned(), Some(PluginPlan::built_in(plugin)))).collect()
}

/// Reads the manifest's tree. `path` is where relative plugin files start from: its folder. What is built in is there as well, unless an
/// entry takes its name. `None` where it is not known what the manifest has.
pub(super) fn read(root: &Node, path: &Path, known: &[BuiltInPlugin], problems: &mut Vec<Error>) -> Option<Plugins> {
    let mut plugins = built_in(known);
    if let Some(key) = ["receivers", "exporters", "service"].into_iter().find(|key| root.get(key).is_some()) {
        let reason = format!(
            "`{key}` is of a configuration, and this is to be a manifest: name the configuration by `--config`"
        );
        problems.push(Error::new(root.position(), Problem::Invalid { reason }));
        return None;
    }
    let fields = Fields::of(root, &["plugins"], problems);
    let entries = fields.required("plugins", problems)?;
    for entry in fields::entries(entries, problems) {
        check_name(entry, problems);
        let plugin = match entry.value.parse::<RawPlugin>() {
            Ok(raw) => raw.resolve(entry, path, known).map_err(|error| problems.push(error)).ok(),
            Err(_) => {
                problems.extend(entry.value.faults::<RawPlugin>());
                None
            }
        };
        plugins.insert(entry.key.clone(), plugin);
    }
    Some(plugins)
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
    #[serde(default, deserialize_with = "file")]
    file: Option<String>,
    #[serde(default, deserialize_with = "folder")]
    folder: Option<String>,
    #[serde(default, deserialize_with = "version")]
    version: Option<Version>,
    #[serde(default)]
    world: Option<World>,
    #[serde(default, deserialize_with = "pin")]
    sha256: Option<[u8; 32]>,
    #[serde(default)]
    update: Option<Update>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    grants: Grants,
    #[serde(default)]
    on_trap: OnTrap,
    #[serde(default)]
    instances: Option<u32>,
    #[serde(default)]
    partition_by: Option<Vec<RawPartitionKey>>,
}

impl RawPlugin {
    fn resolve(self, entry: &Entry, manifest: &Path, known: &[BuiltInPlugin]) -> Result<PluginPlan, Error> {
        let base = manifest.parent().unwrap_or(Path::new(""));
        let name = entry.key.clone();
        let at = |key: &str| entry.value.get(key).map_or(&entry.position, Node::position);
        let invalid = |key: &str, reason: String| Error::new(at(key), Problem::Invalid { reason });
        let update = self.update().map_err(|reason| invalid("update", reason))?;
        let built_in = known.iter().find(|plugin| plugin.name == name && self.file.is_none() && self.folder.is_none());
        let world = self.world.or(built_in.map(|plugin| plugin.world)).unwrap_or_default();
        let instances = self.instances(world).map_err(|(key, reason)| invalid(key, reason))?;
        let limits_position = at("limits").clone();
        let instances_position =
            at(if entry.value.get("partition_by").is_some() { "partition_by" } else { "instances" }).clone();
        if self.version.is_some() && self.folder.is_none() {
            let reason =
                "`version` chooses in a `folder`, and there is none; name one instead of `file`, or remove `version`";
            return Err(invalid("version", reason.to_owned()));
        }
        let (file, folder, version, key) = match (self.file, self.folder) {
            (Some(file), None) => (base.join(file), None, None, "file"),
            (None, Some(folder)) => {
                let folder = Folder { path: base.join(folder), plugin: name.clone(), version: self.version };
                let Chosen { file, version } = folder.choose().map_err(|error| invalid("folder", error.to_string()))?;
                (file, Some(folder), version, "folder")
            }
            (Some(_), Some(_)) => {
                let reason = "`file` and `folder` both say where the plugin lies; keep one of them";
                return Err(invalid("folder", reason.to_owned()));
            }
            (None, None) => {
                let missing = || Error::new(&entry.position, Problem::MissingKey { key: "file` or `folder" });
                (built_in.ok_or_else(missing)?.file(), None, None, "file")
            }
        };
        Ok(PluginPlan {
            name,
            file,
            built_in: built_in.map(|plugin| plugin.component),
            file_position: at(key).clone(),
            folder,
            version,
            update,
            world,
            sha256: self.sha256,
            limits: self.limits,
            limits_position,
            grants: self.grants,
            on_trap: self.on_trap,
            instances,
            instances_position,
        })
    }

    fn instances(&self, world: World) -> Result<Instances, (&'static str, String)> {
        let (count, given) = (self.instances.unwrap_or(1), self.partition_by.as_deref());
        if !(1..=INSTANCES_MAX).contains(&count) {
            return Err(("instances", format!("`{count}` instances; there can be 1 to {INSTANCES_MAX}")));
        }
        if world != World::Processor && (count > 1 || given.is_some()) {
            let key = if self.instances.is_some() { "instances" } else { "partition_by" };
            let (what, _) = world.place();
            return Err((key, format!("a {what} has one instance wherever it stands; remove `{key}`")));
        }
        if given.is_some() && self.instances.is_none() {
            let reason = "`partition_by` divides items among `instances`, and there is one; say how many, or remove it";
            return Err(("partition_by", reason.to_owned()));
        }
        let key = |RawPartitionKey { key, level }: &RawPartitionKey| PartitionKey { level: *level, key: key.clone() };
        let partition_by: Vec<PartitionKey> = given.unwrap_or_default().iter().map(key).collect();
        let stands_before =
            |(place, key): &(usize, &PartitionKey)| partition_by.iter().take(*place).any(|other| other == *key);
        if let Some((_, twice)) = partition_by.iter().enumerate().find(stands_before) {
            return Err(("partition_by", format!("`{}` stands there twice; remove one", twice.key)));
        }
        Ok(Instances { count, partition_by })
    }

    fn update(&self) -> Result<Update, String> {
        match (self.update, self.sha256) {
            (Some(Update::Watch), Some(_)) => {
                Err("`update: watch` takes what the file changes to, and `sha256` allows one content \
                only; remove one of the two"
                    .to_owned())
            }
            (_, Some(_)) => Ok(Update::Pinned),
            (update, None) => Ok(update.unwrap_or_default()),
        }
    }
}

/// `work.type` of the item, or `{key: host.name, level: resource}`.
struct RawPartitionKey {
    key: String,
    level: PartitionLevel,
}

impl<'de> Deserialize<'de> for RawPartitionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawPartitionKey, D::Error> {
        let RawPartitionKey { key, level } = deserializer.deserialize_any(PartitionKeyVisitor)?;
        match key.is_empty() {
            true => Err(de::Error::custom("an empty attribute key; name the attribute that items are divided by")),
            false => Ok(RawPartitionKey { key, level }),
        }
    }
}

struct PartitionKeyVisitor;

impl<'de> Visitor<'de> for PartitionKeyVisitor {
    type Value = RawPartitionKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute such as `work.type` or `{key: host.name, level: resource}`")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<RawPartitionKey, E> {
        Ok(RawPartitionKey { key: key.to_owned(), level: PartitionLevel::Item })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<RawPartitionKey, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct WithLevel {
            key: String,
            #[serde(default)]
            level: PartitionLevel,
        }
        let WithLevel { key, level } = WithLevel::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(RawPartitionKey { key, level })
    }
}

fn file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    path(deserializer, "an empty path; name the plugin's `.wasm` file, relative to the manifest's folder")
}

fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    path(deserializer, "an empty path; name the folder of the plugin's versions, relative to the manifest's folder")
}

fn path<'de, D: Deserializer<'de>>(deserializer: D, empty: &str) -> Result<Option<String>, D::Error> {
    let path = String::deserialize(deserializer)?;
    if path.is_empty() { Err(de::Error::custom(empty)) } else { Ok(Some(path)) }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bad = |error| {
        de::Error::custom(format_args!("`{text}` is no version ({error}); write all three numbers, such as `1.2.0`"))
    };
    Version::parse(&text).map(Some).map_err(bad)
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
