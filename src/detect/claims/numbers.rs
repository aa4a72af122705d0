//! Numbers as texts write them: digits, words, Chinese numerals, and what is measured in units that are parts of each other.

use crate::detect::grounding::hash;

/// Chinese numerals, and what they multiply by.
const NUMERALS: [(char, f64); 12] = [
    ('零', 0.0),
    ('〇', 0.0),
    ('一', 1.0),
    ('二', 2.0),
    ('两', 2.0),
    ('三', 3.0),
    ('四', 4.0),
    ('五', 5.0),
    ('六', 6.0),
    ('七', 7.0),
    ('八', 8.0),
    ('九', 9.0),
];
const WIDE_SCALES: [(char, f64); 5] = [('十', 10.0), ('百', 1e2), ('千', 1e3), ('万', 1e4), ('亿', 1e8)];
/// What a Chinese numeral of one character counts, where it is a number at all.
const COUNTED: &str = "年月日天个只人次倍种名位小分秒公米里吨克千斤杯片岁度点座颗粒条周星成届层支";
/// What `一` counts where it is more than an article.
const MEASURED: &str = "年月天周小分秒公米里克升倍元岁度吨斤";
/// Units that are parts of each other: the dimension, how much they are, and their words.
const UNITS: &[(&str, f64, &[&str])] = &[
    ("time", 1.0, &["second", "seconds", "sec", "secs", "秒"]),
    ("time", 60.0, &["minute", "minutes", "min", "mins", "分钟"]),
    ("time", 3600.0, &["hour", "hours", "hr", "hrs", "h", "小时", "个小时", "钟头", "个钟头"]),
    ("time", 86400.0, &["day", "days", "天", "昼夜"]),
    ("time", 604_800.0, &["week", "weeks", "周", "星期", "个星期"]),
    ("length", 1.0, &["millimetre", "millimetres", "millimeter", "millimeters", "mm", "毫米"]),
    ("length", 10.0, &["centimetre", "centimetres", "centimeter", "centimeters", "cm", "厘米"]),
    ("length", 1000.0, &["metre", "metres", "meter", "meters", "m", "米"]),
    ("length", 1e6, &["kilometre", "kilometres", "kilometer", "kilometers", "km", "公里", "千米"]),
    ("mass", 1.0, &["milligram", "milligrams", "mg", "毫克"]),
    ("mass", 1000.0, &["gram", "grams", "g", "克"]),
    ("mass", 1e6, &["kilogram", "kilograms", "kg", "kilo", "kilos", "公斤", "千克"]),
    ("mass", 1e9, &["tonne", "tonnes", "ton", "tons", "吨"]),
];

/// A number's key: equal numbers have the same.
pub(super) fn key(value: f64) -> u64 {
    hash(&format!("#{value}"))
}

/// The key of a number with its unit, if it is one of those that are parts of each other; `unit`: what stands behind the number, lower case.
pub(super) fn measured(value: f64, unit: &str) -> Option<u64> {
    let (dimension, much, _) = UNITS.iter().find(|(_, _, words)| words.contains(&unit))?;
    // Products of fractions differ in their last bits.
    Some(hash(&format!("#{dimension}{}", (value * much * 1e3).round())))
}

/// The same of a text without spaces that goes on behind the number.
pub(super) fn measured_before(value: f64, rest: &str) -> Option<u64> {
    let words = UNITS.iter().flat_map(|(_, _, words)| words.iter());
    let unit =
        words.filter(|word| rest.starts_with(**word) && !word.is_ascii()).max_by_key(|word| word.len())?;
    measured(value, unit)
}

