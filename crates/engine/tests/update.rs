//! The update reader against real updates, mutated ones, yrs, and Yjs (R1, R2, W1).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is the report")]

mod agree;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use agree::invent::{Dice, End, invent, mutate};
use agree::{Entry, agree, corpus, our_clocks, yrs_reads};
use engine::update::{Shape, read};

/// The corpus, or a larger one: UPDATE_CORPUS names its file.
fn corpus_json() -> String {
    std::env::var("UPDATE_CORPUS").map_or(agree::CORPUS.to_owned(), |path| std::fs::read_to_string(path).unwrap())
}

/// Runs `check` on a stack like that of the replica threads: yrs recurses.
fn on_a_large_stack<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(256 << 20).spawn(check).unwrap().join().unwrap()
}

#[test]
fn w1_r2_every_real_update_is_accepted_as_its_writers_edit() {
    on_a_large_stack(|| {
        for (at, log) in corpus(&corpus_json()).iter().enumerate() {
            let mut shape = Shape::default();
            for (n, entry) in log.iter().enumerate() {
                let update = read(&entry.update).unwrap_or_else(|error| panic!("log {at} update {n}: {error:?}"));
                let clocks =
                    update.as_edit(entry.client).unwrap_or_else(|error| panic!("log {at} update {n}: {error:?}"));
                assert!(clocks.is_empty() || clocks.start == shape.end(entry.client), "log {at} update {n}");
                let same = shape.add(&entry.update).unwrap_or_else(|error| panic!("log {at} update {n}: {error:?}"));
                assert_eq!(
                    (&same.brings, &same.deletes, &same.needs),
                    (&update.brings, &update.deletes, &update.needs)
                );
            }
            let updates: Vec<_> = log.iter().map(|entry| &entry.update).collect();
            let (reading, snapshot) = agree(&updates).unwrap_or_else(|error| panic!("log {at}: {error}"));
            assert_eq!(yrs_reads(&[snapshot]).unwrap().0, reading, "log {at}: yrs's own update differs");
        }
    });
}

/// The ends of all clients' items in a log that we accept.
fn ends<B: AsRef<[u8]>>(log: &[B]) -> Vec<End> {
    our_clocks(log).unwrap().into_iter().map(|(client, end)| (client as u32, end)).collect()
}

/// A log that we accept: a part of a real one, and then a mutation or some inventions.
fn accepted_log(dice: &mut Dice, corpus: &[Vec<Entry>]) -> Option<Vec<Vec<u8>>> {
    let real = &corpus[dice.below(corpus.len())];
    let from_real = dice.below(3);
    let keep = if from_real > 0 { dice.below(real.len()) } else { 0 };
    let mut log: Vec<_> = real[..keep].iter().map(|entry| entry.update.clone()).collect();
    if from_real == 2 {
        let other = &real[dice.below(real.len())].update;
        log.push(mutate(dice, &real[keep].update, other));
        return our_clocks(&log).is_ok().then_some(log);
    }
    let mut shape = Shape::default();
    log.iter().for_each(|update| drop(shape.add(update).unwrap()));
    let mut ends = ends(&log);
    for _ in 0..4 << dice.below(5) {
        let update = invent(dice, &ends);
        let Ok(read) = shape.add(&update) else {
            continue;
        };
        for run in &read.brings {
            ends.retain(|end| end.0 != run.client);
            ends.push((run.client, run.clocks.end));
        }
        log.push(update);
    }
    (log.len() > keep).then_some(log)
}

fn seed_and_count(count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = number("UPDATE_SEED").unwrap_or(0);
    seed..seed + number("UPDATE_COUNT").unwrap_or(count)
}

#[test]
fn r2_what_the_reader_accepts_of_mutated_updates_yrs_reads_with_the_same_clocks() {
    on_a_large_stack(|| {
        let corpus = corpus(agree::CORPUS);
        for seed in seed_and_count(6_000) {
            let Some(log) = accepted_log(&mut Dice::new(seed), &corpus) else {
                continue;
            };
            if let Some(error) = yrs_disagrees(&log) {
                let log = shrink(log, |log| yrs_disagrees(log).is_some());
                panic!("UPDATE_SEED={seed}: {error}\nshrunk: {:?}\n{}", yrs_disagrees(&log), show(&log));
            }
        }
    });
}

fn yrs_disagrees(log: &[Vec<u8>]) -> Option<String> {
    match std::panic::catch_unwind(|| agree(log)) {
        Ok(agreed) => agreed.err(),
        Err(_) => Some("yrs panicked".to_owned()),
    }
}

/// Takes updates out of a log for as long as we accept it and it still fails.
fn shrink(mut log: Vec<Vec<u8>>, fails: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
    loop {
        let before = log.len();
        for at in (0..log.len()).rev() {
            let taken = log.remove(at);
            if our_clocks(&log).is_err() || !fails(&log) {
                log.insert(at, taken);
            }
        }
        if log.len() == before {
            return log;
        }
    }
}

fn show(log: &[Vec<u8>]) -> String {
    log.iter().map(|update| data_encoding::HEXLOWER.encode(update)).collect::<Vec<_>>().join("\n")
}

/// The folder of the packages that hold yjs. Absent on a machine without Node; never in CI.
fn node_modules() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/node_modules");
    let folder = std::env::var_os("SESODOCS_NODE_MODULES").map_or(beside, PathBuf::from);
    if folder.join("yjs").is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "yjs is not in {}", folder.display());
    eprintln!("not compared with Yjs: it is not in {}", folder.display());
    None
}

