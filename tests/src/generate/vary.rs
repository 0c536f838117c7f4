//! The same message in another wire form.
//!
//! Protobuf leaves a sender free in the order of fields, in writing a singular message in several pieces, in writing
//! a scalar or a `oneof` more than once (the last counts), in packing numbers, in padding varints, in the upper half
//! of 32-bit varints and in fields that the receiver does not know. A form takes each of these liberties with a
//! chance of its own, drawn once.

use fastrand::Rng;

use super::schema::{FieldSpec, Kind, MessageSpec, Presence};
use super::{chance, pick, several};

/// Rewrites a plainly encoded message, as prost writes it, into a random form that means the same.
pub fn vary(rng: &mut Rng, spec: &MessageSpec, plain: &[u8]) -> Vec<u8> {
    let liberties = Liberties::random(rng);
    Form { rng, liberties }.records(spec, plain).concat()
}

/// How often each liberty is taken, in percent.
struct Liberties {
    order: Order,
    split: u32,
    repeat: u32,
    overwrite: u32,
    unknown: u32,
    pad: u32,
    unpack: u32,
}

#[derive(Clone, Copy)]
enum Order {
    Ascending,
    Descending,
    Random,
}

impl Liberties {
    fn random(rng: &mut Rng) -> Liberties {
        let mut percent = || pick(rng, &[0, 0, 5, 30]);
        Liberties {
            split: percent(),
            repeat: percent(),
            overwrite: percent(),
            unknown: percent(),
            pad: percent(),
            unpack: percent(),
            order: pick(rng, &[Order::Ascending, Order::Descending, Order::Random]),
        }
    }
}

/// A field's payload; its kind says which wire type that is.
#[derive(Clone, Copy)]
enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Records that have to keep their order: those of one field, or of one `oneof`.
type Lane = (u32, Vec<Vec<u8>>);

struct Form<'r> {
    rng: &'r mut Rng,
    liberties: Liberties,
}

