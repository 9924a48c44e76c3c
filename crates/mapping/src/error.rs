use std::fmt;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::limits;

/// What is wrong with an expression, or with evaluating it, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct MappingError {
    place: Place,
    problem: Problem,
}

impl MappingError {
    /// Where in the expression.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong, without the place.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The line of the expression with a caret under the place: two lines, without a line break at the end.
    #[must_use]
    pub fn caret(&self) -> String {
        format!("{}\n{}^", self.place.excerpt, " ".repeat(self.place.indent))
    }
}

/// A place in an expression.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Bytes from the start of the expression.
    pub offset: usize,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    excerpt: String,
    indent: usize,
}

/// Characters shown before and after a place.
const AROUND: usize = 60;

impl Place {
    /// `offset` is moved to the start of the character it lies in, and to the end when it lies behind it.
    pub(crate) fn of(source: &str, offset: usize) -> Self {
        let offset = source.floor_char_boundary(offset);
        let (before, after) = source.split_at(offset);
        let line = before.matches('\n').count() + 1;
        let head = before.rsplit('\n').next().unwrap_or_default();
        let tail = after.split('\n').next().unwrap_or_default();
        let column = head.chars().count() + 1;
        let indent = (column - 1).min(AROUND);
        let excerpt = head.chars().skip(column - 1 - indent).chain(tail.chars().take(AROUND));
        let excerpt = excerpt.map(printable).collect();
        Self { offset, line, column, excerpt, indent }
    }
}

/// A pasted tab or escape must neither move the caret nor reach the terminal; nor must what takes no room, or turns
/// the direction of writing.
pub(crate) fn printable(c: char) -> char {
    if is_invisible(c) { ' ' } else { c }
}

pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control() || c.general_category() == GeneralCategory::Format
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "at character {}", self.column),
            line => write!(f, "at line {line}, character {}", self.column),
        }
    }
}

/// A problem and the byte where it is; becomes a [`MappingError`] where the source is at hand.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) problem: Problem,
}

impl Fault {
    pub(crate) const fn new(offset: usize, problem: Problem) -> Self {
        Self { offset, problem }
    }

    pub(crate) fn in_source(self, source: &str) -> MappingError {
        MappingError { place: Place::of(source, self.offset), problem: self.problem }
    }
}

