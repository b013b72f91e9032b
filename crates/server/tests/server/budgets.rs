//! What one address can do to another (B1, B3): nothing.

use std::{
    io::{Read, Write},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{Answer, PASSWORD, Server};

fn guess(i: usize) -> Value {
    json!({ "name": format!("person {i}"), "password": "a wrong guess" })
}

fn sign_in_from(server: &Server, address: &str) -> Answer {
    server.post("/api/session", json!({ "name": "ana", "password": PASSWORD })).from(address).send()
}

#[test]
fn b1_many_bad_sign_ins_from_one_address_do_not_keep_another_out() {
    let server = Server::start(&["--store", "memory", "--max-sign-ins-per-minute", "60"]);
    server.person("ana");
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let begun = Instant::now();
            let mut pending = Vec::new();
            // 60 a second, for two seconds.
            for i in 0..120 {
                pending.push(server.post("/api/session", guess(i)).from("127.0.0.2").begin());
                let due = Duration::from_millis(i as u64 * 1000 / 60);
                thread::sleep(due.saturating_sub(begun.elapsed()));
            }
            for pending in pending {
                let answer = pending.answer();
                if answer.is(429, "too_many") {
                    assert!(answer.header("retry-after").is_some());
                    refused.fetch_add(1, Relaxed);
                }
            }
        });
        while !flood.is_finished() {
            let begun = Instant::now();
            let answer = sign_in_from(&server, "127.0.0.3");
            assert!(answer.status == 200 || answer.is(429, "too_many"), "{answer:?}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
    });
    assert!(refused.load(Relaxed) > 40, "{} refused", refused.load(Relaxed));
    assert_eq!(sign_in_from(&server, "127.0.0.4").status, 200);
}

#[test]
fn b1_no_name_is_locked_by_guesses_from_elsewhere() {
    let server = Server::start(&["--store", "memory", "--max-sign-ins-per-minute", "30"]);
    server.person("ana");
    let wrong = || json!({ "name": "ana", "password": "a wrong guess" });
    let answers = (0..8).map(|_| server.post("/api/session", wrong()).from("127.0.0.2").send());
    let statuses: Vec<u16> = answers.map(|answer| answer.status).collect();
    // Five a minute for one name: one more may have come back in the meantime.
    assert!(statuses.starts_with(&[401; 5]) && statuses.ends_with(&[429]), "{statuses:?}");
    assert_eq!(sign_in_from(&server, "127.0.0.3").status, 200);
}

#[test]
fn b1_the_queue_serves_addresses_in_turn() {
    let server = Server::start(&["--store", "memory"]);
    server.person("ana");
    let flood: Vec<_> = (0..100).map(|i| server.post("/api/session", guess(i)).from("127.0.0.2").begin()).collect();
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for pending in flood {
                assert!(pending.answer().is(401, "wrong_credentials"));
                answered.fetch_add(1, Relaxed);
            }
        });
        assert_eq!(sign_in_from(&server, "127.0.0.3").status, 200);
        let before = answered.load(Relaxed);
        assert!(before < 70, "{before} of 100 were served before");
    });
}

#[test]
fn b3_a_flood_of_idle_connections_costs_only_its_own() {
    let server = Server::start(&["--store", "memory", "--max-visitors-per-address", "8"]);
    let ana = server.person("ana");
    let mut known = server.connect();
    let request =
        format!("GET /api/session HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n", server.address, ana.token);
    let mut ask = || {
        known.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 15];
        known.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        let mut rest = [0; 4096];
        assert!(known.read(&mut rest).unwrap() > 0);
    };
    ask();
    let live = ana.live();
    let mut idle: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let mut byte = [0];
    for stream in &mut idle[..32] {
        assert!(matches!(stream.read(&mut byte), Ok(0) | Err(_)), "closed: it is one too many");
    }
    ask();
    drop(live);
    assert_eq!(ana.get("/api/session").status, 200);
}

#[test]
fn b3_heads_are_bounded() {
    let server = crate::harness::shared();
    let many = (0..100).fold(server.get("/api/session"), |request, i| request.line(&format!("x-{i}: y")));
    assert_eq!(many.send().status, 431);
    assert_eq!(server.get("/health").line(&format!("x: {}", "y".repeat(64 << 10))).send().status, 431);
}
