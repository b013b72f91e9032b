//! F4: what is synced, and in which order, when a data folder comes into being; and what a kill leaves of it.

use std::{fs, path::Path};

use crate::{
    build::*,
    folder,
    helper::Helper,
    open, stored,
    strace::{killing, words},
};

/// One system call that counts: its name, and the paths in it.
#[derive(Debug)]
struct Call {
    name: String,
    text: String,
}

/// What a helper did to the disk from its start to its second answer.
fn first_start(data: &Path) -> Vec<Call> {
    let traces = folder();
    let trace = traces.path().join("trace");
    let calls = "trace=mkdir,rename,fsync,fdatasync,pwrite64,write";
    let strace = ["strace", "-f", "-y", "-s", "32", "-e", calls, "-o", trace.to_str().unwrap()];
    let mut helper = Helper::start_under(data, &strace);
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 1"), "appended 1");
    drop(helper);
    let text = fs::read_to_string(&trace).unwrap();
    let calls = text.lines().filter_map(|line| {
        // A number of the thread, then `name(...`.
        let (name, _) = line.split_once(' ')?.1.trim_start().split_once('(')?;
        Some(Call { name: name.to_owned(), text: line.to_owned() })
    });
    calls.collect()
}

#[test]
fn f4_the_first_start_syncs_the_folder_and_its_parent_before_it_answers() {
    let above = folder();
    let data = above.path().join("data");
    let calls = first_start(&data);
    // Every name is matched to its end: `<…/data>` is the folder itself, as strace shows a file descriptor.
    let open_at = |path: &Path| format!("<{}>", path.display());
    let named = |path: &Path| format!("\"{}\"", path.display());
    let find = |from: usize, name: &str, text: &str| {
        let found = calls[from..].iter().position(|call| call.name.starts_with(name) && call.text.contains(text));
        from + found.unwrap_or_else(|| panic!("no {name} of {text} behind call {from} of {calls:#?}"))
    };
    let generations = data.join("generations");
    let unfinished = generations.join("unfinished");
    let database = unfinished.join("sesodocs.db");

    let made = find(0, "mkdir", &named(&data));
    let parent_synced = find(made, "f", &open_at(above.path()));
    let made = find(parent_synced, "mkdir", &named(&generations));
    find(made, "f", &open_at(&data));
    let renamed = find(made, "rename", &named(&unfinished));
    // All that was written to the database before it got its name was synced, and its folder with it.
    let last_write =
        calls[..renamed].iter().rposition(|c| c.name == "pwrite64" && c.text.contains(&open_at(&database)));
    let database_synced = find(last_write.unwrap(), "f", &open_at(&database));
    let folder_synced = find(database_synced, "f", &open_at(&unfinished));
    assert!(folder_synced < renamed);
    let generations_synced = find(renamed, "f", &open_at(&generations));
    let data_synced = find(generations_synced, "f", &open_at(&data));
    let parent_synced = find(data_synced, "f", &open_at(above.path()));
    let opened = find(0, "write", "> opened");
    assert!(parent_synced < opened);

    // D1: the entry's commit is synced before anybody hears of it.
    let log = generations.join("1/sesodocs.db-wal");
    let answered = find(opened, "write", "> appended");
    let written = calls[..answered].iter().rposition(|c| c.name == "pwrite64" && c.text.contains(&open_at(&log)));
    let synced = find(written.unwrap(), "f", &open_at(&log));
    assert!(opened < written.unwrap() && synced < answered);
}

#[tokio::test]
async fn f4_a_first_start_that_is_killed_is_begun_again() {
    for at in 1.. {
        let above = folder();
        let data = above.path().join("data");
        let kill = killing("mkdir,rename,fsync,fdatasync,ftruncate,unlink,unlinkat,rmdir", at);
        let opened = { Helper::start_under(&data, &words(&kill)).hear() };
        let store = open(&data);
        assert_eq!(store.has_owner().await, Ok(false));
        let id = created(&store).await;
        filled(&store, id, 2).await;
        store.close().await.unwrap();
        if opened.is_some() {
            assert!(at > 8, "killed in only {at} places");
            return;
        }
    }
}

#[tokio::test]
async fn f4_a_start_after_a_kill_that_is_killed_too_is_begun_again() {
    let origin = folder();
    let mut helper = Helper::start(origin.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 30 3000"), "appended 30");
    helper.kill();
    for at in 1.. {
        let kill = killing("fsync,fdatasync,ftruncate,pwrite64", at);
        let opened = Helper::start_under(origin.path(), &words(&kill)).hear();
        if opened.is_some() {
            assert!(at > 8, "killed in only {at} places");
            break;
        }
    }
    assert_eq!(stored(origin.path()).await, 30);
}
