/// The functions of the language.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Function {
    Append,
    AppRoleAssignmentsComplex,
    AssertiveAppRoleAssignmentsComplex,
    BitAnd,
    CBool,
    CDate,
    Coalesce,
    ConvertToBase64,
    ConvertToUTF8Hex,
    Count,
    CStr,
    DateAdd,
    DateDiff,
    DateFromNum,
    FormatDateTime,
    Guid,
    IIF,
    IgnoreFlowIfNullOrEmpty,
    InStr,
    IsNull,
    IsNullOrEmpty,
    IsPresent,
    IsString,
    Item,
    Join,
    Left,
    Mid,
    NormalizeDiacritics,
    Not,
    Now,
    NumFromDate,
    PCase,
    RandomString,
    Redact,
    RemoveDuplicates,
    Replace,
    SelectUniqueValue,
    SingleAppRoleAssignment,
    Split,
    StripSpaces,
    Switch,
    ToLower,
    ToUpper,
    Word,
}

/// What a call must have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    function: Function,
    name: &'static str,
    /// The fewest arguments, empty ones counted.
    pub(crate) min: usize,
    /// The most arguments, `None` for as many as one likes. Empty ones behind these are overlooked.
    pub(crate) max: Option<usize>,
    /// Which arguments must not be empty, counted from 0.
    pub(crate) needed: &'static [usize],
}

const fn row(
    function: Function,
    name: &'static str,
    (min, max): (usize, Option<usize>),
    needed: &'static [usize],
) -> Signature {
    Signature { function, name, min, max, needed }
}

const fn exactly(count: usize) -> (usize, Option<usize>) {
    (count, Some(count))
}

const fn between(min: usize, max: usize) -> (usize, Option<usize>) {
    (min, Some(max))
}

const fn at_least(min: usize) -> (usize, Option<usize>) {
    (min, None)
}

const SIGNATURES: [Signature; 44] = {
    use Function as F;
    [
        row(F::Append, "Append", exactly(2), &[0, 1]),
        row(F::AppRoleAssignmentsComplex, "AppRoleAssignmentsComplex", exactly(1), &[0]),
        row(F::AssertiveAppRoleAssignmentsComplex, "AssertiveAppRoleAssignmentsComplex", exactly(1), &[0]),
        row(F::BitAnd, "BitAnd", exactly(2), &[0, 1]),
        row(F::CBool, "CBool", exactly(1), &[0]),
        row(F::CDate, "CDate", exactly(1), &[0]),
        row(F::Coalesce, "Coalesce", at_least(1), &[0]),
        row(F::ConvertToBase64, "ConvertToBase64", exactly(1), &[0]),
        row(F::ConvertToUTF8Hex, "ConvertToUTF8Hex", exactly(1), &[0]),
        row(F::Count, "Count", exactly(1), &[0]),
        row(F::CStr, "CStr", exactly(1), &[0]),
        row(F::DateAdd, "DateAdd", exactly(3), &[0, 1, 2]),
        row(F::DateDiff, "DateDiff", exactly(3), &[0, 1, 2]),
        row(F::DateFromNum, "DateFromNum", exactly(1), &[0]),
        row(F::FormatDateTime, "FormatDateTime", exactly(4), &[0, 2, 3]),
        row(F::Guid, "Guid", exactly(0), &[]),
        row(F::IIF, "IIF", exactly(3), &[0, 1, 2]),
        row(F::IgnoreFlowIfNullOrEmpty, "IgnoreFlowIfNullOrEmpty", exactly(1), &[0]),
        row(F::InStr, "InStr", between(2, 4), &[0, 1]),
        row(F::IsNull, "IsNull", exactly(1), &[0]),
        row(F::IsNullOrEmpty, "IsNullOrEmpty", exactly(1), &[0]),
        row(F::IsPresent, "IsPresent", exactly(1), &[0]),
        row(F::IsString, "IsString", exactly(1), &[0]),
        row(F::Item, "Item", exactly(2), &[0, 1]),
        row(F::Join, "Join", at_least(2), &[0]),
        row(F::Left, "Left", exactly(2), &[0, 1]),
        row(F::Mid, "Mid", exactly(3), &[0, 1, 2]),
        row(F::NormalizeDiacritics, "NormalizeDiacritics", exactly(1), &[0]),
        row(F::Not, "Not", exactly(1), &[0]),
        row(F::Now, "Now", exactly(0), &[]),
        row(F::NumFromDate, "NumFromDate", exactly(1), &[0]),
        row(F::PCase, "PCase", between(1, 2), &[0]),
        row(F::RandomString, "RandomString", between(5, 6), &[0, 1, 2, 3, 4]),
        row(F::Redact, "Redact", exactly(1), &[0]),
        row(F::RemoveDuplicates, "RemoveDuplicates", exactly(1), &[0]),
        row(F::Replace, "Replace", between(1, 7), &[0]),
        row(F::SelectUniqueValue, "SelectUniqueValue", at_least(2), &[0, 1]),
        row(F::SingleAppRoleAssignment, "SingleAppRoleAssignment", exactly(1), &[0]),
        row(F::Split, "Split", exactly(2), &[0, 1]),
        row(F::StripSpaces, "StripSpaces", exactly(1), &[0]),
        row(F::Switch, "Switch", at_least(4), &[0]),
        row(F::ToLower, "ToLower", between(1, 2), &[0]),
        row(F::ToUpper, "ToUpper", between(1, 2), &[0]),
        row(F::Word, "Word", exactly(3), &[0, 1, 2]),
    ]
};

