//! serde's view of a [`Node`]: each step down remembers its place, so that an error gets the innermost one.

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::Error;
use super::fault::{self, Fault, NOTHING};
use super::node::{Entry, Node, Value, is_secret_key};
use super::position::Position;
use super::problem::Problem;

impl Node {
    /// Reads a component's configuration; the first problem is reported at the key or value that caused it.
    ///
    /// Where a mapping or a list is expected, nothing (`grpc:`) stands for an empty one, also behind an `Option`: as in
    /// the Collector, a key without a value switches on the defaults. Where a scalar is expected, nothing stands for the default, as there.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut error = match self.parse_once() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let mut rest = self.clone();
        while error.is_about_nothing() && rest.nothings_at(&error.position) == 1 {
            let Some(dropped) = rest.drop_nothing_at(&error.position) else { break };
            match rest.parse_once() {
                Ok(value) => return Ok(value),
                // It is not there, and has to be.
                Err(Error { problem: Problem::MissingKey { key }, .. }) if key == dropped => break,
                Err(next) => error = next,
            }
        }
        Err(error)
    }

    fn parse_once<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(NodeDeserializer(self)).map_err(|fault| fault.into_error(&self.position))
    }

    /// How many values there are at a place that are none. What a reference brought has one place for all.
    fn nothings_at(&self, position: &Position) -> usize {
        let own = usize::from(matches!(self.value, Value::Null) && self.position == *position);
        own + self.children().map(|child| child.nothings_at(position)).sum::<usize>()
    }

    /// Takes out the key at a place without a value, and returns it.
    fn drop_nothing_at(&mut self, position: &Position) -> Option<String> {
        match &mut self.value {
            Value::Map(entries) => {
                let is_it =
                    |entry: &Entry| matches!(entry.value.value, Value::Null) && entry.value.position == *position;
                match entries.iter().position(is_it) {
                    Some(place) => Some(entries.remove(place).key),
                    None => entries.iter_mut().find_map(|entry| entry.value.drop_nothing_at(position)),
                }
            }
            Value::List(items) => items.iter_mut().find_map(|item| item.drop_nothing_at(position)),
            _ => None,
        }
    }
}

impl Error {
    fn is_about_nothing(&self) -> bool {
        matches!(&self.problem, Problem::WrongValue { found, .. } if found == NOTHING)
    }
}

/// Reads one node.
#[derive(Clone, Copy)]
struct NodeDeserializer<'a>(&'a Node);

impl<'a> NodeDeserializer<'a> {
    fn any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => list(items, visitor),
            Value::Map(entries) => visitor.visit_map(Entries::of(entries, false)),
        }
    }

    fn text<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.expanded {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.any(visitor),
        }
    }

    /// With keys of anybody's choice, or those of a struct.
    fn mapping<V: Visitor<'a>>(self, visitor: V, is_free: bool) -> Result<V::Value, Fault> {
        self.placed(match &self.0.value {
            Value::Null => visitor.visit_map(MapDeserializer::new(std::iter::empty::<((), ())>())),
            Value::Map(entries) => visitor.visit_map(Entries::of(entries, is_free)),
            // serde reads a struct from a list as well, by order of its fields; a configuration does not.
            Value::List(_) => Err(Fault::new(Problem::WrongValue {
                expected: fault::expectation(&(&visitor as &dyn Expected).to_string()),
                found: "a list".to_owned(),
            })),
            _ => self.any(visitor),
        })
    }

    fn placed<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| fault.at(&self.0.position))
    }
}

/// A list of a fixed length, such as a pair, stops reading when it has enough; what is left over is a mistake.
fn list<'a, V: Visitor<'a>>(items: &'a [Node], visitor: V) -> Result<V::Value, Fault> {
    let mut rest = Items(items.iter());
    let value = visitor.visit_seq(&mut rest)?;
    match rest.0.next() {
        Some(extra) => {
            let expected = format!("a list of {} items", items.len() - rest.0.len() - 1);
            let found = format!("{} items", items.len());
            Err(Fault::new(Problem::WrongValue { expected, found }).at(&extra.position))
        }
        None => Ok(value),
    }
}

