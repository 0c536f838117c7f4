//! A disk whose power can be cut: after a SIGKILL, what the killed process has not synced goes as well.
//!
//! A preloaded library, `tests/src/power_cut/shim.c`, keeps an image of what is synced; its header says what the model promises.
//! A cut makes the next live directory of that image, and may let the disk be lucky: then some of what was not synced is
//! there too, the end of a file torn.

mod image;
mod torn;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use tempfile::TempDir;

use crate::preload;
use image::Image;
pub use torn::{SECTOR, Tear, torn};

/// The disk. It is in a temporary folder, which goes with it.
pub struct Disk {
    _folder: TempDir,
    /// The same without symbolic links, as the library sees paths.
    path: PathBuf,
}

/// What of the unsynced is on the disk after a cut.
pub enum Luck<'r> {
    /// Nothing: what was not synced is gone.
    None,
    /// By chance. The names of a directory are the synced ones or the last ones, as in a journal; of a file's unsynced
    /// end there is a part, which is torn in one of these ways.
    Some(&'r mut Rng, &'r [Tear]),
}

/// What a cut took from the files, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many bytes were appended and not synced, by the name of the file. A change of another kind counts as one.
    pub bytes: BTreeMap<String, usize>,
    /// How many names were made, replaced or removed and not synced.
    pub names: usize,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Result<Disk> {
        let folder = tempfile::Builder::new().prefix("otelier-disk-").tempdir()?;
        let path = folder.path().canonicalize()?;
        let disk = Disk { _folder: folder, path };
        preload::compile("tests/src/power_cut/shim.c", &disk.shim())?;
        fs::create_dir(disk.live())?;
        disk.image().clear()?;
        Ok(disk)
    }

    /// The directory on the disk: what lies below loses what is not synced.
    pub fn live(&self) -> PathBuf {
        self.path("live")
    }

    fn image(&self) -> Image {
        Image { live: self.live(), disk: self.path("image") }
    }

    fn shim(&self) -> PathBuf {
        self.path("shim.so")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Runs a shell script in the directory, as a program that writes to this disk. `sync FILE` is one fsync.
    pub fn run(&self, script: &str) -> Result<()> {
        let words = self.words();
        let (program, words) = words.split_first().context("no words")?;
        let mut command = Command::new(program);
        let status = command.args(words).args(["sh", "-euc", script]).current_dir(self.live()).status()?;
        ensure!(status.success(), "{script}: {status}");
        Ok(())
    }

    /// The words in front of a command line that let its program write to this disk.
    pub fn words(&self) -> Vec<String> {
        let variable = |name: &str, path: &Path| format!("{name}={}", path.display());
        let image = self.image();
        vec![
            "env".to_owned(),
            variable("LD_PRELOAD", &self.shim()),
            variable("POWER_CUT_LIVE", &image.live),
            variable("POWER_CUT_DISK", &image.disk),
        ]
    }

    /// Cuts the power. Whoever wrote to the disk has to be dead.
    pub fn cut(&self, mut luck: Luck<'_>) -> Result<Loss> {
        let image = self.image();
        let (tree, loss) = image.remaining(&mut luck).context("cannot read what a power cut leaves")?;
        image.clear()?;
        fs::remove_dir_all(self.live())?;
        image.lay(&tree, &self.live(), "top").context("cannot write what a power cut leaves")?;
        Ok(loss)
    }
}
