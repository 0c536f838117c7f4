//! A request that is divided among instances: each has the items of its partition, in order, each item with all it stands in; and no item is
//! of two. The partition of an item is that of its key.

use fastrand::Rng;
use otelier::contract::Signal;
use otelier::otlp::descriptors::Kinds;
use otelier::otlp::key::Level;
use otelier::otlp::keying::{Grouping, Keying};
use otelier::otlp::partition::{Divider, Partitions};
use otelier::otlp::projection::Projection;
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{Request, pick, several};

use crate::model::{items, key};
use crate::projections::random;
use crate::seeds;
use crate::splits::flat;

fn everything() -> Projection {
    Projection { metrics: vec!["*".to_owned()], kinds: Some(Kinds::ALL), items: true, ..Projection::default() }
}

/// The partition of each item, as the model has its key under a keying.
fn owners(request: &Request, partitions: &Partitions, grouping: Grouping) -> Vec<u32> {
    let keying = Keying { grouping, durable: false };
    let owner = |item: &items::Item<'_>| {
        let key = item.key(&keying).expect("all rows have a key");
        partitions.of(&key::canonical(&key)).expect("a key that can be read")
    };
    items::batch(request, &everything()).rows.iter().map(owner).collect()
}

/// Divides some requests with one divider, which knows the keys of those before. Returns how many parts they had.
fn divides_well(rng: &mut Rng, signal: Signal, by: &[(Level, Vec<u8>)]) -> usize {
    let partitions = Partitions::new(by.to_vec(), pick(rng, &[2, 3, 16]));
    let mut divider = Divider::new(signal, partitions.clone());
    let mut parts = 0;
    for _ in 0..4 {
        let request = Request::random(rng, signal);
        let bytes = if rng.bool() { request.encode() } else { request.varied(rng) };
        if rng.bool() {
            // What does not read leaves no trace.
            let cut = bytes.get(..rng.usize(..=bytes.len())).unwrap_or_default();
            drop(divider.divide(cut, Strings::Bytes, 0));
        }
        let request = Request::decode(signal, &bytes).unwrap();
        let all = flat(&request);
        let owners = owners(&request, &partitions, Grouping::Keep(by.to_vec()));
        let larger: Vec<(Level, Vec<u8>)> = Vec::new();
        assert_eq!(
            self::owners(&request, &partitions, Grouping::Drop(larger)),
            owners,
            "more attributes change nothing"
        );
        let division = divider.divide(&bytes, Strings::Bytes, 0).unwrap();
        assert_eq!(division.items, all.len() as u64);
        for share in &division.shares {
            let part = division.take(signal, &bytes.clone().into(), share).unwrap();
            let own = all.iter().zip(&owners).filter(|(_, owner)| **owner == share.partition).map(|(item, _)| item);
            let expected: Vec<&String> = own.collect();
            assert_eq!(check(signal, &part, Strings::Bytes), Ok(share.items));
            assert_eq!(flat(&Request::decode(signal, &part).unwrap()).iter().collect::<Vec<_>>(), expected);
        }
        let shared: u64 = division.shares.iter().map(|share| share.items).sum();
        assert_eq!(shared, division.items);
        parts += division.shares.len();
    }
    parts
}

#[test]
fn each_partition_has_its_own_items_in_any_wire_form() {
    let mut parts = 0;
    seeds::check(500, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let mut by = several(rng, 2, random::attribute);
        by.push(random::attribute(rng));
        parts += divides_well(rng, signal, &by);
    });
    assert!(parts > 2500, "{parts}: the generator makes requests worth dividing");
}

/// Without attributes, items are divided by their place: in equal parts.
#[test]
fn without_attributes_parts_are_equal() {
    seeds::check(200, |rng| {
        let (signal, count) = (pick(rng, &Signal::ALL), pick(rng, &[2, 3, 16]));
        let bytes = Request::random(rng, signal).encode();
        let all = flat(&Request::decode(signal, &bytes).unwrap());
        let mut divider = Divider::new(signal, Partitions::new(Vec::new(), count));
        let division = divider.divide(&bytes, Strings::Bytes, 0).unwrap();
        let mut gathered = Vec::new();
        for share in &division.shares {
            assert!(share.items <= (all.len() as u64).div_ceil(u64::from(count)), "{} of {}", share.items, all.len());
            let part = division.take(signal, &bytes.clone().into(), share).unwrap();
            gathered.extend(flat(&Request::decode(signal, &part).unwrap()));
        }
        assert_eq!(gathered, all);
        let whole = divider.divide(&bytes, Strings::Bytes, u32::MAX).unwrap();
        assert_eq!(whole.shares.len(), 1, "a small one stays whole");
    });
}
