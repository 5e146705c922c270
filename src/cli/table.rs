//! Rows in columns, each as wide as its widest cell; the last one as wide as the terminal lets it.

use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

use super::output::one_line;

/// Columns of a last cell where no terminal bounds it.
const WIDE: usize = 400;

/// Columns that a last cell has however narrow the terminal is.
const NARROW: usize = 20;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) head: &'static str,
    /// Fewest terminal columns.
    pub(super) least: usize,
    /// Numbers stand at its right side.
    pub(super) is_number: bool,
}

impl Column {
    /// Of words.
    pub(super) const fn words(head: &'static str, least: usize) -> Self {
        Self { head, least, is_number: false }
    }

    /// Of numbers.
    pub(super) const fn numbers(head: &'static str, least: usize) -> Self {
        Self { head, least, is_number: true }
    }
}

/// Columns of the terminal that standard output is; `None` where it is none.
pub(super) fn terminal() -> Option<usize> {
    let size = io::stdout().is_terminal().then(|| tcgetwinsize(rustix::stdio::stdout()).ok()).flatten();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Lays them out, a line each, their heads above. Foreign text is made harmless.
pub(super) fn render<const N: usize>(columns: [Column; N], rows: &[[String; N]], terminal: Option<usize>) -> String {
    let heads = columns.map(|column| column.head.to_owned());
    let cells: Vec<[String; N]> =
        [&heads].into_iter().chain(rows).map(|row| row.each_ref().map(|cell| one_line(cell, WIDE))).collect();
    let widths: Vec<usize> = (0..N)
        .map(|at| cells.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or(0))
        .zip(columns)
        .map(|(widest, column)| widest.max(column.least))
        .collect();
    let mut text = String::new();
    for row in &cells {
        let mut used = 0;
        for (at, (cell, (width, column))) in row.iter().zip(widths.iter().zip(columns)).enumerate() {
            if at + 1 == N {
                let room = terminal.map_or(WIDE, |terminal| terminal.saturating_sub(used).max(NARROW));
                text.push_str(&one_line(cell, room));
            } else {
                let gap = " ".repeat(width - cell.width());
                let (before, after) = if column.is_number { (gap.as_str(), "") } else { ("", gap.as_str()) };
                text.push_str(&format!("{before}{cell}{after}  "));
                used += width + 2;
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::words("state", 8), Column::numbers("runs", 0), Column::words("what", 0)];

    fn row(state: &str, runs: u32, what: &str) -> [String; 3] {
        [state.to_owned(), runs.to_string(), what.to_owned()]
    }

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell_and_the_last_one_is_cut() {
        let rows = [
            row("idle", 12, "acme/widgets#42 (triage)  github.com/700100/issue/42/triage"),
            row("漢字漢字漢", 1_000_000, "x"),
        ];
        insta::assert_snapshot!(render(COLUMNS, &rows, Some(60)), @"
        state          runs  what
        idle             12  acme/widgets#42 (triage) github.com/70…
        漢字漢字漢  1000000  x
        ");
        insta::assert_snapshot!(render(COLUMNS, &rows, None), @"
        state          runs  what
        idle             12  acme/widgets#42 (triage) github.com/700100/issue/42/triage
        漢字漢字漢  1000000  x
        ");
        // However narrow.
        assert!(render(COLUMNS, &rows, Some(1)).contains("acme/widgets#42 (tr…"));
    }

    #[test]
    fn foreign_text_makes_no_line_of_its_own() {
        let shown = render(COLUMNS, &[row("idle", 1, "a\n::error::b\u{1b}[2J\u{202e}c")], None);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(!shown.chars().any(|c| c == '\u{1b}' || c == '\u{202e}'), "{shown:?}");
    }
}
