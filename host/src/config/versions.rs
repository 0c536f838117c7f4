//! Folders with several versions of a plugin: which file is meant.

use std::io;
use std::path::PathBuf;

use semver::Version;

/// A folder of `NAME-X.Y.Z.wasm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// The plugin's name.
    pub plugin: String,
    /// This version and no other; else the newest by the precedence of Semantic Versioning.
    pub version: Option<Version>,
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The file.
    pub file: PathBuf,
    /// As its name has it; `NAME.wasm` has none, and is older than any other.
    pub version: Option<Version>,
}

/// A folder that has no such file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be read.
    #[error("folder {}: {source}; correct `folder`, which is relative to the manifest's", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// No version at all.
    #[error("folder {} has no `{plugin}-X.Y.Z.wasm`, such as `{plugin}-1.0.0.wasm`, and no `{plugin}.wasm`; copy a version of the plugin there", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// The plugin.
        plugin: String,
    },
    /// Not this version.
    #[error("folder {} has no `{plugin}-{version}.wasm`; it has {there}", path.display())]
    Version {
        /// The folder.
        path: PathBuf,
        /// The plugin.
        plugin: String,
        /// The version that the manifest names.
        version: Version,
        /// The versions that are there.
        there: String,
    },
}

impl Folder {
    /// The file that is meant, as the folder is now.
    pub fn choose(&self) -> Result<Chosen, FolderError> {
        let mut found = self.found().map_err(|source| FolderError::Unreadable { path: self.path.clone(), source })?;
        // Equal in precedence are those that differ in build metadata; the order between them is the same everywhere.
        found.sort_by(|a, b| a.version.cmp(&b.version));
        let (path, plugin) = (self.path.clone(), self.plugin.clone());
        match &self.version {
            None => found.pop().ok_or(FolderError::Empty { path, plugin }),
            Some(version) => {
                let there = list(&found);
                let wanted = found.into_iter().find(|chosen| chosen.version.as_ref() == Some(version));
                wanted.ok_or(FolderError::Version { path, plugin, version: version.clone(), there })
            }
        }
    }

    /// Files that look like versions of the plugin and are not taken for one.
    pub fn misnamed(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Vec::new() };
        let is_misnamed = |name: &str| {
            let rest = name.strip_suffix(".wasm").and_then(|name| name.strip_prefix(&self.plugin));
            let is_like_it = rest.is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphabetic()));
            is_like_it && self.version_in(name).is_none() && !is_of_another(name)
        };
        let files = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_misnamed));
        let mut files: Vec<PathBuf> = files.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        files
    }

    fn found(&self) -> io::Result<Vec<Chosen>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(version) = name.to_str().and_then(|name| self.version_in(name)) else { continue };
            let file = entry.path();
            if file.is_file() {
                found.push(Chosen { file, version });
            }
        }
        Ok(found)
    }

    /// The version in a file's name, if it is a name of this plugin's.
    fn version_in(&self, name: &str) -> Option<Option<Version>> {
        let rest = name.strip_suffix(".wasm")?.strip_prefix(&self.plugin)?;
        match rest.strip_prefix('-') {
            None => rest.is_empty().then_some(None),
            Some(version) => Version::parse(version).ok().map(Some),
        }
    }
}

/// `rate-limit-1.0.0.wasm` beside `rate-1.0.0.wasm`.
fn is_of_another(name: &str) -> bool {
    let versions = name
        .strip_suffix(".wasm")
        .into_iter()
        .flat_map(|name| name.match_indices('-').map(|(at, _)| name.get(at + 1..)));
    versions.flatten().any(|version| Version::parse(version).is_ok())
}

fn list(found: &[Chosen]) -> String {
    let versions: Vec<String> =
        found.iter().filter_map(|chosen| chosen.version.as_ref().map(Version::to_string)).collect();
    if versions.is_empty() { "no version at all".to_owned() } else { versions.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Folder, FolderError};

    fn folder(files: &[&str]) -> (tempfile::TempDir, Folder) {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(directory.path().join(file), "").unwrap();
        }
        std::fs::create_dir(directory.path().join("rate-9.0.0.wasm")).unwrap();
        let folder = Folder { path: directory.path().to_owned(), plugin: "rate".to_owned(), version: None };
        (directory, folder)
    }

    fn newest(files: &[&str]) -> String {
        let (_directory, folder) = folder(files);
        folder.choose().unwrap().file.file_name().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn the_newest_is_chosen_by_precedence() {
        assert_eq!(newest(&["rate-1.9.0.wasm", "rate-1.10.0.wasm", "rate-1.2.0.wasm"]), "rate-1.10.0.wasm");
        assert_eq!(newest(&["rate-2.0.0-rc.1.wasm", "rate-2.0.0.wasm", "rate-2.0.0-rc.2.wasm"]), "rate-2.0.0.wasm");
        assert_eq!(
            newest(&["rate-2.0.0-rc.2.wasm", "rate-2.0.0-rc.10.wasm", "rate-1.0.0.wasm"]),
            "rate-2.0.0-rc.10.wasm"
        );
        assert_eq!(newest(&["rate.wasm", "rate-0.0.1-a.wasm"]), "rate-0.0.1-a.wasm");
        assert_eq!(
            newest(&["rate.wasm", "rate-x.wasm", "rate-1.wasm", "rates-9.0.0.wasm", "rate-9.0.0.wat"]),
            "rate.wasm"
        );
    }

    #[test]
    fn a_file_that_looks_like_a_version_and_is_none_is_told() {
        let (_directory, folder) = folder(&[
            "rate.wasm",
            "rate-1.0.0.wasm",
            "rate-1.wasm",
            "rate-v2.0.0.wasm",
            "rate_3.0.0.wasm",
            "rates-9.0.0.wasm",
            "rate-limit-1.0.0.wasm",
            "rate-9.0.0.wat",
        ]);
        let misnamed = folder.misnamed();
        let names: Vec<_> = misnamed.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["rate-1.wasm", "rate-v2.0.0.wasm", "rate_3.0.0.wasm"]);
    }

    #[test]
    fn a_version_is_that_one_exactly() {
        let (_directory, mut folder) = folder(&["rate-1.0.0.wasm", "rate-1.1.0.wasm", "rate.wasm"]);
        folder.version = Some("1.0.0".parse().unwrap());
        assert!(folder.choose().unwrap().file.ends_with("rate-1.0.0.wasm"));
        folder.version = Some("1.0.1".parse().unwrap());
        let error = folder.choose().unwrap_err().to_string();
        assert!(error.contains("no `rate-1.0.1.wasm`; it has 1.0.0, 1.1.0"), "{error}");
    }

    #[test]
    fn a_folder_without_one_is_named_with_the_pattern() {
        let (_directory, mut folder) = folder(&["other-1.0.0.wasm"]);
        let error = folder.choose().unwrap_err().to_string();
        assert!(error.contains(&folder.path.display().to_string()) && error.contains("`rate-X.Y.Z.wasm`"), "{error}");
        folder.path.push("nowhere");
        assert!(matches!(folder.choose(), Err(FolderError::Unreadable { .. })));
    }
}
