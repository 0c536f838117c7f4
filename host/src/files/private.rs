//! Files and folders that are this user's alone.
//!
//! No symbolic link is followed. What is made has mode 700 or 600. What another user owns or may write to is refused: its content may be that
//! user's. What others may only read is narrowed.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Bits of a mode that let others in.
const OTHERS: u32 = 0o077;
/// Bits of a mode that let others write.
const OTHERS_WRITE: u32 = 0o022;
const PERMISSIONS: u32 = 0o7777;
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// How deep folders of ours are nested, at the most.
const DEPTH_MAX: u32 = 8;

/// What stands in a place of ours and is not ours.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// Another user's.
    #[error(
        "{found} belongs to another user, and this process runs as user {user}: run it as user {}, or name another place with --state-dir, such as a new folder below; a folder that does not exist is made",
        found.owner
    )]
    Owner {
        /// What is there.
        found: Found,
        /// Who asks.
        user: u32,
    },
    /// Others may have put something there.
    #[error(
        "{found} can be written to by other users: make sure that nothing in it is theirs, then `chmod -R go-rwx {}`",
        found.path.display()
    )]
    Writable {
        /// What is there.
        found: Found,
    },
    /// A symbolic link.
    #[error("{found} is a symbolic link, and none is followed here: remove it, or put what it leads to into its place")]
    Link {
        /// What is there.
        found: Found,
    },
    /// A link in the place of the state directory that leads nowhere, or that another user made.
    #[error("{found} is a symbolic link {why}: name the directory itself with --state-dir, or remove the link")]
    Top {
        /// What is there.
        found: Found,
        /// Why it is not followed.
        why: &'static str,
    },
    /// Something else.
    #[error("{found} is no {expected}: move it away")]
    Kind {
        /// What is there.
        found: Found,
        /// What should be.
        expected: &'static str,
    },
    /// More bytes than there can be.
    #[error("{} has more than {bytes_max} bytes, and nothing of otelier's is that large: move it away", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// The operating system refused.
    #[error("{}: {source}; the state directory has to be readable and writable, or choose another one with --state-dir", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
}

/// What is in a place, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The place.
    pub path: PathBuf,
    /// The user's number.
    pub owner: u32,
    /// The permissions.
    pub mode: u32,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (user {}, mode {:03o})", self.path.display(), self.owner, self.mode)
    }
}

impl Found {
    pub(super) fn new(path: &Path, metadata: &Metadata) -> Found {
        Found { path: path.to_owned(), owner: metadata.uid(), mode: metadata.mode() & PERMISSIONS }
    }
}

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A socket.
    Socket,
}

impl Kind {
    fn of(metadata: &Metadata) -> Option<Kind> {
        let kind = metadata.file_type();
        match () {
            () if kind.is_dir() => Some(Kind::Folder),
            () if kind.is_file() => Some(Kind::File),
            () if kind.is_socket() => Some(Kind::Socket),
            () => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Folder => "folder",
            Kind::File => "file",
            Kind::Socket => "socket",
        }
    }
}

/// The user this process acts for.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// There is nothing, or something else above it.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> PrivateError {
    move |source| PrivateError::Io { path: path.to_owned(), source }
}

/// Whether what is there is of that kind, and this user's alone to write to.
pub fn check(path: &Path, metadata: &Metadata, kind: Kind) -> Result<(), PrivateError> {
    let found = Found::new(path, metadata);
    let user = user();
    if metadata.is_symlink() {
        Err(PrivateError::Link { found })
    } else if Kind::of(metadata) != Some(kind) {
        Err(PrivateError::Kind { found, expected: kind.name() })
    } else if found.owner != user {
        Err(PrivateError::Owner { found, user })
    } else if found.mode & OTHERS_WRITE != 0 && kind != Kind::Socket {
        Err(PrivateError::Writable { found })
    } else {
        Ok(())
    }
}

