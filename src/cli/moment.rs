//! Moments as people write them, in UTC.

pub(super) use crate::diag::moment::{minute, month, now_ms, written};
use crate::policy::Date;

/// A moment of the command line: `2026-11-27`, `2026-11-27T20:00:00Z`, `2026-11-27T22:00:00+02:00`, or so long ago: `90s`, `15m`, `2h`, `7d`. In
/// milliseconds since 1970, UTC.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "`{text}` is no moment; expected `2026-11-27`, `2026-11-27T20:00:00Z`, `2026-11-27T22:00:00+02:00`, or so long ago: `90s`, `15m`, `2h`, `7d`"
        )
    };
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    if let Some((unit, seconds)) = units.into_iter().find(|(unit, _)| text.ends_with(*unit)) {
        let count: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| wrong())?;
        let ago = count.checked_mul(seconds).and_then(|ago| ago.checked_mul(1000)).ok_or_else(wrong)?;
        return Ok(now_ms().saturating_sub(ago));
    }
    // East of Greenwich it is later by the clock.
    let (day, time, offset) = match text.split_once('T') {
        Some((day, time)) => match (time.strip_suffix('Z'), time.find(['+', '-'])) {
            (Some(time), _) => (day, time, None),
            (None, Some(at)) => {
                let (time, offset) = time.split_at_checked(at).ok_or_else(wrong)?;
                (day, time, Some(offset))
            }
            (None, None) => return Err(wrong()),
        },
        None => (text, "00:00:00", None),
    };
    let numbers = |text: &str, sign: char| -> Option<[u64; 3]> {
        let parts: Option<Vec<u64>> = text
            .split(sign)
            .map(|part| part.parse().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit())))
            .collect();
        parts?.try_into().ok()
    };
    let pair = |text: &str| -> Option<[u64; 2]> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |text: &str| text.parse().ok().filter(|_| text.len() == 2 && text.is_ascii());
        Some([number(hours)?, number(minutes)?])
    };
    let (east, [hours, minutes]) = match offset {
        Some(offset) => (
            offset.starts_with('+'),
            offset.get(1..).and_then(pair).filter(|[h, m]| *h < 24 && *m < 60).ok_or_else(wrong)?,
        ),
        None => (true, [0, 0]),
    };
    let [year, month, day] = numbers(day, '-').ok_or_else(wrong)?;
    let [hour, minute, second] = numbers(time, ':').ok_or_else(wrong)?;
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month).ok().and_then(|month| month.checked_sub(1)).ok_or_else(wrong)?;
    let length = lengths.get(month).copied().ok_or_else(wrong)?;
    if !(1970..10_000).contains(&year)
        || !(1..=length).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return Err(wrong());
    }
    let leap_days = (1970..year).filter(|year| is_leap(*year)).count() as u64;
    let days = (year - 1970) * 365 + leap_days + lengths.iter().take(month).sum::<u64>() + day - 1;
    let local = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
    let offset = (hours * 60 + minutes) * 60_000;
    if east { local.checked_sub(offset).ok_or_else(wrong) } else { Ok(local + offset) }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

/// The day that it is, in UTC.
pub(super) fn today() -> Option<Date> {
    written(now_ms()).split('T').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(parse("1970-01-01"), Ok(0));
        assert_eq!(parse("2026-11-27T20:00:03Z"), Ok(1_795_809_603_000));
        assert_eq!(parse("2026-11-27T22:00:03+02:00"), Ok(1_795_809_603_000));
        assert_eq!(parse("2026-11-27T14:30:03-05:30"), Ok(1_795_809_603_000));
        assert_eq!(written(1_795_809_603_123), "2026-11-27T20:00:03.123Z");
        assert_eq!(written(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(minute(1_795_809_603_123), "2026-11-27 20:00 UTC");
        assert_eq!((month(951_782_399_999), month(0)), ("2000-02".into(), "1970-01".into()));
        for wrong in [
            "",
            "s",
            "-1d",
            "yesterday",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1T1:1:1",
            "99999999999999999999d",
            "2026-11-27T24:00:00Z",
            "2026-11-27T20:00:00",
            "2026-11-27T20:00:00+",
            "2026-11-27T20:00:00+2:00",
            "2026-11-27T20:00:00+24:00",
            "2026-11-27T20:00:00+02:00Z",
            "1970-01-01T00:00:00+00:01",
            "2026-11-27T20:00:00+\u{e9}:00",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0..250_000_000_000_u64) {
            let ms = seconds * 1000;
            let text = written(ms).replace(".000Z", "Z");
            prop_assert_eq!(parse(&text), Ok(ms));
        }
    }
}
