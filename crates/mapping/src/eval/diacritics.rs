//! `NormalizeDiacritics`: the letters of Microsoft's table and no others.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::{Evaluated, Evaluation, Got, null, text};
use crate::ast::Call;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn normalize_diacritics(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        Ok(source.map_or_else(null, |source| text(normalized(&source))))
    }
}

/// A letter of the table loses its marks, whether they are part of it or follow it. Everything else stays as it
/// is, marks included: the rule for names refuses it later, where dropping them would make one name of two.
fn normalized(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut bared = false;
    for c in source.chars() {
        if c.is_ascii() {
            out.push(c);
            bared = plain(c).is_some();
        } else if is_combining_mark(c) && bared {
            // It belongs to the letter before it.
        } else if let Some(letters) = bare(c) {
            out.push_str(letters);
            bared = true;
        } else {
            out.push(c);
            bared = false;
        }
    }
    out
}

/// What is left of a letter of the table without its marks.
fn bare(c: char) -> Option<&'static str> {
    let mut parts = std::iter::once(c).nfd();
    let letter = parts.next()?;
    parts.all(is_combining_mark).then(|| plain(letter)).flatten()
}

fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'a' => "a",
        'c' => "c",
        'd' => "d",
        'e' => "e",
        'g' => "g",
        'i' | 'ı' => "i",
        'l' | 'ł' => "l",
        'n' => "n",
        'o' => "o",
        'r' => "r",
        's' => "s",
        't' => "t",
        'u' => "u",
        'y' => "y",
        'z' => "z",
        'A' => "A",
        'C' => "C",
        'D' => "D",
        'E' => "E",
        'G' => "G",
        'I' => "I",
        'L' | 'Ł' => "L",
        'N' => "N",
        'O' => "O",
        'R' => "R",
        'S' => "S",
        'T' => "T",
        'U' => "U",
        'Y' => "Y",
        'Z' => "Z",
        'æ' => "ae",
        'Æ' => "AE",
        'ø' | 'œ' => "oe",
        'Ø' | 'Œ' => "OE",
        'ß' => "ss",
        _ => return None,
    })
}