/// A number in words, and how many of the words it takes. `words`: lower-case words, or digits with their value.
pub(super) fn in_words(words: impl Iterator<Item = Spelled>) -> Option<(f64, usize)> {
    let (mut total, mut current, mut taken, mut all) = (0.0, None::<f64>, 0, 0);
    let mut is_one = false;
    for word in words {
        all += 1;
        match (word, current) {
            (Spelled::Digits(value) | Spelled::Small(value), None) if total == 0.0 => {
                is_one = word == Spelled::Small(1.0);
                current = Some(value);
            }
            (Spelled::Small(value), Some(before))
                if before % 100.0 >= 20.0 && before % 10.0 == 0.0 && value < 10.0 =>
            {
                current = Some(before + value);
            }
            (Spelled::Small(value), Some(before))
                if before >= 100.0 && before % 100.0 == 0.0 && before < 1000.0 =>
            {
                current = Some(before + value);
            }
            (Spelled::Small(value), None) if total > 0.0 => current = Some(value),
            (Spelled::Scale(scale), before) if scale <= 100.0 => {
                current = Some(before.unwrap_or(1.0) * scale);
            }
            (Spelled::Scale(scale), before) => {
                total += before.unwrap_or(1.0) * scale;
                current = None;
            }
            (Spelled::And, Some(before)) if before >= 100.0 => continue,
            _ => break,
        }
        taken = all;
    }
    let value = total + current.unwrap_or(0.0);
    (taken > 0 && !(is_one && taken == 1)).then_some((value, taken))
}

/// A word of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spelled {
    /// Digits, of this value.
    Digits(f64),
    /// A number below a hundred.
    Small(f64),
    /// What multiplies the number before it.
    Scale(f64),
    /// `and`.
    And,
    /// No word of a number.
    Other,
}

impl Spelled {
    /// What a lower-case word is.
    pub(super) fn of(word: &str) -> Self {
        let value = match word {
            "zero" => 0.0,
            "one" => 1.0,
            "two" => 2.0,
            "three" => 3.0,
            "four" => 4.0,
            "five" => 5.0,
            "six" => 6.0,
            "seven" => 7.0,
            "eight" => 8.0,
            "nine" => 9.0,
            "ten" => 10.0,
            "eleven" => 11.0,
            "twelve" => 12.0,
            "thirteen" => 13.0,
            "fourteen" => 14.0,
            "fifteen" => 15.0,
            "sixteen" => 16.0,
            "seventeen" => 17.0,
            "eighteen" => 18.0,
            "nineteen" => 19.0,
            "twenty" => 20.0,
            "thirty" => 30.0,
            "forty" => 40.0,
            "fifty" => 50.0,
            "sixty" => 60.0,
            "seventy" => 70.0,
            "eighty" => 80.0,
            "ninety" => 90.0,
            "dozen" => return Self::Scale(12.0),
            "hundred" => return Self::Scale(1e2),
            "thousand" => return Self::Scale(1e3),
            "million" => return Self::Scale(1e6),
            "billion" => return Self::Scale(1e9),
            "trillion" => return Self::Scale(1e12),
            "and" => return Self::And,
            _ => return Self::Other,
        };
        Self::Small(value)
    }
}

/// A Chinese number that a text begins with: its value, its bytes, and whether it is a share in a hundred. `before`: the number in digits
/// that stands right before it (`3亿`).
pub(super) fn chinese(text: &str, before: Option<f64>) -> Option<(f64, usize, bool)> {
    if let Some(rest) = text.strip_prefix("百分之") {
        let (value, length) = numerals(rest, None)?;
        return Some((value, length + text.len() - rest.len(), true));
    }
    if before.is_none() && text.starts_with("一半") {
        return Some((50.0, "一半".len(), true));
    }
    let (value, length) = numerals(text, before)?;
    let rest = text.get(length..)?;
    if let Some(parts) = rest.strip_prefix("分之") {
        let (part, more) = numerals(parts, None)?;
        return Some(((part / value * 1000.0).round() / 10.0, length + "分之".len() + more, true));
    }
    let one = text.chars().take(2).filter(|c| numeral(*c).is_some() || scale(*c).is_some()).count() == 1;
    let counts = rest.chars().next().is_some_and(|next| COUNTED.contains(next));
    let measures = rest.chars().next().is_some_and(|next| MEASURED.contains(next));
    (before.is_some() || !one || if text.starts_with('一') { measures } else { counts })
        .then_some((value, length, false))
}

