//! The rules by which GitHub's runner reads the log and the output file of a step, for tests.
//!
//! From `actions/runner`: `ActionCommand.TryParseV2` and `TryParse`, `ActionCommandManager`,
//! `SetOutputFileCommand`. A line ends at `\n`, `\r` or `\r\n`; nothing else ends one.

use std::collections::BTreeMap;

/// What the runner obeyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Obeyed {
    pub(super) name: String,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) data: String,
}

/// The commands the runner knows.
const KNOWN: [&str; 17] = [
    "stop-commands",
    "internal-set-repo-path",
    "set-env",
    "set-output",
    "save-state",
    "add-mask",
    "add-path",
    "add-matcher",
    "remove-matcher",
    "debug",
    "warning",
    "error",
    "notice",
    "group",
    "endgroup",
    "echo",
    "set-secret",
];

/// Every command that a runner obeys in this log, those that stop and resume commands included.
pub(super) fn obeyed(log: &str) -> Vec<Obeyed> {
    let mut obeyed = Vec::new();
    let mut stopped: Option<String> = None;
    for line in log.split(['\n', '\r']) {
        let token = stopped.clone().unwrap_or_default();
        let is_known = |name: &str| {
            KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name))
                || (!token.is_empty() && token.eq_ignore_ascii_case(name))
        };
        let Some(command) = today(line, is_known).or_else(|| older(line, is_known)) else { continue };
        let resumes = !token.is_empty() && command.name.eq_ignore_ascii_case(&token);
        match stopped {
            Some(_) if !resumes => continue,
            Some(_) => stopped = None,
            None if command.name.eq_ignore_ascii_case("stop-commands") => stopped = Some(command.data.clone()),
            None => {}
        }
        obeyed.push(command);
    }
    obeyed
}

/// `::name key=value,key=value::data`.
fn today(line: &str, is_known: impl Fn(&str) -> bool) -> Option<Obeyed> {
    let line = line.trim_start().strip_prefix("::")?;
    let (info, data) = line.split_once("::")?;
    command(info, data, ',', is_known, |text| {
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    })
}

/// `##[name key=value;key=value]data`, anywhere in a line.
fn older(line: &str, is_known: impl Fn(&str) -> bool) -> Option<Obeyed> {
    let (_, line) = line.split_once("##[")?;
    let (info, data) = line.split_once(']')?;
    command(info, data, ';', is_known, |text| {
        text.replace("%3B", ";").replace("%0D", "\r").replace("%0A", "\n").replace("%5D", "]").replace("%25", "%")
    })
}

fn command(
    info: &str,
    data: &str,
    between: char,
    is_known: impl Fn(&str) -> bool,
    read: impl Fn(&str) -> String,
) -> Option<Obeyed> {
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    let pairs = properties.trim().split(between).filter_map(|pair| pair.split_once('='));
    let properties = pairs.map(|(key, value)| (key.to_owned(), read(value))).collect();
    is_known(name).then(|| Obeyed { name: name.to_owned(), properties, data: read(data) })
}

/// What the runner takes from a file of outputs, or why it refuses the file.
pub(super) fn outputs(file: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut lines = file.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let line = line.trim_end_matches('\n');
        if line.is_empty() {
            continue;
        }
        match (line.find('='), line.find("<<")) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                found.push((line[..equals].to_owned(), line[equals + 1..].to_owned()));
            }
            (_, Some(heredoc)) => {
                let (name, delimiter) = (&line[..heredoc], &line[heredoc + 2..]);
                if name.is_empty() || delimiter.is_empty() {
                    return Err(format!("invalid format `{line}`"));
                }
                let mut value = String::new();
                loop {
                    let line = lines.next().ok_or_else(|| format!("no delimiter `{delimiter}`"))?;
                    if line.trim_end_matches('\n') == delimiter {
                        break;
                    }
                    value.push_str(line);
                }
                value.pop();
                found.push((name.to_owned(), value));
            }
            _ => return Err(format!("invalid format `{line}`")),
        }
    }
    Ok(found)
}

#[test]
fn the_rules_find_what_a_runner_would_obey() {
    for (log, names) in [
        ("::error::x", &["error"][..]),
        ("text\r \t::add-mask::x", &["add-mask"]),
        ("\u{2003}::ERROR title=a::b", &["ERROR"]),
        ("look: ##[group]x", &["group"]),
        (": :error::x\nx ::error::y\nstd::fmt\n::nothing::x", &[]),
        ("::stop-commands::t\n::error::x\n##[error]x\n::t::\n::notice::y", &["stop-commands", "t", "notice"]),
        ("a\u{2028}::error::x", &[]),
    ] {
        let found: Vec<String> = obeyed(log).into_iter().map(|command| command.name).collect();
        assert_eq!(found, names, "{log:?}");
    }
}

#[test]
fn the_rules_read_a_file_of_outputs() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(outputs("a=b\n\nc<<E\nx\ny\nE\nd<<E\nE\n"), Ok(vec![pair("a", "b"), pair("c", "x\ny"), pair("d", "")]));
    assert!(outputs("a<<E\nx\n").is_err());
    assert!(outputs("<<E\nE\n").is_err());
}
