//! Every budget of this crate, and why it is what it is.

/// Characters of an expression: Entra's own limit.
pub const EXPRESSION_CHARS: usize = 10_000;

/// How deep calls may stand in one another. Parsing and evaluating use the stack; the longest chain that Microsoft
/// advises (IIF for OR) is one level for each alternative.
pub const NESTING: usize = 100;

/// Bytes of any text that is read or made on the way, and of a list's items together.
pub const TEXT_BYTES: usize = 64 * 1024;

/// Items of a list.
pub const LIST_ITEMS: usize = 4_096;

/// Bytes that one evaluation may make in all: what bounds its time.
pub const WORK_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of one regular expression.
pub const PATTERN_BYTES: usize = 2_048;

/// Regular expressions in one expression; each is compiled and kept.
pub const PATTERNS: usize = 64;

/// Bytes of a text that a regular expression is tried on. Names are short, and searches can be quadratic.
pub const SUBJECT_BYTES: usize = 1_024;

/// The largest count in `{n,m}`.
pub const REPETITIONS: u32 = 1_000;

/// How deep groups may stand in one another in a regular expression.
pub const GROUP_NESTING: usize = 50;

/// Steps back that one search of a regular expression may take.
pub const BACKTRACKS: usize = 25_000;

/// Searches of regular expressions in one evaluation.
pub const SEARCHES: usize = 4_096;

/// Bytes that one compiled regular expression may take.
pub const COMPILED_BYTES: usize = 2 * 1024 * 1024;

/// Characters of `RandomString`: Entra's own limit.
pub const RANDOM_CHARS: usize = 256;
