//! The disk itself: it keeps what POSIX says that it keeps, and nothing else.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;
use otelier_tests::power_cut::{Disk, Loss, Luck, SECTOR, Tear, torn};

/// The files below a directory and what they hold, as one line.
fn files(directory: &Path) -> Result<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type()?.is_dir() {
            true => found.push(format!("{name}({})", files(&entry.path())?)),
            false => found.push(format!("{name}={}", fs::read_to_string(entry.path())?)),
        }
    }
    found.sort();
    Ok(found.join(" "))
}

/// What a script does, and what a cut leaves of it; `sync FILE` is one fsync. Each line goes on from what the one before left.
const MODEL: &[(&str, &str)] = &[
    // Neither bytes nor name.
    ("printf lost >a", ""),
    // The bytes without the name, and the name without the bytes.
    ("printf lost >a; sync a", ""),
    ("printf lost >a; sync .", "a="),
    // Both, in either order.
    ("printf kept >a; sync a", "a=kept"),
    ("printf more >>a", "a=kept"),
    ("printf more >>a; sync -d a; printf lost >>a", "a=keptmore"),
    ("printf kept >b; sync .; sync b; printf lost >>b", "a=keptmore b=kept"),
    // A truncation and a change of what is there.
    (": >a", "a=keptmore b=kept"),
    (": >a; sync a; printf x | dd of=b conv=notrunc status=none", "a= b=kept"),
    ("printf x | dd of=b conv=notrunc status=none; sync b", "a= b=xept"),
    // A rename, over another file too, and a deletion.
    ("mv b c", "a= b=xept"),
    ("mv b c; sync .", "a= c=xept"),
    ("printf new >n; mv n c; sync c", "a= c=xept"),
    ("printf new >n; sync n; mv n c; sync .", "a= c=new"),
    ("rm a", "a= c=new"),
    ("rm a; sync .", "c=new"),
    // An unsynced deletion brings the file back, and nobody else's bytes into it.
    ("rm c; printf other >d; sync d", "c=new"),
    // A directory is a name in the one above.
    ("mkdir e; printf lost >e/f; sync e/f e", "c=new"),
    ("mkdir e; printf lost >e/f; sync e/f; sync .", "c=new e()"),
    ("printf kept >e/f; sync e/f e", "c=new e(f=kept)"),
];

#[test]
fn a_cut_leaves_what_was_synced_and_nothing_else() -> Result<()> {
    let disk = Disk::new()?;
    for (script, left) in MODEL {
        disk.run(script)?;
        disk.cut(Luck::None)?;
        assert_eq!(files(&disk.live())?, *left, "after: {script}");
    }
    Ok(())
}

#[test]
fn a_cut_says_what_it_took() -> Result<()> {
    let disk = Disk::new()?;
    disk.run("printf kept >a; sync a .")?;
    assert_eq!(disk.cut(Luck::None)?, Loss::default());
    disk.run("printf lost >>a; printf lost >b")?;
    assert_eq!(disk.cut(Luck::None)?, Loss { bytes: [("a".into(), 4)].into(), names: 1 });
    Ok(())
}

#[test]
fn with_luck_the_names_of_a_directory_are_all_there_or_none() -> Result<()> {
    let (disk, mut random, mut seen) = (Disk::new()?, Rng::with_seed(1), [0, 0]);
    disk.run("printf 1 >a; sync a .")?;
    for _ in 0..20 {
        disk.run("mv a b; sync b")?;
        disk.cut(Luck::Some(&mut random, &[]))?;
        match files(&disk.live())?.as_str() {
            "a=1" => seen[0] += 1,
            "b=1" => {
                seen[1] += 1;
                disk.run("mv b a; sync .")?;
            }
            other => panic!("{other}"),
        }
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
    Ok(())
}

#[test]
fn a_tear_leaves_what_was_synced() {
    let mut random = Rng::with_seed(1);
    for _ in 0..2000 {
        let written: Vec<u8> = (0..random.usize(1..4 * SECTOR)).map(|_| random.u8(1..)).collect();
        let synced = &written[..random.usize(..written.len())];
        let short = torn(synced, &written, &mut random, &[Tear::Short]);
        assert!(written.starts_with(&short) && short.starts_with(synced));
        let zeros = torn(synced, &written, &mut random, &[Tear::Zeros]);
        let whole = zeros.iter().zip(&written).take_while(|(left, right)| left == right).count();
        assert!(whole >= synced.len() && zeros.len() <= written.len());
        assert!(whole < zeros.len() && zeros[whole..].iter().all(|byte| *byte == 0));
        assert!(whole == synced.len() || whole % SECTOR == 0, "zeros begin with a sector");
        let garbage = torn(synced, &written, &mut random, &[Tear::Garbage]);
        let last = (garbage.len() - 1) / SECTOR * SECTOR;
        assert!(garbage.len() > synced.len() && garbage.starts_with(synced));
        assert_eq!(garbage[..last.max(synced.len())], written[..last.max(synced.len())]);
        // What is not an append leaves nothing.
        assert_eq!(torn(&written, synced, &mut random, &[Tear::Garbage]), written);
    }
}
