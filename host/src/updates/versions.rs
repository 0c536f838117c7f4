//! What the state directory knows of plugins' versions: which runs, which ran before it, whether a command chose it, and their contents. So a
//! choice outlives the process, and a rollback finds what it goes back to.
//!
//! `plugin-versions.json` has a record for each plugin, `plugin-versions/` the contents, by hash. What is in use is never dropped; of what ran
//! before, as much is kept as the bounds allow, the newest first. A content is used only if it has its hash.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::private::{self, Lasting, PrivateError};
use crate::plugins::Version;
use crate::wasm::{Hash, LoadError, PluginFile, hexadecimal};

const RECORDS: &str = "plugin-versions.json";
const CONTENTS: &str = "plugin-versions";

/// Versions of one plugin that are kept beside the one that runs.
pub const EARLIER_MAX: usize = 8;
/// Bytes of all contents.
const BYTES_MAX: u64 = 512 << 20;
/// A record is a few hashes and paths.
const RECORDS_BYTES_MAX: u64 = 16 << 20;

/// Why a version was chosen that is not the file's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// `swap` or `rollback`.
    pub by: String,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// What the plugin's file held then. The choice lasts as long as it does.
    pub of_file: String,
}

/// A version that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// In hexadecimal digits.
    sha256: String,
    /// Where it came from, for people.
    file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    running: Kept,
    /// Those before it, oldest first.
    #[serde(default)]
    earlier: Vec<Kept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chosen: Option<Choice>,
}

/// Versions that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum VersionsError {
    /// The state directory.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// What is there is not what is looked for.
    #[error("{} is damaged: {reason}; the versions before are not known", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A content.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// The versions of all plugins.
#[derive(Debug, Default)]
pub struct Versions {
    state_dir: PathBuf,
    records: BTreeMap<String, Record>,
}

fn kept(version: &Version) -> Kept {
    Kept { sha256: hexadecimal(&version.sha256), file: version.file.clone() }
}

impl Versions {
    /// Those of a state directory; none where there is no record.
    pub fn open(state_dir: &Path) -> Result<Versions, VersionsError> {
        let path = state_dir.join(RECORDS);
        let records = match private::read(&path, RECORDS_BYTES_MAX)? {
            Some(text) => serde_json::from_slice(&text)
                .map_err(|error| VersionsError::Damaged { path, reason: error.to_string() })?,
            // A directory that cannot be one is complained of when the store is opened.
            None => BTreeMap::new(),
        };
        Ok(Versions { state_dir: state_dir.to_owned(), records })
    }

    /// Without any.
    pub fn none(state_dir: &Path) -> Versions {
        Versions { state_dir: state_dir.to_owned(), records: BTreeMap::new() }
    }

    /// The choice for a plugin, if there is one.
    pub fn choice(&self, plugin: &str) -> Option<&Choice> {
        self.records.get(plugin)?.chosen.as_ref()
    }

    /// Every plugin for which a version was chosen, with the choice and the version's hash.
    pub fn choices(&self) -> impl Iterator<Item = (&str, &Choice, &str)> {
        self.records.iter().filter_map(|(plugin, record)| {
            Some((plugin.as_str(), record.chosen.as_ref()?, record.running.sha256.as_str()))
        })
    }

    /// The content that was chosen for a plugin.
    pub fn chosen(&self, plugin: &str) -> Option<Result<PluginFile, VersionsError>> {
        let record = self.records.get(plugin).filter(|record| record.chosen.is_some())?;
        Some(self.content(&record.running))
    }

    /// The choice for a plugin ends. True where there was one.
    pub fn end_choice(&mut self, plugin: &str) -> bool {
        self.records.get_mut(plugin).and_then(|record| record.chosen.take()).is_some()
    }

    /// The version before the one that runs; `None` where none is kept.
    pub fn before(&self, plugin: &str) -> Option<Result<PluginFile, VersionsError>> {
        let record = self.records.get(plugin)?;
        let before = record.earlier.iter().rev().find(|earlier| earlier.sha256 != record.running.sha256)?;
        Some(self.content(before))
    }

    /// A version runs from now on, in place of the one before, or, with `back`, as the one before. To be stored by
    /// [`write`](Versions::write).
    pub fn runs(&mut self, plugin: &str, version: &Version, back: bool, chosen: Option<Choice>) {
        let running = kept(version);
        let Some(record) = self.records.get_mut(plugin) else {
            let record = Record { running, earlier: Vec::new(), chosen };
            self.records.insert(plugin.to_owned(), record);
            return;
        };
        if back {
            let place = record.earlier.iter().rposition(|earlier| earlier.sha256 == running.sha256);
            record.earlier.truncate(place.unwrap_or(record.earlier.len()));
        } else if record.running.sha256 != running.sha256 {
            record.earlier.push(record.running.clone());
        }
        (record.running, record.chosen) = (running, chosen);
        let surplus = record.earlier.len().saturating_sub(EARLIER_MAX);
        record.earlier.drain(..surplus);
    }

    /// Keeps a content.
    pub fn keep(&self, content: &PluginFile) -> Result<(), VersionsError> {
        let path = self.path(&hexadecimal(content.sha256()));
        if PluginFile::read_own(&path, BYTES_MAX).is_ok_and(|there| there.sha256() == content.sha256()) {
            return Ok(());
        }
        let folder = self.state_dir.join(CONTENTS);
        private::make_folder(&folder)?;
        Ok(private::replace(&path, content.bytes(), Lasting::Synced)?)
    }

