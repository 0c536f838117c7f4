//! A request as OTLP/JSON, in any of the forms that the specification and JSON's rules for protobuf leave free.
//!
//! Free are: names in lowerCamelCase or as in the .proto file, the order of members and white space, members nobody knows, null
//! or no member for what is absent, a default said or not, numbers as numbers or as strings, enums as numbers or names, hex in
//! either case, escapes in texts.

mod common;
mod logs;
mod metrics;
mod text;
mod traces;

pub use text::representable;

use fastrand::Rng;

use super::{Request, chance, pick};

/// Writes a request. Ids that are neither empty nor of their length, and NaNs with a payload, have no form in JSON: see
/// [`representable`].
pub fn json(rng: &mut Rng, request: &Request) -> String {
    let forms = Forms {
        snake: pick(rng, &[0, 0, 50, 100]),
        unknown: pick(rng, &[0, 0, 10]),
        defaults: pick(rng, &[0, 20, 100]),
        shuffled: rng.bool(),
        spaced: pick(rng, &[0, 0, 20]),
        escaped: pick(rng, &[0, 0, 30]),
    };
    let mut writer = Writer { rng, forms };
    match request {
        Request::Metrics(request) => writer.metrics(request),
        Request::Traces(request) => writer.traces(request),
        Request::Logs(request) => writer.logs(request),
    }
}

/// How often each liberty is taken, in percent.
struct Forms {
    snake: u32,
    unknown: u32,
    defaults: u32,
    shuffled: bool,
    spaced: u32,
    escaped: u32,
}

struct Writer<'r> {
    rng: &'r mut Rng,
    forms: Forms,
}

/// A member: its name in lowerCamelCase and its value; `None` where it is absent, in one of the ways there are.
type Member = (&'static str, Option<String>);

impl Writer<'_> {
    fn takes(&mut self, percent: u32) -> bool {
        chance(self.rng, percent)
    }

    /// White space, or none.
    fn space(&mut self) -> &'static str {
        if self.takes(self.forms.spaced) { pick(self.rng, &[" ", "\n", "\t\r\n  "]) } else { "" }
    }

    /// An object.
    fn object(&mut self, members: Vec<Member>) -> String {
        let mut written = Vec::new();
        for (name, value) in members {
            let value = match value {
                Some(value) => value,
                None if self.takes(self.forms.unknown) => "null".to_owned(),
                None => continue,
            };
            let name = if self.takes(self.forms.snake) { snake(name) } else { name.to_owned() };
            written.push(format!("{}\"{name}\"{}:{}{value}{}", self.space(), self.space(), self.space(), self.space()));
        }
        while self.takes(self.forms.unknown) {
            let value =
                pick(self.rng, &["null", "-1.5e3", r#"[1, {"name": ["x"]}]"#, r#"{"attributes": 5}"#, r#""\u00e9""#]);
            written.push(format!("\"unheard{}\":{value}", self.rng.u8(..)));
        }
        if self.forms.shuffled {
            self.rng.shuffle(&mut written);
        }
        format!("{{{}{}}}", self.space(), written.join(","))
    }

    /// A list; where it is empty, said or left out.
    fn list<T>(&mut self, list: &[T], mut one: impl FnMut(&mut Self, &T) -> String) -> Option<String> {
        let is_said = !list.is_empty() || self.takes(self.forms.defaults);
        let elements: Vec<String> = list.iter().map(|element| one(self, element)).collect();
        is_said.then(|| format!("[{}{}]", self.space(), elements.join(",")))
    }

    /// A value that is not said where it is the default, or said all the same.
    fn unless<T: PartialEq + Default>(
        &mut self,
        value: T,
        write: impl FnOnce(&mut Self, T) -> String,
    ) -> Option<String> {
        let is_said = value != T::default() || self.takes(self.forms.defaults);
        is_said.then(|| write(self, value))
    }
}

/// `lowerCamelCase` as the .proto file has it.
fn snake(name: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_uppercase() { format!("_{}", letter.to_ascii_lowercase()) } else { letter.to_string() }
    };
    name.chars().map(letter).collect()
}
