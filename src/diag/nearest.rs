//! The name that was probably meant.

/// The nearest of `names` to `found`, when the distance (Damerau-Levenshtein, case ignored, `-` and `_`
/// alike) is at most a third of the length; otherwise a guess would only confuse.
pub fn nearest<'n, S: AsRef<str>>(found: &str, names: &'n [S]) -> Option<&'n str> {
    let plain = |s: &str| s.to_lowercase().replace('-', "_");
    let found = plain(found);
    names
        .iter()
        .map(|name| {
            let name = name.as_ref();
            let candidate = plain(name);
            let length = found.chars().count().max(candidate.chars().count());
            (strsim::damerau_levenshtein(&found, &candidate), length / 3, name)
        })
        .filter(|(distance, limit, _)| distance <= limit)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, name)| name)
}
