//! serde's complaints in the words of who wrote the configuration: keys, values, lists and mappings, where serde speaks of fields, variants,
//! sequences and Rust's types.

/// How serde begins a complaint about a key that nobody reads.
pub(super) const UNKNOWN_KEY: &str = "unknown field `";

/// The same complaint in plain words; as it is where it is none of serde's.
pub(super) fn plain(error: &str) -> String {
    unknown(error, UNKNOWN_KEY, "key")
        .or_else(|| unknown(error, "unknown variant `", "value"))
        .or_else(|| Some(format!("missing key `{}", error.strip_prefix("missing field `")?)))
        .or_else(|| mismatch(error))
        .unwrap_or_else(|| error.to_owned())
}

/// A name that is not known, with the nearest one that is, or all of them.
fn unknown(error: &str, begins: &str, what: &str) -> Option<String> {
    let rest = error.strip_prefix(begins)?;
    let (given, expected) = rest.split_once("`, ").unwrap_or((rest.trim_end_matches('`'), ""));
    // Between backquotes are the odd pieces.
    let names = expected.split('`').skip(1).step_by(2);
    let hint = match nearest(given, names.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.clone().next().is_none() => "there are none here".to_owned(),
        None => format!("known here: `{}`", names.collect::<Vec<_>>().join("`, `")),
    };
    Some(format!("unknown {what} `{given}`; {hint}"))
}

/// A value that is not what it should be.
fn mismatch(error: &str) -> Option<String> {
    let begins = ["invalid type: ", "invalid value: "].into_iter().find_map(|begins| error.strip_prefix(begins));
    let (found, expected) = match begins {
        Some(rest) => {
            let (found, expected) = rest.split_once(", expected ")?;
            (finding(found), expected)
        }
        None => {
            let (length, expected) = error.strip_prefix("invalid length ")?.split_once(", expected ")?;
            let is_list = expected.starts_with("struct ");
            (if is_list { "a list".to_owned() } else { format!("{length} items") }, expected)
        }
    };
    Some(format!("expected {}, found {found}", expectation(expected)))
}

fn finding(text: &str) -> String {
    let word = match text {
        "map" => "a mapping",
        "sequence" => "a list",
        "null" | "unit value" | "Option value" => "nothing",
        _ => {
            let quoted = text.strip_prefix("string \"").and_then(|text| text.strip_suffix('"'));
            let number =
                ["integer ", "boolean ", "floating point "].into_iter().find_map(|kind| text.strip_prefix(kind));
            return quoted
                .map(|text| format!("the text `{text}`"))
                .or(number.map(str::to_owned))
                .unwrap_or(text.into());
        }
    };
    word.to_owned()
}

fn expectation(text: &str) -> String {
    if let Some(length) = text.strip_prefix("a tuple of size ") {
        return format!("a list of {length} items");
    }
    let words = match text {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number, 1 or more"
        }
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "string" | "borrowed string" => "text",
        "a sequence" => "a list",
        "a map" | "map" => "a mapping",
        _ if text.starts_with("struct ") => "a mapping",
        _ if text.starts_with("enum ") || text.starts_with("variant ") => "one of a fixed set of words",
        _ if text.starts_with("tuple ") => "a list",
        _ => text,
    };
    words.to_owned()
}

/// The name within a third of the longer word's length in edits, swapped neighbours counting as one; else one that goes on
/// where `given` ends, or the other way round.
fn nearest<'n>(given: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let given = given.to_lowercase();
    let distance = |name: &&str| strsim::damerau_levenshtein(&given, &name.to_lowercase());
    let is_near = |name: &&str| distance(name) * 3 <= given.chars().count().max(name.chars().count());
    let goes_on =
        |name: &&str| name.len().min(given.len()) > 2 && (name.starts_with(&given) || given.starts_with(name));
    names.clone().filter(is_near).min_by_key(distance).or_else(|| names.clone().find(goes_on))
}
