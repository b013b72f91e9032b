//! How a server begins and ends.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::harness::{Live, Server, sesodocs, text};

const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn it_ends_in_good_order_while_connections_are_open() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        let ana = server.person("ana");
        let mut idle = server.connect();
        write!(idle, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 15];
        idle.read_exact(&mut answer).unwrap();
        let (mut live, silent, stranger) = (ana.live(), ana.live(), Live::open(&server, &[]));

        let begun = Instant::now();
        server.signal(signal);
        assert!(live.until("42/live,").contains("restarting"));
        assert!(live.next("42").is_none());
        assert!(server.child.wait().unwrap().success());
        assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
        assert!(TcpStream::connect(server.address).is_err());
        drop((silent, stranger, idle));
    }
}

#[test]
fn f4_a_second_server_on_the_same_folder_ends_with_a_sentence() {
    let server = Server::start(&[]);
    let second = sesodocs()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data.path())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert!(!second.status.success() && second.stdout.is_empty());
    let said = text(&second.stderr);
    assert!(said.starts_with("another SeSoDocs process uses"), "{said}");
    assert_eq!(server.get("/health").send().status, 200);
}

#[test]
fn what_it_cannot_use_is_refused_with_a_sentence() {
    let taken = Server::start(&["--store", "memory"]);
    let taken = taken.address.to_string();
    let cases: [(&[&str], &str); 7] = [
        (&["--listen", &taken], "cannot listen on"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--public-url", "docs.example.org"], "https://docs.example.org"),
        (&["--trusted-proxy", "proxy"], "10.0.0.0/8"),
        (&["--signup", "maybe"], "closed"),
        (&["--store", "paper"], "memory"),
        (&["--secret-file", "/nowhere/secret"], "/nowhere/secret"),
    ];
    for (args, expected) in cases {
        let listen: &[&str] = if args[0] == "--listen" { &[] } else { &["--listen", "127.0.0.1:0"] };
        let store: &[&str] = if args[0] == "--store" { &[] } else { &["--store", "memory"] };
        let ended = sesodocs().arg("serve").args(listen).args(store).args(args).output().unwrap();
        let said = text(&ended.stderr);
        assert!(!ended.status.success() && said.contains(expected), "{args:?}: {said}");
    }
}
