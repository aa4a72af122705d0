//! Values of which a part stays visible, and stars stand for the rest.

/// How much of a value stays visible, in letters and digits: at its beginning and at its end.
fn visible(category: &str, length: usize) -> (usize, usize) {
    match category {
        "PHONE" if length >= 10 => (3, 4),
        "CREDIT_CARD" | "BANK_CARD" if length >= 12 => (0, 4),
        "CN_ID" if length >= 15 => (3, 4),
        "IBAN" if length >= 15 => (2, 4),
        "PERSON" | "ORGANIZATION" => (1, 0),
        // Nothing of what opens doors, and nothing of a day.
        "SECRET" | "PASSWORD" | "DATE_OF_BIRTH" | "AGE" => (0, 0),
        _ if length >= 12 => (2, 2),
        _ if length >= 8 => (0, 2),
        _ => (0, 0),
    }
}

/// The value with stars: `138****1234`, `a***@corp.example`, `张**`. What is neither a letter nor a digit stays, where digits are shown; of a
/// mail address the domain stays, of each word of a name the first letter.
pub fn partial(category: &str, value: &str) -> String {
    if category == "EMAIL"
        && let Some((local, domain)) = value.rsplit_once('@')
    {
        let first: String = local.chars().take(1).filter(|_| local.chars().nth(1).is_some()).collect();
        return format!("{first}***@{domain}");
    }
    if category == "PERSON" || category == "ORGANIZATION" {
        let mut before = false;
        return value
            .chars()
            .map(|c| {
                let inside = std::mem::replace(&mut before, c.is_alphanumeric());
                if inside && c.is_alphanumeric() { '*' } else { c }
            })
            .collect();
    }
    if category == "ADDRESS" || category == "GEO" {
        return "***".to_owned();
    }
    let length = value.chars().filter(|c| c.is_alphanumeric()).count();
    let (head, tail) = visible(category, length);
    let mut at = 0;
    let star = |c: char| {
        if !c.is_alphanumeric() {
            return c;
        }
        at += 1;
        if at <= head || at > length - tail { c } else { '*' }
    };
    value.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::partial;

    #[test]
    fn each_type_shows_its_part() {
        for (category, value, expected) in [
            ("PHONE", "13812341234", "138****1234"),
            ("PHONE", "+1 202-555-0147", "+1 20*-***-0147"),
            ("PHONE", "555-1234", "***-****"),
            ("EMAIL", "anna.k@corp.example", "a***@corp.example"),
            ("EMAIL", "a@corp.example", "***@corp.example"),
            ("CREDIT_CARD", "4111 1111 1111 1111", "**** **** **** 1111"),
            ("CN_ID", "11010519491231002X", "110***********002X"),
            ("PERSON", "张伟", "张*"),
            ("PERSON", "Margaret Jones", "M******* J****"),
            ("ADDRESS", "12 Elm Street", "***"),
            ("SECRET", "hunter2hunter2", "**************"),
            ("PASSPORT", "E12345678", "*******78"),
            ("AGE", "37", "**"),
        ] {
            assert_eq!(partial(category, value), expected, "{category}");
        }
    }
}
