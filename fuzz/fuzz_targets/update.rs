//! The update reader: what it accepts after a part of a real log, yrs must read with the same clocks (R2).
//! An input is two bytes that choose a log and how much of it, and then an update.
#![no_main]

#[path = "../../crates/engine/tests/agree/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod agree;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static LOGS: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let logs = agree::corpus(agree::CORPUS).into_iter();
    logs.map(|log| log.into_iter().map(|entry| entry.update).collect()).collect()
});

fuzz_target!(|input: &[u8]| {
    let [log, keep, update @ ..] = input else { return };
    let log = &LOGS[usize::from(*log) % LOGS.len()];
    let mut log = log[..usize::from(*keep) % (log.len() + 1)].to_vec();
    log.push(update.to_vec());
    if agree::our_clocks(&log).is_ok() {
        agree::agree(&log).expect("yrs reads it otherwise");
    }
});
