//! The view on a terminal: what is finished scrolls, what happens now is one line that moves.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::tcgetwinsize;

use super::echo::Quiet;
use super::words;
use crate::cli::output::{Paint, one_line};
use crate::domain::message::Usage;
use crate::telemetry::progress::{Observer, Progress};

/// Width where the terminal does not tell.
const COLUMNS: usize = 80;

/// Least time between two drawings of streamed text. A model sends hundreds of pieces a second.
const REDRAW: Duration = Duration::from_millis(80);

/// Turns of the spinner: also what keeps the elapsed time going.
const TICK: Duration = Duration::from_millis(100);

/// Bytes of streamed text that are kept: more than any line shows.
const TAIL_MAX: usize = 2048;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// Draws a run on a terminal. Takes its live line away when dropped.
pub(crate) struct Live {
    bar: ProgressBar,
    paint: Paint,
    columns: fn() -> usize,
    now: Mutex<Now>,
    _quiet: Option<Quiet>,
}

/// What happens now.
struct Now {
    turn: u32,
    usage: Usage,
    /// Tool calls under way: id, and how the line shows them.
    running: Vec<(String, String)>,
    /// The end of what the model streams.
    tail: String,
    drawn: Instant,
}

impl Live {
    /// Draws on standard error, which is a terminal.
    pub(crate) fn on_stderr() -> Self {
        let columns = || {
            let size = tcgetwinsize(rustix::stdio::stderr()).ok();
            size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(COLUMNS)
        };
        let mut live = Self::new(ProgressDrawTarget::stderr(), Paint::of_stderr(), columns);
        live._quiet = Some(Quiet::on_stderr());
        live.bar.enable_steady_tick(TICK);
        live
    }

