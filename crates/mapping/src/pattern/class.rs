//! Sets of characters: `[a-z]`, `\w`, `\p{Lu}`.

use std::fmt::Write as _;

use super::units;

#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) negated: bool,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Range(char, char),
    /// A named class, as the inside of brackets, and whether it is the rest that is meant.
    Class(&'static str, bool),
    Category(String, bool),
}

/// `\w` is letters, non-spacing marks, decimal digits and connectors in .NET; Rust's has more.
pub(super) const WORD: &str = r"\p{L}\p{Mn}\p{Nd}\p{Pc}";
/// For `\b`, .NET counts two joiners in.
pub(super) const WORD_AT_BOUNDARY: &str = r"\p{L}\p{Mn}\p{Nd}\p{Pc}\x{200C}\x{200D}";

const DIGIT: &str = r"\p{Nd}";
const SPACE: &str = r"\s";

/// General categories by the names that .NET knows.
const CATEGORIES: [&str; 36] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Cn", "Co",
];

/// Blocks by the names that .NET knows: what European names are written in. (`IsGreek` is a block there and a script
/// in Rust, so they cannot be handed through.)
const BLOCKS: [(&str, char, char); 15] = [
    ("IsBasicLatin", '\u{0}', '\u{7F}'),
    ("IsLatin-1Supplement", '\u{80}', '\u{FF}'),
    ("IsLatinExtended-A", '\u{100}', '\u{17F}'),
    ("IsLatinExtended-B", '\u{180}', '\u{24F}'),
    ("IsIPAExtensions", '\u{250}', '\u{2AF}'),
    ("IsSpacingModifierLetters", '\u{2B0}', '\u{2FF}'),
    ("IsCombiningDiacriticalMarks", '\u{300}', '\u{36F}'),
    ("IsGreek", '\u{370}', '\u{3FF}'),
    ("IsGreekandCoptic", '\u{370}', '\u{3FF}'),
    ("IsCyrillic", '\u{400}', '\u{4FF}'),
    ("IsHebrew", '\u{590}', '\u{5FF}'),
    ("IsArabic", '\u{600}', '\u{6FF}'),
    ("IsLatinExtendedAdditional", '\u{1E00}', '\u{1EFF}'),
    ("IsGreekExtended", '\u{1F00}', '\u{1FFF}'),
    ("IsGeneralPunctuation", '\u{2000}', '\u{206F}'),
];

impl Item {
    /// `\d`, `\w`, `\s` and their opposites.
    pub(super) const fn shorthand(letter: char) -> Option<Self> {
        Some(match letter {
            'd' => Self::Class(DIGIT, false),
            'D' => Self::Class(DIGIT, true),
            's' => Self::Class(SPACE, false),
            'S' => Self::Class(SPACE, true),
            'w' => Self::Class(WORD, false),
            'W' => Self::Class(WORD, true),
            _ => return None,
        })
    }

    /// `\p{name}`, or `\P{name}`.
    pub(super) fn property(name: &str, negated: bool) -> Option<Self> {
        if let Some((_, first, last)) = BLOCKS.iter().find(|(known, ..)| *known == name) {
            return Some(Self::between(*first, *last, negated));
        }
        match name {
            // The halves of characters beyond U+FFFF, where they have been put.
            "Cs" => {
                let ends = char::from_u32(units::FIRST_HALF).zip(char::from_u32(units::LAST_HALF));
                ends.map(|(first, last)| Self::between(first, last, negated))
            }
            "Co" => Some(Self::between('\u{E000}', '\u{F8FF}', negated)),
            _ => CATEGORIES.contains(&name).then(|| Self::Category(name.to_owned(), negated)),
        }
    }

    fn between(first: char, last: char, negated: bool) -> Self {
        if !negated {
            return Self::Range(first, last);
        }
        Self::Category(format!("{}-{}", escaped(first), escaped(last)), true)
    }

    /// Whether it tells upper from lower case.
    fn is_cased(&self) -> bool {
        matches!(self, Self::Category(name, _) if matches!(name.as_str(), "Lu" | "Ll" | "Lt"))
    }

    fn write(&self, out: &mut String) {
        let written = match self {
            Self::Range(first, last) if first == last => return out.push_str(&escaped(*first)),
            Self::Range(first, last) => write!(out, "{}-{}", escaped(*first), escaped(*last)),
            Self::Class(inside, false) => write!(out, "{inside}"),
            Self::Class(inside, true) => write!(out, "[^{inside}]"),
            Self::Category(name, negated) if name.starts_with('\\') => {
                write!(out, "[{}{name}]", if *negated { "^" } else { "" })
            }
            Self::Category(name, negated) => write!(out, "\\{}{{{name}}}", if *negated { 'P' } else { 'p' }),
        };
        debug_assert!(written.is_ok(), "a String takes everything");
    }
}

impl Set {
    pub(super) fn of(item: Item) -> Self {
        Self { negated: false, items: vec![item] }
    }

    /// The same set, without regard to case; `None` where .NET's answer depends on the server's language.
    pub(super) fn without_case(mut self) -> Option<Self> {
        let mut more = Vec::new();
        for item in &self.items {
            match *item {
                Item::Range(first, last) if last.is_ascii() => {
                    let letters = (first..=last).filter(char::is_ascii_alphabetic);
                    more.extend(letters.map(swapped).map(|c| Item::Range(c, c)));
                }
                Item::Range(first, last) if first != last || is_cased(first) => return None,
                Item::Category(..) if item.is_cased() => return None,
                Item::Range(..) | Item::Class(..) | Item::Category(..) => {}
            }
        }
        self.items.extend(more);
        Some(self)
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str(if self.negated { "[^" } else { "[" });
        self.items.iter().for_each(|item| item.write(out));
        out.push(']');
    }
}

const fn swapped(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

/// Whether a character has an upper or lower case other than itself.
pub(super) fn is_cased(c: char) -> bool {
    !c.to_lowercase().eq([c]) || !c.to_uppercase().eq([c])
}

/// The character as both inside and outside of brackets it stands for itself.
pub(super) fn escaped(c: char) -> String {
    if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\x{{{:X}}}", u32::from(c)) }
}
