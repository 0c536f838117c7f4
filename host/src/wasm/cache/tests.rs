#![allow(clippy::unwrap_used)]

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{self, Key};
use super::{Cache, EntryError, FOLDER, Kept};
use crate::wasm::{Engine, Origin, PluginFile};

/// The smallest component there is.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const PAYLOAD: &[u8] = b"machine code, as it were";

/// A state directory with a cache in it.
struct Place {
    folder: tempfile::TempDir,
    cache: Cache,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(&folder.path().join(FOLDER));
    Place { folder, cache }
}

impl Place {
    fn directory(&self) -> PathBuf {
        self.folder.path().join(FOLDER)
    }

    fn file(&self, key: &Key) -> PathBuf {
        self.directory().join(key.file_name())
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn key(plugin: u8) -> Key {
    Key { plugin: [plugin; 32], compatibility: [7; 32] }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_put_is_found_and_private() {
    let place = place();
    assert!(place.cache.get(&key(1)).unwrap().is_none());
    assert_eq!(place.cache.put(&key(1), PAYLOAD), Kept::Settled);
    let found = place.cache.get(&key(1)).unwrap().unwrap();
    assert_eq!(found.payload().unwrap(), PAYLOAD);
    assert!(place.cache.get(&key(2)).unwrap().is_none());
    assert_eq!((mode(&place.directory()), mode(&place.file(&key(1)))), (0o700, 0o600));
    assert_eq!(place.files(), [key(1).file_name()], "nothing unfinished is left");
}

/// Each byte in turn, and each length: nothing but what was written is taken.
#[test]
fn no_change_of_a_file_goes_unnoticed() {
    let whole = [PAYLOAD, &entry::trailer(&key(1), PAYLOAD)].concat();
    let bounded = |bytes: &[u8], bytes_max: usize| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        entry::open(&key(1), file, bytes_max as u64).map(drop)
    };
    let open = |bytes: &[u8]| bounded(bytes, 1000);
    assert_eq!(open(&whole), Ok(()));
    let trailer = PAYLOAD.len();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let expected = match at.checked_sub(trailer) {
            Some(0..16) => EntryError::Foreign,
            Some(16..48) => EntryError::Plugin,
            Some(48..80) => EntryError::Compatibility,
            _ => EntryError::Damaged,
        };
        assert_eq!(open(&damaged), Err(expected), "byte {at}");
        assert!(open(&whole[..at]).is_err(), "cut at {at}");
        assert!(open(&whole[at + 1..]).is_err(), "without its first {}", at + 1);
    }
    assert_eq!(open(&[&whole[..], b"x"].concat()), Err(EntryError::Foreign));
    assert_eq!(open(&[b"x", &whole[..]].concat()), Err(EntryError::Damaged));
    assert_eq!(bounded(&whole, whole.len()), Ok(()));
    assert_eq!(bounded(&whole, whole.len() - 1), Err(EntryError::Damaged), "longer than it may be");
}

fn rejected(place: &Place, key: &Key) -> EntryError {
    let why = place.cache.get(key).unwrap_err();
    assert!(!place.file(key).exists(), "it is still there");
    assert!(place.cache.get(key).unwrap().is_none());
    why
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_removed() {
    let place = place();
    place.cache.put(&key(1), PAYLOAD);
    std::fs::rename(place.file(&key(1)), place.file(&key(2))).unwrap();
    assert_eq!(rejected(&place, &key(2)), EntryError::Plugin);

    place.cache.put(&key(1), PAYLOAD);
    let later = Key { plugin: [1; 32], compatibility: [8; 32] };
    std::fs::rename(place.file(&key(1)), place.file(&later)).unwrap();
    assert_eq!(rejected(&place, &later), EntryError::Compatibility);

    place.cache.put(&key(1), PAYLOAD);
    std::fs::set_permissions(place.file(&key(1)), Permissions::from_mode(0o666)).unwrap();
    assert_eq!(rejected(&place, &key(1)), EntryError::Writable);

    std::os::unix::fs::symlink("/dev/zero", place.file(&key(1))).unwrap();
    assert_eq!(rejected(&place, &key(1)), EntryError::Unreadable);
}

#[test]
fn a_directory_that_others_may_enter_is_not_used() {
    let place = place();
    place.cache.put(&key(1), PAYLOAD);
    for open in [0o777, 0o701, 0o750] {
        std::fs::set_permissions(place.directory(), Permissions::from_mode(open)).unwrap();
        assert!(place.cache.get(&key(1)).unwrap().is_none(), "{open:o}");
        assert_eq!(place.cache.put(&key(2), PAYLOAD), Kept::Settled);
        assert_eq!(place.files(), [key(1).file_name()], "{open:o}");
    }
    let error = super::directory::check(&place.directory()).unwrap_err();
    assert!(error.to_string().contains("remove it"), "{error}");
}

#[test]
fn a_link_or_a_file_in_place_of_the_directory_is_not_used() {
    let place = place();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), place.directory()).unwrap();
    assert_eq!(place.cache.put(&key(1), PAYLOAD), Kept::Settled);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    std::fs::remove_file(place.directory()).unwrap();
    std::fs::write(place.directory(), "").unwrap();
    assert_eq!(place.cache.put(&key(1), PAYLOAD), Kept::Settled);
    assert!(place.cache.get(&key(1)).unwrap().is_none());
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let place = place();
    let old = SystemTime::now() - Duration::from_secs(7200);
    for number in 1..=4 {
        place.cache.put(&key(number), PAYLOAD);
        let file = File::options().append(true).open(place.file(&key(number))).unwrap();
        file.set_modified(old + Duration::from_secs(u64::from(number))).unwrap();
    }
    let unfinished = place.directory().join("1-0.tmp");
    std::fs::write(&unfinished, "half").unwrap();
    place.cache.prune(3, u64::MAX).unwrap();
    assert!(!place.file(&key(1)).exists() && place.file(&key(2)).exists());
    assert!(unfinished.exists(), "somebody may be writing it");
    File::options().append(true).open(&unfinished).unwrap().set_modified(old).unwrap();
    // The second was used last.
    assert!(place.cache.get(&key(2)).unwrap().is_some());
    let length = std::fs::metadata(place.file(&key(2))).unwrap().len();
    place.cache.prune(64, 2 * length).unwrap();
    let mut left = [key(2).file_name(), key(4).file_name()];
    left.sort();
    assert_eq!(place.files(), left);
}

