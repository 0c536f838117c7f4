//! The state directory as a whole: this user's alone, with everything in it.
//!
//! It may be named by a link that this user or the superuser made, as service managers do; nothing is made through one. Nothing in it is a
//! link.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::private::{self, Found, Kind, PrivateError, check_to_look, failed, is_missing, user};

/// Folder of compiled plugins. The host does without it, so whoever uses it decides about what is not ours in it.
pub const PLUGIN_CACHE: &str = "plugin-cache";
/// Made by file systems at their top.
const OF_FILE_SYSTEMS: &str = "lost+found";

/// Looks at the state directory before anything in it is used, and narrows what others could read. False where there is none yet, or something
/// that is no folder.
pub fn check(directory: &Path) -> Result<bool, PrivateError> {
    let Some(metadata) = top(directory)? else { return Ok(false) };
    private::check(directory, &metadata, Kind::Folder)?;
    let opened = File::open(directory).map_err(failed(directory))?;
    let mut narrowed = u64::from(private::narrow_opened(directory, &opened)?);
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let entry = entry.map_err(failed(directory))?;
        let (name, path) = (entry.file_name(), entry.path());
        narrowed += match name.to_str() {
            Some(OF_FILE_SYSTEMS) => 0,
            Some(PLUGIN_CACHE) => private::check_tree(&path).unwrap_or(0),
            _ => private::check_tree(&path)?,
        };
    }
    if narrowed > 0 {
        tracing::warn!(state_dir = %directory.display(), narrowed, "other users could read the state directory; what is in it is this user's alone now");
    }
    Ok(true)
}

/// Makes the state directory, and those above it, where there is none.
pub fn make(directory: &Path) -> io::Result<()> {
    private::make_folders(directory)
}

/// Opens the state directory of a host that may run as somebody else: the superuser may look at anybody's.
pub fn look(directory: &Path) -> Result<File, PrivateError> {
    top(directory)?;
    let opened = File::open(directory).map_err(failed(directory))?;
    check_to_look(directory, &opened.metadata().map_err(failed(directory))?, Kind::Folder)?;
    Ok(opened)
}

/// What is in its place: a folder, behind a link perhaps.
fn top(directory: &Path) -> Result<Option<Metadata>, PrivateError> {
    let metadata = match fs::symlink_metadata(directory) {
        Ok(metadata) => metadata,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(failed(directory)(error)),
    };
    if !metadata.is_symlink() {
        return Ok(Some(metadata).filter(Metadata::is_dir));
    }
    let refused = |why| PrivateError::Top { found: Found::new(directory, &metadata), why };
    if ![0, user()].contains(&metadata.uid()) {
        return Err(refused("of another user's"));
    }
    match fs::metadata(directory) {
        Ok(metadata) => Ok(Some(metadata).filter(Metadata::is_dir)),
        Err(error) if is_missing(&error) => Err(refused("that leads nowhere")),
        Err(error) => Err(failed(directory)(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn widen(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_that_others_could_read_is_narrowed_with_everything_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (state, db) = (folder.path().join("a/state"), folder.path().join("a/state/db"));
        assert!(!check(&state).unwrap());
        make(&state).unwrap();
        assert_eq!(mode(&state), 0o700);
        fs::create_dir(&db).unwrap();
        fs::write(db.join("000001.log"), "").unwrap();
        for (path, wide) in [(db.join("000001.log"), 0o644), (db.clone(), 0o755), (state.clone(), 0o755)] {
            widen(&path, wide);
        }
        assert!(check(&state).unwrap());
        assert_eq!([mode(&state), mode(&db), mode(&db.join("000001.log"))], [0o700, 0o700, 0o600]);
    }

    #[test]
    fn a_directory_that_others_could_write_to_is_refused_and_so_is_a_link_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        make(&state).unwrap();
        widen(&state, 0o775);
        let error = check(&state).unwrap_err().to_string();
        assert!(error.contains("mode 775) can be written to by other users"), "{error}");
        widen(&state, 0o700);
        let target = folder.path().join("target");
        symlink(&target, state.join("otelier-store")).unwrap();
        let error = check(&state).unwrap_err().to_string();
        assert!(error.contains("otelier-store") && error.contains("is a symbolic link"), "{error}");
        fs::remove_file(state.join("otelier-store")).unwrap();
        symlink(&target, state.join(PLUGIN_CACHE)).unwrap();
        assert!(check(&state).unwrap(), "whoever uses it says so");
        assert!(!target.exists());
    }

    #[test]
    fn a_link_to_the_directory_is_followed_and_nothing_is_made_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let (link, state) = (folder.path().join("link"), folder.path().join("state"));
        symlink(&state, &link).unwrap();
        let error = check(&link).unwrap_err().to_string();
        assert!(error.contains("leads nowhere") && error.contains("--state-dir"), "{error}");
        assert!(make(&link).is_err() && !state.exists());
        make(&state).unwrap();
        assert!(check(&link).unwrap());
        widen(&state, 0o777);
        assert!(matches!(check(&link), Err(PrivateError::Writable { .. })));
        assert!(matches!(look(&link), Err(PrivateError::Writable { .. })));
    }

    #[test]
    fn what_a_file_system_makes_and_what_is_no_folder_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(OF_FILE_SYSTEMS)).unwrap();
        widen(&folder.path().join(OF_FILE_SYSTEMS), 0o777);
        assert!(check(folder.path()).unwrap());
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(!check(&file).unwrap(), "whoever makes the directory says so");
        assert!(!check(&file.join("below")).unwrap());
    }
}
