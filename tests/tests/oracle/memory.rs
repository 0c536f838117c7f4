//! No view takes more memory than a constant times what it was given.
//!
//! Measured in a process of its own, this test binary again: the high-water mark belongs to a process.

use std::process::Command;

use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::columns::Bitmap;
use otelier::otlp::edit::{Action, AttributeEdit, Edits, When, apply};
use otelier::otlp::key::Level;
use otelier::otlp::projection::{Projection, Projector};

use crate::hostile::{POINT, POINT_VALUE, at, field, read};

/// Size of the inputs.
const SIZE: usize = 1 << 20;
/// The constant. It is as large as this because an attribute of two bytes becomes a record of a hundred in lists that double.
const FACTOR_MAX: u64 = 250;

fn repeated(piece: &[u8]) -> Vec<u8> {
    piece.repeat(SIZE / piece.len())
}

/// Many small things, whose bookkeeping may be larger than they are.
fn large() -> Vec<Vec<u8>> {
    let pieces = |number: u32| repeated(&field(number, &[]));
    let mut all = vec![
        pieces(1),
        at(&[1], pieces(1)),
        at(&[1], pieces(2)),
        at(&[1, 1], pieces(1)),
        at(&[1, 2], pieces(1)),
        at(&[1, 2], pieces(2)),
        at(&[1, 2], repeated(&field(2, &field(5, &[])))),
        at(&[1, 2], (0..60_000).flat_map(|number| field(2, &metric_named(number))).collect()),
        at(&[1, 2, 2], pieces(5)),
        at(&[1, 2, 2], repeated(&[field(5, &field(1, &[])), field(7, &field(1, &[]))].concat())),
        at(&[1, 2, 2, 9], pieces(1)),
        at(&[1, 2, 2, 5], pieces(1)),
        at(POINT, pieces(7)),
        at(&[1, 2, 2, 5, 1, 7], pieces(2)),
        at(POINT_VALUE, pieces(5)),
        at(POINT_VALUE, repeated(&[field(5, &[]), field(6, &[])].concat())),
        at(POINT_VALUE, field(5, &pieces(1))),
        at(POINT_VALUE, field(6, &pieces(1))),
        at(POINT_VALUE, field(1, &vec![b'x'; SIZE])),
        at(POINT_VALUE, field(7, &vec![0xff; SIZE])),
        at(&[1, 2, 2], field(1, &vec![b'x'; SIZE])),
        [vec![1, 2, 0, 5], vec![0x80, 0x80, 0x40], vec![0; SIZE]].concat(),
        [vec![1, 2, 0, 6], vec![0x80, 0x80, 0x20], vec![0; SIZE]].concat(),
    ];
    // Lists with a long list in front at each level: what each level holds while it waits for the next adds up.
    let filler = pieces(1)[..SIZE / 40].to_vec();
    let comb = (0..45).fold(Vec::new(), |inner, _| field(5, &[filler.clone(), field(1, &inner)].concat()));
    all.push(at(POINT_VALUE, comb));
    // Points that differ below one long resource: each of their keys would repeat it.
    let resource = field(1, &field(1, &field(2, &field(1, &vec![b'x'; SIZE / 2]))));
    let points: Vec<u8> = (0..20_000_u32)
        .flat_map(|id| field(1, &field(7, &field(2, &field(1, format!("{id:08}").as_bytes())))))
        .collect();
    all.push(field(1, &[resource, field(2, &field(2, &field(5, &points)))].concat()));
    all
}

fn metric_named(number: u32) -> Vec<u8> {
    [field(1, format!("{number}").as_bytes()), field(5, &[])].concat()
}

/// Set in the process that is measured.
const MEASURED: &str = "OTELIER_MEASURED";

#[test]
fn the_peak_is_bounded_by_the_input() {
    if std::env::var_os(MEASURED).is_some() {
        return measure();
    }
    let this = std::env::current_exe().unwrap();
    let arguments = ["--exact", "memory::the_peak_is_bounded_by_the_input", "--nocapture"];
    let output = Command::new(this).args(arguments).env(MEASURED, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn measure() {
    let inputs = large();
    let before = peak_kib();
    for (index, bytes) in inputs.iter().enumerate() {
        // Few keys, so that the bytes of a dictionary stay in the picture.
        read(bytes, 8);
        let factor = (peak_kib() - before) / (bytes.len().max(SIZE) as u64 >> 10);
        assert!(factor < FACTOR_MAX, "input {index} of {} bytes took {factor} times as much", bytes.len());
    }
    let before = peak_kib();
    edit_few_rows_often();
    assert!(peak_kib() - before < 64 << 10, "edits of a row each took {} KiB", peak_kib() - before);
}

/// As many edits as a call may ask for, each of the last of many rows: a few bytes each to ask for.
fn edit_few_rows_often() {
    const ROWS: usize = 100_000;
    let request = at(&[1, 2], field(2, &[]).repeat(ROWS));
    let projection = Projection { items: true, ..Projection::default() };
    let layout = Projector::new(Signal::Logs, projection, 0).project(&request, Strings::Utf8).unwrap().layout;
    let edit = |_| {
        let mut rows = Bitmap::default();
        rows.set(ROWS - 1);
        let action = Action::Set { when: When::Always, values: vec![Box::default()], indices: vec![0] };
        AttributeEdit { level: Level::Item, key: (*b"a").into(), rows, action }
    };
    let edits = Edits { attributes: (0..1024).map(edit).collect(), ..Edits::default() };
    let edited = apply(Signal::Logs, &request, &layout, &Bitmap::default(), &edits).unwrap();
    assert!(edited.len() < request.len() + 20);
}

/// The most memory that this process has had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
