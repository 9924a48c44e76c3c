//! `ToLower`, `ToUpper` and `PCase`. .NET maps character by character: no ß to SS, no final sigma.

use std::borrow::Cow;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

use super::arguments::at;
use super::{Evaluated, Evaluation, Got, null, text};
use crate::ast::Call;
use crate::error::Problem;
use crate::function::Function;
use crate::lexer::shortened;

/// Which i belongs to which I.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Culture {
    /// İ and ı have no other case.
    Invariant,
    /// İ has the lower case i, and ı the upper case I.
    Plain,
    /// i and İ, ı and I.
    Turkish,
}

/// Languages whose case is like English in .NET: all that are written but Turkish and Azerbaijani, as far as directories
/// name them. What is not here may be misspelt, and is refused.
const PLAIN: [&str; 98] = [
    "af", "am", "ar", "as", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et",
    "eu", "fa", "fi", "fil", "fo", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "haw", "he", "hi", "hr", "hu",
    "hy", "id", "ig", "is", "it", "ja", "ka", "kk", "km", "kn", "ko", "kok", "ky", "lb", "lo", "lt", "lv",
    "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn", "no", "or", "pa", "pl", "ps",
    "pt", "ro", "ru", "rw", "sa", "se", "si", "sk", "sl", "so", "sq", "sr", "sv", "sw", "ta", "te", "tg",
    "th", "ti", "tk", "tn", "uk", "ur", "uz", "vi", "wo", "xh", "yo", "zh", "zu",
];

impl Culture {
    fn named(name: &str) -> Option<Self> {
        let (language, region) = name.split_once('-').unwrap_or((name, "US"));
        let well_formed =
            region.split('-').all(|tag| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
        let language = language.to_ascii_lowercase();
        match language.as_str() {
            "" => name.is_empty().then_some(Self::Invariant),
            _ if !well_formed => None,
            "tr" | "az" => Some(Self::Turkish),
            other => PLAIN.contains(&other).then_some(Self::Plain),
        }
    }

    fn lower(self, c: char) -> char {
        match (self, c) {
            (Self::Invariant, 'İ') => 'İ',
            (_, 'İ') => 'i',
            (Self::Turkish, 'I') => 'ı',
            _ => single(c.to_lowercase()).unwrap_or(c),
        }
    }

    fn upper(self, c: char) -> char {
        match (self, c) {
            (Self::Invariant, 'ı') => 'ı',
            (Self::Turkish, 'i') => 'İ',
            _ => single(c.to_uppercase()).unwrap_or_else(|| iota_below(c)),
        }
    }
}

/// The only character, if there is only one.
fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// Greek letters with an iota below, whose one-character upper case the standard library does not give.
fn iota_below(c: char) -> char {
    let code = u32::from(c);
    let upper = match code {
        0x1F80..=0x1FAF if code & 8 == 0 => code + 8,
        0x1FB3 | 0x1FC3 | 0x1FF3 => code + 9,
        _ => code,
    };
    char::from_u32(upper).unwrap_or(c)
}

/// Every character in its upper case: to compare without regard to case.
pub(super) fn upper(source: &str) -> String {
    source.chars().map(|c| Culture::Invariant.upper(c)).collect()
}

impl<'a> Evaluation<'a, '_> {
    pub(super) fn in_case(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        let name = self.text(call, 1)?.unwrap_or_default();
        let unknown = || at(call, 1, Problem::UnknownCulture(shortened(&name)));
        let culture = Culture::named(&name).ok_or_else(unknown)?;
        let Some(source) = source else { return Ok(null()) };
        if source.is_ascii() && culture != Culture::Turkish {
            return Ok(text(ascii_case(source, call.function)));
        }
        let mapped: String = match call.function {
            Function::ToLower => source.chars().map(|c| culture.lower(c)).collect(),
            _ => source.chars().map(|c| culture.upper(c)).collect(),
        };
        Ok(text(mapped))
    }

    pub(super) fn p_case(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let source = self.text(call, 0)?;
        let separators = self.text(call, 1)?;
        let Some(source) = source else { return Ok(null()) };
        let lower = source.chars().map(|c| Culture::Invariant.lower(c));
        Ok(text(match separators {
            Some(separators) if !separators.is_empty() => capitals_after(lower, &separators),
            _ => title_case(lower),
        }))
    }
}

/// In place: most names are ASCII, and theirs to change.
fn ascii_case(source: Cow<'_, str>, function: Function) -> String {
    let mut owned = source.into_owned();
    match function {
        Function::ToLower => owned.make_ascii_lowercase(),
        _ => owned.make_ascii_uppercase(),
    }
    owned
}

fn capitals_after(lower: impl Iterator<Item = char>, separators: &str) -> String {
    let mut starts = true;
    let capital = |c| {
        let mapped = if starts { Culture::Invariant.upper(c) } else { c };
        starts = separators.contains(c);
        mapped
    };
    lower.map(capital).collect()
}

/// .NET's `ToTitleCase` of a text in lower case. A word begins with a letter; marks, digits and apostrophes go on
/// with it.
fn title_case(lower: impl Iterator<Item = char>) -> String {
    let mut in_word = false;
    let title = |c: char| {
        let letter = c.general_category_group() == GeneralCategoryGroup::Letter;
        let starts = letter && !in_word;
        in_word = letter || (in_word && goes_on(c));
        if starts { title(c) } else { c }
    };
    lower.map(title).collect()
}

/// Whether a character does not end the word it stands in.
fn goes_on(c: char) -> bool {
    use GeneralCategory as C;
    let kind = c.general_category();
    c == '\''
        || c.general_category_group() == GeneralCategoryGroup::Mark
        || c.general_category_group() == GeneralCategoryGroup::Number
        || matches!(kind, C::PrivateUse | C::Surrogate | C::Unassigned)
}

/// A few letters are two in one, and have a case of their own for the start of a word.
fn title(c: char) -> char {
    match c {
        'Ǆ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǳ' => 'ǲ',
        _ => Culture::Invariant.upper(c),
    }
}
