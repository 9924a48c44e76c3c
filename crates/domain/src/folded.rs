/// The form in which names are compared without regard to case: Unicode lower case. Whoever keeps an index over names
/// keeps this form of them, and whoever filters compares in it: else the two find different people.
#[must_use]
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_word_counts() {
        assert_eq!(folded("Mara.LIND"), "mara.lind");
        // The last sigma of a word has a form of its own.
        assert_eq!(folded("\u{39f}\u{394}\u{39f}\u{3a3}"), "\u{3bf}\u{3b4}\u{3bf}\u{3c2}");
    }
}
