//! Follows the frames of a WebSocket, or the packets of polling bodies, just enough to know whether a message is incomplete
//! or an attachment missing. Checks nothing else: that is for the WebSocket library and the parser behind it.

use std::time::Instant;

/// Stands between polled packets.
const SEPARATOR: u8 = 0x1e;

/// Where a peer's messages stand.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Of the next frame, as far as it came.
    header: Vec<u8>,
    frame: Option<Frame>,
    message: Option<Message>,
    awaits_attachment: bool,
    owed_since: Option<Instant>,
}

/// A frame whose payload has not come whole.
#[derive(Debug)]
struct Frame {
    left: u64,
    mask: [u8; 4],
    position: usize,
    is_control: bool,
    is_last: bool,
}

/// A message that has begun.
#[derive(Debug, Default)]
struct Message {
    is_binary: bool,
    /// Its first characters.
    head: [u8; 3],
    length: usize,
}

impl Message {
    fn polled(packet: &[u8]) -> Self {
        let mut message = Self { is_binary: packet.first() == Some(&b'b'), ..Self::default() };
        packet.iter().for_each(|byte| message.push(*byte));
        message
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.head.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// `4` is a message, `5` an event and `6` an answer with attachments, and their number follows.
    fn announces(&self) -> bool {
        !self.is_binary && matches!(self.head, [b'4', b'5' | b'6', number] if number != b'0')
    }
}

impl Frames {
    /// Reads on in a WebSocket, and tells since when something is missing.
    pub(super) fn read(&mut self, mut bytes: &[u8], now: Instant) -> Option<Instant> {
        while let Some(first) = bytes.first() {
            self.owed_since.get_or_insert(now);
            match self.frame.take() {
                Some(frame) => bytes = self.payload(frame, bytes),
                None => {
                    self.header.push(*first);
                    bytes = &bytes[1..];
                    self.begin();
                }
            }
        }
        self.owed_since
    }

    /// Reads the packets of one polling request, and tells since when an attachment is missing.
    pub(super) fn read_packets(&mut self, body: &[u8], now: Instant) -> Option<Instant> {
        for packet in body.split(|byte| *byte == SEPARATOR) {
            self.owed_since.get_or_insert(now);
            self.end_message(&Message::polled(packet));
        }
        self.owed_since
    }

