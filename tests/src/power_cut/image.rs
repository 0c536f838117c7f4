//! The image that the preloaded library keeps, read and laid anew. The library's header describes it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Loss, Luck, torn};

pub struct Image {
    pub live: PathBuf,
    pub disk: PathBuf,
}

/// What lies on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    File(Vec<u8>),
    Directory(BTreeMap<OsString, Node>),
}

/// Where a name leads, by the number that the live file or directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    File(u64),
    Directory(u64),
}

type Names = BTreeMap<OsString, Target>;

impl Image {
    fn path(&self, kind: &str, name: impl AsRef<Path>) -> PathBuf {
        self.disk.join(kind).join(name)
    }

    /// Forgets everything.
    pub fn clear(&self) -> Result<()> {
        if self.disk.exists() {
            fs::remove_dir_all(&self.disk)?;
        }
        ["data", "names/top", "held"].iter().try_for_each(|kind| Ok(fs::create_dir_all(self.disk.join(kind))?))
    }

    /// What a cut leaves.
    pub fn remaining(&self, luck: &mut Luck<'_>) -> Result<(Node, Loss)> {
        let mut files = HashMap::new();
        for entry in fs::read_dir(self.disk.join("data"))? {
            let entry = entry?;
            files.insert(entry.metadata()?.ino(), number(&entry.file_name())?);
        }
        let mut loss = Loss::default();
        let tree = self.directory(&self.live, "top", &files, luck, &mut loss)?;
        Ok((tree, loss))
    }

    /// `files` leads from the number of a file in `data` to the live file's.
    fn directory(
        &self,
        live: &Path,
        names: &str,
        files: &HashMap<u64, u64>,
        luck: &mut Luck<'_>,
        loss: &mut Loss,
    ) -> Result<Node> {
        let (synced, last) = (self.synced_names(names, files)?, live_names(live)?);
        let differs = |name: &&OsString| synced.get(*name) != last.get(*name);
        loss.names += synced.keys().filter(differs).count();
        loss.names += last.keys().filter(|name| !synced.contains_key(*name)).count();
        let lucky = match luck {
            Luck::Some(random, _) => random.bool(),
            Luck::None => false,
        };
        let chosen = if lucky { last } else { synced };
        let mut nodes = BTreeMap::new();
        for (name, target) in chosen {
            let path = live.join(&name);
            let node = match target {
                Target::Directory(inode) => self.directory(&path, &inode.to_string(), files, luck, loss)?,
                Target::File(inode) => Node::File(self.file(&path, inode, luck, loss)?),
            };
            nodes.insert(name, node);
        }
        Ok(Node::Directory(nodes))
    }

    fn synced_names(&self, names: &str, files: &HashMap<u64, u64>) -> Result<Names> {
        let mut found = Names::new();
        // A directory that was never synced has no names on the disk.
        for entry in entries(&self.path("names", names))? {
            let target = match entry.file_type()?.is_symlink() {
                true => Target::Directory(number(fs::read_link(entry.path())?.file_name().unwrap_or_default())?),
                false => Target::File(*files.get(&entry.metadata()?.ino()).context("a name without a file")?),
            };
            found.insert(entry.file_name(), target);
        }
        Ok(found)
    }

    fn file(&self, live: &Path, inode: u64, luck: &mut Luck<'_>, loss: &mut Loss) -> Result<Vec<u8>> {
        let synced = read(&self.path("data", inode.to_string()))?.unwrap_or_default();
        let held = read(&self.path("held", inode.to_string()))?;
        let written = held.map_or_else(|| read(live), |held| Ok(Some(held)))?.unwrap_or_default();
        if written != synced {
            let name = live.file_name().unwrap_or_default().to_string_lossy().into_owned();
            *loss.bytes.entry(name).or_default() += written.len().saturating_sub(synced.len()).max(1);
        }
        Ok(match luck {
            Luck::None => synced,
            Luck::Some(random, tears) => torn(&synced, &written, random, tears),
        })
    }

    /// Writes a tree as the live directory, synced to the last byte.
    pub fn lay(&self, node: &Node, live: &Path, names: &str) -> Result<()> {
        let Node::Directory(nodes) = node else {
            return Ok(());
        };
        fs::create_dir_all(live)?;
        fs::create_dir_all(self.path("names", names))?;
        for (name, node) in nodes {
            let (path, kept) = (live.join(name), self.path("names", names).join(name));
            match node {
                Node::File(bytes) => {
                    fs::write(&path, bytes)?;
                    let inode = fs::metadata(&path)?.ino().to_string();
                    let data = self.path("data", &inode);
                    fs::write(&data, bytes)?;
                    fs::hard_link(&data, &kept)?;
                    fs::hard_link(&path, self.path("held", &inode))?;
                }
                Node::Directory(_) => {
                    fs::create_dir(&path)?;
                    let inode = fs::metadata(&path)?.ino().to_string();
                    symlink(self.path("names", &inode), &kept)?;
                    self.lay(node, &path, &inode)?;
                }
            }
        }
        Ok(())
    }
}

fn live_names(live: &Path) -> Result<Names> {
    let mut found = Names::new();
    for entry in entries(live)? {
        let data = entry.metadata()?;
        let target = if data.is_dir() { Target::Directory(data.ino()) } else { Target::File(data.ino()) };
        found.insert(entry.file_name(), target);
    }
    Ok(found)
}

fn number(name: &OsStr) -> Result<u64> {
    name.to_str().and_then(|name| name.parse().ok()).with_context(|| format!("{name:?} in the image is no number"))
}

/// All but sockets, which have nothing to lose. None where there is no such directory.
fn entries(directory: &Path) -> Result<Vec<fs::DirEntry>> {
    let keeps = |entry: &std::io::Result<fs::DirEntry>| match entry.as_ref().map(fs::DirEntry::file_type) {
        Ok(Ok(kind)) => !kind.is_socket(),
        _ => true,
    };
    match fs::read_dir(directory) {
        Ok(entries) => Ok(entries.filter(keeps).collect::<std::io::Result<_>>()?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| directory.display().to_string()),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}