/// What is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    // The text of an expression.
    #[error("an expression has {} characters at most", limits::EXPRESSION_CHARS)]
    ExpressionTooLong,
    #[error("there is no expression here")]
    Empty,
    #[error("an expression is UTF-8 text, and from here on this is none")]
    NotText,
    #[error("calls stand in one another {} deep at most", limits::NESTING)]
    TooDeep,
    #[error("`{0}` means nothing here")]
    Unexpected(String),
    #[error("`{0}` is a typographic quotation mark, as word processors make them; write a straight \"")]
    SmartQuote(char),
    #[error("the text that begins here has no closing quotation mark")]
    UnterminatedText,
    #[error("the attribute that begins here has no closing bracket")]
    UnterminatedAttribute,
    #[error("an attribute has a name between its brackets, as in [userPrincipalName]")]
    NamelessAttribute,
    #[error("the call of {0} that begins here has no closing parenthesis")]
    UnterminatedCall(String),
    #[error("after `{0}`, a comma or a closing parenthesis is expected")]
    ExpectedComma(String),
    #[error("the expression is complete before this; remove the rest")]
    TrailingText,
    #[error("a number is whole and fits 64 bits")]
    BadNumber,
    #[error("`{0}` is a name, and names stand only before a parenthesis; quote texts: \"{0}\"")]
    BareName(String),
    #[error("there is no function {0}")]
    UnknownFunction(String),
    #[error("there is no function {asked}; did you mean {meant}?")]
    MisspeltFunction { asked: String, meant: &'static str },
    #[error("comparisons stand only as the condition of IIF and in CBool")]
    ComparisonHere,
    #[error("{function} takes {takes}, not {given} arguments")]
    WrongArity { function: &'static str, takes: String, given: usize },
    #[error("{function} needs its argument {argument}")]
    MissingArgument { function: &'static str, argument: usize },
    #[error("Switch takes a source, a default and pairs of key and value; a value is missing here")]
    OddSwitch,
    #[error("SelectUniqueValue stands outermost, in no other function")]
    NestedSelectUniqueValue,
    #[error("vbTextCompare and vbBinaryCompare stand only as the last argument of InStr")]
    CompareTypeHere,

    // Regular expressions.
    #[error("this regular expression is refused: {0}")]
    Pattern(String),
    #[error("an expression has {} regular expressions at most", limits::PATTERNS)]
    TooManyPatterns,
    #[error("the regular expression has no group named {0}")]
    UnknownGroup(String),
    #[error("the group {0} cannot be used: it stands in a look-behind or a negative look-around")]
    UnreachableGroup(String),
    #[error(
        "the regular expression is catastrophic: it was given up after {} steps back",
        limits::BACKTRACKS
    )]
    Catastrophic,
    #[error("the regular expressions are tried more than {} times in all", limits::SEARCHES)]
    TooManySearches,
    #[error("a regular expression is tried on texts of {} bytes at most", limits::SUBJECT_BYTES)]
    SubjectTooLong,
    #[error("whether `{0}` matches without regard to case depends on the language of Entra's server")]
    CaseDependsOnServer(char),

    // Evaluation.
    #[error("{function} wants one value here, and got {got}")]
    NotOneValue { function: &'static str, got: &'static str },
    #[error("{function} wants a whole number here, not {got:?}")]
    NotANumber { function: &'static str, got: String },
    #[error("{function} wants True or False here, not {got:?}")]
    NotABool { function: &'static str, got: String },
    #[error("{function} counts from 1, and got {got}")]
    BelowOne { function: &'static str, got: i64 },
    #[error("a length is not negative; this one is {0}")]
    NegativeLength(i64),
    #[error("the list has {has} items, and item {asked} is asked for")]
    NoSuchItem { asked: i64, has: usize },
    #[error("this would cut a character in two that counts as two in Entra")]
    HalfCharacter,
    #[error("the order of {0:?} and {1:?} depends on the language of Entra's server")]
    OrderDependsOnServer(String, String),
    #[error("{0:?} is no language whose upper and lower case is known here; leave the argument out")]
    UnknownCulture(String),
    #[error("{0:?} is no date in a form that is understood here, as 2026-02-28T10:15:00+01:00 is")]
    NotADate(String),
    #[error("{0:?} is no interval; there are yyyy, m, d, ww, h, n and s")]
    UnknownInterval(String),
    #[error("the date lies outside of the years 1 to 9999")]
    DateOutOfRange,
    #[error("the date format is refused: {0}")]
    DateFormat(String),
    #[error("{text:?} does not have the format {format:?}")]
    DateMismatch { text: String, format: String },
    #[error("several roles are assigned; SingleAppRoleAssignment takes exactly one")]
    SeveralRoles,
    #[error("all values that SelectUniqueValue would choose from are taken or empty")]
    AllTaken,
    #[error("the random string cannot have this length and these parts: {0}")]
    RandomString(&'static str),
    #[error("{function} needs {needs}, which there is none of here")]
    NeedsWorld { function: &'static str, needs: &'static str },
    #[error("a text has {} bytes at most on the way and at the end", limits::TEXT_BYTES)]
    TextTooLong,
    #[error("a list has {} items at most", limits::LIST_ITEMS)]
    ListTooLong,
    #[error("this is more work than an evaluation may be")]
    TooMuchWork,

    // Name mappings.
    #[error("{0} gives another value each time, and a name must follow from the attributes alone")]
    NotDeterministic(&'static str),
    #[error("in a name mapping, a regular expression is written out in quotation marks")]
    PatternNotConstant,
    #[error("{0} gives no single text, and a name is one")]
    NotAName(&'static str),
    #[error(
        "Entra decides nothing by {0} in the condition of IIF where the attribute is absent or empty; write \
         Switch([attribute], otherwise, \"\", when it is absent), or Coalesce"
    )]
    PresenceInIif(&'static str),
    #[error("a name mapping reads at least one attribute; this one gives everybody the same name")]
    NameWithoutAttributes,
}
