//! A guest whose edits of a batch cannot be made.

use otelier_sdk::key::{Value, write_value};
use otelier_sdk::{Attribute, Batch, Bitmap, Blob, Failure, Field, Level, When};
use serde::Deserialize;
use tally::{Tally, Vice};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    /// Of the row after the last.
    #[default]
    Row,
    /// To a value behind the last one.
    Index,
    /// Of all rows, with an index for one fewer.
    TooFewIndices,
    /// Of all rows, with an index for one more.
    TooManyIndices,
    /// To one of no values.
    NoValue,
    /// To a value of 16 MiB and a byte.
    LongValue,
    /// To values of which one is said to end behind the last byte.
    Ends,
    /// To a value of a type that there is not.
    NoSuchType,
    /// Of what came with the request.
    Metadata,
    /// Of a field, which points do not have.
    Field,
    /// Of one row, 1,025 times.
    Flood,
}

impl Vice for Way {
    fn before_work(&self, batch: &mut Batch<'_>) -> Result<(), Failure> {
        let count = batch.count();
        let (all, attribute) = (Bitmap::all(count), Attribute::item("a"));
        let texts = || [&b"one"[..], b"two"].map(|text| write_value(Value::String(text)));
        let blob = || texts().iter().map(Vec::as_slice).collect::<Blob>();
        let mut set = |values: Blob, indices: Vec<u32>| {
            batch.set_attribute_by_row(all.clone(), attribute.clone(), When::Always, values, indices);
        };
        match self {
            Way::Index => set(blob(), (2..).take(count).collect()),
            Way::TooFewIndices => set(blob(), vec![0; count - 1]),
            Way::TooManyIndices => set(blob(), vec![0; count + 1]),
            Way::NoValue => set(Blob::default(), Vec::new()),
            Way::LongValue => set(Blob::one(vec![1; (16 << 20) + 1]), Vec::new()),
            Way::Ends => set(Blob { ends: vec![u32::MAX], ..blob() }, Vec::new()),
            Way::NoSuchType => set(Blob::one(vec![250, 1]), Vec::new()),
            Way::Row => {
                let mut beyond = Bitmap::new();
                beyond.set(count);
                batch.remove_attribute(beyond, attribute);
            }
            Way::Metadata => batch.remove_attribute(all, Attribute { level: Level::Metadata, key: "a".to_owned() }),
            Way::Field => batch.set_field(all, Field::Name, write_value(Value::String(b"name"))),
            Way::Flood => (0..1025).for_each(|_| batch.remove_attribute(Bitmap::all(1), attribute.clone())),
        }
        Ok(())
    }
}

otelier_sdk::export!(Tally<Way>);
