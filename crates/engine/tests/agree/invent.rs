//! Invents updates: mutations of real ones, and new ones that hang on whatever a document holds,
//! sensibly or not. It must not know what is acceptable: the reader is to say.

/// A small seeded generator (xorshift64*): the same seed, the same updates.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 to below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Changes a few bytes of an update; sometimes brings in some of `other`.
pub(crate) fn mutate(dice: &mut Dice, update: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = update.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        match dice.below(9) {
            _ if bytes.is_empty() => return bytes,
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = bytes[at].wrapping_add(1),
            2 => bytes[at] = bytes[at].wrapping_sub(1),
            3 => bytes[at] = dice.pick(&[0, 1, 0x7f, 0x80, 0xff, 0x40, 0xc0, 4, 7, 8, 117, 118, 119]),
            4 => bytes.insert(at, dice.below(256) as u8),
            5 => drop(bytes.remove(at)),
            6 => bytes.truncate(at),
            _ => {
                let from = dice.below(other.len());
                let len = dice.below(12).min(other.len() - from);
                let end = (at + dice.below(12)).min(bytes.len());
                bytes.splice(at..end, other[from..from + len].iter().copied());
            }
        }
    }
    bytes
}

/// A client id, and the clock at which its items end.
pub(crate) type End = (u32, u32);

/// Makes up one client's next update for a document whose clients' items end at `ends`.
pub(crate) fn invent(dice: &mut Dice, ends: &[End]) -> Vec<u8> {
    let (client, start) = match dice.below(4) {
        0 => (1 + dice.below(5) as u32, None),
        _ => ends.get(dice.below(ends.len())).map_or((7, None), |&(client, end)| (client, Some(end))),
    };
    let start = start.or_else(|| ends.iter().find(|end| end.0 == client).map(|end| end.1)).unwrap_or(0);
    let mut known: Vec<End> = ends.to_vec();
    known.retain(|end| end.0 != client);
    known.push((client, start));

    let mut blocks = Vec::new();
    let count = dice.below(5);
    for _ in 0..count {
        let len = push_block(dice, &known, &mut blocks);
        if let Some(own) = known.last_mut() {
            own.1 += len;
        }
    }
    let mut update = vec![u8::from(count > 0)];
    if count > 0 {
        push_number(&mut update, count as u32);
        push_number(&mut update, client);
        push_number(&mut update, start);
        update.extend(blocks);
    }
    push_deletes(dice, &known, &mut update);
    update
}

fn push_block(dice: &mut Dice, known: &[End], to: &mut Vec<u8>) -> u32 {
    if dice.below(40) == 0 {
        let len = 1 + dice.below(4) as u32;
        to.push(0);
        push_number(to, len);
        return len;
    }
    let kind = dice.pick(&[1, 3, 4, 4, 4, 4, 5, 6, 6, 7, 7, 7, 8, 8]);
    let (left, right) = (dice.below(4) > 0, dice.below(3) == 0);
    let keyed = dice.below(4) == 0;
    to.push(kind | u8::from(left) << 7 | u8::from(right) << 6 | u8::from(keyed) << 5);
    for _ in 0..u8::from(left) + u8::from(right) {
        push_id(dice, known, to);
    }
    if !left && !right {
        if dice.below(2) == 0 {
            to.push(1);
            push_text(to, dice.pick(&["content", "text", "list", "map"]));
        } else {
            to.push(0);
            push_id(dice, known, to);
        }
        if keyed {
            push_text(to, dice.pick(&["a", "b", "level"]));
        }
    }
    push_content(dice, kind, to)
}

fn push_content(dice: &mut Dice, kind: u8, to: &mut Vec<u8>) -> u32 {
    match kind {
        1 => {
            to.push(1 + dice.below(3) as u8);
            return u32::from(to[to.len() - 1]);
        }
        3 => to.extend([2, 7, 8]),
        4 => {
            let text = dice.pick(&["a", "b", "xyz", "😀", "é😀漢", "one two three"]);
            push_text(to, text);
            return text.encode_utf16().count() as u32;
        }
        5 => push_text(to, dice.pick(&["{\"a\":1}", "7", "[null]"])),
        6 => {
            push_text(to, dice.pick(&["bold", "link"]));
            push_text(to, dice.pick(&["true", "null", "{\"href\":\"x\"}"]));
        }
        7 => {
            let of = dice.pick(&[0, 1, 2, 3, 3, 3, 4, 6, 6, 6]);
            to.push(of);
            if of == 3 {
                push_text(to, dice.pick(&["p", "li"]));
            }
        }
        _ => {
            let values = 1 + dice.below(3);
            push_number(to, values as u32);
            for _ in 0..values {
                to.extend_from_slice(dice.pick(&[&[126_u8] as &[u8], &[125, 5], &[119, 1, b'v'], &[117, 1, 120]]));
            }
            return values as u32;
        }
    }
    1
}

/// The id of some item that is there: most often a late one.
fn push_id(dice: &mut Dice, known: &[End], to: &mut Vec<u8>) {
    let (client, end) = dice.pick(known);
    let back = if dice.below(2) == 0 { dice.below(4) } else { dice.below(end as usize) };
    push_number(to, client);
    push_number(to, end.saturating_sub(1 + back as u32));
}

fn push_deletes(dice: &mut Dice, known: &[End], to: &mut Vec<u8>) {
    let mut sections: Vec<(u32, u32, u32)> = Vec::new();
    for &(client, end) in known {
        if end > 0 && dice.below(5) == 0 {
            let start = dice.below(end as usize) as u32;
            sections.push((client, start, 1 + dice.below((end - start).min(6) as usize) as u32));
        }
    }
    push_number(to, sections.len() as u32);
    for (client, start, len) in sections {
        push_number(to, client);
        to.push(1);
        push_number(to, start);
        push_number(to, len);
    }
}

fn push_text(to: &mut Vec<u8>, text: &str) {
    push_number(to, text.len() as u32);
    to.extend(text.as_bytes());
}

pub(crate) fn push_number(to: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
