//! The existing name that a misspelled one probably meant.

/// The candidate with the fewest edits from `wanted`, if that is at most a third of its length.
pub(crate) fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerated = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (edits(wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The least number of inserted, deleted and replaced characters that turn `from` into `to` (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_spelling_is_found_and_a_far_one_is_not() {
        let known = ["pii.email", "pii.name", "public", "health"];
        assert_eq!(nearest("pii.emial", known), Some("pii.email"));
        assert_eq!(nearest("publik", known), Some("public"));
        assert_eq!(nearest("geo.region", known), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
