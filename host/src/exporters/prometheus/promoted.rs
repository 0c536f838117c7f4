//! Which resource attributes become labels of every series: patterns with `*` and `?`, as the Collector has them.

/// The attributes to take. None are without a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromotedAttributes {
    included: Vec<String>,
    excluded: Vec<String>,
}

/// What `job` and `instance` are made of.
const SERVICE: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];

impl PromotedAttributes {
    /// Those that match one of `included`, or anything where that is empty and `excluded` is not, and none of `excluded`.
    pub fn of(included: &[String], excluded: &[String]) -> PromotedAttributes {
        let everything = included.is_empty() && !excluded.is_empty();
        let included = if everything { vec!["*".to_owned()] } else { included.to_vec() };
        PromotedAttributes { included, excluded: excluded.to_vec() }
    }

    /// All of them, or all but those that name the service.
    pub fn all(without_service: bool) -> PromotedAttributes {
        let excluded = if without_service { SERVICE.map(str::to_owned).to_vec() } else { Vec::new() };
        PromotedAttributes { included: vec!["*".to_owned()], excluded }
    }

    /// Whether an attribute of this key becomes a label.
    pub fn has(&self, key: &str) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, key));
        matches(&self.included) && !matches(&self.excluded)
    }
}

/// Whether a text is as a pattern says: `*` is any text, `?` any one character. Takes the product of both lengths at the most.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where the last star stood, and up to where it has been tried.
    let (mut at, mut read, mut star) = (0, 0, None);
    while let Some(character) = text.get(read) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => (at, read) = (at + 1, read + 1),
            _ => match star {
                Some((place, tried)) => {
                    (at, read, star) = (place + 1, tried + 1, Some((place, tried + 1)));
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|character| *character == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(included: &[&str], excluded: &[&str]) -> PromotedAttributes {
        let owned = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
        PromotedAttributes::of(&owned(included), &owned(excluded))
    }

    #[test]
    fn patterns_match_whole_keys() {
        for (pattern, text, is_match) in [
            ("*", "", true),
            ("*", "host.name", true),
            ("host.*", "host.name", true),
            ("host.*", "xhost.name", false),
            ("host.name", "host.names", false),
            ("h?st.name", "host.name", true),
            ("h?st.name", "hst.name", false),
            ("*.*.id", "service.instance.id", true),
            ("*a*b", "aabab", true),
            ("*a*b", "aabaa", false),
            ("?", "é", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_excluded_is_left_out_whatever_includes_it() {
        assert!(!of(&[], &[]).has("a"));
        let labels = of(&["k8s.*"], &["k8s.pod.*"]);
        assert_eq!(["k8s.node", "k8s.pod.uid", "host"].map(|key| labels.has(key)), [true, false, false]);
        let labels = of(&[], &["k8s.*"]);
        assert_eq!(["k8s.node", "host"].map(|key| labels.has(key)), [false, true]);
        let labels = PromotedAttributes::all(true);
        assert_eq!(["service.name", "host"].map(|key| labels.has(key)), [false, true]);
    }
}