/// The same for somebody who only looks: the superuser may look at what is anybody's.
pub fn check_to_look(path: &Path, metadata: &Metadata, kind: Kind) -> Result<(), PrivateError> {
    match check(path, metadata, kind) {
        Err(PrivateError::Owner { user: 0, .. }) if metadata.mode() & OTHERS_WRITE == 0 => Ok(()),
        checked => checked,
    }
}

/// Takes from others what they may. True where they might.
pub(super) fn narrow(path: &Path, metadata: &Metadata) -> Result<bool, PrivateError> {
    let mode = metadata.mode() & PERMISSIONS;
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    // By its descriptor: a path could lead elsewhere by now. A socket has none, and its folder is narrowed before it.
    if metadata.file_type().is_socket() {
        let narrowed = Permissions::from_mode(mode & !OTHERS);
        return fs::set_permissions(path, narrowed).map(|()| true).map_err(failed(path));
    }
    narrow_opened(path, &open_as_it_is(path).map_err(failed(path))?)
}

/// The same of what is open already.
pub(super) fn narrow_opened(path: &Path, opened: &File) -> Result<bool, PrivateError> {
    let mode = opened.metadata().map_err(failed(path))?.mode() & PERMISSIONS;
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    opened.set_permissions(Permissions::from_mode(mode & !OTHERS)).map(|()| true).map_err(failed(path))
}

/// No link is followed, and nothing is waited for.
fn open_as_it_is(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Makes a folder where there is none; its parent exists.
pub fn make_folder(path: &Path) -> Result<(), PrivateError> {
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(path)(error)),
        _ => {
            let metadata = fs::symlink_metadata(path).map_err(failed(path))?;
            check(path, &metadata, Kind::Folder)?;
            narrow(path, &metadata).map(drop)
        }
    }
}

/// Makes the state directory and those above it.
pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
}

/// Looks at a folder of ours and everything in it, and narrows it. Returns how much others could have read.
pub fn check_tree(path: &Path) -> Result<u64, PrivateError> {
    check_below(path, DEPTH_MAX)
}

fn check_below(path: &Path, depth: u32) -> Result<u64, PrivateError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // It was there when its folder was listed.
        Err(error) if is_missing(&error) => return Ok(0),
        Err(error) => return Err(failed(path)(error)),
    };
    let kind = Kind::of(&metadata).unwrap_or(Kind::File);
    check(path, &metadata, kind)?;
    let mut narrowed = u64::from(narrow(path, &metadata)?);
    if kind == Kind::Folder && depth > 0 {
        for entry in fs::read_dir(path).map_err(failed(path))? {
            narrowed += check_below(&entry.map_err(failed(path))?.path(), depth - 1)?;
        }
    }
    Ok(narrowed)
}

/// Opens a file of ours to read; `None` where there is none.
pub fn open(path: &Path) -> Result<Option<File>, PrivateError> {
    let link = || fs::symlink_metadata(path).ok().filter(Metadata::is_symlink);
    let file = match open_as_it_is(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => {
            return Err(match link() {
                Some(link) => PrivateError::Link { found: Found::new(path, &link) },
                None => failed(path)(error),
            });
        }
    };
    check_to_look(path, &file.metadata().map_err(failed(path))?, Kind::File)?;
    Ok(Some(file))
}

/// Reads a file of ours, which has no more than so many bytes; `None` where there is none.
pub fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, PrivateError> {
    let Some(file) = open(path)? else { return Ok(None) };
    let too_large = || PrivateError::TooLarge { path: path.to_owned(), bytes_max };
    if file.metadata().map_err(failed(path))?.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed(path))?;
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(Some(bytes)) }
}

/// Whether a replacement is on disk when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It is: after a power cut the old or the new content is there.
    Synced,
    /// It will be.
    Unsynced,
}

