//! Which disguises a rule sees through: what its file says, else what goes for its category.

use crate::detect::Folds;

/// Categories whose words people hide on purpose, in texts that are about nothing else. Personal data, secrets and a company's own
/// words are not hidden so, and a number or a key has no letters to be read another way.
const HIDDEN: [&str; 22] = [
    "ABUSE",
    "BULLYING",
    "DRUGS",
    "EXTREMISM",
    "FRAUD",
    "GAMBLING",
    "HARASSMENT",
    "HARM",
    "HATE",
    "ILLEGAL",
    "INSULT",
    "MALWARE",
    "MINORS",
    "POLITICS",
    "PROFANITY",
    "SELF_HARM",
    "SEXUAL",
    "SPAM",
    "TERRORISM",
    "TOXIC",
    "VIOLENCE",
    "WEAPONS",
];

/// Whether the words of a category are hidden on purpose. `HATE_RELIGION` and `hate` are `HATE`.
fn is_hidden(category: &str) -> bool {
    let category = category.to_ascii_uppercase().replace(['-', '/', '.'], "_");
    HIDDEN.iter().any(|known| {
        category.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

/// The folds of a rule: its own word, else its category's. A rule that takes the text as it stands has none unless it says so.
pub(super) fn folds(
    category: &str,
    exact: bool,
    separators: Option<bool>,
    leet: Option<bool>,
    repeats: Option<bool>,
) -> Folds {
    let usual = is_hidden(category) && !exact;
    Folds {
        separators: separators.unwrap_or(usual),
        leet: leet.unwrap_or(usual),
        repeats: repeats.unwrap_or(usual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_says_what_the_rule_does_not() {
        let all = Folds { separators: true, leet: true, repeats: true };
        for (category, usual) in [
            ("WEAPONS", all),
            ("hate/religion", all),
            ("Self-Harm", all),
            ("EMAIL", Folds::default()),
            ("SECRET", Folds::default()),
            ("HATED", Folds::default()),
        ] {
            assert_eq!(folds(category, false, None, None, None), usual, "{category}");
        }
        assert_eq!(folds("HATE", false, None, Some(false), None), Folds { leet: false, ..all });
        let leet = Folds { leet: true, ..Folds::default() };
        assert_eq!(folds("EMAIL", false, None, Some(true), None), leet);
        assert_eq!(folds("HATE", true, None, None, None), Folds::default());
    }
}
