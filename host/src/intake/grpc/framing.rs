//! gRPC's framing of a unary call (`doc/PROTOCOL-HTTP2.md`): one flag byte, the message's length, the message.

use bytes::Bytes;

use super::super::body::SizeLimit;
use super::super::rejection::Rejection;

/// One flag byte and the message's length.
pub(super) const PREFIX_BYTES: usize = 5;

/// The length of the whole body, going by the prefix at its beginning.
pub(super) fn announced_length(first: &[u8], limit: SizeLimit) -> Result<Option<usize>, Rejection> {
    let Some((prefix, _)) = first.split_first_chunk() else {
        return Ok(None);
    };
    let (_, length) = parse_prefix(*prefix)?;
    if length > limit.bytes {
        return Err(limit.passed());
    }
    Ok(Some(PREFIX_BYTES + length))
}

/// The one message of a unary call and whether it is compressed.
pub(super) fn split_message(body: Bytes) -> Result<(bool, Bytes), Rejection> {
    let (prefix, _) =
        body.split_first_chunk().ok_or(Rejection::Framing("the message's prefix is missing or cut off"))?;
    let (packed, length) = parse_prefix(*prefix)?;
    match (body.len() - PREFIX_BYTES).cmp(&length) {
        std::cmp::Ordering::Less => Err(Rejection::Framing("the message is shorter than its prefix says")),
        std::cmp::Ordering::Greater => Err(Rejection::Framing("more than one message; a unary call takes exactly one")),
        std::cmp::Ordering::Equal => Ok((packed, body.slice(PREFIX_BYTES..))),
    }
}

fn parse_prefix([flag, length @ ..]: [u8; PREFIX_BYTES]) -> Result<(bool, usize), Rejection> {
    let packed = match flag {
        0 => false,
        1 => true,
        _ => return Err(Rejection::Framing("the message's compressed flag is neither 0 nor 1")),
    };
    Ok((packed, u32::from_be_bytes(length) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unary_call_is_exactly_one_message() {
        let split = |body: &'static [u8]| split_message(Bytes::from_static(body)).map_err(|error| error.to_string());
        assert_eq!(split(b"\0\0\0\0\0"), Ok((false, Bytes::new())));
        assert_eq!(split(b"\x01\0\0\0\x02ab"), Ok((true, Bytes::from_static(b"ab"))));
        for (body, words) in [
            (&b""[..], "missing"),
            (b"\0\0\0", "cut off"),
            (b"\x02\0\0\0\0", "neither 0 nor 1"),
            (b"\0\0\0\0\x03ab", "shorter"),
            (b"\0\0\0\0\x01ab", "more than one"),
        ] {
            let error = split(body).err().unwrap_or_default();
            assert!(error.contains(words), "{body:?}: {error}");
        }
    }

    #[test]
    fn an_announced_length_beyond_the_limit_ends_the_request_at_once() {
        let limit = SizeLimit { bytes: 10, setting: "max_recv_msg_size_mib" };
        assert!(matches!(announced_length(b"\0\0\0\0\x0a", limit), Ok(Some(15))));
        assert!(matches!(announced_length(b"\0\0", limit), Ok(None)));
        assert!(matches!(announced_length(b"\0\0\0\0\x0b", limit), Err(Rejection::TooLarge { .. })));
    }
}
