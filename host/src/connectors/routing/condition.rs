//! Conditions: the part of OTTL that compares one attribute with one value (`pkg/ottl/LANGUAGE.md` of the Collector's contrib repository,
//! *Boolean Expressions* and *Comparison Rules*).

/// What is asked of one resource, or one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// An attribute against a value.
    Compare(Comparison),
    /// `and`.
    All(Vec<Condition>),
    /// `or`.
    Any(Vec<Condition>),
    /// `not`.
    Not(Box<Condition>),
}

/// An attribute against a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The attribute's key.
    pub key: String,
    /// `==`, and not `!=`.
    pub is_equal: bool,
    /// The value.
    pub literal: Literal,
}

impl Comparison {
    /// Whether it holds of that value of the attribute.
    pub fn holds(&self, value: &Literal) -> bool {
        value.equals(&self.literal) == self.is_equal
    }
}

/// A value of a condition, or of an attribute as far as one can be compared with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// No such attribute, or an empty one.
    Nil,
    /// A text, as bytes.
    Text(Vec<u8>),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Double(f64),
    /// A truth.
    Bool(bool),
    /// Of a type that no condition names: a list, a mapping, bytes.
    Other,
}

/// A text that is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Something else than what may come there.
    #[error("{expected} is missing at character {at}: write such as `{example}`")]
    Expected {
        /// What may come there.
        expected: &'static str,
        /// Which character, from 1.
        at: usize,
        /// A whole condition.
        example: String,
    },
    /// Too many brackets.
    #[error("more than {DEPTH_MAX} levels of parentheses")]
    Depth,
}

/// Parentheses and `not` in one another.
const DEPTH_MAX: usize = 32;

impl Condition {
    /// Reads a condition on attributes that go by one of these names.
    pub fn parse(text: &str, names: &[&str]) -> Result<Condition, ConditionError> {
        let mut parser = Parser { text, rest: text, names, depth: 0 };
        let condition = parser.any()?;
        match parser.rest.trim_start() {
            "" => Ok(condition),
            _ => Err(parser.expected("`and`, `or` or the end")),
        }
    }

    /// The same for keys that are compared without their case: those of headers.
    pub fn in_lower_case(self) -> Condition {
        match self {
            Condition::Compare(comparison) => {
                Condition::Compare(Comparison { key: comparison.key.to_ascii_lowercase(), ..comparison })
            }
            Condition::All(parts) => Condition::All(parts.into_iter().map(Condition::in_lower_case).collect()),
            Condition::Any(parts) => Condition::Any(parts.into_iter().map(Condition::in_lower_case).collect()),
            Condition::Not(part) => Condition::Not(Box::new(part.in_lower_case())),
        }
    }

    /// Whether it holds, where `compares` says whether one comparison does.
    pub fn holds(&self, compares: &impl Fn(&Comparison) -> bool) -> bool {
        match self {
            Condition::Compare(comparison) => compares(comparison),
            Condition::All(parts) => parts.iter().all(|part| part.holds(compares)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(compares)),
            Condition::Not(part) => !part.holds(compares),
        }
    }

    /// Every key that it asks for.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            Condition::Compare(comparison) => vec![&comparison.key],
            Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(Condition::keys).collect(),
            Condition::Not(part) => part.keys(),
        }
    }
}

impl Literal {
    /// Values of different types are never equal, but for numbers.
    fn equals(&self, other: &Literal) -> bool {
        match (self, other) {
            (Literal::Integer(integer), Literal::Double(double)) | (Literal::Double(double), Literal::Integer(integer)) => {
                *integer as f64 == *double
            }
            (Literal::Other, _) | (_, Literal::Other) => false,
            (one, other) => one == other,
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
    names: &'t [&'t str],
    depth: usize,
}

impl<'t> Parser<'t> {
    fn expected(&self, expected: &'static str) -> ConditionError {
        let rest = self.rest.trim_start();
        let before = self.text.get(..self.text.len() - rest.len()).unwrap_or_default();
        let name = self.names.first().copied().unwrap_or_default();
        ConditionError::Expected { expected, at: before.chars().count() + 1, example: format!("{name}[\"key\"] == \"value\"") }
    }