/// Whether a component comes out of it, and from where.
fn origin(engine: &Engine) -> Origin {
    engine.component(&PluginFile::new(Path::new("plugin.wasm"), COMPONENT.to_vec())).unwrap().1
}

#[test]
fn an_engine_compiles_once_and_again_after_damage() {
    let place = place();
    let engine = Engine::with_cache(&place.directory()).unwrap();
    assert_eq!(origin(&engine), Origin::Compiled);
    assert_eq!(origin(&engine), Origin::Cached);
    let other_process = Engine::with_cache(&place.directory()).unwrap();
    assert_eq!(origin(&other_process), Origin::Cached);

    let file = place.directory().join(&place.files()[0]);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    // Never in place: the file is mapped into this process.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(origin(&engine), Origin::Compiled);
    assert_eq!(origin(&engine), Origin::Cached);
    assert_eq!(origin(&Engine::new().unwrap()), Origin::Compiled);
}

/// A sound entry whose payload no runtime takes: what an entry says of itself is not all that is looked at.
#[test]
fn a_payload_that_the_runtime_refuses_is_compiled_anew() {
    let place = place();
    let engine = Engine::with_cache(&place.directory()).unwrap();
    assert_eq!(origin(&engine), Origin::Compiled);
    let file = place.directory().join(&place.files()[0]);
    let bytes = std::fs::read(&file).unwrap();
    let of = |from_end: usize| *bytes[bytes.len() - from_end..].first_chunk::<32>().unwrap();
    let key = Key { plugin: of(96), compatibility: of(64) };
    place.cache.put(&key, PAYLOAD);
    assert_eq!(origin(&engine), Origin::Compiled);
    assert_eq!(origin(&engine), Origin::Cached);
}

#[test]
fn nothing_is_made_before_the_state_directory_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let engine = Engine::with_cache(&state.join(FOLDER)).unwrap();
    assert_eq!(origin(&engine), Origin::Compiled);
    assert!(!state.exists());
    std::fs::create_dir(&state).unwrap();
    engine.keep_compiled();
    assert_eq!(origin(&engine), Origin::Cached);
}