    /// Stores which version of each plugin runs, and drops contents that nobody comes back to.
    pub fn write(&mut self) -> Result<(), VersionsError> {
        self.bound();
        let text = serde_json::to_vec_pretty(&self.records).unwrap_or_default();
        private::replace(&self.state_dir.join(RECORDS), &text, Lasting::Synced)?;
        self.drop_others();
        Ok(())
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.state_dir.join(CONTENTS).join(format!("{sha256}.wasm"))
    }

    fn content(&self, kept: &Kept) -> Result<PluginFile, VersionsError> {
        let path = self.path(&kept.sha256);
        let content = PluginFile::read_own(&path, BYTES_MAX)?;
        match hexadecimal(content.sha256()) == kept.sha256 {
            true => Ok(content.come_from(&kept.file)),
            false => Err(VersionsError::Damaged { path, reason: "it does not have its hash".to_owned() }),
        }
    }

    /// Forgets what ran longest ago, of the plugin with the longest past first, until the rest is within the bound.
    fn bound(&mut self) {
        let size = |sha256: &str| fs::metadata(self.path(sha256)).map_or(0, |found| found.len());
        let all: BTreeSet<String> = self.named().into_iter().map(ToOwned::to_owned).collect();
        let sizes: BTreeMap<String, u64> = all.into_iter().map(|sha256| (sha256.clone(), size(&sha256))).collect();
        let total = |named: HashSet<&str>| named.into_iter().filter_map(|sha256| sizes.get(sha256)).sum::<u64>();
        while total(self.named()) > BYTES_MAX {
            let longest = self.records.values_mut().max_by_key(|record| record.earlier.len());
            match longest.filter(|record| !record.earlier.is_empty()) {
                Some(record) => drop(record.earlier.remove(0)),
                None => return,
            }
        }
    }

    fn named(&self) -> HashSet<&str> {
        let kept = self.records.values().flat_map(|record| record.earlier.iter().chain([&record.running]));
        kept.map(|kept| kept.sha256.as_str()).collect()
    }

    /// A file that stays costs its room, and is dropped another time.
    fn drop_others(&self) {
        let named = self.named();
        let Ok(entries) = fs::read_dir(self.state_dir.join(CONTENTS)) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let is_named = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| named.contains(stem));
            if !is_named && let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "a version of a plugin cannot be removed");
            }
        }
    }
}

/// Whether that is the hash of a content.
pub fn is_hash(text: &str, hash: &Hash) -> bool {
    hexadecimal(hash) == text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(text: &str) -> PluginFile {
        PluginFile::new(Path::new("plugin.wasm"), text.as_bytes().to_vec())
    }

    fn version(text: &str) -> Version {
        Version { sha256: *file(text).sha256(), file: PathBuf::from("plugin.wasm") }
    }

    fn run(versions: &mut Versions, text: &str) {
        versions.keep(&file(text)).unwrap();
        versions.runs("p", &version(text), false, None);
        versions.write().unwrap();
    }

    fn before(versions: &Versions) -> Option<String> {
        let content = versions.before("p")?.unwrap();
        Some(String::from_utf8(content.bytes().to_vec()).unwrap())
    }

    #[test]
    fn one_rollback_after_the_other_goes_further_back_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut versions = Versions::open(folder.path()).unwrap();
        ["one", "two", "three"].iter().for_each(|text| run(&mut versions, text));
        for text in ["two", "one"] {
            let mut versions = Versions::open(folder.path()).unwrap();
            assert_eq!(before(&versions).as_deref(), Some(text));
            versions.runs("p", &version(text), true, None);
            versions.write().unwrap();
        }
        let mut versions = Versions::open(folder.path()).unwrap();
        assert_eq!(before(&versions), None);
        // What was left behind is no more kept than it is needed.
        assert_eq!(fs::read_dir(folder.path().join(CONTENTS)).unwrap().count(), 1);
        run(&mut versions, "four");
        assert_eq!(before(&versions).as_deref(), Some("one"));
    }

    #[test]
    fn the_past_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut versions = Versions::open(folder.path()).unwrap();
        (0..EARLIER_MAX + 5).for_each(|number| run(&mut versions, &number.to_string()));
        assert_eq!(fs::read_dir(folder.path().join(CONTENTS)).unwrap().count(), EARLIER_MAX + 1);
    }

    #[test]
    fn a_choice_is_kept_with_its_content_and_a_damaged_content_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut versions = Versions::open(folder.path()).unwrap();
        run(&mut versions, "one");
        run(&mut versions, "two");
        let of_file = hexadecimal(file("two").sha256());
        let choice = Choice { by: "rollback".to_owned(), time_unix_nano: 5, of_file };
        versions.runs("p", &version("one"), true, Some(choice.clone()));
        versions.write().unwrap();
        let mut versions = Versions::open(folder.path()).unwrap();
        assert_eq!(versions.choice("p"), Some(&choice));
        assert_eq!(versions.chosen("p").unwrap().unwrap().bytes(), b"one");
        assert_eq!(versions.choices().count(), 1);
        fs::write(versions.path(&hexadecimal(file("one").sha256())), "other").unwrap();
        assert!(matches!(versions.chosen("p"), Some(Err(VersionsError::Damaged { .. }))));
        assert!(versions.end_choice("p") && versions.chosen("p").is_none());
        fs::write(folder.path().join(RECORDS), "{").unwrap();
        assert!(matches!(Versions::open(folder.path()), Err(VersionsError::Damaged { .. })));
    }
}
