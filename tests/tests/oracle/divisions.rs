//! A request that is divided among instances: each has the items of its partition, in order, each item with all it stands in; and no item is
//! of two. The partition of an item is that of its key.

use bytes::Bytes;
use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use otelier::contract::Signal;
use otelier::otlp::descriptors::Kinds;
use otelier::otlp::key::Level;
use otelier::otlp::keying::{Grouping, Keying};
use otelier::otlp::partition::Partitions;
use otelier::otlp::projection::Projection;
use otelier::otlp::{Strings, check};
use otelier_tests::generate::{Request, pick, several};
use otelier_tests::payload::{self, Temporality};
use prost::Message as _;

use crate::model::{decode, items, key};
use crate::projections::random;
use crate::seeds;
use crate::splits::flat;

fn everything() -> Projection {
    let kinds = random::KINDS.into_iter().fold(Kinds::default(), Kinds::with);
    Projection { metrics: vec!["*".to_owned()], kinds: Some(kinds), items: true, ..Projection::default() }
}

/// The partition of each item, as the model has its key under a keying.
fn owners(request: &Request, partitions: &Partitions, grouping: Grouping) -> Vec<u32> {
    let keying = Keying { grouping, durable: false, alike: false };
    let owner = |item: &items::Item<'_>| {
        let key = item.key(&keying).expect("all rows have a key");
        partitions.of(&key::canonical(&key)).expect("a key that can be read")
    };
    items::batch(request, &everything()).rows.iter().map(owner).collect()
}

/// Divides a request. Returns how many parts it had.
fn divides_well(rng: &mut Rng, signal: Signal, by: &[(Level, Vec<u8>)]) -> usize {
    let partitions = Partitions::new(by.to_vec(), pick(rng, &[2, 3, 16]));
    let request = Request::random(rng, signal);
    let bytes = if rng.bool() { request.encode() } else { request.varied(rng) };
    let request = Request::decode(signal, &bytes).unwrap();
    let all = flat(&request);
    let owners = owners(&request, &partitions, Grouping::Keep(by.to_vec()));
    let everything = self::owners(&request, &partitions, Grouping::Drop(Vec::new()));
    assert_eq!(everything, owners, "more attributes change nothing");
    let parts = partitions.divide(signal, &bytes.into(), Strings::Bytes, 0).unwrap();
    for part in &parts {
        let own = all.iter().zip(&owners).filter(|(_, owner)| **owner == part.partition).map(|(item, _)| item);
        let expected: Vec<&String> = own.collect();
        assert_eq!(check(signal, &part.bytes, Strings::Bytes), Ok(part.items));
        assert_eq!(flat(&Request::decode(signal, &part.bytes).unwrap()).iter().collect::<Vec<_>>(), expected);
    }
    assert_eq!(parts.iter().map(|part| part.items).sum::<u64>(), all.len() as u64);
    parts.len()
}

#[test]
fn each_partition_has_its_own_items_in_any_wire_form() {
    let mut parts = 0;
    seeds::check(2000, |rng| {
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
    seeds::check(500, |rng| {
        let (signal, count) = (pick(rng, &Signal::ALL), pick(rng, &[2, 3, 16]));
        let bytes: Bytes = Request::random(rng, signal).varied(rng).into();
        let all = flat(&Request::decode(signal, &bytes).unwrap());
        let partitions = Partitions::new(Vec::new(), count);
        let mut gathered = Vec::new();
        for part in partitions.divide(signal, &bytes, Strings::Bytes, 0).unwrap() {
            assert!(part.items <= (all.len() as u64).div_ceil(u64::from(count)), "{} of {}", part.items, all.len());
            gathered.extend(flat(&Request::decode(signal, &part.bytes).unwrap()));
        }
        assert_eq!(gathered, all);
        let whole = partitions.divide(signal, &bytes, Strings::Bytes, u64::MAX).unwrap();
        assert!(whole.len() == 1 && whole[0].bytes == bytes, "a small one stays whole");
    });
}

/// What items stand in is repeated in each part: not so often that a small request becomes a large one.
#[test]
fn what_is_repeated_is_bounded() {
    let attribute = |key: &str, value: String| payload::attribute(key, &value);
    let resource = attribute("large", "x".repeat(3 << 20));
    let point = |number: u32| payload::integer(1, &[("by", &number.to_string())]);
    let request = |points: u32| {
        let counter = payload::counter("a", Temporality::Delta, (0..points).map(point).collect());
        let mut request: ExportMetricsServiceRequest = decode(&payload::metrics(vec![counter]));
        request.resource_metrics[0].resource.as_mut().unwrap().attributes.push(resource.clone());
        Bytes::from(request.encode_to_vec())
    };
    let partitions = Partitions::new(vec![(Level::Item, b"by".to_vec())], 64);
    let divide = |points| partitions.divide(Signal::Metrics, &request(points), Strings::Utf8, 0);
    assert_eq!(divide(3).unwrap().iter().map(|part| part.items).sum::<u64>(), 3);
    assert!(divide(100).unwrap_err().reason.contains("too large to be repeated"));
}
