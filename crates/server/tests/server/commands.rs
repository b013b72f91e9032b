//! The command line: accounts, backups, and an explanation of everything.

use std::{fs, path::Path, process::Output};

use serde_json::json;

use crate::harness::{PASSWORD, Server, person_command, sesodocs, text};

fn run(args: &[&str], data: &Path, rest: &[&Path]) -> Output {
    sesodocs().args(args).arg("--data").arg(data).args(rest).output().unwrap()
}

#[test]
fn help_explains_every_option_and_names_its_variable() {
    let long_help = |args: &[&str]| text(&sesodocs().args(args).arg("--help").output().unwrap().stdout);
    let serve = long_help(&["serve"]);
    let options = [
        "listen",
        "data",
        "store",
        "public-url",
        "signup",
        "trusted-proxy",
        "secret-file",
        "log",
        "no-classic",
        "classic-site",
        "classic-strict",
        "classic-anonymous",
        "max-connections-per-person",
        "max-documents-per-person",
        "max-bytes-per-second",
        "max-visitors-per-address",
        "max-visitors",
        "max-waiting-bytes-per-person",
        "max-waiting-bytes",
        "max-sign-ins-per-minute",
    ];
    let lines: Vec<&str> = serve.lines().map(str::trim).collect();
    for option in options {
        let variable = format!("SESODOCS_{}", option.replace('-', "_").to_uppercase());
        assert!(
            lines.iter().any(|line| line.split(' ').next() == Some(&format!("--{option}")))
                && serve.contains(&format!("[env: {variable}")),
            "{option}"
        );
    }
    let shown = serve.lines().filter(|line| line.trim_start().starts_with("--")).count();
    assert_eq!(shown, options.len(), "an option is missing in this test");
    // An explanation follows each option on a line of its own.
    let bare = lines.windows(2).filter(|pair| pair[0].starts_with("--") && pair[1].len() < 10);
    assert_eq!(bare.count(), 0, "{serve}");

    for command in ["add", "password", "disable", "enable", "invite"] {
        assert!(long_help(&["person"]).contains(command) && long_help(&["person", command]).contains("--data"));
    }
    assert!(long_help(&["backup"]).contains("FILE") && long_help(&["restore"]).contains("FILE"));
}

#[test]
fn options_can_come_from_the_environment() {
    let ended = sesodocs().arg("serve").env("SESODOCS_STORE", "paper").output().unwrap();
    assert!(!ended.status.success() && text(&ended.stderr).contains("paper"));
}

#[test]
fn people_are_made_before_the_first_start_and_while_it_runs() {
    let data = tempfile::tempdir().unwrap();
    let made = person_command(data.path(), &["add", "Ana"], &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
    assert_eq!(text(&made.stdout), "Ana can sign in now and owns this instance.\n");

    let server = Server::start_in(data, &["--signup", "closed"]);
    assert_eq!(server.sign_in("ana").get("/api/session").json()["person"]["owner"], true);
    let list = "bob\tcorrect horse\n\nAna\tcorrect horse\nJoão d’Água\tcorrect horse\r\n";
    let made = person_command(server.data.path(), &["add", "--from", "-"], list);
    assert_eq!(text(&made.stdout), "2 people can sign in now. 1 had an account already.\n", "{made:?}");
    for name in ["bob", "João d’Água"] {
        assert_eq!(server.sign_in(name).get("/api/session").json()["person"]["owner"], false);
    }
}

#[test]
fn what_cannot_be_done_is_said_in_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    assert!(person_command(data.path(), &["add", "ana"], PASSWORD).status.success());
    let list = data.path().join("list");
    fs::write(&list, "bob\tcorrect horse\ncarl\n").unwrap();
    let cases: [(&[&str], &str, &str); 7] = [
        (&["add", "ANA"], PASSWORD, "There is somebody called ANA already."),
        (&["add", "bob"], "short\n", "a password has 8 to 256 characters"),
        (&["add", "b\u{202e}b"], PASSWORD, "a name has 1 to 64 characters"),
        (&["password", "bob"], PASSWORD, "There is nobody called bob."),
        (&["disable", "bob"], "", "There is nobody called bob."),
        (&["add", "--from", list.to_str().unwrap()], "", "Line 2 of the list: expected a name, a tab and a password."),
        (&["add", "--from", "/nowhere"], "", "cannot be read"),
    ];
    for (args, input, expected) in cases {
        let ended = person_command(data.path(), args, input);
        assert!(!ended.status.success() && text(&ended.stderr).contains(expected), "{args:?}: {ended:?}");
    }
}

#[test]
fn f5_a_backup_is_made_while_the_server_runs_and_restored_when_it_does_not() {
    let mut server = Server::start(&[]);
    let ana = server.person("ana");
    let kept = ana.document("kept");
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("backup");
    let done = run(&["backup"], server.data.path(), &[&file]);
    assert!(done.status.success() && file.exists(), "{done:?}");
    let (lost, token) = (ana.document("made later"), ana.token.clone());

    let refused = run(&["restore"], server.data.path(), &[&file]);
    assert!(!refused.status.success() && !refused.stderr.is_empty(), "the server runs");
    assert_eq!(ana.get(&format!("/api/documents/{lost}")).status, 200);

    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
    let done = run(&["restore"], server.data.path(), &[&file]);
    assert!(done.status.success(), "{done:?}");
    let data = std::mem::replace(&mut server.data, tempfile::tempdir().unwrap());
    let again = Server::start_in(data, &[]);
    let old = again.get("/api/session").line(&format!("authorization: Bearer {token}")).send();
    assert!(old.is(401, "unauthenticated"), "all sessions ended");
    let ana = again.sign_in("ana");
    assert_eq!(ana.get(&format!("/api/documents/{kept}")).json()["title"], json!("kept"));
    assert_eq!(ana.get(&format!("/api/documents/{lost}")).status, 404);
}
