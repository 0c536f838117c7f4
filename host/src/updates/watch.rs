//! When the file of a plugin has changed, and is whole.
//!
//! The system tells of changes in a file's folder, which covers a file that is renamed into place and the symbolic links that Kubernetes
//! exchanges; where it does not tell, files are looked at every few seconds. A file is taken when it has been the same for a moment: one
//! that is still being written changes in size or time. One that pauses for longer is no component until it is whole, and is refused like
//! any other file that is none.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// How long a file has to be the same.
const SAME_FOR: Duration = Duration::from_millis(100);
/// How long it has to be away to be gone: who builds a new one may remove the old one first.
const GONE_FOR: Duration = Duration::from_secs(2);
/// When a version is tried again that found no room or no time.
pub const AGAIN_IN: Duration = Duration::from_secs(30);

/// A file that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The plugin's name.
    pub plugin: String,
    /// Its file; `None` where it is gone.
    pub file: Option<PathBuf>,
}

/// What tells one content of a path from the next, without reading it: the file behind the links, its size, its times. That of its mode's
/// last change is among them: a file that could not be read may be readable now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Print {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Says where a plugin's file is at the moment; `None` where there is none.
type Source = Box<dyn Fn() -> Option<PathBuf> + Send>;

/// `None` where there is no such file: it may be about to be replaced.
fn print(path: &Path) -> Option<Print> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let modified = (found.mtime(), found.mtime_nsec());
    let changed = (found.ctime(), found.ctime_nsec());
    Some(Print { device: found.dev(), inode: found.ino(), size: found.size(), modified, changed })
}

/// A content of a path.
pub type Content = (PathBuf, Print);

struct File {
    plugin: String,
    source: Source,
    /// What was there when it was taken; `None` before anything was.
    taken: Option<Option<Content>>,
    /// What is there now instead, and since when.
    seen: Option<(Option<Content>, Instant)>,
    /// It is not looked at before.
    not_before: Option<Instant>,
}

/// The files of all plugins that are watched.
pub struct Watch {
    files: Vec<File>,
    folders: HashSet<PathBuf>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Calls `tell` whenever something may have changed.
    pub fn new(tell: impl Fn() + Send + 'static) -> Watch {
        let watcher = notify::recommended_watcher(move |event| {
            if is_news(&event) {
                tell();
            }
        });
        let watcher = watcher.inspect_err(not_told).ok();
        Watch { files: Vec::new(), folders: HashSet::new(), watcher }
    }

    /// Watches the file of a plugin, in a folder of which changes are told. What is there at first is told as a change: what runs was read
    /// before, and may be another content.
    pub fn add(&mut self, plugin: &str, folder: &Path, source: impl Fn() -> Option<PathBuf> + Send + 'static) {
        self.files.push(File::new(plugin, source));
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
        if let Some(watcher) = self.watcher.as_mut().filter(|_| self.folders.insert(folder.clone()))
            && let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive)
        {
            not_told(&error);
        }
    }

    /// When to look again, if something is about to be whole.
    pub fn until_look(&self) -> Option<Duration> {
        let left = |file: &File| {
            let (content, since) = file.seen.as_ref()?;
            Some(file.wait(content.as_ref()).saturating_sub(since.elapsed()))
        };
        let soonest = self.files.iter().filter_map(left).min()?;
        Some(soonest.max(Duration::from_millis(1)))
    }

    /// What was told last of that plugin could not be carried out, and may be later: it is told again, not before [`AGAIN_IN`] from now.
    pub fn again(&mut self, plugin: &str) {
        if let Some(file) = self.file(plugin) {
            file.again(Instant::now());
        }
    }

    /// Whether what was told last of that plugin is what is there now. What is not is told once more, when it is whole.
    pub fn confirm(&mut self, plugin: &str) -> bool {
        self.file(plugin).is_none_or(File::confirm)
    }

    /// What is in the place of that plugin's file now.
    pub fn content(&mut self, plugin: &str) -> Option<Content> {
        self.file(plugin)?.content()
    }

    /// Something else was put into place: what was there then is not told.
    pub fn mark_taken(&mut self, plugin: &str, content: Option<Content>) {
        if let Some(file) = self.file(plugin) {
            file.mark_taken(content);
        }
    }

    fn file(&mut self, plugin: &str) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.plugin == plugin)
    }

    /// The files that have changed since they were taken, and are whole or gone. They count as taken.
    pub fn changed(&mut self) -> Vec<Change> {
        let now = Instant::now();
        self.files.iter_mut().filter_map(|file| file.change(now)).collect()
    }
}

