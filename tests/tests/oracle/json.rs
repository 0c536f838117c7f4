//! A request in JSON becomes the protobuf that says the same.

use otelier::contract::Signal;
use otelier::otlp::Strings;
use otelier::otlp::json::{to_json, to_protobuf};
use otelier_tests::generate::json::{json, representable};
use otelier_tests::generate::{Request, pick};

use crate::seeds;

#[test]
fn json_in_any_form_is_the_same_request_as_its_protobuf() {
    seeds::check(4000, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let request = representable(Request::random(rng, signal));
        let text = json(rng, &request);
        let bytes = to_protobuf(signal, text.as_bytes(), 1 << 24, Strings::Utf8)
            .unwrap_or_else(|error| panic!("{error} in {text}"));
        let decoded = Request::decode(signal, &bytes).expect("what came of JSON is OTLP");
        assert_eq!(decoded.encode(), request.encode(), "{text}");
    });
}

#[test]
fn protobuf_comes_back_from_json_as_it_was() {
    seeds::check(4000, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let request = representable(Request::random(rng, signal));
        let bytes = request.encode();
        let text = to_json(signal, &bytes).unwrap_or_else(|error| panic!("{error} in {request:?}"));
        let back = to_protobuf(signal, &text, 1 << 24, Strings::Utf8)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&text)));
        let back = Request::decode(signal, &back).expect("what came of JSON is OTLP");
        assert_eq!(back.encode(), bytes, "{}", String::from_utf8_lossy(&text));
    });
}

/// Whatever the damage, the answer is an error or OTLP.
#[test]
fn damaged_json_is_refused_or_is_a_request() {
    seeds::check(2000, |rng| {
        let signal = pick(rng, &Signal::ALL);
        let request = representable(Request::random(rng, signal));
        let mut text = json(rng, &request).into_bytes();
        for _ in 0..rng.u32(1..4) {
            let (from, to) = (rng.usize(..text.len()), rng.usize(..text.len()));
            match rng.u32(..3) {
                0 => text[to] = text[from],
                1 => text[to] ^= 1 << rng.u32(..8),
                _ => text.insert(to, text[from]),
            }
        }
        if let Ok(bytes) = to_protobuf(signal, &text, 1 << 24, Strings::Utf8) {
            Request::decode(signal, &bytes).expect("what came of JSON is OTLP");
        }
    });
}
