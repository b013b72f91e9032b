//! Live messages: whatever arrives is read or refused, and what follows the frames of a WebSocket never loses its place for good.
//! An input is a text, a zero byte, and an attachment.
#![no_main]
#![allow(dead_code, unreachable_pub)]

#[path = "../../crates/server/src/live/frames.rs"]
mod frames;
#[path = "../../crates/server/src/row.rs"]
mod row;
#[path = "../../crates/server/src/live/wire.rs"]
mod wire;

use std::time::Instant;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wire::Request;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let attachment = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    match Request::read(&text, std::slice::from_ref(&attachment)) {
        Ok(Request::Edit { update, .. }) => assert_eq!(update, attachment),
        Ok(Request::Presence { state: Some(state), .. }) => {
            assert!(serde_json::from_slice::<serde_json::Value>(&state).expect("JSON").is_object());
        }
        Ok(_) => {}
        Err(refusal) => assert!(serde_json::to_string(&wire::ErrorOut::from(refusal)).is_ok()),
    }

    let now = Instant::now();
    let (mut whole, mut cut) = (frames::Frames::default(), frames::Frames::default());
    let whole = whole.read(input, now);
    let middle = input.len() / 2;
    cut.read(&input[..middle], now);
    assert_eq!(cut.read(&input[middle..], now), whole, "it matters how a stream is cut");
});