fn numeral(c: char) -> Option<f64> {
    NUMERALS.iter().find(|(one, _)| *one == c).map(|(_, value)| *value)
}

fn scale(c: char) -> Option<f64> {
    WIDE_SCALES.iter().find(|(one, _)| *one == c).map(|(_, value)| *value)
}

/// The numerals that a text begins with, and their bytes. With a number before them they only multiply it.
fn numerals(text: &str, before: Option<f64>) -> Option<(f64, usize)> {
    let (mut total, mut part, mut digit, mut length) = (0.0, 0.0, before, 0);
    let mut digits = 0;
    for c in text.chars() {
        if let Some(value) = numeral(c).filter(|_| before.is_none()) {
            // Digits one after the other: a year.
            digit = Some(if digits > 0 { digit.unwrap_or(0.0) * 10.0 + value } else { value });
            digits += 1;
        } else if let Some(scale) = scale(c) {
            if scale >= 1e4 {
                total = (total + part + digit.unwrap_or(if part + total > 0.0 { 0.0 } else { 1.0 })) * scale;
                part = 0.0;
            } else {
                part += digit.unwrap_or(1.0) * scale;
            }
            (digit, digits) = (None, 0);
        } else {
            break;
        }
        length += c.len_utf8();
    }
    (length > 0).then_some((total + part + digit.unwrap_or(0.0), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<(f64, usize)> {
        in_words(text.split(' ').map(|word| word.parse().map_or_else(|_| Spelled::of(word), Spelled::Digits)))
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, value, taken) in [
            ("ten percent", 10.0, 1),
            ("twenty five people", 25.0, 2),
            ("two hundred and fifty cats", 250.0, 4),
            ("two hundred thousand", 200_000.0, 3),
            ("1.5 million people", 1_500_000.0, 2),
            ("three million two hundred thousand", 3_200_000.0, 5),
            ("nineteen and more", 19.0, 1),
            ("a dozen", 0.0, 0),
            ("dozen eggs", 12.0, 1),
            ("48 hours", 48.0, 1),
            ("one way", 0.0, 0),
            ("one hundred", 100.0, 2),
            ("seven eight", 7.0, 1),
        ] {
            assert_eq!(words(text), (taken > 0).then_some((value, taken)), "{text}");
        }
        for (text, before, expected) in [
            ("百分之十的人", None, Some((10.0, "百分之十".len(), true))),
            ("一半的人", None, Some((50.0, "一半".len(), true))),
            ("四分之一", None, Some((25.0, "四分之一".len(), true))),
            ("一万毫安", None, Some((10_000.0, "一万".len(), false))),
            ("五千毫安", None, Some((5000.0, "五千".len(), false))),
            ("亿人", Some(3.0), Some((3e8, "亿".len(), false))),
            ("二十五岁", None, Some((25.0, "二十五".len(), false))),
            ("三千五百万人", None, Some((35_000_000.0, "三千五百万".len(), false))),
            ("一九九五年", None, Some((1995.0, "一九九五".len(), false))),
            ("三名学生", None, Some((3.0, "三".len(), false))),
            ("三思", None, None),
            ("一种药", None, None),
            ("人", None, None),
        ] {
            assert_eq!(chinese(text, before), expected, "{text}");
        }
    }

    #[test]
    fn units_are_parts_of_each_other() {
        assert_eq!(measured(2.0, "days"), measured(48.0, "hours"));
        assert_eq!(measured(2.0, "公里"), measured(2000.0, "metres"));
        assert_ne!(measured(2.0, "days"), measured(2.0, "hours"));
        assert_eq!(measured_before(2.0, "个小时以上"), measured(120.0, "minutes"));
        assert!(measured(2.0, "cats").is_none());
        assert!(key(10.0) == key(10.0) && key(1.0) != key(10.0));
    }
}