/// Where a whole number is wanted, one that is written as a float counts too: `1e3`, as in the Collector. That one takes the whole part of `5.5`,
/// without a word; here it is an error.
macro_rules! whole_numbers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.value {
                Value::Float(number) if number.fract() == 0.0 && number.abs() <= WHOLE_MAX => {
                    self.placed(visitor.visit_i64(number as i64))
                }
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

/// Up to here floats have every whole number.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl<'a> Deserializer<'a> for NodeDeserializer<'a> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.any(visitor))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i128 u128 f32 f64 unit unit_struct ignored_any
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.text(visitor))
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.text(visitor))
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.text(visitor))
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.text(visitor))
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.text(visitor))
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(self.text(visitor))
    }

    /// A key that is there is never "none": `grpc:` switches on the defaults of an `Option<Grpc>`.
    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(visitor.visit_some(self))
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(match &self.0.value {
            Value::Null => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<()>())),
            _ => self.any(visitor),
        })
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.mapping(visitor, true)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.mapping(visitor, false)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let found = match (&self.0.value, &self.0.expanded) {
            (_, Some(word)) => {
                return self.placed(visitor.visit_enum(Variant { word, node: self.0, content: None }));
            }
            (Value::Text(word), _) => {
                return self.placed(visitor.visit_enum(Variant { word, node: self.0, content: None }));
            }
            (Value::Map(entries), _) => match entries.as_slice() {
                [entry] => {
                    let variant = Variant { word: &entry.key, node: self.0, content: Some(&entry.value) };
                    return self.placed(visitor.visit_enum(variant));
                }
                _ => "a mapping with more or less than one key".to_owned(),
            },
            _ => self.0.describe(),
        };
        let expected = fault::expectation(&(&visitor as &dyn Expected).to_string());
        self.placed(Err(Fault::new(Problem::WrongValue { expected, found })))
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0
            .next()
            .map(|node| seed.deserialize(NodeDeserializer(node)).map_err(|fault| fault.at(&node.position)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
    /// Whether nobody is to be shown that value.
    is_secret: bool,
    /// Whether keys are of anybody's choice: then none has a default.
    is_free: bool,
}

impl<'a> Entries<'a> {
    fn of(entries: &'a [Entry], is_free: bool) -> Entries<'a> {
        Entries { rest: entries.iter(), value: None, is_secret: false, is_free }
    }
}

impl<'a> MapAccess<'a> for Entries<'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        (self.value, self.is_secret) = (Some(&entry.value), is_secret_key(&entry.key));
        let key = seed.deserialize(BorrowedStrDeserializer::new(&entry.key));
        key.map(Some).map_err(|fault: Fault| fault.at(&entry.position))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let node = self
            .value
            .take()
            .ok_or_else(|| Fault::new(Problem::Invalid { reason: "a value was read before its key".to_owned() }))?;
        let read = seed.deserialize(NodeDeserializer(node)).map_err(|fault| fault.at(&node.position));
        let has_no_default = self.is_free && matches!(node.value, Value::Null);
        let read = if has_no_default { read.map_err(Fault::without_default) } else { read };
        if self.is_secret { read.map_err(Fault::without_value) } else { read }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// `word`, or `word: content`.
struct Variant<'a> {
    word: &'a str,
    node: &'a Node,
    content: Option<&'a Node>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let word: BorrowedStrDeserializer<'_, Fault> = BorrowedStrDeserializer::new(self.word);
        let value = seed.deserialize(word).map_err(|fault| fault.at(&self.node.position))?;
        Ok((value, self))
    }
}

impl<'a> Variant<'a> {
    fn content(&self) -> Result<NodeDeserializer<'a>, Fault> {
        let missing =
            || Fault::new(Problem::Invalid { reason: format!("`{0}` needs a value; write `{0}: ...`", self.word) });
        self.content.map(NodeDeserializer).ok_or_else(missing)
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            None => Ok(()),
            Some(content) if matches!(content.value, Value::Null) => Ok(()),
            Some(content) => {
                let reason = format!("`{0}` takes no value; write `{0}` alone", self.word);
                Err(Fault::new(Problem::Invalid { reason }).at(&content.position))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(self, _fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.content()?.deserialize_map(visitor)
    }
}
