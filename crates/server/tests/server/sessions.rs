//! Sessions end everywhere, within two seconds (A3), and nobody makes a token of their own.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant, SystemTime},
};

use data_encoding::BASE64URL_NOPAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Live, PASSWORD, Server, person_command, shared};

const WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a3_signing_out_ends_the_session_everywhere() {
    let ana = shared().person("ana signs out");
    let other = shared().sign_in("ana signs out");
    let (mut one, mut two, mut unconcerned) = (ana.live(), ana.live(), other.live());
    let begun = Instant::now();
    assert_eq!(ana.delete("/api/session").status, 204);
    for live in [&mut one, &mut two] {
        assert!(live.until("42/live,").contains("session:ended"));
    }
    assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
    assert_eq!([one.next("42/live,"), two.next("42/live,")], [None, None], "and they are closed");
    assert!(ana.get("/api/session").is(401, "unauthenticated"));
    let mut late = Live::open(shared(), &[]);
    late.send(&format!("40/live,{}", json!({ "token": ana.token })));
    assert!(late.until("44/live,").contains("unauthenticated"));

    assert_eq!(other.get("/api/session").status, 200);
    unconcerned.send("42/live,7[\"list\",{}]");
    assert!(unconcerned.until("43/live,7").contains("documents"));
}

#[test]
fn a3_signing_out_takes_the_cookie_back() {
    let body = json!({ "name": "cookie back", "password": PASSWORD });
    let token = shared().post("/api/signup", body).send().cookie().to_owned();
    let out = || shared().request("DELETE", "/api/session").json(Value::Null).with_own_origin();
    let answer = out().cookie(&token).send();
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").unwrap().starts_with("sesodocs=; Max-Age=0;"));
    assert!(shared().get("/api/session").cookie(&token).send().is(401, "unauthenticated"));
    assert_eq!(out().send().status, 204, "nobody signs out");
}

#[test]
fn a3_the_command_line_ends_sessions_while_the_server_runs() {
    let server = Server::start(&[]);
    let (ana, bob) = (server.person("ana"), server.person("bob"));
    for (args, input) in [(["password", "ana"], "a new password\n"), (["disable", "bob"], "")] {
        let (mut live, person) = if args[1] == "ana" { (ana.live(), &ana) } else { (bob.live(), &bob) };
        let done = person_command(server.data.path(), &args, input);
        assert!(done.status.success(), "{done:?}");
        let begun = Instant::now();
        assert!(live.until("42/live,").contains("session:ended"));
        assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
        assert!(person.get("/api/session").is(401, "unauthenticated"));
    }
    let try_in =
        |name: &str, password: &str| server.post("/api/session", json!({ "name": name, "password": password })).send();
    assert_eq!(try_in("ana", "a new password").status, 200);
    assert!(try_in("ana", PASSWORD).is(401, "wrong_credentials"));
    assert!(try_in("bob", PASSWORD).is(401, "wrong_credentials"));
    assert!(person_command(server.data.path(), &["enable", "bob"], "").status.success());
    assert_eq!(try_in("bob", PASSWORD).status, 200);
}

#[test]
fn tokens_survive_a_restart_and_the_secret_is_private() {
    let mut server = Server::start(&[]);
    let token = server.person("ana").token;
    let secret = server.data.path().join("secret");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let mode = fs::metadata(server.data.path().join("lock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nothing in the folder is for others");

    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    let data = std::mem::replace(&mut server.data, tempfile::tempdir().unwrap());
    let again = Server::start_in(data, &[]);
    let me = again.get("/api/session").line(&format!("authorization: Bearer {token}")).send();
    assert_eq!(me.json()["person"]["name"], "ana");
}

/// A token made by hand, as [`crate`] documents it.
fn forge(secret: &[u8], header: &Value, payload: &Value) -> String {
    let encode = |value: &Value| BASE64URL.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let mut key = [0; 64];
    key[..32].copy_from_slice(&blake3::derive_key("sesodocs 2026 session tokens", secret));
    let signature = Hmac::<Sha256>::new(&key.into()).chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", BASE64URL.encode(&signature))
}

#[test]
fn forged_and_expired_tokens_open_nothing() {
    let server = Server::start(&[]);
    let ana = server.person("ana");
    let secret = fs::read(server.data.path().join("secret")).unwrap();
    let payload = ana.token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&BASE64URL.decode(payload.as_bytes()).unwrap()).unwrap();
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let changed = |field: &str, value: Value| {
        let mut payload = payload.clone();
        payload[field] = value;
        payload
    };

    let opens = |token: &str| {
        let by_bearer = server.get("/api/session").line(&format!("authorization: Bearer {token}")).send();
        let by_cookie = server.get("/api/session").cookie(token).send();
        let mut live = Live::open(&server, &[]);
        live.send(&format!("40/live,{}", json!({ "token": token })));
        let joined = live.until("4").starts_with("40");
        let opened = [by_bearer.status == 200, by_cookie.status == 200, joined];
        assert!(opened == [true; 3] || opened == [false; 3], "{opened:?} with {token}");
        opened[0]
    };
    assert!(opens(&ana.token) && opens(&forge(&secret, &header, &payload)));

    let none = forge(&secret, &json!({ "alg": "none", "typ": "JWT" }), &payload);
    let unsigned = none.rsplit_once('.').unwrap().0.to_owned() + ".";
    let (start, _) = ana.token.rsplit_once('.').unwrap();
    let forged = [
        none,
        unsigned,
        format!("{start}."),
        start.to_owned(),
        forge(&[0; 32], &header, &payload),
        forge(&secret, &json!({ "alg": "HS384", "typ": "JWT" }), &payload),
        forge(&secret, &header, &changed("aud", json!("classic"))),
        forge(&secret, &header, &changed("exp", json!(now - 1))),
        forge(&secret, &header, &changed("sid", json!("aaaaaaaaaaaaaaaaaaaaaaaaaa"))),
        "x".repeat(20_000),
    ];
    for token in forged {
        assert!(!opens(&token), "{token}");
    }
}