    /// Begins a frame, once its header is complete.
    fn begin(&mut self) {
        let [first, second, rest @ ..] = self.header.as_slice() else { return };
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if rest.len() < length_bytes + mask_bytes {
            return;
        }
        let (length, mask) = rest.split_at(length_bytes);
        let left = match length_bytes {
            0 => u64::from(second & 0x7f),
            _ => length.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)),
        };
        let mask = mask.try_into().unwrap_or_default();
        let (opcode, is_last) = (first & 0x0f, first & 0x80 != 0);
        if matches!(opcode, 1 | 2) {
            self.message = Some(Message { is_binary: opcode == 2, ..Message::default() });
        }
        self.header.clear();
        let frame = Frame { left, mask, position: 0, is_control: opcode > 2, is_last };
        self.payload(frame, &[]);
    }

    /// Reads the payload of a frame, and returns what follows it.
    fn payload<'b>(&mut self, mut frame: Frame, bytes: &'b [u8]) -> &'b [u8] {
        let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
        let (payload, rest) = bytes.split_at(here);
        if let Some(message) = self.message.as_mut().filter(|_| !frame.is_control) {
            for byte in payload.iter().take(message.head.len()) {
                message.push(byte ^ frame.mask[frame.position % 4]);
                frame.position += 1;
            }
        }
        frame.left -= here as u64;
        if frame.left > 0 {
            self.frame = Some(frame);
        } else if frame.is_last && !frame.is_control {
            let message = self.message.take().unwrap_or_default();
            self.end_message(&message);
        } else if self.message.is_none() && !self.awaits_attachment {
            self.owed_since = None;
        }
        rest
    }

    fn end_message(&mut self, message: &Message) {
        self.awaits_attachment = message.announces() || (self.awaits_attachment && !message.is_binary);
        if !self.awaits_attachment {
            self.owed_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, is_last: bool, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 77, 177, 0];
        let mut out = vec![opcode | if is_last { 0x80 } else { 0 }];
        match payload.len() {
            short @ 0..126 => out.push(0x80 | short as u8),
            long => {
                out.push(0x80 | 126);
                out.extend((long as u16).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    /// Whether something is owed after these frames, however they are cut.
    fn owes(frames: &[Vec<u8>]) -> bool {
        let bytes = frames.concat();
        let now = Instant::now();
        let whole = Frames::default().read(&bytes, now).is_some();
        for cut in 1..bytes.len().min(400) {
            let mut reader = Frames::default();
            reader.read(&bytes[..cut], now);
            assert_eq!(reader.read(&bytes[cut..], now).is_some(), whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn whole_messages_owe_nothing() {
        let long = vec![b'x'; 5000];
        assert!(!owes(&[frame(1, true, b"42[\"a\"]"), frame(1, true, b"3"), frame(1, true, &long)]));
        assert!(!owes(&[frame(1, true, b"")]));
        assert!(!owes(&[frame(1, false, b"42[\"a"), frame(9, true, b"ping"), frame(0, true, b"\"]")]));
        assert!(!owes(&[frame(9, true, b"ping")]));
        assert!(!owes(&[frame(1, true, b"450-[\"a\"]")]), "no attachment is announced");
    }

    #[test]
    fn an_announced_attachment_is_owed_until_it_came() {
        let announced = frame(1, true, b"451-/live,1[\"edit\",{}]");
        assert!(owes(std::slice::from_ref(&announced)));
        assert!(owes(&[announced.clone(), frame(1, true, b"3"), frame(10, true, b"")]));
        assert!(!owes(&[announced.clone(), frame(1, true, b"3"), frame(2, true, &[9; 300])]));
        let fragments = [frame(1, false, b"4"), frame(0, false, b"5"), frame(0, true, b"1-[]")];
        assert!(owes(&fragments));
    }

    #[test]
    fn an_unfinished_message_is_owed() {
        let mut cut = frame(2, true, &[1; 200]);
        cut.pop();
        assert!(owes(&[cut]));
        assert!(owes(&[frame(1, false, b"42")]));
        assert!(owes(&[frame(1, false, b"42"), frame(9, true, b"")]));
        assert!(owes(&[vec![0x81]]));
    }

    #[test]
    fn the_time_runs_from_the_beginning_of_what_is_missing() {
        let mut frames = Frames::default();
        let (then, now) = (Instant::now(), Instant::now() + std::time::Duration::from_secs(9));
        let message = frame(1, true, b"42[\"a\"]");
        frames.read(&message[..3], then);
        let rest = [&message[3..], &message[..3]].concat();
        assert_eq!(frames.read(&rest, now), Some(now), "another message has begun since");
    }

    #[test]
    fn polled_packets_are_followed_across_requests() {
        let mut frames = Frames::default();
        let now = Instant::now();
        assert_eq!(frames.read_packets(b"42[\"a\"]\x1e3", now), None);
        assert_eq!(frames.read_packets(b"451-[\"a\",{}]\x1e3", now), Some(now));
        assert_eq!(frames.read_packets(b"3", now), Some(now));
        assert_eq!(frames.read_packets(b"bAQID\x1e42[]", now), None);
        assert_eq!(frames.read_packets(b"451-[\"a\",{}]\x1ebAQID", now), None);
    }

    #[test]
    fn any_bytes_are_followed() {
        let mut seed = 7u32;
        let mut frames = Frames::default();
        for _ in 0..100_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            frames.read(&seed.to_be_bytes()[..(seed % 5) as usize % 4], Instant::now());
        }
    }
}