/// Puts a content into the place of a file of ours, or where there is none. It is never seen in part.
pub fn replace(path: &Path, content: &[u8], lasting: Lasting) -> Result<(), PrivateError> {
    let beside = path.with_extension("new");
    let write = || {
        // What a process that was killed has left; a link is removed and not followed.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&beside)?;
        file.write_all(content)?;
        if lasting == Lasting::Unsynced {
            return fs::rename(&beside, path);
        }
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(failed(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & PERMISSIONS
    }

    #[test]
    fn what_is_made_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (made, file) = (folder.path().join("made"), folder.path().join("made/file.json"));
        make_folder(&made).unwrap();
        make_folder(&made).unwrap();
        for (content, lasting) in [("one", Lasting::Synced), ("two", Lasting::Unsynced)] {
            replace(&file, content.as_bytes(), lasting).unwrap();
            assert_eq!(read(&file, 3).unwrap().unwrap(), content.as_bytes());
        }
        assert_eq!((mode(&made), mode(&file)), (0o700, 0o600));
        assert!(matches!(read(&file, 2), Err(PrivateError::TooLarge { .. })));
        assert!(read(&made.join("missing"), 3).unwrap().is_none());
    }

    #[test]
    fn what_others_may_read_is_narrowed_and_what_they_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("inner"), folder.path().join("inner/file"));
        fs::create_dir(&inner).unwrap();
        fs::write(&file, "").unwrap();
        fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        assert_eq!(check_tree(folder.path()).unwrap(), 2);
        assert_eq!((mode(&inner), mode(&file)), (0o700, 0o600));
        assert_eq!(check_tree(folder.path()).unwrap(), 0);
        for (path, wide) in [(&inner, 0o777), (&inner, 0o770), (&file, 0o666)] {
            let narrow = mode(path);
            fs::set_permissions(path, Permissions::from_mode(wide)).unwrap();
            let error = check_tree(folder.path()).unwrap_err().to_string();
            let (named, way_out) = (format!("{} (user {}, mode {wide:o})", path.display(), user()), "chmod -R go-rwx");
            assert!(error.contains(&named) && error.contains(way_out), "{error}");
            fs::set_permissions(path, Permissions::from_mode(narrow)).unwrap();
        }
    }

    #[test]
    fn no_link_is_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, target) = (folder.path().join("file.json"), elsewhere.path().join("target"));
        let follow = |target: &Path, link: &Path| std::os::unix::fs::symlink(target, link).unwrap();
        follow(&target, &link);
        assert!(matches!(check_tree(folder.path()), Err(PrivateError::Link { .. })));
        assert!(matches!(read(&link, 9), Err(PrivateError::Link { .. })));
        assert!(matches!(make_folder(&link), Err(PrivateError::Link { .. })));
        // The place of what is not finished yet.
        follow(&target, &folder.path().join("file.new"));
        replace(&link, b"content", Lasting::Synced).unwrap();
        assert!(!target.exists());
        assert_eq!(read(&link, 9).unwrap().unwrap(), b"content");
        let error = read(&elsewhere.path().join("target"), 9).unwrap();
        assert!(error.is_none());
    }

    #[test]
    fn what_is_another_users_is_refused_with_both_users() {
        // The superuser owns it, or somebody else does.
        let Some(path) = [Path::new("/proc/1/status"), Path::new("/etc/passwd")]
            .into_iter()
            .find(|path| fs::metadata(path).is_ok_and(|data| data.uid() != user()))
        else {
            return gives_away();
        };
        let error = check(path, &fs::metadata(path).unwrap(), Kind::File).unwrap_err().to_string();
        assert!(error.contains("belongs to another user") && error.contains(&format!("user {}", user())), "{error}");
    }

    /// As the superuser, who can make something another user's.
    fn gives_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
        let error = check_tree(folder.path()).unwrap_err().to_string();
        assert!(error.contains("(user 65534, mode 640) belongs to another user"), "{error}");
        assert!(error.contains("runs as user 0: run it as user 65534"), "{error}");
        assert_eq!(read(&file, 9).unwrap().unwrap(), b"", "the superuser may look");
    }
}
