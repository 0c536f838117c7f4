//! `*` and `?` match within a metric's name, and nothing else in a pattern or a name is special.

use otelier::otlp::patterns::Patterns;

use crate::model;

fn reads(pattern: &str, name: &str) -> bool {
    Patterns::new(&[pattern.to_owned()]).matches(name)
}

/// Every text of up to `length` characters.
fn texts(alphabet: &str, length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut first = 0;
    for _ in 0..length {
        let end = all.len();
        for index in first..end {
            all.extend(alphabet.chars().map(|character| format!("{}{character}", all[index])).collect::<Vec<_>>());
        }
        first = end;
    }
    all
}

#[test]
fn every_short_pattern_matches_the_names_it_should() {
    let names = texts("a./é", 4);
    for pattern in texts("a./*?", 5) {
        for name in &names {
            assert_eq!(reads(&pattern, name), model::is_match(&pattern, name), "pattern {pattern:?}, name {name:?}");
        }
    }
}

#[test]
fn one_of_several_patterns_is_enough() {
    let patterns = Patterns::new(&["a".to_owned(), "b*".to_owned(), "?c".to_owned()]);
    for name in texts("abc", 3) {
        let expected = ["a", "b*", "?c"].iter().any(|pattern| model::is_match(pattern, &name));
        assert_eq!(patterns.matches(&name), expected, "{name:?}");
    }
    assert!(!Patterns::new(&[]).matches(""));
}

#[test]
fn nothing_in_a_name_is_special() {
    for name in ["*", "?", "[a]", "{a,b}", "\\", "a\\*", "größe", "a\nb", "!x", "~"] {
        assert!(reads("*", name), "{name:?}");
        assert!(!reads("x", name), "{name:?}");
        assert!(reads("?*", name), "{name:?}");
        assert!(reads(name, name), "{name:?}");
    }
}
