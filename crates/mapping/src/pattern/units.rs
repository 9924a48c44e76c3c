//! .NET counts, cuts and matches UTF-16 units: a character beyond U+FFFF is two. Here each such half becomes a
//! character of its own (in a private plane, like no letter, digit or space), and halves are joined afterwards.

use std::borrow::Cow;

/// Where the half U+D800 is put; the other halves follow.
pub(super) const FIRST_HALF: u32 = 0xF_0000;
/// Where the half U+DFFF is put.
pub(super) const LAST_HALF: u32 = 0xF_07FF;

const SURROGATES: u32 = 0xD800;

/// The text with every character beyond U+FFFF as two.
pub(crate) fn widened(text: &str) -> Cow<'_, str> {
    // Only those take four bytes, and begin so.
    if text.bytes().all(|byte| byte < 0xF0) {
        return Cow::Borrowed(text);
    }
    let mut wide = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c.len_utf16() {
            1 => wide.push(c),
            _ => wide.extend(c.encode_utf16(&mut [0; 2]).iter().filter_map(|unit| half(u32::from(*unit)))),
        }
    }
    Cow::Owned(wide)
}

/// The character that stands for a surrogate.
pub(super) fn half(unit: u32) -> Option<char> {
    char::from_u32(FIRST_HALF + unit.checked_sub(SURROGATES)?)
}

/// The text with its halves joined again; `None` when one has lost the other.
pub(crate) fn narrowed(text: String) -> Option<String> {
    if text.bytes().all(|byte| byte < 0xF0) {
        return Some(text);
    }
    let units = text.chars().map(|c| match u32::from(c) {
        wide @ FIRST_HALF..=LAST_HALF => wide - FIRST_HALF + SURROGATES,
        other => other,
    });
    let units: Vec<u16> = units.filter_map(|unit| u16::try_from(unit).ok()).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_joined_again_or_missed() {
        let wide = widened("a😀b").into_owned();
        assert_eq!(wide.chars().count(), 4);
        assert_eq!(narrowed(wide.clone()).as_deref(), Some("a😀b"));
        assert_eq!(narrowed(wide.chars().take(2).collect()), None);
        assert_eq!(narrowed(wide.chars().skip(2).collect()), None);
        assert!(matches!(widened("Zoë"), Cow::Borrowed(_)));
    }
}
