//! Checks the values inside an update: lib0's binary ones, and JSON.
//! It must not build them, and must not recurse.

use super::cursor::Cursor;
use super::{MAX_LEVELS, Malformed};

/// Passes over one binary value.
pub(super) fn skip(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    /// An array or object that is being read.
    struct Open {
        left: u32,
        object: bool,
    }
    let mut open: Vec<Open> = Vec::new();
    loop {
        match cursor.byte()? {
            120 | 121 | 126 | 127 => {}
            116 => drop(cursor.blob()?),
            119 => drop(cursor.text()?),
            123 => drop(cursor.bytes(8)?),
            124 => drop(cursor.bytes(4)?),
            125 => skip_integer(cursor)?,
            tag @ (117 | 118) => {
                let object = tag == 118;
                let left = cursor.count(if object { 2 } else { 1 })?;
                if open.len() == MAX_LEVELS {
                    return Err(Malformed::TooDeep);
                }
                open.push(Open { left, object });
            }
            // 122, a BigInt: yrs would write it as a number.
            _ => return Err(Malformed::Value),
        }
        while open.last().is_some_and(|inner| inner.left == 0) {
            open.pop();
        }
        let Some(inner) = open.last_mut() else {
            return Ok(());
        };
        inner.left -= 1;
        if inner.object {
            cursor.key()?;
        }
    }
}

/// Passes over an integer: a sign bit and 6 bits, then 7 bits a byte. lib0 writes only those of up to
/// 31 bits so; in others yrs shifts bits out.
fn skip_integer(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    let first = cursor.byte()?;
    if first < 0x80 {
        return Ok(());
    }
    let mut number = u64::from(first & 0x3f);
    for shift in [6, 13, 20, 27] {
        let byte = cursor.byte()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let fits = byte != 0 && number <= i32::MAX as u64;
            return if fits { Ok(()) } else { Err(Malformed::Number) };
        }
    }
    Err(Malformed::Number)
}

/// What JSON may hold next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

/// Accepts JSON that every parser reads as the same: whole surrogate pairs, numbers that a double
/// holds, at most [`MAX_LEVELS`] levels.
pub(super) fn check_json(text: &str) -> Result<(), Malformed> {
    let mut json = Json { text, at: 0 };
    let mut objects = 0_u64; // One bit for each open level: is it an object?
    let mut level = 0;
    let mut next = Next::Value;
    loop {
        let byte = json.token()?;
        next = match (next, byte) {
            (Next::Key | Next::KeyOrEnd, b'"') => {
                json.string()?;
                if json.token()? != b':' {
                    return Err(Malformed::Json);
                }
                Next::Value
            }
            (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                if level == MAX_LEVELS {
                    return Err(Malformed::TooDeep);
                }
                level += 1;
                objects = objects << 1 | u64::from(byte == b'{');
                if byte == b'{' { Next::KeyOrEnd } else { Next::ValueOrEnd }
            }
            (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => {
                close(&mut level, &mut objects);
                Next::CommaOrEnd
            }
            (Next::CommaOrEnd, b'}' | b']') if (byte == b'}') == (objects & 1 == 1) => {
                close(&mut level, &mut objects);
                Next::CommaOrEnd
            }
            (Next::CommaOrEnd, b',') => {
                if objects & 1 == 1 {
                    Next::Key
                } else {
                    Next::Value
                }
            }
            (Next::Value | Next::ValueOrEnd, _) => {
                json.scalar(byte)?;
                Next::CommaOrEnd
            }
            _ => return Err(Malformed::Json),
        };
        if level == 0 {
            return if json.only_space_left() { Ok(()) } else { Err(Malformed::Json) };
        }
    }
}

fn close(level: &mut usize, objects: &mut u64) {
    *level -= 1;
    *objects >>= 1;
}

struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl Json<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = self.peek().ok_or(Malformed::Json)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The next byte that is not space.
    fn token(&mut self) -> Result<u8, Malformed> {
        self.skip_space();
        self.byte()
    }

    fn only_space_left(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    /// A value without levels, whose first byte is taken.
    fn scalar(&mut self, first: u8) -> Result<(), Malformed> {
        match first {
            b'"' => self.string(),
            b't' => self.word(b"rue"),
            b'f' => self.word(b"alse"),
            b'n' => self.word(b"ull"),
            b'-' | b'0'..=b'9' => self.number(first),
            _ => Err(Malformed::Json),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        for &expected in word {
            if self.byte()? != expected {
                return Err(Malformed::Json);
            }
        }
        Ok(())
    }

    /// A string whose opening quote is taken.
    fn string(&mut self) -> Result<(), Malformed> {
        loop {
            match self.byte()? {
                b'"' => return Ok(()),
                b'\\' => match self.byte()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => self.code_point()?,
                    _ => return Err(Malformed::Json),
                },
                0..=0x1f => return Err(Malformed::Json),
                _ => {}
            }
        }
    }

    /// What follows `\u`: one unit, or the two of a pair. Half a pair is a string to JavaScript alone.
    fn code_point(&mut self) -> Result<(), Malformed> {
        match self.hex4()? {
            0xd800..=0xdbff => {
                self.word(b"\\u")?;
                if !(0xdc00..=0xdfff).contains(&self.hex4()?) {
                    return Err(Malformed::Json);
                }
            }
            0xdc00..=0xdfff => return Err(Malformed::Json),
            _ => {}
        }
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte()?).to_digit(16).ok_or(Malformed::Json)?;
            unit = unit << 4 | digit;
        }
        Ok(unit)
    }

    /// A number whose first byte is taken. Integers beyond 2^53 and numbers near the end of the
    /// doubles are refused: the parsers differ on them.
    fn number(&mut self, first: u8) -> Result<(), Malformed> {
        const SAFE: f64 = 9_007_199_254_740_991.0;
        const LARGE: f64 = 1e300;
        let start = self.at - 1;
        match if first == b'-' { self.byte()? } else { first } {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return Err(Malformed::Json),
        }
        let mut limit = SAFE;
        if self.peek() == Some(b'.') {
            self.at += 1;
            limit = LARGE;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            limit = LARGE;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.text[start..self.at].parse::<f64>() {
            Ok(number) if number.abs() <= limit => Ok(()),
            _ => Err(Malformed::Json),
        }
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Malformed> {
        if !self.byte()?.is_ascii_digit() {
            return Err(Malformed::Json);
        }
        self.skip_digits();
        Ok(())
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }
}