    fn new(target: ProgressDrawTarget, paint: Paint, columns: fn() -> usize) -> Self {
        let template = match paint {
            Paint::Colour => "{spinner:.cyan} {prefix} · {elapsed} · {wide_msg:.dim}",
            Paint::Plain => "{spinner} {prefix} · {elapsed} · {wide_msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target)
            .with_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "))
            .with_prefix("starting");
        let now =
            Now { turn: 0, usage: Usage::default(), running: Vec::new(), tail: String::new(), drawn: Instant::now() };
        Self { bar, paint, columns, now: Mutex::new(now), _quiet: None }
    }

    /// A line that stays, above the live one: a mark, what is told, and a remark at its end.
    fn scroll(&self, (style, mark): (Style, &str), told: &str, remark: &str) {
        let (remark_columns, remark) = match remark {
            "" => (0, String::new()),
            remark => (2 + remark.chars().count(), format!("  {}", self.paint.paint(FAINT, remark))),
        };
        let room = (self.columns)().saturating_sub(mark.chars().count() + 1 + remark_columns);
        self.bar.println(format!("{} {}{remark}", self.paint.paint(style, mark), one_line(told, room)));
    }

    fn message(&self, message: String) {
        self.bar.set_message(message);
    }

    fn streamed(&self, now: &mut Now, piece: &str, what: &str) {
        match piece.rsplit_once('\n') {
            // An empty last line would show nothing; the one before is still of interest.
            Some((before, "")) => keep_tail(&mut now.tail, before.rsplit('\n').next().unwrap_or_default()),
            Some((_, line)) => {
                now.tail.clear();
                keep_tail(&mut now.tail, line);
            }
            None => keep_tail(&mut now.tail, piece),
        }
        if now.drawn.elapsed() < REDRAW {
            return;
        }
        now.drawn = Instant::now();
        self.message(format!("{what}{}", end_of(&now.tail, (self.columns)())));
    }

    fn show_running(&self, now: &Now) {
        let calls: Vec<&str> = now.running.iter().map(|(_, told)| told.as_str()).collect();
        self.message(calls.join(", "));
    }
}

impl Observer for Live {
    fn see(&self, progress: Progress<'_>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(&mut now, "", &progress);
    }
}

impl Live {
    /// Shows what `who` does: nobody for the run itself, else a subagent's name and a colon.
    fn show(&self, now: &mut Now, who: &str, progress: &Progress<'_>) {
        let columns = (self.columns)();
        match progress {
            Progress::Delegated { progress: Progress::Started { .. } | Progress::Asked { .. }, .. }
            | Progress::Delegated { progress: Progress::Text(_) | Progress::Reasoning(_), .. } => {}
            Progress::Delegated { agent, progress } => self.show(now, &format!("{who}{agent}: "), progress),
            Progress::Started { run, attempt, model, sandbox, resumed } => {
                let attempt = match (*attempt, *resumed) {
                    (1, false) => String::new(),
                    (attempt, false) => format!("attempt {attempt}"),
                    (attempt, true) => format!("attempt {attempt}, resumed"),
                };
                self.scroll((STRONG, "hob"), &format!("{model} · sandbox {sandbox} · {run}"), &attempt);
            }
            Progress::Asked { turn } => {
                now.turn = *turn;
                now.tail.clear();
                self.bar.set_prefix(prefix(now));
                self.message("asking the model".to_owned());
            }
            Progress::Text(piece) => self.streamed(now, piece, ""),
            Progress::Reasoning(piece) => self.streamed(now, piece, "thinking: "),
            Progress::Answered { usage } => {
                now.usage += *usage;
                now.tail.clear();
                self.bar.set_prefix(prefix(now));
            }
            Progress::Retrying { reason, wait } => {
                self.scroll(
                    (WARN, "↻"),
                    &format!("{who}{reason}"),
                    &format!("asked again in {:.1}s", wait.as_secs_f64()),
                );
            }
            Progress::ToolStarted(call) => {
                let told = format!("{who}{} {}", words::name(call), words::gist(call, columns));
                now.running.push((format!("{who}{}", call.id), told));
                self.show_running(now);
            }
            Progress::ToolEnded { call, result, took } => {
                let ended = format!("{who}{}", call.id);
                now.running.retain(|(id, _)| *id != ended);
                let mut told = format!("{who}{} {}", words::name(call), words::gist(call, columns));
                if result.is_error {
                    // Both ends are worth their room: what was asked, and why it failed.
                    told = format!("{}: {}", one_line(&told, columns / 2), words::complaint(result, columns));
                }
                let mark = if result.is_error { (BAD, "✗") } else { (GOOD, "✓") };
                self.scroll(mark, &told, &format!("{:.1}s", took.as_secs_f64()));
                self.show_running(now);
            }
            Progress::Proposed(effect) => self.scroll((GOOD, "+"), &words::proposed(effect, columns), ""),
            Progress::Refused { kind, reason } => {
                self.scroll((WARN, "!"), &format!("{kind} refused: {reason}"), "");
            }
            // Worth more than one line, because nothing else tells it.
            Progress::Note(note) => self.bar.println(one_line(&format!("{who}{note}"), 4 * columns)),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn prefix(now: &Now) -> String {
    match now.usage.total() {
        0 => format!("turn {}", now.turn),
        tokens => format!("turn {} · {} tokens", now.turn, words::count(tokens)),
    }
}

fn keep_tail(tail: &mut String, piece: &str) {
    tail.push_str(&piece[piece.ceil_char_boundary(piece.len().saturating_sub(TAIL_MAX))..]);
    if tail.len() > 2 * TAIL_MAX {
        tail.drain(..tail.ceil_char_boundary(tail.len() - TAIL_MAX));
    }
}

/// The last words of a line that may be wider than the terminal.
fn end_of(tail: &str, columns: usize) -> String {
    let line = one_line(tail, usize::MAX);
    let skipped = line.chars().count().saturating_sub(columns / 2);
    line.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;
    use crate::cli::live::script;

    const WIDTH: u16 = 60;

    /// A terminal that remembers what it was sent.
    #[derive(Clone)]
    struct Screen(Arc<Mutex<(vt100::Parser, usize)>>);

    impl Screen {
        fn new() -> Self {
            let parser = vt100::Parser::new(12.try_into().unwrap(), WIDTH.try_into().unwrap(), 0);
            Self(Arc::new(Mutex::new((parser, 0))))
        }

        fn text(&self) -> String {
            let guard = self.0.lock().unwrap();
            let rows = guard.0.screen().rows(0, WIDTH);
            rows.map(|row| row.trim_end().to_owned() + "\n").collect::<String>().trim_end().to_owned()
        }

        fn drawn(&self) -> usize {
            self.0.lock().unwrap().1
        }

        fn send(&self, text: &str) -> io::Result<()> {
            let mut guard = self.0.lock().unwrap();
            guard.0.process(text.as_bytes());
            guard.1 += 1;
            Ok(())
        }
    }

    impl std::fmt::Debug for Screen {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Screen")
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            WIDTH
        }
        fn height(&self) -> u16 {
            12
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            if n == 0 { Ok(()) } else { self.send(&format!("\x1b[{n}A")) }
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            if n == 0 { Ok(()) } else { self.send(&format!("\x1b[{n}B")) }
        }
        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            if n == 0 { Ok(()) } else { self.send(&format!("\x1b[{n}C")) }
        }
        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            if n == 0 { Ok(()) } else { self.send(&format!("\x1b[{n}D")) }
        }
        fn write_line(&self, s: &str) -> io::Result<()> {
            self.send(&format!("{s}\r\n"))
        }
        fn write_str(&self, s: &str) -> io::Result<()> {
            self.send(s)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.send("\r\x1b[2K")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn live(screen: &Screen) -> Live {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
        Live::new(target, Paint::Colour, || usize::from(WIDTH))
    }

    #[test]
    fn what_happens_now_is_the_last_line() {
        let screen = Screen::new();
        let live = live(&screen);
        script::begin(&live);
        insta::assert_snapshot!(screen.text(), @r#"
        hob replay/demo · sandbox virtual · run-2def9f758998c31185b…
        ↻ overloaded  asked again in 1.5s
        ⠋ turn 1 · 1.3k tokens · 0s · bash grep -rn "foo" src, read
        "#);
    }

    #[test]
    fn when_it_is_over_only_what_was_done_is_left() {
        let screen = Screen::new();
        script::play(&live(&screen));
        insta::assert_snapshot!(screen.text(), @r#"
        hob replay/demo · sandbox virtual · run-2def9f758998c31185b…
        ↻ overloaded  asked again in 1.5s
        ✗ read missing .txt: no such file: missing.txt  0.4s
        ✓ bash grep -rn "foo" src  0.4s
        + labels +bug<U+202E> -new
        ! label refused: `urgent` is not in `allow`
        ✓ label {"add":["bug"]}  0.4s
        ✓ finish  0.4s
        the event would not have started `triage`: its labels do not
         match
        "#);
    }

    #[test]
    fn streamed_text_shows_its_last_line_and_never_scrolls() {
        let screen = Screen::new();
        let live = live(&screen);
        live.see(Progress::Asked { turn: 1 });
        live.now.lock().unwrap().drawn -= REDRAW;
        live.see(Progress::Text("first\nsecond \u{1b}[31mline"));
        insta::assert_snapshot!(screen.text(), @"⠋ turn 1 · 0s · second line");
    }

    #[test]
    fn a_flood_of_pieces_draws_little() {
        let screen = Screen::new();
        let live = live(&screen);
        let started = Instant::now();
        for _ in 0..20_000 {
            live.see(Progress::Text("piece "));
        }
        let most = 20 * (2 + started.elapsed().as_millis() / REDRAW.as_millis());
        assert!((screen.drawn() as u128) < most, "{} writes, {most} allowed", screen.drawn());
        assert!(live.now.lock().unwrap().tail.len() <= 2 * TAIL_MAX);
    }
}
