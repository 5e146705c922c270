//! When a failed model call is tried again: pure, so that the count may come from the log and
//! survive a restart.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Tries in all, the first one counted.
pub const TRIES: u32 = 6;
/// Ceiling of the first wait; doubles with each failure.
const BASE: Duration = Duration::from_secs(1);
/// No wait of our own is longer.
const CAP: Duration = Duration::from_secs(60);

/// How long to wait after the `failures`-th transient failure in a row (from 1), or `None` when
/// it was the last try. `asked` is what `Retry-After` said and is never undercut, however long it
/// is: the run's own deadline ends the wait. `jitter`, from 0 to 1, spreads the rest evenly, so
/// that many runs do not come back at once.
pub fn wait(failures: u32, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
    if failures >= TRIES {
        return None;
    }
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = BASE.saturating_mul(1 << doublings).min(CAP);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    let spread = ceiling.mul_f64(jitter);
    Some(match asked {
        Some(asked) => asked.max(spread),
        None => spread,
    })
}

/// Reads `Retry-After`: seconds, or an HTTP date, which is measured against the response's own
/// `Date`, because the server's clock is the one it was written on.
pub(super) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let then = http_date(value)?;
    let now = http_date(date?)?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_end_after_six_tries() {
        let full: Vec<_> = (1..=7).map(|n| wait(n, None, 1.0).map(|d| d.as_secs())).collect();
        assert_eq!(full, [Some(1), Some(2), Some(4), Some(8), Some(16), None, None]);
        assert_eq!(wait(3, None, 0.5), Some(Duration::from_secs(2)));
        assert_eq!(wait(3, None, 0.0), Some(Duration::ZERO));
        assert_eq!(wait(1, None, f64::NAN), Some(Duration::from_secs(1)));
        assert_eq!(wait(0, None, 9.0), Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_the_server_asks_for_is_never_cut() {
        let asked = |seconds| wait(1, Some(Duration::from_secs(seconds)), 1.0).map(|d| d.as_secs());
        assert_eq!([asked(0), asked(7), asked(299), asked(86_400)], [Some(1), Some(7), Some(299), Some(86_400)]);
        assert_eq!(wait(6, Some(Duration::from_secs(1)), 0.0), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, date, expected) in [
            ("7", None, Some(7.0)),
            (" 0.5 ", None, Some(0.5)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", date, Some(30.0)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", date, Some(0.0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
            ("-1", date, None),
            ("1e400", date, None),
            ("NaN", date, None),
            ("soon", date, None),
            ("", date, None),
        ] {
            assert_eq!(retry_after(value, date).map(|d| d.as_secs_f64()), expected, "for `{value}`");
        }
    }
}
