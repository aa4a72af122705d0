//! Dates: another day in the same way of writing.

use std::fmt::Write as _;

use super::draw::Draw;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Days since 1 March of the year 0, by which days are counted on (Howard Hinnant's algorithm).
fn number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year
}

fn day_of(number: i64) -> (i64, i64, i64) {
    let era = number.div_euclid(146_097);
    let of_era = number.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Another day, a month to two years away.
fn another((year, month, day): (i64, i64, i64), draw: &mut Draw) -> Option<(i64, i64, i64)> {
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day) && (1800..2200).contains(&year);
    let days = i64::try_from(draw.below(700) + 31).ok()?;
    let days = if draw.below(2) == 0 { days } else { -days };
    is_day.then(|| day_of(number(year, month, day) + days))
}

/// A stand-in for a date in digits (`1990-03-05`, `5.3.1990`, `03/05/1990`, `1990年3月5日`) or with an English month. Of a date in digits whose
/// year is last, a first number above 12 says that the day is first; else the month is, but before dots and hyphens.
pub(super) fn stand_in(text: &str, draw: &mut Draw) -> Option<String> {
    let numbers: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let value = |at: usize| numbers.get(at).and_then(|n| n.parse::<i64>().ok());
    let month = MONTHS.iter().position(|month| {
        text.split(|c: char| !c.is_alphabetic()).any(|word| {
            word.len() >= 3
                && month.to_lowercase().starts_with(&word.to_lowercase())
                && word.chars().all(|c| c.is_ascii_alphabetic())
        })
    });
    if let Some(month) = month {
        let [first, second] = [value(0)?, value(1)?];
        let (day, year) = if first > 31 { (second, first) } else { (first, second) };
        let (y, m, d) = another((year, i64::try_from(month).ok()? + 1, day), draw)?;
        let word = text.split(|c: char| !c.is_alphabetic()).find(|word| {
            word.len() >= 3
                && MONTHS
                    .get(month)
                    .is_some_and(|month| month.to_lowercase().starts_with(&word.to_lowercase()))
        })?;
        let full = MONTHS.get(usize::try_from(m - 1).ok()?)?;
        let new =
            if word.len() <= 4 && word.len() < MONTHS.get(month)?.len() { full.get(..3)? } else { full };
        let replaced = text.replacen(word, new, 1);
        return Some(numbers_in(&replaced, &if first > 31 { [y, d].to_vec() } else { [d, y].to_vec() }));
    }
    match numbers.len() {
        1 if numbers.first()?.len() == 8 => {
            let n = value(0)?;
            let (y, m, d) = another((n / 10_000, n / 100 % 100, n % 100), draw)?;
            Some(text.replacen(numbers.first()?, &format!("{y:04}{m:02}{d:02}"), 1))
        }
        3 if numbers.first()?.len() == 4 => {
            let (y, m, d) = another((value(0)?, value(1)?, value(2)?), draw)?;
            Some(numbers_in(text, &[y, m, d]))
        }
        3 if numbers.get(2)?.len() == 4 => {
            let (first, second, year) = (value(0)?, value(1)?, value(2)?);
            let day_first = first > 12 || second <= 12 && !text.contains('/');
            let (month, day) = if day_first { (second, first) } else { (first, second) };
            let (year, month, day) = another((year, month, day), draw)?;
            Some(numbers_in(text, &if day_first { [day, month, year] } else { [month, day, year] }))
        }
        _ => None,
    }
}

/// The text with other numbers, in order, as many digits wide as those were that began with a zero or had two digits.
fn numbers_in(text: &str, numbers: &[i64]) -> String {
    let (mut out, mut rest, mut next) = (String::new(), text, numbers.iter());
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, tail) = rest.split_at(at);
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, after) = tail.split_at(end);
        out.push_str(before);
        match next.next() {
            Some(number) if digits.len() == 1 => out.push_str(&number.to_string()),
            Some(number) => {
                // Writing to a string does not fail.
                let _ = write!(out, "{number:0width$}", width = digits.len());
            }
            None => out.push_str(digits),
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Secret;

    #[test]
    fn days_are_counted_on_and_back() {
        for n in 600_000..800_000 {
            let (y, m, d) = day_of(n);
            assert_eq!(number(y, m, d), n);
        }
        assert_eq!(day_of(number(2024, 2, 28) + 1), (2024, 2, 29));
    }

    #[test]
    fn the_way_of_writing_stays() {
        let scope = Secret::new(&[1; 32]).scope(&["t"], b"c");
        let shape = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
        };
        for text in ["1990-03-05", "03/05/1990", "25.12.1987", "1990年03月05日", "19900305"] {
            for turn in 0..50 {
                let got = stand_in(text, &mut scope.draw("date", text, turn)).unwrap_or_default();
                assert_eq!(shape(&got), shape(text));
                assert_ne!(got, text);
                assert!(
                    crate::detect::Validator::Date.check(got.as_bytes()).is_some() || !got.is_ascii(),
                    "{got}"
                );
            }
        }
        let got = stand_in("5 March 1990", &mut scope.draw("date", "x", 0)).unwrap_or_default();
        assert!(MONTHS.iter().any(|month| got.contains(month)), "{got}");
        assert_eq!(stand_in("yesterday", &mut scope.draw("date", "x", 0)), None);
    }
}
