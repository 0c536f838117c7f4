//! Files that were rotated: their names, and which of them go.
//!
//! `data.json` becomes `data-2026-01-02T15-04-05.000-size.json`, as in the Collector. Its older versions left out `-size`; those count too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::config::Rotation;

/// As long as `2026-01-02T15-04-05.000`.
const TIME_BYTES: usize = 23;
const TIME_FORMAT: &str = "%Y-%m-%dT%H-%M-%S.%3f";

/// Names that are tried for one moment.
const NAMES_MAX: u32 = 10_000;

/// Renames a file. Returns its new name.
pub fn rotate(path: &Path, rotation: &Rotation, now: Timestamp) -> io::Result<PathBuf> {
    let name = free_name(path, rotation, now)?;
    fs::rename(path, &name)?;
    Ok(name)
}

fn free_name(path: &Path, rotation: &Rotation, now: Timestamp) -> io::Result<PathBuf> {
    let (stem, extension) = stem_and_extension(path);
    let time = now.to_zoned_datetime(zone(rotation)).strftime(TIME_FORMAT).to_string();
    for number in 0..NAMES_MAX {
        let again = if number == 0 { String::new() } else { format!("_{number}") };
        let candidate = path.with_file_name(format!("{stem}-{time}-size{again}{extension}"));
        if !candidate.try_exists()? {
            return Ok(candidate);
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name for the rotated file is taken"))
}

fn zone(rotation: &Rotation) -> TimeZone {
    if rotation.localtime { TimeZone::system() } else { TimeZone::UTC }
}

/// Removes files that are too many or too old. What cannot be removed is told, and stays.
pub fn clean(path: &Path, rotation: &Rotation, now: Timestamp) {
    if rotation.max_backups == 0 && rotation.max_days == 0 {
        return;
    }
    let mut backups = match backups(path, rotation) {
        Ok(backups) => backups,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "cannot look for rotated files; none is removed");
            return;
        }
    };
    // The newest first.
    backups.sort_by(|left, right| right.cmp(left));
    let kept = if rotation.max_backups == 0 { usize::MAX } else { rotation.max_backups as usize };
    let age_max = SignedDuration::from_hours(24 * i64::from(rotation.max_days));
    let is_old = |time: Timestamp| rotation.max_days > 0 && now.duration_since(time) > age_max;
    let gone = backups.iter().enumerate().filter(|(place, (time, _))| *place >= kept || is_old(*time));
    for (_, (_, file)) in gone {
        if let Err(error) = fs::remove_file(file) {
            tracing::warn!(file = %file.display(), %error, "cannot remove a rotated file");
        }
    }
}

/// The rotated files of a path, each with the time of its name.
fn backups(path: &Path, rotation: &Rotation) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let (stem, extension) = stem_and_extension(path);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let time = name.to_str().and_then(|name| time_of(name, &stem, &extension, &zone(rotation)));
        if let Some(time) = time.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) {
            found.push((time, entry.path()));
        }
    }
    Ok(found)
}

/// When a file with that name was rotated; nothing where it is none of these.
fn time_of(name: &str, stem: &str, extension: &str, zone: &TimeZone) -> Option<Timestamp> {
    let middle = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(extension)?;
    let (time, reason) = middle.split_at_checked(TIME_BYTES)?;
    let is_ours = match reason.strip_prefix("-size") {
        None => reason.is_empty(),
        Some(again) => again.is_empty() || again.strip_prefix('_').is_some_and(|number| number.parse::<u32>().is_ok()),
    };
    let time = DateTime::strptime(TIME_FORMAT, time).ok().filter(|_| is_ours)?;
    Some(zone.to_ambiguous_zoned_datetime(time).compatible().ok()?.timestamp())
}

fn stem_and_extension(path: &Path) -> (String, String) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.rfind('.') {
        Some(dot) => (name.get(..dot).unwrap_or_default().to_owned(), name.get(dot..).unwrap_or_default().to_owned()),
        None => (name, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn names(directory: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect::<io::Result<_>>()?;
        names.sort();
        Ok(names)
    }

    #[test]
    fn a_rotated_file_is_named_as_by_the_collector_and_never_replaces_another() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (path, now) = (folder.path().join("data.json"), "2026-01-02T15:04:05.678Z".parse()?);
        for _ in 0..2 {
            fs::write(&path, "")?;
            rotate(&path, &Rotation::default(), now)?;
        }
        let expected = ["data-2026-01-02T15-04-05.678-size.json", "data-2026-01-02T15-04-05.678-size_1.json"];
        assert_eq!(names(folder.path())?, expected);
        let plain = folder.path().join("plain");
        fs::write(&plain, "")?;
        assert!(rotate(&plain, &Rotation::default(), now)?.ends_with("plain-2026-01-02T15-04-05.678-size"));
        Ok(())
    }

    #[test]
    fn local_time_is_that_of_the_system() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (path, now): (_, Timestamp) = (folder.path().join("data.json"), "2026-01-02T15:04:05.678Z".parse()?);
        fs::write(&path, "")?;
        let rotation = Rotation { localtime: true, ..Rotation::default() };
        let local =
            now.to_zoned_datetime(TimeZone::system()).strftime("data-%Y-%m-%dT%H-%M-%S.678-size.json").to_string();
        assert!(rotate(&path, &rotation, now)?.ends_with(local));
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let time = time_of("data-2026-01-02T15-04-05.678-size.json", "data", ".json", &zone);
        assert_eq!(time, Some("2026-01-02T13:04:05.678Z".parse()?));
        Ok(())
    }

    #[test]
    fn what_is_too_old_or_too_many_goes_and_nothing_else() -> Outcome {
        let folder = tempfile::tempdir()?;
        let (path, now) = (folder.path().join("data.json"), "2026-01-10T00:00:00Z".parse()?);
        let backup = |day: u32| format!("data-2026-01-{day:02}T00-00-00.000-size.json");
        let others = ["data.json", "data-2026-01-01T00-00-00.000-time.json", "data-x-size.json", "other.json"];
        for name in others.into_iter().map(str::to_owned).chain((1..=9).map(backup)) {
            fs::write(folder.path().join(name), "")?;
        }
        fs::write(folder.path().join("data-2026-01-01T00-00-00.000.json"), "of an older Collector")?;
        clean(&path, &Rotation { max_backups: 0, ..Rotation::default() }, now);
        assert_eq!(names(folder.path())?.len(), 14, "no bound");
        clean(&path, &Rotation { max_days: 5, max_backups: 0, ..Rotation::default() }, now);
        let mut kept: Vec<String> = others.into_iter().map(str::to_owned).chain((5..=9).map(backup)).collect();
        kept.sort();
        assert_eq!(names(folder.path())?, kept);
        clean(&path, &Rotation { max_backups: 2, ..Rotation::default() }, now);
        kept.retain(|name| !(5..=7).map(backup).any(|gone| gone == *name));
        assert_eq!(names(folder.path())?, kept);
        Ok(())
    }
}