impl File {
    fn new(plugin: &str, source: impl Fn() -> Option<PathBuf> + Send + 'static) -> File {
        File { plugin: plugin.to_owned(), source: Box::new(source), taken: None, seen: None, not_before: None }
    }

    fn content(&self) -> Option<Content> {
        let path = (self.source)()?;
        let print = print(&path)?;
        Some((path, print))
    }

    fn change(&mut self, now: Instant) -> Option<Change> {
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return None;
        }
        self.not_before = None;
        let (content, seen) = (self.content(), self.seen.take());
        if self.taken.as_ref() == Some(&content) {
            return None;
        }
        let since = seen.filter(|(before, _)| *before == content).map_or(now, |(_, since)| since);
        if now.duration_since(since) < self.wait(content.as_ref()) {
            self.seen = Some((content, since));
            return None;
        }
        self.taken = Some(content.clone());
        Some(Change { plugin: self.plugin.clone(), file: content.map(|(path, _)| path) })
    }

    fn confirm(&mut self) -> bool {
        let is_as_told = self.taken == Some(self.content());
        if !is_as_told {
            self.taken = None;
        }
        is_as_told
    }

    fn mark_taken(&mut self, content: Option<Content>) {
        (self.taken, self.seen, self.not_before) = (Some(content), None, None);
    }

    fn again(&mut self, now: Instant) {
        (self.taken, self.seen, self.not_before) = (None, None, Some(now + AGAIN_IN));
    }

    /// How long that has to be so. In a folder another version is there at once where one is gone.
    fn wait(&self, content: Option<&Content>) -> Duration {
        let taken = self.taken.iter().flatten().map(|(path, _)| path).next();
        match (content, taken) {
            (None, _) => GONE_FOR,
            (Some((path, _)), Some(taken)) if path != taken && !taken.is_file() => GONE_FOR,
            _ => SAME_FOR,
        }
    }
}

/// Whether anything may have changed. To look at a file or a folder opens it, of which the system tells as well.
fn is_news(event: &notify::Result<notify::Event>) -> bool {
    !event.as_ref().is_ok_and(|event| event.kind.is_access())
}

