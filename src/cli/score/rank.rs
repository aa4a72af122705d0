//! How well scores tell two kinds of texts apart.

/// Share of pairs of one text of each kind in which the first kind's has the higher score; ties count half. None where a kind has no text.
pub(in crate::cli) fn auroc(yes: &[f32], no: &[f32]) -> Option<f64> {
    if yes.is_empty() || no.is_empty() {
        return None;
    }
    let mut all: Vec<(f32, bool)> =
        yes.iter().map(|s| (*s, true)).chain(no.iter().map(|s| (*s, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut sum) = (0.0_f64, 0.0_f64);
    for same in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let ones = same.iter().filter(|one| one.1).count() as f64;
        let zeros = same.len() as f64 - ones;
        sum += ones * (below + zeros / 2.0);
        below += zeros;
    }
    Some(sum / (yes.len() as f64 * no.len() as f64))
}

/// Mean of the precision at each text of the first kind, the highest score first. Among equal scores each text counts as all of them do.
pub(in crate::cli) fn average_precision(yes: &[f32], no: &[f32]) -> Option<f64> {
    if yes.is_empty() {
        return None;
    }
    let mut all: Vec<(f32, bool)> =
        yes.iter().map(|s| (*s, true)).chain(no.iter().map(|s| (*s, false))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut read, mut sum) = (0.0_f64, 0.0_f64, 0.0_f64);
    for same in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let ones = same.iter().filter(|one| one.1).count() as f64;
        found += ones;
        read += same.len() as f64;
        sum += ones * found / read;
    }
    Some(sum / yes.len() as f64)
}

/// Share of the first kind above the score that no more than `share` of the second kind reaches.
pub(in crate::cli) fn recall_at(yes: &[f32], no: &[f32], share: f64) -> Option<f64> {
    let least = above(no, share).filter(|_| !yes.is_empty())?;
    Some(yes.iter().filter(|score| **score > least).count() as f64 / yes.len() as f64)
}

/// The score above which no more than `share` of texts are; none where there is no text.
pub(in crate::cli) fn above(no: &[f32], share: f64) -> Option<f32> {
    if no.is_empty() {
        return None;
    }
    let mut sorted = no.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    // The first that would be one too many.
    let allowed = (0..sorted.len()).take_while(|many| (*many + 1) as f64 <= no.len() as f64 * share).count();
    Some(sorted.get(allowed).copied().unwrap_or(f32::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_told_as_by_hand() {
        let (yes, no) = ([0.9, 0.8, 0.4], [0.5, 0.3, 0.2, 0.1]);
        assert!((auroc(&yes, &no).unwrap_or_default() - 11.0 / 12.0).abs() < 1e-9);
        assert!((average_precision(&yes, &no).unwrap_or_default() - (1.0 + 1.0 + 0.75) / 3.0).abs() < 1e-9);
        assert_eq!(recall_at(&yes, &no, 0.0), Some(2.0 / 3.0));
        assert_eq!(recall_at(&yes, &no, 0.25), Some(1.0));
        assert_eq!((above(&no, 0.0), above(&no, 0.25), above(&[], 0.1)), (Some(0.5), Some(0.3), None));
        assert_eq!(auroc(&[0.5], &[0.5]), Some(0.5));
        assert_eq!((auroc(&[], &no), average_precision(&[], &no)), (None, None));
    }
}
