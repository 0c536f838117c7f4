//! Which file imports which: an arrow goes from a file that names something to the file that defines it, whatever hands the name on.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{Named, named};

/// How often a name may be handed on.
const HANDED_ON_MAX: usize = 10;

/// One file of a crate.
pub struct File {
    /// Its path in the repository.
    pub path: String,
    /// The crate, and the modules that lead to it.
    pub module: Vec<String>,
    /// What it names.
    pub named: Vec<Named>,
}

impl File {
    pub fn new(path: &str, module: &str, code: &str) -> File {
        let module = module.split("::").map(str::to_owned).collect();
        File { path: path.to_owned(), module, named: named(code) }
    }

    /// What a name stands for that the file has from elsewhere.
    fn meaning(&self, name: &str) -> Option<&[String]> {
        let is_it = |named: &&Named| named.alias.as_deref() == Some(name) && named.parts != [name];
        self.named.iter().find(is_it).map(|named| named.parts.as_slice())
    }
}

/// All files, by their modules.
pub struct Sources<'f>(BTreeMap<&'f [String], &'f File>);

/// From a file to another one: the names that it takes from there.
pub type Arrows<'f> = BTreeMap<(&'f str, &'f str), BTreeSet<String>>;

impl<'f> Sources<'f> {
    pub fn new(files: impl IntoIterator<Item = &'f File>) -> Sources<'f> {
        Sources(files.into_iter().map(|file| (file.module.as_slice(), file)).collect())
    }

    /// A path from its crate on; `None` for what is of no crate of ours, or stands in the file itself.
    pub fn absolute(&self, file: &File, parts: &[String]) -> Option<Vec<String>> {
        self.absolute_after(file, parts, 0)
    }

    fn absolute_after(&self, file: &File, parts: &[String], steps: usize) -> Option<Vec<String>> {
        let (first, rest) = parts.split_first()?;
        let joined = |start: &[String], rest: &[String]| Some([start, rest].concat());
        match first.as_str() {
            "crate" => return joined(&file.module[..1], rest),
            "self" => return joined(&file.module, rest),
            "super" => {
                let above = parts.iter().take_while(|part| *part == "super").count();
                return joined(file.module.get(..file.module.len().checked_sub(above)?)?, &parts[above..]);
            }
            _ if self.0.contains_key(std::slice::from_ref(first)) => return Some(parts.to_vec()),
            _ => {}
        }
        let below = [file.module.as_slice(), std::slice::from_ref(first)].concat();
        if self.0.contains_key(below.as_slice()) {
            return joined(&below, rest);
        }
        let meaning = file.meaning(first).filter(|_| steps < HANDED_ON_MAX)?;
        joined(&self.absolute_after(file, meaning, steps + 1)?, rest)
    }

    /// The file that defines what an absolute path names, and its name there; `None` for a module as such.
    fn definition(&self, path: &[String], steps: usize) -> Option<(&'f File, String)> {
        let is_module = |length: &usize| self.0.contains_key(&path[..*length]);
        let length = (1..=path.len()).rev().find(is_module)?;
        let (file, name) = (*self.0.get(&path[..length])?, path.get(length)?);
        let handed_on = file.meaning(name).filter(|_| steps < HANDED_ON_MAX);
        match handed_on.map(|meaning| self.absolute(file, meaning)) {
            None => Some((file, name.clone())),
            // It is of another crate.
            Some(None) => None,
            Some(Some(elsewhere)) => {
                let elsewhere = [elsewhere.as_slice(), path.get(length + 1..).unwrap_or_default()].concat();
                self.definition(&elsewhere, steps + 1)
            }
        }
    }

    /// Every arrow between two of them.
    pub fn arrows(&self) -> Arrows<'f> {
        let mut arrows = Arrows::new();
        for file in self.0.values() {
            for named in &file.named {
                let path = self.absolute(file, &named.parts);
                let Some((other, name)) = path.and_then(|path| self.definition(&path, 0)) else { continue };
                if other.module != file.module {
                    arrows.entry((&file.path, &other.path)).or_default().insert(name);
                }
            }
        }
        arrows
    }
}

