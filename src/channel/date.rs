//! The two spellings of time that forges use.

use jiff::Timestamp;

/// Reads `2013-12-03T17:15:43Z` (also with a fraction, or an offset) and GitLab's
/// `2015-04-12 14:53:17 UTC`. Nothing else: a time is part of an event's key.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let (mark, rest) = rest.split_at_checked(1)?;
    let (time, rest) = rest.split_at_checked(8)?;
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = if rest.starts_with('.') { rest.split_at_checked(1 + digits)? } else { ("", rest) };
    let zone = match (mark, zone) {
        ("T", "Z") | (" ", " UTC") => "Z",
        ("T", offset) if fits(offset, "+00:00") || fits(offset, "-00:00") => offset,
        _ => return None,
    };
    let fraction_fits = fraction.is_empty() || (1..=9).contains(&digits);
    if !fits(date, "0000-00-00") || !fits(time, "00:00:00") || !fraction_fits {
        return None;
    }
    format!("{date}T{time}{fraction}{zone}").parse().ok()
}

/// Whether `text` has a digit wherever `pattern` has one, and the same bytes elsewhere.
fn fits(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(t, p)| if p == b'0' { t.is_ascii_digit() } else { t == p })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_one_instant_are_that_instant() {
        for (text, expected) in [
            ("2013-12-03T17:15:43Z", "2013-12-03T17:15:43Z"),
            ("2013-12-03 17:15:43 UTC", "2013-12-03T17:15:43Z"),
            ("2019-06-05T14:32:20.211Z", "2019-06-05T14:32:20.211Z"),
            ("2019-06-05 14:32:20.211 UTC", "2019-06-05T14:32:20.211Z"),
            ("2015-04-08T21:00:25-07:00", "2015-04-09T04:00:25Z"),
        ] {
            assert_eq!(read(text).map(|at| at.to_string()).as_deref(), Some(expected), "for `{text}`");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "2013-12-03",
            "2013-12-03T17:15:43",
            "2013-12-03 17:15:43",
            "2013-12-03T17:15:43 UTC",
            "2013-12-03 17:15:43Z",
            "2013-12-03t17:15:43z",
            "2013-12-03T17:15:43+0000",
            "2013-12-03T17:15:43.Z",
            "2013-12-03T17:15:43.1234567890Z",
            "2013-13-03T17:15:43Z",
            "2013-02-30T17:15:43Z",
            "2013-12-03T25:15:43Z",
            "2013-12-03T17:15:43Z[Europe/Rome]",
            " 2013-12-03T17:15:43Z",
            "2013-12-0äT17:15:43Z",
            "1386090943",
        ] {
            assert_eq!(read(text), None, "for `{text}`");
        }
    }
}
