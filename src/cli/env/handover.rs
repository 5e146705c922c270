//! Passing the variables from a process whose environment shows them to one whose environment does
//! not.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::MemfdFlags;
use rustix::process::DumpableBehavior;
use zeroize::Zeroizing;

/// Tells the new image where the variables are: the number of an open file.
pub(super) const DESCRIPTOR: &str = "HOB_SECRETS_FD";

/// Name of the file in memory, as `/proc/<pid>/fd` shows it.
const NAME: &str = "hob-secrets";

/// More than the kernel lets an environment hold.
const BYTES_MAX: u64 = 8 << 20;

/// Why the environment could not be emptied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A step that the kernel refused.
    #[error("{step}: {cause}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        cause: io::Error,
    },
    /// Not ours.
    #[error("`{DESCRIPTOR}` is hob's own and was set from outside; unset it")]
    Foreign,
}

fn refused(step: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |cause| Error::Refused { step, cause }
}

/// Variables that stay in the environment: what libraries look up in the process itself. The HTTP
/// client its proxies, the terminal whether and how it shows colour, nothing else.
const STAYS: &[&str] = &[
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "TERM",
    "LANG",
    "CI",
];

/// Returns the variables in a process whose own environment holds nothing but [`STAYS`]. The first
/// time that is another image of this program: this call replaces the process.
pub(super) fn hide(variables: BTreeMap<OsString, OsString>) -> Result<BTreeMap<OsString, OsString>, Error> {
    let handed_over = variables.get(OsStr::new(DESCRIPTOR));
    if handed_over.is_some() && variables.keys().any(|name| name != DESCRIPTOR && !stays(name)) {
        return Err(Error::Foreign);
    }
    if handed_over.is_some() {
        // The name of a process that was started over is that of the link, `exe`. Best effort, and only
        // now: a process that others cannot read cannot write this file either.
        std::fs::write("/proc/self/comm", env!("CARGO_PKG_NAME")).ok();
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(io::Error::from)
        .map_err(refused("cannot make the process unreadable"))?;
    let Some(descriptor) = handed_over else { return Err(replace_process(&variables)) };
    let received = receive(descriptor)?;
    // Whoever started hob may have left files open; no tool inherits them, nor the emptied one.
    close_fds::set_fds_cloexec(3, &[]);
    Ok(received)
}

fn stays(name: &OsStr) -> bool {
    STAYS.iter().any(|stays| name == *stays)
}

/// Starts the program over. Returns only when that failed.
#[expect(clippy::disallowed_methods, reason = "replaces this process by itself; no other is started")]
fn replace_process(variables: &BTreeMap<OsString, OsString>) -> Error {
    let memory = match put_aside(variables) {
        Ok(memory) => memory,
        Err(cause) => return refused("cannot keep them in memory")(cause),
    };
    let mut arguments = std::env::args_os();
    let mut program = Command::new("/proc/self/exe");
    program.arg0(arguments.next().unwrap_or_else(|| "hob".into())).args(arguments);
    program.env_clear().envs(variables.iter().filter(|(name, _)| stays(name)));
    program.env(DESCRIPTOR, memory.as_raw_fd().to_string());
    refused("cannot start hob over")(program.exec())
}

/// An anonymous file that survives `exec`, read from its start.
fn put_aside(variables: &BTreeMap<OsString, OsString>) -> io::Result<File> {
    let mut memory = File::from(rustix::fs::memfd_create(NAME, MemfdFlags::empty())?);
    let mut bytes = Zeroizing::new(Vec::new());
    for (name, value) in variables {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    memory.write_all(&bytes)?;
    Ok(memory)
}

/// Reads the variables and empties the file, so that its descriptor, which only the kernel can close
/// at the next `exec`, leads to nothing.
fn receive(descriptor: &OsStr) -> Result<BTreeMap<OsString, OsString>, Error> {
    let number: u32 = descriptor.to_str().and_then(|text| text.parse().ok()).ok_or(Error::Foreign)?;
    let path = format!("/proc/self/fd/{number}");
    let target = std::fs::read_link(&path).map_err(|_| Error::Foreign)?;
    if !target.as_os_str().as_bytes().starts_with(format!("/memfd:{NAME}").as_bytes()) {
        return Err(Error::Foreign);
    }
    let read = || {
        let memory = File::options().read(true).write(true).open(&path)?;
        let mut bytes = Zeroizing::new(Vec::new());
        (&memory).take(BYTES_MAX).read_to_end(&mut bytes)?;
        memory.set_len(0)?;
        Ok(bytes)
    };
    let bytes = read().map_err(refused("cannot read them back"))?;
    let pair = |record: &[u8]| {
        let at = record.iter().position(|byte| *byte == b'=')?;
        Some((OsString::from_vec(record.get(..at)?.to_vec()), OsString::from_vec(record.get(at + 1..)?.to_vec())))
    };
    Ok(bytes.split(|byte| *byte == 0).filter_map(pair).collect())
}
