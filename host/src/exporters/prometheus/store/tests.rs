//! Room: what is taken, what is used again, what is given back.
#![allow(clippy::unwrap_used)]

use super::super::family::{FamilyKind, Meta};
use super::super::series::{Point, Value};
use super::*;

const EXPIRATION: Duration = Duration::from_secs(60);

struct Bench {
    store: Store,
    family: u32,
}

impl Bench {
    fn new() -> Bench {
        let mut store = Store::new(1_000_000, EXPIRATION);
        let empty = String::new;
        let (text_name, base, kind) = (Arc::from("a_total"), Arc::from("a"), FamilyKind::Counter);
        let (help, unit, unit_words, source) = (empty(), empty(), empty(), empty());
        let meta = Meta { text_name, base, kind, help, unit, unit_words, source };
        let family = store.add_family(meta, empty()).unwrap();
        Bench { store, family }
    }

    fn add(&mut self, numbers: std::ops::Range<u32>, seconds: u64) {
        for number in numbers {
            let now = self.store.tick(Duration::from_secs(seconds));
            let point = Point { value: Value::Integer(i64::from(number)), start_time: 0, time: seconds };
            let sample = Sample::Number(point, None);
            let arrival = Arrival { stream: stream(number), update: Update::Replace, sample, now };
            if self.store.update(self.family, &arrival).is_none() {
                let labels = format!("{{host=\"host-{}\",number=\"{number}\"}}", number % 7);
                let added = self.store.add(self.family, &labels, number.wrapping_mul(0x9e37_79b9), &arrival);
                assert!(!added.conflict && added.joined.is_ok());
            }
        }
    }

    fn remove(&mut self, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| assert!(self.store.remove_stream(stream(number))));
    }

    fn chunks(&self) -> usize {
        (0..100).filter(|place| self.store.chunks.get(*place).is_some()).count()
    }

    /// Sums up the numbers that a scrape shows.
    fn shown(&mut self, seconds: u64) -> i64 {
        let mut cursor = self.store.cursor(Duration::from_secs(seconds), false);
        let (mut piece, mut sum) = (Piece::default(), 0);
        while self.store.piece(&mut cursor, &mut piece) {
            for shown in &piece.samples {
                let mut labels = Vec::new();
                write_labels(&piece.text, shown.text, &mut labels);
                let Value::Integer(number) = shown.point.value else { continue };
                assert!(String::from_utf8(labels).unwrap().ends_with(&format!(",number=\"{number}\"}}")));
                sum += number;
            }
        }
        sum
    }
}

fn stream(number: u32) -> Stream {
    Stream::new(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn sum(numbers: std::ops::Range<u32>) -> i64 {
    numbers.map(i64::from).sum()
}

#[test]
fn places_that_became_free_are_used_again() {
    let mut bench = Bench::new();
    bench.add(0..2048, 0);
    assert_eq!((bench.chunks(), bench.shown(0)), (4, sum(0..2048)));
    bench.remove(100..300);
    bench.remove(600..800);
    bench.add(5000..5390, 0);
    assert_eq!(bench.chunks(), 4);
    assert_eq!(bench.shown(0), sum(0..100) + sum(300..600) + sum(800..2048) + sum(5000..5390));
    bench.add(6000..6100, 0);
    assert_eq!(bench.chunks(), 5);
}

#[test]
fn a_chunk_goes_with_its_last_series() {
    let mut bench = Bench::new();
    bench.add(0..1024, 0);
    bench.remove(0..512);
    assert_eq!((bench.chunks(), bench.shown(0)), (1, sum(512..1024)));
    // Its place is another chunk's next, and the rest is not confused by it.
    bench.add(0..512, 0);
    assert_eq!((bench.chunks(), bench.shown(0)), (2, sum(0..1024)));
}

#[test]
fn what_expired_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench.add(0..5000, 0);
    bench.add(0..600, 50);
    assert_eq!((bench.store.samples, bench.shown(61)), (5000, sum(0..600)));
    (0..10).for_each(|_| bench.store.sweep(Duration::from_secs(61), 0));
    assert_eq!((bench.store.samples, bench.chunks()), (600, 2));
    (0..10).for_each(|_| bench.store.sweep(Duration::from_secs(111), 0));
    assert_eq!((bench.store.samples, bench.chunks(), bench.store.names.len()), (0, 0, 0));
}

#[test]
fn text_does_not_grow_with_coming_and_going() {
    let mut bench = Bench::new();
    bench.add(0..100, 0);
    let mut piece = Piece::default();
    for round in 1..200_u32 {
        bench.add(round * 100..(round + 1) * 100, 0);
        bench.remove((round - 1) * 100..round * 100);
        let mut cursor = bench.store.cursor(Duration::ZERO, false);
        while bench.store.piece(&mut cursor, &mut piece) {
            assert!(piece.text.len() < 512 * 12, "{} bytes", piece.text.len());
        }
        assert!(bench.chunks() <= 2);
    }
    assert_eq!(bench.shown(0), sum(19_900..20_000));
}
