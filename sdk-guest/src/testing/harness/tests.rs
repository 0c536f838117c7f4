use super::Harness;
use crate::testing::{Metric, Point};
use crate::{
    Attribute, Batch, Bitmap, Declare, Descriptor, EmittedRows, Failure, Keying, MetricKind, Processor, RowKey, Signal,
    Start, Temporality,
};

/// Stores an entry for each service, in format 1.
struct First {
    services: Keying,
}

impl Processor for First {
    type Config = serde::de::IgnoredAny;

    fn describe(_: Self::Config, _: Signal, declare: &mut Declare<'_>) -> Result<First, Failure> {
        declare.metrics(vec!["*".to_owned()]);
        declare.state(1);
        Ok(First { services: services(declare) })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        for code in batch.keys(self.services).iter().filter_map(RowKey::code) {
            batch.storage().set(&entry(1, code), b"first".to_vec())?;
        }
        Ok(())
    }
}

/// The same in format 2, which marks what it carried over.
struct Second {
    services: Keying,
    previous: Option<u32>,
    steady: u64,
}

impl Processor for Second {
    type Config = serde::de::IgnoredAny;

    fn describe(_: Self::Config, _: Signal, declare: &mut Declare<'_>) -> Result<Second, Failure> {
        declare.metrics(vec!["*".to_owned()]);
        declare.state(2);
        Ok(Second { services: services(declare), previous: None, steady: 0 })
    }

    fn start(&mut self, start: &mut Start<'_>) -> Result<(), Failure> {
        self.steady = start.steady();
        self.previous = start.previous().map(|previous| previous.format);
        start.log().info("starts");
        start.storage().carry_over(&[1], &[2], |key, value, carried| {
            carried.put(&[&[2], &key[1..]].concat(), &[b"2 ", value].concat());
            Ok(())
        })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        for code in batch.keys(self.services).iter().filter_map(RowKey::code) {
            batch.storage().set(&entry(2, code), b"second".to_vec())?;
        }
        Ok(())
    }
}

fn services(declare: &mut Declare<'_>) -> Keying {
    declare.keep(vec![Attribute::resource("service.name")], true)
}

fn entry(format: u8, code: u32) -> Vec<u8> {
    [&[format][..], &code.to_be_bytes()].concat()
}

fn of(service: &str) -> [Metric; 1] {
    let resource = [("service.name".to_owned(), service.to_owned())].into();
    [Metric::delta_sum("work", vec![Point { resource, ..Point::integer(1) }])]
}

fn stored<P: Processor>(harness: &mut Harness<P>) -> Vec<(u8, String)> {
    let storage = harness.host().storage().iter();
    storage.map(|(key, value)| (key[0], String::from_utf8_lossy(value).into_owned())).collect()
}

/// The first version, with one service that is committed and one that is not.
fn first() -> Harness<First> {
    let mut first = Harness::<First>::start("{}", 10).unwrap();
    first.process(&of("cart"), 11).unwrap();
    first.commit();
    first.process(&of("mail"), 12).unwrap();
    first
}

#[test]
fn another_version_goes_on_from_what_was_committed() {
    let mut second = first().succeeded_by::<Second>("{}", 20).unwrap();
    assert_eq!((second.processor().previous, second.processor().steady), (Some(1), 12));
    assert_eq!(stored(&mut second), [(2, "2 first".to_owned())]);
    // The service has the code that it had: there is one entry for it.
    second.process(&of("cart"), 21).unwrap();
    assert_eq!(stored(&mut second), [(2, "second".to_owned())]);
}

#[test]
fn what_another_version_carried_over_survives_a_crash() {
    let mut second = first().succeeded_by::<Second>("{}", 20).unwrap();
    second.crash(21).unwrap();
    assert_eq!(second.processor().previous, Some(2));
    assert_eq!(stored(&mut second), [(2, "2 first".to_owned())]);
    assert_eq!(second.host().log.len(), 2);
}

/// Emits a point for each row, under the row's key.
struct Echo {
    keying: Keying,
}

impl Processor for Echo {
    type Config = serde::de::IgnoredAny;

    fn describe(_: Self::Config, _: Signal, declare: &mut Declare<'_>) -> Result<Echo, Failure> {
        declare.metrics(vec!["*".to_owned()]);
        Ok(Echo { keying: declare.drop(vec![Attribute::item("b")], false) })
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let keys = batch.keys(self.keying).into_codes_and_marks();
        let rows = keys.len();
        batch.absorb(Bitmap::all(rows));
        let metric = batch.output().describe(Descriptor {
            name: "echo".to_owned(),
            unit: String::new(),
            description: String::new(),
            kind: MetricKind::Gauge,
            temporality: Temporality::Unspecified,
            monotonic: false,
        });
        let emitted = EmittedRows { keys, start_times: Vec::new(), times: vec![1; rows], values: vec![0; rows] };
        batch.output().emit_integers(metric, self.keying, emitted);
        Ok(())
    }
}

#[test]
fn points_are_emitted_under_the_scope_of_a_drop_key() {
    let of = |name: &str, version: &str| Point {
        scope_name: name.to_owned(),
        scope_version: version.to_owned(),
        scope: [("name".to_owned(), "an attribute".to_owned())].into(),
        ..Point::integer(1).with("a", "1").with("b", "2")
    };
    let mut echo = Harness::<Echo>::start("{}", 0).unwrap();
    let outcome = echo.process(&[Metric::gauge("in", vec![of("lib", "2"), of("", ""), of("lib", "1")])], 1).unwrap();
    let points = &outcome.emitted[0].points;
    let scopes: Vec<_> = points.iter().map(|point| (&*point.scope_name, &*point.scope_version)).collect();
    assert_eq!(scopes, [("", ""), ("lib", "1"), ("lib", "2")]);
    let attributes =
        [("a", "1"), ("scope.name", "an attribute")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert!(points.iter().all(|point| point.attributes == attributes.clone().into()), "{points:?}");
}