fn not_told(error: &notify::Error) {
    tracing::warn!(%error, "the system does not tell when plugin files change; they are looked at every two seconds");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn watch(path: &Path) -> File {
        let path = path.to_owned();
        taken(File::new("p", move || Some(path.clone())))
    }

    fn taken(mut file: File) -> File {
        let now = Instant::now();
        assert_eq!(file.change(now), None);
        assert!(file.change(now + SAME_FOR).is_some(), "what is there at first is told");
        file
    }

    #[test]
    fn a_file_is_taken_once_it_has_been_the_same_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        fs::write(&path, "one").unwrap();
        let (mut file, start) = (watch(&path), Instant::now());
        assert_eq!(file.change(start), None);
        fs::write(&path, "the ha").unwrap();
        assert_eq!(file.change(start), None);
        fs::write(&path, "the half is").unwrap();
        assert_eq!(file.change(start + SAME_FOR), None, "it is being written");
        let change = Change { plugin: "p".to_owned(), file: Some(path.clone()) };
        assert_eq!(file.change(start + 2 * SAME_FOR), Some(change.clone()));
        assert_eq!(file.change(start + 3 * SAME_FOR), None, "once");
        assert!(file.confirm());
        fs::write(&path, "the half").unwrap();
        assert!(!file.confirm(), "it has changed since, while it was read perhaps");
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, Some(change)));
    }

    #[test]
    fn a_file_that_is_exchanged_by_rename_or_by_link_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("plugin.wasm"), version).unwrap();
        }
        // As a Kubernetes volume: plugin.wasm -> ..data/plugin.wasm, ..data -> v1.
        std::os::unix::fs::symlink("v1", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/plugin.wasm", path("plugin.wasm")).unwrap();
        let (mut file, start) = (watch(&path("plugin.wasm")), Instant::now());
        std::os::unix::fs::symlink("v2", path("..tmp")).unwrap();
        fs::rename(path("..tmp"), path("..data")).unwrap();
        assert_eq!(file.change(start), None);
        assert!(file.change(start + SAME_FOR).is_some());
        fs::write(path("new"), "v3").unwrap();
        fs::rename(path("new"), path("plugin.wasm")).unwrap();
        file.change(start);
        assert!(file.change(start + SAME_FOR).is_some());
        fs::remove_file(path("plugin.wasm")).unwrap();
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, None), "it may come back");
        let gone = Change { plugin: "p".to_owned(), file: None };
        assert_eq!((file.change(start + GONE_FOR), file.change(start + 2 * GONE_FOR)), (Some(gone), None));
    }

    #[test]
    fn what_is_missing_at_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        let (mut file, start) = (File::new("p", move || Some(path.clone())), Instant::now());
        assert_eq!(file.change(start), None);
        assert_eq!(file.change(start + GONE_FOR), Some(Change { plugin: "p".to_owned(), file: None }));
    }

    /// One that could not be read, or that found no room.
    #[test]
    fn a_file_is_told_again_when_its_mode_changes_or_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.wasm");
        fs::write(&path, "one").unwrap();
        let (mut file, start) = (watch(&path), Instant::now());
        let change = Some(Change { plugin: "p".to_owned(), file: Some(path.clone()) });
        let mode = fs::metadata(&path).unwrap().permissions();
        // The clock of a file system may tick slowly.
        while file.taken == Some(file.content()) {
            fs::set_permissions(&path, mode.clone()).unwrap();
        }
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, change.clone()));
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, None));
        file.again(start);
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, None), "not yet");
        assert_eq!((file.change(start + AGAIN_IN), file.change(start + AGAIN_IN + SAME_FOR)), (None, change));
        file.again(start);
        file.mark_taken(file.content());
        assert_eq!((file.change(start + AGAIN_IN), file.change(start + AGAIN_IN + SAME_FOR)), (None, None), "never");
    }

    #[test]
    fn an_older_version_in_the_folder_waits_for_the_newest_to_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("p-1.0.0.wasm"), "one").unwrap();
        fs::write(path("p-2.0.0.wasm"), "two").unwrap();
        let versions = crate::config::Folder { path: folder.path().to_owned(), plugin: "p".to_owned(), version: None };
        let mut file = taken(File::new("p", move || Some(versions.choose().ok()?.file)));
        let start = Instant::now();
        let told = |name: &str| Some(Change { plugin: "p".to_owned(), file: Some(path(name)) });
        fs::remove_file(path("p-2.0.0.wasm")).unwrap();
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, None));
        assert_eq!(file.change(start + GONE_FOR), told("p-1.0.0.wasm"));
        fs::write(path("p-3.0.0.wasm"), "three").unwrap();
        assert_eq!((file.change(start), file.change(start + SAME_FOR)), (None, told("p-3.0.0.wasm")));
    }

    #[test]
    fn looking_is_no_news() {
        use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
        use notify::{Error, Event, EventKind};
        let event = |kind| Ok(Event::new(kind));
        assert!(!is_news(&event(EventKind::Access(AccessKind::Open(AccessMode::Any)))));
        assert!(!is_news(&event(EventKind::Access(AccessKind::Close(AccessMode::Write)))));
        assert!(is_news(&event(EventKind::Modify(ModifyKind::Any))));
        assert!(is_news(&event(EventKind::Create(CreateKind::File))));
        assert!(is_news(&Err(Error::generic("some were missed"))));
    }
}