impl Form<'_> {
    /// A message as encoded fields, in the order in which they are to be written.
    fn records(&mut self, spec: &MessageSpec, plain: &[u8]) -> Vec<Vec<u8>> {
        let fields = parse(plain);
        let mut lanes: Vec<Lane> = Vec::new();
        for field in spec.fields.iter().filter(|field| field.presence != Presence::OneOf) {
            let values: Vec<Payload<'_>> =
                fields.iter().filter(|(number, _)| *number == field.number).map(|(_, value)| *value).collect();
            let records = match field.presence {
                Presence::Repeated => self.repeated(field, &values),
                _ => self.singular(field, values.last().copied()),
            };
            lanes.push((field.number, records));
        }
        lanes.extend(self.one_of(spec, &fields));
        self.unknown(spec, &mut lanes);
        self.interleave(lanes)
    }

    fn repeated(&mut self, field: &FieldSpec, values: &[Payload<'_>]) -> Vec<Vec<u8>> {
        if !field.kind.is_number() {
            return values.iter().map(|value| self.whole(field, *value)).collect();
        }
        let mut numbers: Vec<u64> = Vec::new();
        for value in values {
            match value {
                Payload::Number(number) => numbers.push(*number),
                Payload::Bytes(packed) => numbers.extend(unpack(field.kind, packed)),
            }
        }
        let mut records = Vec::new();
        let mut rest = numbers.as_slice();
        while !rest.is_empty() {
            if self.takes(self.liberties.unpack) {
                records.push(self.number(field, rest[0]));
                rest = &rest[1..];
                continue;
            }
            let count = if self.takes(self.liberties.unpack) { self.rng.usize(0..=rest.len()) } else { rest.len() };
            let mut packed = Vec::new();
            rest[..count].iter().for_each(|number| self.put_number(&mut packed, field.kind, *number));
            records.push(self.delimited(field.number, &packed));
            rest = &rest[count..];
        }
        records
    }

    /// A field that is there once at most, perhaps after values that it overrides.
    fn singular(&mut self, field: &FieldSpec, value: Option<Payload<'_>>) -> Vec<Vec<u8>> {
        if let (Kind::Message(spec), Some(Payload::Bytes(inner))) = (field.kind, value) {
            return self.pieces(field.number, spec, inner);
        }
        if field.kind.is_message() || (value.is_none() && field.presence == Presence::Explicit) {
            return Vec::new();
        }
        let mut records = Vec::new();
        while self.takes(self.liberties.repeat) {
            records.push(self.junk(field));
        }
        let default = if field.kind.is_number() { Payload::Number(0) } else { Payload::Bytes(&[]) };
        if value.is_some() || !records.is_empty() || self.takes(self.liberties.repeat) {
            records.push(self.whole(field, value.unwrap_or(default)));
        }
        records
    }

    /// The variant that is set, perhaps after others that it replaces. A message merges with one of its own kind
    /// right before it.
    fn one_of(&mut self, spec: &MessageSpec, fields: &[(u32, Payload<'_>)]) -> Option<Lane> {
        let variants: Vec<FieldSpec> =
            spec.fields.iter().filter(|field| field.presence == Presence::OneOf).copied().collect();
        let (set, value) = fields.iter().find_map(|(number, value)| {
            let variant = variants.iter().find(|variant| variant.number == *number)?;
            Some((*variant, *value))
        })?;
        let mut records = Vec::new();
        let mut before = None;
        while self.takes(self.liberties.overwrite) || before == Some(set.number) {
            let variant = pick(self.rng, &variants);
            records.push(self.junk(&variant));
            before = Some(variant.number);
        }
        match (set.kind, value) {
            (Kind::Message(spec), Payload::Bytes(inner)) => records.extend(self.pieces(set.number, spec, inner)),
            _ => records.push(self.whole(&set, value)),
        }
        Some((set.number, records))
    }

    /// A singular message in one piece or in several that merge.
    fn pieces(&mut self, number: u32, spec: &MessageSpec, inner: &[u8]) -> Vec<Vec<u8>> {
        let records = self.records(spec, inner);
        let mut rest = records.as_slice();
        let mut pieces = Vec::new();
        while self.takes(self.liberties.split) {
            let (piece, behind) = rest.split_at(self.rng.usize(0..=rest.len()));
            pieces.push(self.delimited(number, &piece.concat()));
            rest = behind;
        }
        pieces.push(self.delimited(number, &rest.concat()));
        pieces
    }

    /// One field in one record.
    fn whole(&mut self, field: &FieldSpec, value: Payload<'_>) -> Vec<u8> {
        match (field.kind, value) {
            (Kind::Message(spec), Payload::Bytes(inner)) => {
                let message = self.records(spec, inner).concat();
                self.delimited(field.number, &message)
            }
            (_, Payload::Bytes(bytes)) => self.delimited(field.number, bytes),
            (_, Payload::Number(number)) => self.number(field, number),
        }
    }

    /// A well-formed value that will not count.
    fn junk(&mut self, field: &FieldSpec) -> Vec<u8> {
        match field.kind {
            Kind::Message(spec) => {
                let message = self.junk_message(spec, 2);
                self.delimited(field.number, &message)
            }
            Kind::Text | Kind::Bytes => {
                let text = several(self.rng, 5, |rng| rng.u8(..0x80));
                self.delimited(field.number, &text)
            }
            Kind::Id(length) => {
                let id: Vec<u8> =
                    if self.rng.bool() { Vec::new() } else { (0..length).map(|_| self.rng.u8(..)).collect() };
                self.delimited(field.number, &id)
            }
            _ => {
                let number = self.rng.u64(..);
                self.number(field, number)
            }
        }
    }

    fn junk_message(&mut self, spec: &MessageSpec, depth: u32) -> Vec<u8> {
        let mut message = Vec::new();
        for field in spec.fields {
            match field.kind {
                _ if !chance(self.rng, 40) => {}
                Kind::Message(_) if depth == 0 => {}
                Kind::Message(inner) => {
                    let inner = self.junk_message(inner, depth - 1);
                    message.extend(self.delimited(field.number, &inner));
                }
                _ => message.extend(self.junk(field)),
            }
        }
        message
    }

    fn unknown(&mut self, spec: &MessageSpec, lanes: &mut Vec<Lane>) {
        while self.takes(self.liberties.unknown) {
            let number = match self.rng.u32(..4) {
                0 => self.rng.u32(1..1 << 29),
                1 => (1 << 29) - 1,
                _ => self.rng.u32(1..40),
            };
            if spec.fields.iter().all(|field| field.number != number) {
                let record = self.unknown_record(number, 3);
                lanes.push((number, vec![record]));
            }
        }
    }

    fn unknown_record(&mut self, number: u32, depth: u32) -> Vec<u8> {
        let field = |kind| FieldSpec { number, kind, presence: Presence::Implicit };
        match self.rng.u32(..if depth == 0 { 4 } else { 5 }) {
            0 => self.junk(&field(Kind::Int64)),
            1 => self.junk(&field(Kind::Fixed64)),
            2 => self.junk(&field(Kind::Fixed32)),
            3 => {
                let bytes = several(self.rng, 5, |rng| rng.u8(..));
                self.delimited(number, &bytes)
            }
            _ => {
                let mut group = Vec::new();
                self.put_tag(&mut group, number, 3);
                for inner in several(self.rng, 2, |rng| rng.u32(1..40)) {
                    group.extend(self.unknown_record(inner, depth - 1));
                }
                self.put_tag(&mut group, number, 4);
                group
            }
        }
    }

    fn interleave(&mut self, mut lanes: Vec<Lane>) -> Vec<Vec<u8>> {
        lanes.sort_by_key(|(number, _)| *number);
        match self.liberties.order {
            Order::Ascending => {}
            Order::Descending => lanes.reverse(),
            Order::Random => {
                // Drawing the lane of each record in turn keeps every lane's own order.
                let mut turns: Vec<usize> =
                    lanes.iter().enumerate().flat_map(|(index, lane)| vec![index; lane.1.len()]).collect();
                self.rng.shuffle(&mut turns);
                let mut lanes: Vec<_> = lanes.into_iter().map(|(_, records)| records.into_iter()).collect();
                return turns.into_iter().filter_map(|index| lanes[index].next()).collect();
            }
        }
        lanes.into_iter().flat_map(|(_, records)| records).collect()
    }

    fn takes(&mut self, percent: u32) -> bool {
        chance(self.rng, percent)
    }

    fn number(&mut self, field: &FieldSpec, number: u64) -> Vec<u8> {
        let mut record = Vec::new();
        let wire_type = match field.kind {
            Kind::Fixed64 => 1,
            Kind::Fixed32 => 5,
            _ => 0,
        };
        self.put_tag(&mut record, field.number, wire_type);
        self.put_number(&mut record, field.kind, number);
        record
    }

    fn put_number(&mut self, out: &mut Vec<u8>, kind: Kind, number: u64) {
        match kind {
            Kind::Fixed64 => out.extend_from_slice(&number.to_le_bytes()),
            Kind::Fixed32 => out.extend_from_slice(&(number as u32).to_le_bytes()),
            Kind::Bool if number != 0 && self.takes(self.liberties.pad) => {
                let truth = self.rng.u64(1..);
                self.put_varint(out, truth);
            }
            Kind::Int32 | Kind::Uint32 | Kind::Sint32 if self.takes(self.liberties.pad) => {
                let upper = u64::from(self.rng.u32(..)) << 32;
                self.put_varint(out, upper | (number & u64::from(u32::MAX)));
            }
            _ => self.put_varint(out, number),
        }
    }

    fn delimited(&mut self, number: u32, bytes: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(bytes.len() + 4);
        self.put_tag(&mut record, number, 2);
        self.put_varint(&mut record, bytes.len() as u64);
        record.extend_from_slice(bytes);
        record
    }

    fn put_tag(&mut self, out: &mut Vec<u8>, number: u32, wire_type: u32) {
        self.put_varint(out, u64::from(number << 3 | wire_type));
    }

    fn put_varint(&mut self, out: &mut Vec<u8>, mut value: u64) {
        let shortest = (64 - (value | 1).leading_zeros()).div_ceil(7);
        let length = if self.takes(self.liberties.pad) { self.rng.u32(shortest..=10) } else { shortest };
        for _ in 1..length {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
}

/// The fields of a well-formed message without groups.
fn parse(mut rest: &[u8]) -> Vec<(u32, Payload<'_>)> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = take_varint(&mut rest);
        let payload = match tag & 7 {
            0 => Payload::Number(take_varint(&mut rest)),
            1 => Payload::Number(take_fixed(&mut rest, 8)),
            5 => Payload::Number(take_fixed(&mut rest, 4)),
            _ => {
                let length = take_varint(&mut rest) as usize;
                let (bytes, behind) = rest.split_at(length);
                rest = behind;
                Payload::Bytes(bytes)
            }
        };
        fields.push(((tag >> 3) as u32, payload));
    }
    fields
}

fn unpack(kind: Kind, mut packed: &[u8]) -> Vec<u64> {
    let mut numbers = Vec::new();
    while !packed.is_empty() {
        numbers.push(match kind {
            Kind::Fixed64 => take_fixed(&mut packed, 8),
            Kind::Fixed32 => take_fixed(&mut packed, 4),
            _ => take_varint(&mut packed),
        });
    }
    numbers
}

fn take_varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let Some((byte, behind)) = rest.split_first() {
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            break;
        }
    }
    value
}

fn take_fixed(rest: &mut &[u8], length: usize) -> u64 {
    let (bytes, behind) = rest.split_at(length);
    *rest = behind;
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
