//! Directories and modes of what others are to read: the process's own umask keeps everything to its user, and files of telemetry are not
//! its own. So they get the mode that they would have had in a process that leaves the umask alone.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::files::usual_mode;

/// The Collector's mode of files.
const FILE_MODE: u32 = 0o644;

/// Makes a directory and those above it, as far as they are missing.
pub fn make(directory: &Path, mode: u32) -> io::Result<()> {
    let mut missing = Vec::new();
    for above in directory.ancestors().filter(|above| !above.as_os_str().is_empty()) {
        if above.is_dir() {
            break;
        }
        missing.push(above);
    }
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            made => {
                made?;
                fs::set_permissions(directory, Permissions::from_mode(usual_mode(mode)))?;
            }
        }
    }
    Ok(())
}

/// Gives a file that was just made its mode.
pub fn share(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(usual_mode(FILE_MODE)))
}

/// Makes sure that a name that was made or changed in a directory is on the disk.
pub fn sync_names(file: &Path) -> io::Result<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}
