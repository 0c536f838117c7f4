use super::{Fields, Progress, Record, Table};
use crate::testing::{Harness, Metric, Point};
use crate::{Batch, Declare, Failure, Flush, Processor, Signal, Start};

#[derive(Debug, Clone, Default, PartialEq)]
struct Pair {
    a: u32,
    b: u64,
}

impl Record for Pair {
    const SIZE: usize = 12;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.a.to_le_bytes());
        out.extend(self.b.to_le_bytes());
    }

    fn read(fields: &mut Fields<'_>) -> Option<Pair> {
        Some(Pair { a: fields.u32()?, b: fields.u64()? })
    }
}

/// Value v of a point is `index * 1000 + b`: sets a record. Small bounds make every path short.
struct Sets {
    table: Table<Pair>,
}

impl Processor for Sets {
    type Config = usize;

    fn describe(fold_bytes: usize, _: Signal, declare: &mut Declare<'_>) -> Result<Sets, Failure> {
        declare.metrics(vec!["set".to_owned()]);
        declare.values();
        declare.state(1);
        let mut table = Table::new(b'x');
        table.bounds.fold_bytes = fold_bytes;
        table.bounds.write_bytes = 1000;
        table.bounds.journal_bytes = 3000;
        Ok(Sets { table })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.table.load(&mut start.storage())
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let values = batch.values();
        for row in 0..batch.count() {
            let word = values.get(row).map_or(0, |value| value.to_bits());
            let (index, b) = ((word / 1000) as u32, word % 1000);
            while self.table.len() <= index as usize {
                self.table.push(Pair::default());
            }
            let record = self.table.touch(index).ok_or_else(|| Failure::refused("no record"))?;
            *record = Pair { a: index, b };
        }
        self.table.save(&mut batch.storage())
    }

    fn flush(&mut self, flush: &mut Flush<'_>) -> Result<Progress, Failure> {
        self.table.fold(&mut flush.storage())
    }
}

fn records(harness: &Harness<Sets>) -> Vec<Pair> {
    harness.processor().table.iter().map(|(_, record)| record.clone()).collect()
}

fn set(values: impl IntoIterator<Item = i64>) -> Vec<Metric> {
    vec![Metric::delta_sum("set", values.into_iter().map(Point::integer).collect())]
}

fn journal_entries(harness: &mut Harness<Sets>) -> usize {
    harness.host().storage().keys().filter(|key| key.get(1) == Some(&b'j')).count()
}

/// Random changes, folds that are cut anywhere and crashes anywhere: the table is what was committed last.
#[test]
fn what_was_committed_comes_back() {
    for fold_bytes in ["100", "1000", "100000"] {
        let mut harness = Harness::<Sets>::start(fold_bytes, 0).unwrap();
        let mut random = 12345_u64;
        let mut committed = records(&harness);
        for _ in 0..2000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = random >> 33;
            match pick % 5 {
                0 | 1 => {
                    let values = (0..pick % 17).map(|i| ((pick / 7 + i * 131) % 400 * 1000 + pick % 1000) as i64);
                    harness.process(&set(values), 0).unwrap();
                }
                2 => drop(harness.flush_once(0, false).unwrap()),
                3 => {
                    harness.commit();
                    committed = records(&harness);
                }
                _ => {
                    harness.crash(0).unwrap();
                    assert_eq!(records(&harness), committed, "fold bytes {fold_bytes}");
                }
            }
        }
        assert!(committed.len() > 300);
    }
}

#[test]
fn a_fold_empties_the_journal_and_writes_only_what_changed() {
    let mut harness = Harness::<Sets>::start("100000", 0).unwrap();
    for index in 0..200 {
        harness.process(&set([index * 1000 + 1]), 0).unwrap();
    }
    assert!(journal_entries(&mut harness) > 10);
    harness.flush(0).unwrap();
    assert_eq!(journal_entries(&mut harness), 0);
    assert_eq!(harness.host().storage().len(), 4, "200 records are 4 pages");
    let before = harness.host().storage().clone();
    harness.process(&set([70_002]), 0).unwrap();
    harness.flush(0).unwrap();
    let changed = harness.host().storage().iter().filter(|(key, value)| before.get(*key) != Some(value)).count();
    assert_eq!(changed, 1);
    harness.flush(0).unwrap();
    harness.commit();
    harness.crash(0).unwrap();
    assert_eq!(harness.processor().table.get(70), Some(&Pair { a: 70, b: 2 }));
}

#[test]
fn a_journal_that_grows_is_folded_without_a_flush() {
    let mut harness = Harness::<Sets>::start("100000", 0).unwrap();
    for _ in 0..1000 {
        harness.process(&set((0..20).map(|index| index * 1000)), 0).unwrap();
    }
    assert!(journal_entries(&mut harness) < 20);
}

#[test]
fn a_layout_that_differs_is_damage() {
    let mut harness = Harness::<Sets>::start("100000", 0).unwrap();
    harness.process(&set([5]), 0).unwrap();
    harness.commit();
    let (key, mut value) = harness.host().storage().iter().next().map(|(k, v)| (k.clone(), v.clone())).unwrap();
    value.pop();
    crate::Host::storage_set(harness.host(), crate::Blob::one(key), crate::Blob::one(value)).unwrap();
    harness.commit();
    let error = harness.crash(0).unwrap_err().message;
    assert!(error.contains("the stored state is damaged: journal entry"), "{error}");
}
