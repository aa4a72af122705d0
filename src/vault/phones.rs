//! Telephone numbers that nobody has: ranges kept for films and examples, and such as are given to nobody.

use super::draw::Draw;
use super::identifiers::laid_out;

/// The codes of the countries whose numbers are known here.
const CODES: [&str; 7] = ["86", "81", "44", "61", "33", "49", "1"];

/// A number with its country's code as people there write it: `+44 7700 900123` is `07700 900123`.
pub(super) fn at_home(text: &str) -> Option<String> {
    let own = text.trim().strip_prefix('+').or_else(|| text.trim().strip_prefix("00"))?;
    let (code, rest) = CODES.iter().find_map(|code| Some((*code, own.strip_prefix(code)?)))?;
    let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '(').trim_start_matches("(0)");
    let zero = if matches!(code, "86" | "1") || rest.starts_with('0') { "" } else { "0" };
    (rest.chars().filter(char::is_ascii_digit).count() >= 7).then(|| format!("{zero}{}", rest.trim_start()))
}

/// A stand-in for a number, in the layout in which it stands; none for a country whose numbers are not known here.
pub(super) fn stand_in(text: &str, draw: &mut Draw) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let plain = digits.strip_prefix("00").unwrap_or(&digits);
    let international = text.trim_start().starts_with('+') || plain.len() < digits.len();
    let (code, own) = if international {
        CODES.iter().find_map(|code| Some((*code, plain.strip_prefix(code)?)))?
    } else if digits.len() == 13 && digits.starts_with("861") {
        ("86", digits.get(2..)?)
    } else if digits.len() == 11
        && digits.starts_with('1')
        && digits.get(1..2)? >= "3"
        && !text.trim_start().starts_with("1-")
    {
        // North American numbers with their 1 have an area code from 2 on, and a separator behind the 1.
        ("86", digits.as_str())
    } else {
        ("", digits.as_str())
    };
    let own = match code {
        "86" if own.len() == 11 && own.starts_with('1') => china(draw),
        "1" if own.len() == 10 => north_america(draw),
        "44" if own.len() == 10 => britain(own.starts_with('7'), draw),
        "33" if own.len() == 9 => france(own.starts_with(['6', '7']), draw),
        "61" if own.len() == 9 => australia(draw),
        "81" if own.len() == 10 => japan(draw),
        "49" if (7..=12).contains(&own.len()) => germany(draw),
        "" => national(own, draw)?,
        _ => return None,
    };
    let prefix = digits.len() - plain.len();
    let lead = if international {
        format!("{}{code}", digits.get(..prefix).unwrap_or_default())
    } else if digits.len() == 13 {
        code.to_owned()
    } else {
        String::new()
    };
    let all = format!("{lead}{own}");
    if all.len() == digits.len() {
        return Some(laid_out(text, &all));
    }
    Some(if international { format!("+{code} {own}") } else { own })
}

/// Numbers without their country's code.
fn national(own: &str, draw: &mut Draw) -> Option<String> {
    Some(match own.len() {
        10 if own.starts_with('0') && own.starts_with("04") => format!("0{}", australia(draw)),
        10 if own.starts_with('0') => {
            format!("0{}", france(own.starts_with("06") || own.starts_with("07"), draw))
        }
        10 => north_america(draw),
        11 if own.starts_with("07") => format!("0{}", britain(true, draw)),
        11 if own.starts_with("02") || own.starts_with("01") => format!("0{}", britain(false, draw)),
        11 if own.starts_with("090") || own.starts_with("080") || own.starts_with("070") => {
            format!("0{}", japan(draw))
        }
        11 if own.starts_with('1') => format!("1{}", north_america(draw)),
        _ => return None,
    })
}

/// 154 was given to no operator (MIIT numbering plan).
fn china(draw: &mut Draw) -> String {
    format!("154{}", draw.digits(8))
}

/// 555-0100 to 555-0199 are kept for fiction in every area (NANPA).
fn north_america(draw: &mut Draw) -> String {
    let area = draw.pick(&[
        "202", "206", "212", "303", "305", "312", "404", "415", "503", "512", "602", "617", "702", "713",
        "808", "916",
    ]);
    format!("{area}55501{}", draw.digits(2))
}

/// Ofcom's numbers for drama: 07700 900000 to 900999, 01632 960000 to 960999.
fn britain(mobile: bool, draw: &mut Draw) -> String {
    format!("{}{}", if mobile { "7700900" } else { "1632960" }, draw.digits(3))
}

/// Arcep's numbers for fiction: 06 39 98 and 01 99 00.
fn france(mobile: bool, draw: &mut Draw) -> String {
    format!("{}{}", if mobile { "63998" } else { "19900" }, draw.digits(4))
}

/// ACMA's numbers for fiction: 0491 570 to 0491 574 begin them, and 02 5550, 02 7010 those of fixed lines; here the fixed ones.
fn australia(draw: &mut Draw) -> String {
    format!("{}{}", draw.pick(&["25550", "35550", "75550", "85550"]), draw.digits(4))
}

/// Behind 090 no number begins with 0 (MIC numbering plan).
fn japan(draw: &mut Draw) -> String {
    format!("900{}", draw.digits(7))
}

/// The Bundesnetzagentur's numbers for drama: (0)30 23125 000 to 999.
fn germany(draw: &mut Draw) -> String {
    format!("3023125{}", draw.digits(3))
}