impl Function {
    /// The function of exactly this name: case counts.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        SIGNATURES.iter().find(|row| row.name == name).map(|row| row.function)
    }

    /// Every function, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        SIGNATURES.iter().map(|row| row.function)
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.signature().name
    }

    /// Whether the same arguments give the same value, at any time and beside any others.
    #[must_use]
    pub const fn is_deterministic(self) -> bool {
        !matches!(self, Self::Guid | Self::Now | Self::RandomString | Self::SelectUniqueValue)
    }

    /// The name that somebody probably meant.
    pub(crate) fn meant(asked: &str) -> Option<&'static str> {
        let near = |row: &&Signature| distance(&row.name.to_ascii_lowercase(), &asked.to_ascii_lowercase());
        let nearest = SIGNATURES.iter().min_by_key(near)?;
        let tolerated = 1 + nearest.name.len() / 5;
        (asked.len() < 64 && near(&nearest) <= tolerated).then_some(nearest.name)
    }

    #[expect(
        clippy::as_conversions,
        reason = "the rows stand in the order of the variants, which a test holds"
    )]
    pub(crate) const fn signature(self) -> &'static Signature {
        &SIGNATURES[self as usize]
    }
}

impl Signature {
    /// How many arguments, in words.
    pub(crate) fn takes(&self) -> String {
        match self.max {
            Some(0) => "no argument".to_owned(),
            Some(1) if self.min == 1 => "one argument".to_owned(),
            Some(max) if max == self.min => format!("{max} arguments"),
            Some(max) => format!("{} to {max} arguments", self.min),
            None => format!("at least {} arguments", self.min),
        }
    }
}

/// Levenshtein's distance in bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, a) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, b) in right.bytes().enumerate() {
            let cost = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = cost.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_own_row() {
        for function in Function::all() {
            assert_eq!(function.signature().function, function);
            assert_eq!(Function::named(function.name()), Some(function));
            assert_eq!(format!("{function:?}"), function.name());
        }
        assert_eq!(Function::all().count(), 44, "Microsoft's 43, and one from its page on roles");
    }

    #[test]
    fn a_misspelt_name_is_recognised() {
        assert_eq!(Function::meant("tolower"), Some("ToLower"));
        assert_eq!(Function::meant("NormaliseDiacritics"), Some("NormalizeDiacritics"));
        assert_eq!(Function::meant("IsNullorEmpty"), Some("IsNullOrEmpty"));
        assert_eq!(Function::meant("Concatenate"), None);
    }
}