/// Files that import each other, directly or over others, each with how they do: those of more than so many files.
pub fn circles(arrows: &Arrows<'_>, files_max: usize) -> Vec<String> {
    let mut circles = BTreeSet::new();
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|(from, _)| (*from, reached_from(arrows, from))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|reached| reached.contains(to));
    for (from, others) in &reached {
        let circle: BTreeSet<&str> = others.iter().copied().filter(|other| reaches(other, from)).collect();
        if circle.len() > files_max {
            circles.insert(circle);
        }
    }
    circles.into_iter().map(|circle| told(arrows, &circle)).collect()
}

fn reached_from<'f>(arrows: &Arrows<'f>, start: &str) -> BTreeSet<&'f str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![start]);
    while let Some(file) = next.pop() {
        for ((from, to), _) in arrows.range((file, "")..) {
            if *from != file {
                break;
            }
            if reached.insert(*to) {
                next.push(to);
            }
        }
    }
    reached
}

/// A line for each arrow that makes the circle.
fn told(arrows: &Arrows<'_>, circle: &BTreeSet<&str>) -> String {
    let inside = arrows.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
    let lines = inside.map(|((from, to), names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("\n  {from} -> {to}: {}", names.join(", "))
    });
    format!("{} files import each other in a circle:{}", circle.len(), lines.collect::<String>())
}

/// The test's own eyes: an arrow ends where a name is defined.
#[test]
fn an_arrow_goes_to_the_file_that_defines_a_name() {
    let files = [
        ("host", "mod a; mod b;"),
        ("host::a", "mod one; mod two; pub use one::One; pub(super) use two::Two as Second; pub struct Own;"),
        ("host::a::one", "use super::{Own, Second}; pub struct One; use std::fmt;"),
        ("host::a::two", "use crate::b; pub struct Two(b::Third, fmt::Debug, Other::Kind);"),
        ("host::b", "use crate::a::{One, two}; pub struct Third; fn f() -> two::Two {}"),
        ("cli", "use host::a; fn f() { a::One::new() }"),
    ]
    .map(|(module, code)| File::new(module, module, code));
    let arrows = Sources::new(&files).arrows();
    let told: Vec<String> =
        arrows.iter().map(|((from, to), names)| format!("{from} -> {to}: {names:?}").replace('"', "")).collect();
    let expected = [
        "cli -> host::a::one: {One}",
        "host::a -> host::a::one: {One}",
        "host::a -> host::a::two: {Two}",
        "host::a::one -> host::a: {Own}",
        "host::a::one -> host::a::two: {Two}",
        "host::a::two -> host::b: {Third}",
        "host::b -> host::a::one: {One}",
        "host::b -> host::a::two: {Two}",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_circle_is_told_with_the_arrows_that_make_it() {
    let ring = |length: usize| {
        let file = |number: usize| {
            let module = format!("host::m{number}");
            let next = (number + 1) % length;
            File::new(&module, &module, &format!("use crate::m{next}::T{next}; struct T{number}(crate::below::B);"))
        };
        let rest = [("host", ""), ("host::below", "struct B;"), ("host::above", "use crate::m0::T0;")];
        let rest = rest.map(|(module, code)| File::new(module, module, code));
        let files: Vec<File> = (0..length).map(file).chain(rest).collect();
        circles(&Sources::new(&files).arrows(), 3)
    };
    assert!(ring(3).is_empty());
    let expected = "4 files import each other in a circle:\n  host::m0 -> host::m1: T1\n  host::m1 -> host::m2: T2\n  \
                    host::m2 -> host::m3: T3\n  host::m3 -> host::m0: T0";
    assert_eq!(ring(4), [expected]);
}
