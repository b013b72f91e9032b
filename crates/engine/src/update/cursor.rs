//! Takes the parts of an update off its bytes, each within its bounds.
//! It must not read past the end, and never reserves memory by a count it was told.

use super::{MAX_CLOCK, MAX_EMPTY_RUN, Malformed};

pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A number below 2^32 in the shortest form: 7 bits a byte, the lowest first.
    #[inline]
    pub(super) fn number(&mut self) -> Result<u32, Malformed> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let shortest = byte != 0;
                return u32::try_from(number).ok().filter(|_| shortest).ok_or(Malformed::Number);
            }
        }
        Err(Malformed::Number)
    }

    /// How many things follow, each of at least `least` bytes.
    pub(super) fn count(&mut self, least: usize) -> Result<u32, Malformed> {
        let count = self.number()?;
        let room = self.rest.len() / least;
        if count as usize > room { Err(Malformed::Truncated) } else { Ok(count) }
    }

    pub(super) fn client(&mut self) -> Result<u32, Malformed> {
        self.number().map_err(|error| if error == Malformed::Number { Malformed::Client } else { error })
    }

    pub(super) fn clock(&mut self) -> Result<u32, Malformed> {
        match self.number() {
            Ok(clock) if clock <= MAX_CLOCK => Ok(clock),
            Ok(_) | Err(Malformed::Number) => Err(Malformed::Clock),
            Err(error) => Err(error),
        }
    }

    /// The length of a block without content.
    pub(super) fn empty_run(&mut self) -> Result<u32, Malformed> {
        match self.number()? {
            len @ 1..=MAX_EMPTY_RUN => Ok(len),
            _ => Err(Malformed::Clock),
        }
    }

    pub(super) fn blob(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.number()?;
        self.bytes(len as usize)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.blob()?).map_err(|_| Malformed::Utf8)
    }

    /// The name of an attribute, a format or an object's field. JavaScript readers keep these in
    /// plain objects, where assigning to `__proto__` loses the value.
    pub(super) fn key(&mut self) -> Result<&'a str, Malformed> {
        match self.text()? {
            "__proto__" => Err(Malformed::Key),
            key => Ok(key),
        }
    }
}
