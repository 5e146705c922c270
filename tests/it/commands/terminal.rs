//! What is asked and shown on a terminal.

use super::*;
use crate::scene::terminal::{Streams, Terminal};

#[test]
fn a_table_fits_the_terminal() {
    let _filters = filtered();
    let kept = bundles().worked();
    let mut terminal = Terminal::start(&kept.command("sessions"), 10, 90, Streams::All);
    assert!(terminal.wait().0.success());
    insta::assert_snapshot!(terminal.lines().join("\n"), @"
    changed (UTC)     state      runs    tokens      log  what
    [TIME]  1 waiting     1         0 [N] KiB  default (triage)
    [TIME]  idle          1      1050 [N] KiB  Codertocat/Hello-World#1 (triage)
    ");
}

#[test]
fn forgetting_asks_first() {
    let kept = bundles().worked();
    for (answer, left) in [("n\r", 2), ("\r", 2), ("y\r", 1)] {
        let mut terminal = Terminal::start(&kept.command("forget default"), 12, 160, Streams::All);
        terminal.wait_for("with all of it? [y/N]");
        terminal.type_in(answer);
        assert!(terminal.wait().0.success());
        assert_eq!(kept.hob("sessions --json").stdout().lines().count(), left, "after {answer:?}");
    }
    // Not where it was told before, nor where nobody sits.
    let mut terminal = Terminal::start(&kept.command("forget --all --yes"), 12, 160, Streams::All);
    assert!(terminal.wait().0.success());
    assert_eq!(terminal.lines().len(), 1, "{:?}", terminal.lines());
    assert_eq!(kept.hob("sessions --json").stdout(), "");
}
