//! F3 on a disk that is really full: a small tmpfs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{folder, helper::Helper, stored};

/// A file system of a few megabytes, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(megabytes: u32) -> Self {
        let at = folder();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "sesodocs-test"])
            .arg(at.path())
            .output()
            .expect("this test needs `mount`");
        let why = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(mounted.status.success(), "this test mounts a small tmpfs, which needs root: {why}");
        Self(at)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file that takes up room and can be deleted again.
    fn ballast(&self, bytes: usize) -> PathBuf {
        let path = self.path().join("ballast");
        fs::write(&path, vec![1; bytes]).unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.unwrap().success());
    }
}

#[tokio::test]
async fn f3_on_a_full_disk_nothing_is_lost_and_writing_goes_on_when_there_is_room() {
    let disk = SmallDisk::new(48);
    let ballast = disk.ballast(40 << 20);
    let data = disk.path().join("data");
    let mut helper = Helper::start(&data);
    assert_eq!(helper.hear().unwrap(), "opened ready");
    let mut acknowledged = 0;
    let mut refusals = 0;
    // Small writes may still find room where a large one did not: ask until both are refused.
    for bytes in [300_000, 20_000, 300, 300] {
        let answer = helper.ask(&format!("append 1000 {bytes}"));
        let (done, why) = answer[9..].split_once(", ").unwrap_or((&answer[9..], ""));
        acknowledged += done.parse::<usize>().unwrap();
        if why.starts_with("unavailable") {
            refusals += 1;
        }
    }
    assert!(refusals > 0 && acknowledged > 5, "{refusals} refusals, {acknowledged} acknowledged");
    assert_eq!(helper.ask("read"), format!("read {acknowledged}"));
    fs::remove_file(ballast).unwrap();
    assert_eq!(helper.ask("await ready"), "ready");
    assert_eq!(helper.ask("append 5 300000"), "appended 5");
    helper.kill();
    assert_eq!(stored(&data).await, acknowledged + 5);
}

#[tokio::test]
async fn f2_a_start_on_a_full_disk_waits_for_room() {
    let disk = SmallDisk::new(16);
    let data = disk.path().join("data");
    let mut helper = Helper::start(&data);
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 15 300000"), "appended 15");
    helper.kill();
    let ballast = disk.ballast(10 << 20);
    let mut helper = Helper::start(&data);
    let opened = helper.hear().unwrap();
    assert!(opened.starts_with("opened full"), "{opened}");
    assert_eq!(helper.ask("read"), "read 15");
    fs::remove_file(ballast).unwrap();
    assert_eq!(helper.ask("await ready"), "ready");
    assert_eq!(helper.ask("append 1"), "appended 1");
    helper.kill();
    assert_eq!(stored(&data).await, 16);
}
