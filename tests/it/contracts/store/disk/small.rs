//! A disk with little room, which only the process that is tried can see.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scene::tool;

const DISK: &str = "HOB_TEST_SMALL_DISK";

/// Mounts the disk in a world of its own, and becomes who it was before.
const MOUNT: &str = r#"mount -t tmpfs -o "size=$1,mode=1777" hob "$2" || exit 99; shift 2; exec "$@""#;

/// Runs an ignored test of this program, to which [`small_disk`] is one of so many bytes.
#[expect(clippy::disallowed_methods, reason = "only another process can have another disk")]
pub(in crate::contracts::store) fn on_small_disk(test: &str, bytes: u64) {
    let Some(world) = world() else { return tool::missing("no disk can be mounted; run this as root, or with `sudo`") };
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(&world.enter[0]);
    command.args(&world.enter[1..]).args(["sh", "-c", MOUNT, "mount", &bytes.to_string()]).arg(dir.path());
    command.args(&world.leave).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(DISK, dir.path()).env("TMPDIR", dir.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// The disk that this process was given.
#[expect(clippy::disallowed_methods, reason = "a test that starts itself has no other way to be told what to do")]
pub(in crate::contracts::store) fn small_disk() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

/// Leaves so many bytes free, until the file that takes all the others is removed, which this names.
pub(in crate::contracts::store) fn fill(disk: &Path, free: u64) -> PathBuf {
    let stat = rustix::fs::statvfs(disk).unwrap();
    let ballast = disk.join("ballast");
    let length = (stat.f_bavail * stat.f_frsize).saturating_sub(free);
    std::fs::write(&ballast, vec![0; usize::try_from(length).unwrap()]).unwrap();
    ballast
}

/// Programs that run another one where it may mount what it likes, and as whom it should run there.
struct World {
    enter: Vec<String>,
    leave: Vec<String>,
}

/// `None` where nobody lets us.
fn world() -> Option<World> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let words = |words: &str| words.split(' ').map(str::to_owned).collect();
    let worlds = if user.is_root() {
        vec![("unshare --mount".to_owned(), "env".to_owned())]
    } else {
        let (user, group) = (user.as_raw(), group.as_raw());
        vec![
            (
                "unshare --user --map-root-user --mount".to_owned(),
                format!("unshare --user --map-user={user} --map-group={group}"),
            ),
            (
                "sudo -n --preserve-env unshare --mount".to_owned(),
                format!("setpriv --reuid={user} --regid={group} --clear-groups"),
            ),
        ]
    };
    let worlds = worlds.iter().map(|(enter, leave)| World { enter: words(enter), leave: words(leave) });
    worlds.into_iter().find(is_open)
}

#[expect(clippy::disallowed_methods, reason = "tests ask what this machine lets them do")]
fn is_open(world: &World) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(&world.enter[0]);
    command.args(&world.enter[1..]).args(["sh", "-c", MOUNT, "mount", "4096"]).arg(dir.path());
    command.args(&world.leave).arg("true");
    command.output().is_ok_and(|output| output.status.success())
}
