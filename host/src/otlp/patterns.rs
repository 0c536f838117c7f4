//! Which metrics a plugin reads, by name: `*` is any text, `?` is one character, everything else stands for itself.

/// Compiled patterns.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// Patterns that are plain names.
    names: std::collections::HashSet<String>,
    globs: Vec<String>,
}

impl Patterns {
    /// Any text is a pattern.
    pub fn new(patterns: &[String]) -> Patterns {
        let is_glob = |pattern: &&String| pattern.contains(['*', '?']);
        Patterns {
            names: patterns.iter().filter(|pattern| !is_glob(pattern)).cloned().collect(),
            globs: patterns.iter().filter(is_glob).cloned().collect(),
        }
    }

    /// Whether one of them is no plain name.
    pub fn have_globs(&self) -> bool {
        !self.globs.is_empty()
    }

    /// Whether one of them matches the whole name.
    pub fn matches(&self, name: &str) -> bool {
        self.names.contains(name) || self.globs.iter().any(|glob| is_match(glob, name))
    }
}

/// Takes as much as it must after each `*` and comes back to the last one only: pattern times name at the worst.
fn is_match(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (before, mut rest) = (name.clone(), pattern.clone());
        match (rest.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                name = before;
                retry = Some((rest.clone(), name.clone()));
                pattern = rest;
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                pattern = rest;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        (pattern, name) = (after.clone(), from.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    fn matches(pattern: &str, name: &str) -> bool {
        Patterns::new(&[pattern.to_owned()]).matches(name)
    }

    #[test]
    fn stars_marks_and_plain_text() {
        for (pattern, name) in [
            ("a", "a"),
            ("*", ""),
            ("*", "a/b.c"),
            ("a*", "a"),
            ("*b*b", "abab"),
            ("**", "x"),
            ("a?c", "aéc"),
            ("[a]{b}\\", "[a]{b}\\"),
            ("*.total", "http.requests.total"),
            ("", ""),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "b"), ("a?", "a"), ("?", ""), ("*b", "ba"), ("a*c", "abd"), ("", "a"), ("[ab]", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!matches(&"*a".repeat(500), &"a".repeat(499)));
        assert!(!matches(&format!("{}b", "*a".repeat(400)), &"a".repeat(8000)));
    }
}
