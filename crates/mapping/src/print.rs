//! Prints a tree so that parsing it gives the same tree.

use std::fmt;

use crate::ast::{Call, Kind, Node};

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Attribute(name) => write!(f, "[{name}]"),
            Kind::Text(text) => quoted(f, text),
            Kind::Number(number) => number.fmt(f),
            Kind::CompareType(compare) => f.write_str(compare.name()),
            Kind::Call(call) => call.fmt(f),
            Kind::Comparison(it) => write!(f, "{} {} {}", it.left, it.operator.sign(), it.right),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name())?;
        for (index, argument) in self.arguments.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if let Some(argument) = argument {
                argument.fmt(f)?;
            }
        }
        f.write_str(")")
    }
}

/// Every backslash is doubled: one before a quotation mark or another backslash would mean something else.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
