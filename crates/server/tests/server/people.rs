//! Signing up and in (A5, B1), and what they refuse.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{PASSWORD, Server, shared};

fn sign_up(server: &Server, name: &str, password: &str) -> crate::harness::Answer {
    server.post("/api/signup", json!({ "name": name, "password": password })).send()
}

#[test]
fn a5_the_first_person_owns_the_instance_even_among_many_at_once() {
    let server = Server::start(&["--store", "memory"]);
    let before = server.get("/api/session").send();
    assert!(before.is(401, "unauthenticated"));
    assert_eq!((before.json()["first"].as_bool(), before.json()["signup"].as_str()), (Some(true), Some("open")));

    let body = |i: u32| json!({ "name": format!("p{i}"), "password": PASSWORD });
    let pending: Vec<_> = (0..20).map(|i| server.post("/api/signup", body(i)).begin()).collect();
    let answers: Vec<_> = pending.into_iter().map(|pending| pending.answer().json()).collect();
    assert_eq!(answers.iter().filter(|answer| answer["person"]["owner"] == true).count(), 1);

    assert_eq!(server.get("/api/session").send().json()["first"], false);
}

#[test]
fn signing_up_signs_in_with_a_guarded_cookie() {
    let answer = sign_up(shared(), "Cookie Monster", PASSWORD);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["person"]["name"], "Cookie Monster");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let me = shared().get("/api/session").cookie(answer.cookie()).send();
    assert_eq!((me.status, &me.json()["person"]), (200, &answer.json()["person"]));
}

#[test]
fn a5_a_name_is_taken_however_it_is_written() {
    assert_eq!(sign_up(shared(), "Straße", PASSWORD).status, 201);
    for same in ["STRASSE", "straße", " Strasse ", "ｓｔｒａｓｓｅ"] {
        assert!(sign_up(shared(), same, PASSWORD).is(409, "name_taken"), "{same}");
    }
    let body = json!({ "name": "STRASSE", "password": PASSWORD });
    assert_eq!(shared().post("/api/session", body).send().status, 200);
}

#[test]
fn a5_names_that_hide_or_do_not_fit_are_refused() {
    let names = [
        "",
        " ",
        "a\u{0}b",
        "a\nb",
        "a\u{202e}b",
        "\u{200b}",
        "\u{feff}",
        "\u{e0041}",
        &"x".repeat(65),
        &"\u{fdfa}".repeat(64),
    ];
    for name in names {
        let answer = sign_up(shared(), name, PASSWORD);
        assert!(answer.is(400, "invalid_name"), "{name:?}: {answer:?}");
        let body = json!({ "name": name, "password": PASSWORD });
        assert!(shared().post("/api/session", body).send().is(401, "wrong_credentials"), "{name:?}");
    }
}

#[test]
fn passwords_that_do_not_fit_are_refused() {
    for password in ["", "1234567", &"x".repeat(257)] {
        assert!(sign_up(shared(), "nobody", password).is(400, "invalid_password"), "{password}");
    }
    assert_eq!(sign_up(shared(), "long password", &"ü".repeat(256)).status, 201);
}

#[test]
fn bodies_that_are_not_what_is_expected_get_a_clear_error() {
    let post = || shared().request("POST", "/api/signup").line("content-type: application/json");
    for body in ["", "{", "null", "[]", "{}", r#"{"name":1,"password":"12345678"}"#, "\u{0}", r#"{"name":"a"}"#] {
        let answer = post().body(body.as_bytes().to_vec()).send();
        assert!(answer.is(400, "invalid"), "{body}: {answer:?}");
    }
    let extra = json!({ "name": "x", "password": PASSWORD, "owner": true });
    assert!(shared().post("/api/signup", extra).send().is(400, "invalid"));
    assert!(post().body(vec![0xff; 100]).send().is(400, "invalid"));
    assert!(post().body(vec![b' '; 10 << 20]).send().is(413, "too_large"));
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert!(post().body(deep.into_bytes()).send().is(400, "invalid"));
}

#[test]
fn a2_writes_need_exactly_json() {
    let kinds =
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", "APPLICATION/JSON"];
    let body = json!({ "name": "typed", "password": PASSWORD }).to_string().into_bytes();
    for kind in kinds {
        let request = shared().request("POST", "/api/signup").line(&format!("content-type: {kind}"));
        assert!(request.body(body.clone()).send().is(415, "unsupported_media_type"), "{kind}");
    }
    assert!(shared().request("POST", "/api/signup").body(body).send().is(415, "unsupported_media_type"));
    assert!(shared().request("DELETE", "/api/session").send().is(415, "unsupported_media_type"));
}

#[test]
fn signing_in_by_cookie_or_for_a_token() {
    let person = shared().person("Programmer");
    let me = person.get("/api/session");
    assert_eq!(me.json()["person"]["name"], "Programmer");

    let body = json!({ "name": "programmer", "password": PASSWORD, "token": true });
    let answer = shared().post("/api/session", body).send();
    assert!(answer.header("set-cookie").is_none() && answer.json()["token"].is_string());

    let body = json!({ "name": "programmer", "password": "wrong horse" });
    assert!(shared().post("/api/session", body).send().is(401, "wrong_credentials"));
}

#[test]
fn signing_up_can_be_closed_or_by_invitation() {
    let closed = Server::start(&["--store", "memory", "--signup", "closed"]);
    assert!(sign_up(&closed, "ana", PASSWORD).is(403, "signup_closed"));
    assert_eq!(closed.get("/api/session").send().json()["signup"], "closed");

    let server = Server::start(&["--signup", "invite"]);
    assert!(sign_up(&server, "ana", PASSWORD).is(403, "signup_closed"));
    let invited = crate::harness::person_command(server.data.path(), &["invite"], "");
    let text = crate::harness::text(&invited.stdout);
    let code = text.lines().next().unwrap();
    let with = |name: &str, code: &str| {
        server.post("/api/signup", json!({ "name": name, "password": PASSWORD, "invite": code })).send()
    };
    assert!(with("ana", "aaaaaaaaaaaaaaaaaaaaaaaaaa").is(403, "signup_closed"));
    assert_eq!(with("ana", code).status, 201);
    assert!(with("bob", code).is(403, "signup_closed"), "a code serves once");
}

#[test]
fn b1_unknown_people_take_as_long_and_get_the_same_answer() {
    let server = Server::start(&["--store", "memory"]);
    server.person("known");
    let try_in = |name: &str| {
        let begun = Instant::now();
        let answer = server.post("/api/session", json!({ "name": name, "password": "wrong horse" })).send();
        (begun.elapsed(), answer.status, answer.body)
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let (one, other) = (try_in("known"), try_in("unknown"));
        assert_eq!((one.1, one.2), (other.1, other.2));
        known.push(one.0);
        unknown.push(other.0);
    }
    known.sort();
    unknown.sort();
    let (known, unknown) = (known[4], unknown[4]);
    assert!(unknown > known / 2 && known > unknown / 2, "known {known:?}, unknown {unknown:?}");
    assert!(unknown > Duration::from_millis(4), "{unknown:?}: nothing was hashed");
}
