//! Results that the contract does not allow: each is found by a check of its own, which the dead letter names.

use anyhow::{Context, Result};

use super::alone::breaks_alone;
use super::hasty;

/// Each guest, with the words of the one check that finds it.
fn are_discarded_whole(cases: &[(&str, &str)]) -> Result<()> {
    for (guest, words) in cases {
        breaks_alone(guest, hasty(), &format!("contract violated: {words}")).context((*guest).to_owned())?;
    }
    Ok(())
}

#[test]
fn rows_and_columns_that_there_are_not() -> Result<()> {
    are_discarded_whole(&[
        ("out-of-range/row", "a bitmap has rows that there are not"),
        ("out-of-range/gone", "a row is dropped and absorbed"),
        ("undeclared-column/undeclared", "column `times` was not declared in `describe`, or was pulled before"),
        ("undeclared-column/twice", "column `values` was not declared in `describe`, or was pulled before"),
        ("undeclared-column/late", "`projection` is not available in this call"),
    ])
}

#[test]
fn names_that_nobody_gave() -> Result<()> {
    are_discarded_whole(&[
        ("unknown-code", "code 12345678 of keying 0 stands for nothing"),
        ("out-of-range/descriptor", "descriptor 999999 was not described"),
        ("out-of-range/keying", "keying 999 was not declared"),
        ("out-of-range/metric", "no metric has the descriptor 999999"),
        ("bad-histograms/unknown-bounds", "bounds 999 were not described"),
    ])
}

#[test]
fn strings_and_keys_that_are_none() -> Result<()> {
    are_discarded_whole(&[
        ("invalid-utf8/log", "invalid utf-8 sequence of 1 bytes from index 0"),
        ("invalid-utf8/key", "a key is not in the canonical encoding: byte 14: string is not UTF-8"),
        ("wrong-length/key", "a key is not in the canonical encoding: byte 3: truncated key"),
        ("wrong-length/ends-beyond", "the ends of a blob do not fit its bytes"),
        ("wrong-length/ends-before", "the ends of a blob do not fit its bytes"),
        ("wrong-length/ends-descending", "the ends of a blob do not fit its bytes"),
    ])
}

#[test]
fn edits_that_cannot_be_made() -> Result<()> {
    let value = "the value of an attribute or field is longer than 16777216 bytes, or there is none for a row";
    are_discarded_whole(&[
        ("bad-edits/row", "a bitmap has rows that there are not"),
        ("bad-edits/index", value),
        ("bad-edits/too-few-indices", value),
        ("bad-edits/too-many-indices", value),
        ("bad-edits/no-value", value),
        ("bad-edits/long-value", value),
        ("bad-edits/ends", "the ends of a blob do not fit its bytes"),
        ("bad-edits/no-such-type", "a key is not in the canonical encoding: byte 0: unknown value type"),
        ("bad-edits/metadata", "attributes of the request's metadata cannot be edited"),
        ("bad-edits/field", "metrics have no field `name` that can be set"),
        ("bad-edits/flood", "more than 1024 edits in one call"),
    ])
}

#[test]
fn emissions_that_are_of_no_use() -> Result<()> {
    let (bounds, ends) = ("explicit bounds do not ascend", "the ends of buckets do not ascend to the number of counts");
    let exemplars = "exemplars without an emission before them, out of order, or malformed";
    are_discarded_whole(&[
        ("wrong-length/columns", "the columns of an emission differ in length"),
        ("bad-histograms/bounds-descending", bounds),
        ("bad-histograms/bounds-nan", bounds),
        ("bad-histograms/bounds-too-many", bounds),
        ("bad-histograms/ends-descending", ends),
        ("bad-histograms/ends-beyond", ends),
        ("bad-histograms/exponential-ends", ends),
        ("bad-histograms/one-bucket-too-few", "a histogram point has not one bucket more than it has bounds"),
        ("bad-histograms/buckets-without-bounds", "a histogram point has not one bucket more than it has bounds"),
        ("bad-histograms/no-sum-beyond", "a bitmap has rows that there are not"),
        ("bad-histograms/numbers", "the emission does not fit the kind of its metric"),
        ("bad-histograms/exemplar-beyond", exemplars),
        ("bad-histograms/exemplars-descending", exemplars),
        ("bad-histograms/exemplar-malformed", exemplars),
        ("bad-histograms/exemplar-alone", exemplars),
    ])
}
