//! .NET's regular expressions on fancy-regex: what both read alike is handed over, what they read differently is
//! written differently for one of them, and the rest is refused by name.

mod class;
mod emit;
mod parse;
mod search;
mod substitute;
mod tree;
mod units;

use std::fmt;

use fancy_regex::RegexBuilder;

use crate::error::Problem;
use crate::limits;
use parse::find_group;
use tree::{GroupName, Regex};

pub(crate) use search::{Budget, Out};
pub(crate) use units::{narrowed, widened};

/// A compiled regular expression.
#[derive(Clone)]
pub(crate) struct Pattern {
    source: String,
    regex: fancy_regex::Regex,
    groups: Vec<GroupName>,
    /// Where the engine has each group; `None` for those that cannot be asked.
    indices: Vec<Option<usize>>,
    ignores_case: bool,
}

/// A group as the engine counts them; 0 is the whole match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Group(usize);

impl Group {
    const WHOLE: Self = Self(0);
}

impl Pattern {
    pub(crate) fn compile(source: &str) -> Result<Self, Problem> {
        if source.len() > limits::PATTERN_BYTES {
            let longest = limits::PATTERN_BYTES;
            return Err(Problem::Pattern(format!("it is longer than {longest} bytes")));
        }
        let parsed = parse::parse(&widened(source)).map_err(|refusal| Problem::Pattern(refusal.text()))?;
        let mut emitted = emit::emit(&parsed.regex, parsed.groups.len(), &parsed.references);
        // A group around everything is the whole match, which the engine finds faster.
        if let Regex::Group(outermost, _) = parsed.regex
            && let Some(index) = emitted.indices.get_mut(outermost)
        {
            *index = Some(0);
        }
        let built = RegexBuilder::new(&emitted.text)
            .backtrack_limit(limits::BACKTRACKS)
            .delegate_size_limit(limits::COMPILED_BYTES)
            .delegate_dfa_size_limit(limits::COMPILED_BYTES)
            .max_prog_size(limits::COMPILED_BYTES / 64)
            .build();
        let regex = built
            .map_err(|_| Problem::Pattern("it is too large, or too complicated a look-behind".to_owned()))?;
        Ok(Self {
            source: source.to_owned(),
            regex,
            groups: parsed.groups,
            indices: emitted.indices,
            ignores_case: parsed.ignores_case,
        })
    }

    /// The group of this name. The name of an unnamed group is its number, and that of a whole match is 0.
    pub(crate) fn named_group(&self, name: &str) -> Result<Group, Problem> {
        self.found(name, self.groups.iter().position(|group| group.is(name)))
    }

    /// The group that a replacement text means: named groups have numbers too.
    fn referred_group(&self, name: &str) -> Result<Group, Problem> {
        self.found(name, find_group(&self.groups, &GroupName::read(name)))
    }

    fn found(&self, name: &str, place: Option<usize>) -> Result<Group, Problem> {
        let shown = || name.chars().take(64).collect();
        let Some(place) = place else {
            let whole = GroupName::read(name) == GroupName::Number(0);
            return if whole { Ok(Group::WHOLE) } else { Err(Problem::UnknownGroup(shown())) };
        };
        let index = self.indices.get(place).copied().flatten();
        index.map(Group).ok_or_else(|| Problem::UnreachableGroup(shown()))
    }

    /// The group with the highest number, which `$+` means: the last named one, else the last unnamed one.
    fn last_group(&self) -> Result<Group, Problem> {
        match self.groups.len() {
            0 => Ok(Group::WHOLE),
            count => self.referred_group(&count.to_string()),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}