/// Has Yjs read documents, each a log of updates.
fn yjs_reads(modules: &Path, documents: &[Vec<Vec<u8>>]) -> Vec<serde_json::Value> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = Vec::new();
    for log in documents {
        bytes.extend((log.len() as u32).to_le_bytes());
        for update in log {
            bytes.extend((update.len() as u32).to_le_bytes());
            bytes.extend(update);
        }
    }
    file.write_all(&bytes).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/src/read-updates.mjs");
    let answer =
        Command::new("node").arg(script).arg(file.path()).env("SESODOCS_NODE_MODULES", modules).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let lines = String::from_utf8(answer.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn r2_what_the_reader_accepts_of_mutated_updates_yjs_and_yrs_read_alike() {
    let Some(modules) = node_modules() else {
        return;
    };
    on_a_large_stack(move || {
        let corpus = corpus(agree::CORPUS);
        let log = |seed| Some((seed, accepted_log(&mut Dice::new(seed), &corpus)?));
        let (seeds, logs): (Vec<_>, Vec<_>) = seed_and_count(3_000).filter_map(log).unzip();
        let errors = yjs_disagrees(&modules, &logs);
        let failed = seeds.iter().zip(&logs).zip(errors).filter_map(|(log, error)| Some((log, error?)));
        if let Some(((seed, log), error)) = failed.min_by_key(|((_, log), _)| log.concat().len()) {
            let disagrees = |log: &[Vec<u8>]| yjs_disagrees(&modules, &[log.to_vec()]).pop().flatten();
            let log = shrink(log.clone(), |log| disagrees(log).is_some());
            panic!("UPDATE_SEED={seed}: {error}\nshrunk: {:?}\n{}", disagrees(&log), show(&log));
        }
    });
}

/// How Yjs reads each log, and what yrs writes of it, otherwise than yrs does.
fn yjs_disagrees(modules: &Path, logs: &[Vec<Vec<u8>>]) -> Vec<Option<String>> {
    let mut documents = Vec::new();
    let mut ours = Vec::new();
    for log in logs {
        let (reading, snapshot) = yrs_reads(log).unwrap();
        let snapshot = vec![snapshot];
        ours.extend([reading, yrs_reads(&snapshot).unwrap().0]);
        documents.extend([log.clone(), snapshot]);
    }
    let theirs = yjs_reads(modules, &documents);
    assert_eq!(theirs.len(), documents.len());
    let differences: Vec<_> = ours.iter().zip(&theirs).map(|(yrs, yjs)| difference(yrs, yjs)).collect();
    differences.chunks(2).map(|of_log| of_log.iter().flatten().next().cloned()).collect()
}

fn difference(yrs: &agree::Reading, yjs: &serde_json::Value) -> Option<String> {
    if let Some(error) = yjs.get("error") {
        return Some(format!("Yjs throws {error}"));
    }
    let yrs = serde_json::json!({
        "waits": false, "clocks": yrs.clocks, "text": yrs.text, "plain": yrs.plain,
    });
    let differs = |part: &&str| yjs[*part] != yrs[*part];
    let part = ["waits", "clocks", "text", "plain"].into_iter().find(differs)?;
    Some(format!("{part}: Yjs {}, yrs {}", yjs[part], yrs[part]))
}

#[test]
fn r2_yjs_reads_real_logs_and_what_yrs_writes_of_them_as_the_same() {
    let Some(modules) = node_modules() else {
        return;
    };
    on_a_large_stack(move || {
        let mut documents = Vec::new();
        for log in corpus(&corpus_json()) {
            let log: Vec<_> = log.into_iter().map(|entry| entry.update).collect();
            let (_, snapshot) = yrs_reads(&log).unwrap();
            documents.extend([log, vec![snapshot]]);
        }
        for (at, read) in yjs_reads(&modules, &documents).chunks(2).enumerate() {
            assert!(read[0].get("error").is_none(), "log {at}: Yjs throws {}", read[0]);
            for part in ["waits", "clocks", "plain", "text", "tree"] {
                assert_eq!(read[0][part], read[1][part], "log {at}: {part} differs");
            }
        }
    });
}

#[test]
#[ignore = "a measurement: cargo test --release -p engine --test update time -- --ignored --nocapture"]
fn the_time_to_read_an_edit() {
    const TIMES: u32 = 20_000;
    let logs = corpus(agree::CORPUS);
    let small = logs.iter().flatten().map(|entry| &entry.update).filter(|update| (30..50).contains(&update.len()));
    let edits: Vec<_> = small.collect();
    let start = std::time::Instant::now();
    for _ in 0..TIMES {
        edits.iter().for_each(|edit| assert!(read(std::hint::black_box(edit)).is_ok()));
    }
    eprintln!("reading an edit of 30 to 50 bytes: {:?}", start.elapsed() / TIMES / edits.len() as u32);

    let whole: Vec<_> = logs.iter().flatten().map(|entry| &entry.update).collect();
    let start = std::time::Instant::now();
    for _ in 0..TIMES / 20 {
        for log in &logs {
            let mut shape = Shape::default();
            log.iter().for_each(|entry| drop(shape.add(&entry.update).unwrap()));
        }
    }
    eprintln!("adding an edit to a shape: {:?}", start.elapsed() / (TIMES / 20) / whole.len() as u32);
}
