//! The frames of an HTTP/2 connection as they pass by (RFC 9113, section 4.1): nothing is read of them but their heads.

/// What a client sends before its first frame (section 3.4).
const PREFACE_BYTES: u64 = 24;

const HEAD_BYTES: usize = 9;

/// The frames of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes until the next head.
    left: u64,
    head: [u8; HEAD_BYTES],
    filled: usize,
}

/// A kind of frames.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
}

/// The flag of a PING that answers one.
pub(super) const ACK: u8 = 1;

impl Frames {
    /// Those that a client sends.
    pub(super) fn of_client() -> Frames {
        Frames { left: PREFACE_BYTES, head: [0; HEAD_BYTES], filled: 0 }
    }

    /// Those that a server sends.
    pub(super) fn of_server() -> Frames {
        Frames { left: 0, head: [0; HEAD_BYTES], filled: 0 }
    }

    /// Whether the next byte begins a frame.
    pub(super) fn is_between(&self) -> bool {
        self.left == 0 && self.filled == 0
    }

    /// The next bytes. `seen` is told the kind and the flags of each frame whose head is complete with them.
    pub(super) fn pass(&mut self, bytes: &[u8], mut seen: impl FnMut(u8, u8)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let skipped = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
            self.left -= skipped as u64;
            rest = rest.get(skipped..).unwrap_or_default();
            if self.left > 0 {
                return;
            }
            let free = self.head.get_mut(self.filled..).unwrap_or_default();
            let taken = free.len().min(rest.len());
            let (head, behind) = rest.split_at(taken);
            free.iter_mut().zip(head).for_each(|(free, byte)| *free = *byte);
            rest = behind;
            self.filled += taken;
            if self.filled == HEAD_BYTES {
                let [a, b, c, kind, flags, ..] = self.head;
                self.left = u64::from(u32::from_be_bytes([0, a, b, c]));
                self.filled = 0;
                seen(kind, flags);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_found_however_bytes_come() {
        let frame = |length: u8, kind, flags| {
            [&[0, 0, length, kind, flags, 0, 0, 0, 1][..], &vec![6; usize::from(length)]].concat()
        };
        let bytes = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(0, 4, 0),
            frame(8, 6, 0),
            frame(200, 0, 1),
            frame(8, 6, 1),
        ];
        let bytes = bytes.concat();
        for size in [1, 2, 7, 9, 100, bytes.len()] {
            let (mut frames, mut found) = (Frames::of_client(), Vec::new());
            bytes.chunks(size).for_each(|chunk| frames.pass(chunk, |kind, flags| found.push((kind, flags))));
            assert_eq!(found, [(4, 0), (6, 0), (0, 1), (6, 1)], "{size}");
            assert!(frames.is_between());
        }
        let mut frames = Frames::of_server();
        frames.pass(&frame(8, 6, 0)[..5], |_, _| {});
        assert!(!frames.is_between());
    }
}
