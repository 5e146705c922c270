//! Whether a place in an argument vector is read as a script, or is the program that another one starts.

use crate::domain::command::Word;

/// Programs that start the one which is named behind them.
const STARTERS: &[&str] = &[
    "env", "sudo", "doas", "timeout", "nice", "nohup", "setsid", "stdbuf", "time", "xargs", "busybox", "command",
    "exec",
];

/// Programs that read what stands behind them as a script, here or elsewhere.
const READERS: &[&str] = &["eval", "source", ".", "watch", "su", "ssh", "flock", "parallel", "script"];

/// Programs whose argument behind one of [`EVALS`] is a script.
const INTERPRETERS: &[&str] = &["python", "perl", "ruby", "node", "deno", "bun", "php", "lua", "osascript", "Rscript"];

const EVALS: &[&str] = &["-c", "-e", "-E", "-p", "-r", "--eval", "--print", "eval"];

/// Programs whose first argument is a script.
const FILTERS: &[&str] = &["awk", "gawk", "mawk", "nawk", "sed", "jq"];

/// Programs whose first argument, or the one behind `-c`, is a script.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh", "tcsh"];

/// Whether what comes next is, or may be, the script of a shell or the program that another one starts:
/// no word before it is that for sure.
pub(super) fn runs_script(words: &[Word]) -> bool {
    let fixed = |word: &Word| match word {
        Word::Fixed(text) => Some(text.clone()),
        Word::Input { .. } => None,
    };
    let Some(words) = words.iter().map(fixed).collect::<Option<Vec<String>>>() else { return false };
    let is = |names: &[&str], word: &String| names.contains(&word.rsplit('/').next().unwrap_or_default());
    let Some(program) = words.first() else { return false };
    let is_starter = is(STARTERS, program);
    let starts = if is_starter { words.len() } else { 1 };
    let Some(shell) = words.iter().take(starts).position(|word| is(SHELLS, word)) else {
        let is_program = |word: &String| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.');
        let is_option = |word: &String| word.starts_with('-') && word != "--";
        // What stands behind an option may belong to it.
        let names_one = words.windows(2).any(|pair| match pair {
            [before, word] => is_program(word) && !word.contains('=') && !is_option(before),
            _ => false,
        });
        let name = program.rsplit('/').next().unwrap_or_default();
        let unversioned = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let evals =
            INTERPRETERS.contains(&unversioned) && words.last().is_some_and(|last| EVALS.contains(&last.as_str()));
        let filters = FILTERS.contains(&name) && !words.iter().skip(1).any(|word| !is_option(word));
        return READERS.contains(&name) || evals || filters || is_starter && !names_one;
    };
    let mut rest = words.iter().skip(shell + 1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-o" | "+o" | "-O" | "+O" => drop(rest.next()),
            // Another such in a cluster takes the next word, and so do some of the long ones.
            option if option.starts_with(['-', '+']) => {
                if option.contains(['o', 'O']) || option.contains("file") {
                    return true;
                }
            }
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(words: &str) -> bool {
        runs_script(&words.split(' ').map(|word| Word::Fixed(word.to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_program_reads_as_a_script_or_starts_is_known() {
        for words in [
            "sh -c",
            "bash",
            "eval",
            "env",
            "sudo -u nobody",
            "env -u HOME",
            "timeout -s KILL 5s",
            "xargs -a list",
            "stdbuf -o L",
            "python3 -c",
            "python3.12 -c",
            "perl -e",
            "node --eval",
            "ruby -e",
            "awk",
            "sed -n",
            "watch",
            "su -c",
            "ssh host",
            "flock file",
            "source",
            "command",
            "exec",
            "/usr/bin/python3 -c",
        ] {
            assert!(before(words), "`{words}`");
        }
    }

    #[test]
    fn an_argument_of_a_known_program_is_none() {
        for words in [
            "cargo test",
            "git log --",
            "env LANG=C make",
            "timeout 5s make",
            "sudo -- make",
            "python3 tool.py",
            "awk /x/",
            "sed s/a/b/",
            "grep -e",
            "node tool.js",
            "bash tool.sh",
        ] {
            assert!(!before(words), "`{words}`");
        }
    }
}