    /// Takes a symbol if it is next.
    fn takes(&mut self, symbol: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(symbol);
        // A word ends where no letter follows.
        let is_word = symbol.ends_with(|c: char| c.is_ascii_alphabetic());
        let rest = rest.filter(|rest| !is_word || !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn needs(&mut self, symbol: &str, expected: &'static str) -> Result<(), ConditionError> {
        if self.takes(symbol) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn any(&mut self) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.takes("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self) -> Result<Condition, ConditionError> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn one(&mut self) -> Result<Condition, ConditionError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ConditionError::Depth);
        }
        let condition = if self.takes("not") {
            Condition::Not(Box::new(self.one()?))
        } else if self.takes("(") {
            let condition = self.any()?;
            self.needs(")", "`)`")?;
            condition
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, ConditionError> {
        let names = self.names;
        if !names.iter().any(|name| self.takes(name)) {
            return Err(self.expected("an attribute"));
        }
        self.needs("[", "`[\"key\"]`")?;
        let Some(key) = self.quoted() else { return Err(self.expected("`\"key\"`")) };
        self.needs("]", "`]`")?;
        let is_equal = match () {
            () if self.takes("==") => true,
            () if self.takes("!=") => false,
            () => return Err(self.expected("`==` or `!=`")),
        };
        Ok(Condition::Compare(Comparison { key, is_equal, literal: self.literal()? }))
    }

    fn literal(&mut self) -> Result<Literal, ConditionError> {
        if let Some(text) = self.quoted() {
            return Ok(Literal::Text(text.into_bytes()));
        }
        for (word, literal) in [("nil", Literal::Nil), ("true", Literal::Bool(true)), ("false", Literal::Bool(false))] {
            if self.takes(word) {
                return Ok(literal);
            }
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')));
        let (number, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let integer = number.parse().map(Literal::Integer);
        let literal = integer.or_else(|_| number.parse().map(Literal::Double));
        match literal {
            Ok(literal) if number.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
                self.rest = behind;
                Ok(literal)
            }
            _ => Err(self.expected("a value")),
        }
    }

    /// A text in double quotes, in which a backslash takes the meaning from the character behind it.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest.trim_start().strip_prefix('"')?.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => text.push(characters.next()?),
                character => text.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, Literal};

    const NAMES: &[&str] = &["attributes", "resource.attributes"];

    fn value(key: &str) -> Literal {
        match key {
            "env" => Literal::Text(b"prod".to_vec()),
            "count" => Literal::Integer(5),
            "share" => Literal::Double(0.5),
            "is" => Literal::Bool(true),
            "list" => Literal::Other,
            "odd \" key" => Literal::Text(b"\\".to_vec()),
            _ => Literal::Nil,
        }
    }

    #[test]
    fn conditions_compare_one_attribute_with_one_value() {
        for (text, expected) in [
            (r#"attributes["env"] == "prod""#, true),
            (r#"resource.attributes["env"]=="prod""#, true),
            (r#" attributes [ "env" ] != "prod" "#, false),
            (r#"attributes["env"] == "dev""#, false),
            (r#"attributes["none"] == "prod""#, false),
            (r#"attributes["none"] != "prod""#, true),
            (r#"attributes["none"] == nil"#, true),
            (r#"attributes["env"] != nil"#, true),
            (r#"attributes["count"] == 5"#, true),
            (r#"attributes["count"] == 5.0"#, true),
            (r#"attributes["count"] == "5""#, false),
            (r#"attributes["share"] == 5e-1"#, true),
            (r#"attributes["is"] == true"#, true),
            (r#"attributes["is"] == false"#, false),
            (r#"attributes["list"] == nil"#, false),
            (r#"attributes["list"] != "x""#, true),
            (r#"attributes["odd \" key"] == "\\""#, true),
            (r#"attributes["env"] == "prod" and attributes["count"] == 5"#, true),
            (r#"attributes["env"] == "dev" or attributes["count"] == 5"#, true),
            (r#"attributes["env"] == "prod" or attributes["a"] == 1 and attributes["b"] == 1"#, true),
            (r#"(attributes["env"] == "prod" or attributes["a"] == 1) and attributes["b"] == 1"#, false),
            (r#"not attributes["env"] == "dev""#, true),
            (r#"not (attributes["env"] == "prod" or attributes["a"] == 1)"#, false),
        ] {
            let condition = Condition::parse(text, NAMES);
            let holds = |condition: Condition| condition.holds(&|comparison| comparison.holds(&value(&comparison.key)));
            assert_eq!(condition.map(holds), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_says_where_and_what_to_write() {
        for (text, words) in [
            ("", "an attribute is missing at character 1: write such as `attributes[\"key\"] == \"value\"`"),
            ("IsMatch(attributes[\"a\"], \"x\")", "an attribute is missing at character 1"),
            ("attributes.env == \"prod\"", "`[\"key\"]` is missing at character 11"),
            ("attributes[env] == \"prod\"", "`\"key\"` is missing at character 12"),
            ("attributes[\"env\"] = \"prod\"", "`==` or `!=` is missing at character 19"),
            ("attributes[\"env\"] == prod", "a value is missing at character 22"),
            ("attributes[\"env\"] == \"prod", "a value is missing at character 22"),
            ("attributes[\"env\"] == \"prod\" && x", "`and`, `or` or the end is missing at character 29"),
            ("attributes[\"env\"] == 5 order", "`and`, `or` or the end is missing at character 24"),
            ("(attributes[\"env\"] == 5", "`)` is missing at character 24"),
            ("request[\"x\"] == \"y\"", "an attribute is missing at character 1"),
        ] {
            let error = Condition::parse(text, NAMES).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(words), "{text}: {error}");
        }
        let deep = format!("{}attributes[\"a\"] == 1", "not ".repeat(100));
        assert!(Condition::parse(&deep, NAMES).is_err());
    }
}
