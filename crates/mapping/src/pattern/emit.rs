//! Writes a tree in the syntax of fancy-regex.

use super::class::{WORD_AT_BOUNDARY, escaped};
use super::tree::{Assertion, Look, Regex, Repeat};

/// What is written, and the place of each group in it: `None` for those that cannot be asked afterwards.
pub(super) struct Emitted {
    pub(super) text: String,
    pub(super) indices: Vec<Option<usize>>,
}

/// `references` gives, for each reference in order, the group it means.
pub(super) fn emit(regex: &Regex, groups: usize, references: &[usize]) -> Emitted {
    let mut writer = Writer {
        out: Emitted { text: String::new(), indices: vec![None; groups] },
        next_index: 1,
        hidden: 0,
        references: references.iter(),
    };
    writer.write(regex);
    writer.out
}

struct Writer<'r> {
    out: Emitted,
    next_index: usize,
    /// Inside how many look-arounds that keep no captures.
    hidden: usize,
    references: std::slice::Iter<'r, usize>,
}

impl Writer<'_> {
    fn write(&mut self, regex: &Regex) {
        match regex {
            Regex::Empty => {}
            Regex::Char(c) => self.push(&escaped(*c)),
            Regex::Set(set) => set.write(&mut self.out.text),
            Regex::Any { line_feed: true } => self.push("(?s:.)"),
            Regex::Any { line_feed: false } => self.push("."),
            Regex::Assertion(assertion) => self.push(&assertion.text()),
            Regex::Group(group, body) => self.group(*group, body),
            Regex::Plain(body) => self.wrapped("(?:", body),
            Regex::Atomic(body) => self.wrapped("(?>", body),
            Regex::Look(look, body) => self.look(*look, body),
            Regex::Reference => self.reference(),
            Regex::Sequence(parts) => parts.iter().for_each(|part| self.write(part)),
            Regex::Alternatives(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    self.push(if index > 0 { "|" } else { "" });
                    self.write(branch);
                }
            }
            Regex::Repeat(repeat, body) => {
                self.write(body);
                self.push(&repeat.text());
            }
        }
    }

    /// .NET matches a look-behind from right to left, which changes what its groups capture; there, and where a
    /// negative look-around captures nothing anyway, groups only group.
    fn group(&mut self, group: usize, body: &Regex) {
        if self.hidden > 0 {
            return self.wrapped("(?:", body);
        }
        if let Some(index) = self.out.indices.get_mut(group) {
            *index = Some(self.next_index);
        }
        self.next_index += 1;
        self.wrapped("(", body);
    }

    fn look(&mut self, look: Look, body: &Regex) {
        let hides = usize::from(look.behind || look.negative);
        self.hidden += hides;
        let (behind, sign) = (if look.behind { "<" } else { "" }, if look.negative { "!" } else { "=" });
        self.wrapped(&format!("(?{behind}{sign}"), body);
        self.hidden -= hides;
    }

    fn reference(&mut self) {
        let group = self.references.next().and_then(|group| self.out.indices.get(*group));
        // Resolving has refused references to groups that are not written yet or hidden.
        let Some(Some(index)) = group else { return self.push(r"(?!)") };
        let text = format!(r"(?:\{index})");
        self.push(&text);
    }

    fn wrapped(&mut self, open: &str, body: &Regex) {
        self.push(open);
        self.write(body);
        self.push(")");
    }

    fn push(&mut self, text: &str) {
        self.out.text.push_str(text);
    }
}

impl Assertion {
    fn text(self) -> String {
        match self {
            Self::Start => r"\A".to_owned(),
            Self::LineStart => "(?m:^)".to_owned(),
            Self::End => r"\z".to_owned(),
            Self::EndOrLastLine => r"(?=\x{A}?\z)".to_owned(),
            Self::LineEnd => "(?m:$)".to_owned(),
            Self::Boundary => format!(
                "(?:(?<=[{WORD_AT_BOUNDARY}])(?![{WORD_AT_BOUNDARY}])|(?<![{WORD_AT_BOUNDARY}])(?=[{WORD_AT_BOUNDARY}]))"
            ),
            Self::NoBoundary => format!(
                "(?:(?<=[{WORD_AT_BOUNDARY}])(?=[{WORD_AT_BOUNDARY}])|(?<![{WORD_AT_BOUNDARY}])(?![{WORD_AT_BOUNDARY}]))"
            ),
        }
    }
}

impl Repeat {
    fn text(self) -> String {
        let lazy = if self.lazy { "?" } else { "" };
        match (self.min, self.max) {
            (0, None) => format!("*{lazy}"),
            (1, None) => format!("+{lazy}"),
            (0, Some(1)) => format!("?{lazy}"),
            (min, None) => format!("{{{min},}}{lazy}"),
            (min, Some(max)) => format!("{{{min},{max}}}{lazy}"),
        }
    }
}
