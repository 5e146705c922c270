//! How long a code host asks to wait, measured on its own clock.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// When a limit ends, in seconds since 1970: GitHub's name and GitLab's.
const RESETS: [&str; 2] = ["x-ratelimit-reset", "ratelimit-reset"];

/// The wait that an answer asks for: `Retry-After`, in seconds or as a date, else the end of the limit.
pub(super) fn asked(headers: &HeaderMap) -> Option<Duration> {
    if let Some(value) = text(headers, RETRY_AFTER.as_str()) {
        return match value.parse::<u64>() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => until(headers, date(value)?),
        };
    }
    let reset = RESETS.iter().find_map(|name| text(headers, name)?.parse::<i64>().ok())?;
    until(headers, Timestamp::from_second(reset).ok()?)
}

/// A header's value, when it is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// From the answer's own `Date`; nothing without one, because there is no other clock here.
fn until(headers: &HeaderMap, then: Timestamp) -> Option<Duration> {
    let now = date(text(headers, DATE.as_str())?)?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_from_whichever_header_has_it() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (headers, expected) in [
            (&[][..], None),
            (&[("retry-after", "7")][..], Some(7)),
            (&[("retry-after", "7"), ("x-ratelimit-reset", "784111800"), date][..], Some(7)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date][..], Some(30)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")][..], None),
            (&[("retry-after", "-1")][..], None),
            (&[("x-ratelimit-reset", "784111800"), date][..], Some(23)),
            (&[("ratelimit-reset", "784111800"), date][..], Some(23)),
            (&[("ratelimit-reset", "784111000"), date][..], Some(0)),
            (&[("ratelimit-reset", "99999999999999999"), date][..], None),
            (&[("ratelimit-reset", "784111800")][..], None),
        ] {
            let map = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(asked(&map).map(|wait| wait.as_secs()), expected, "{headers:?}");
        }
    }
}
