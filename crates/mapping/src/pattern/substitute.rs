//! The text with which `Regex.Replace` replaces: `$1`, `${name}`, `$&` and so on, as .NET reads them.

use super::search::{Found, Out};
use super::{Group, Pattern};
use crate::error::Problem;

#[derive(Debug)]
pub(super) struct Template<'t>(Vec<Piece<'t>>);

#[derive(Debug)]
enum Piece<'t> {
    Text(&'t str),
    Group(Group),
    /// All before the match.
    Before,
    /// All behind it.
    Behind,
    /// All.
    Subject,
}

impl<'t> Template<'t> {
    pub(super) fn read(mut text: &'t str, pattern: &Pattern) -> Result<Self, Problem> {
        let mut pieces = Vec::new();
        while let Some(dollar) = text.find('$') {
            let (before, after) = text.split_at(dollar);
            let (piece, rest) =
                substitution(&after[1..], pattern)?.unwrap_or((Piece::Text("$"), &after[1..]));
            pieces.extend([Piece::Text(before), piece]);
            text = rest;
        }
        pieces.push(Piece::Text(text));
        pieces.retain(|piece| !matches!(piece, Piece::Text("")));
        Ok(Self(pieces))
    }

    /// Whether it asks for more than the whole match.
    pub(super) fn groups(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Group(group) if *group != Group::WHOLE))
    }

    pub(super) fn write(&self, subject: &str, found: &Found<'_>, out: &mut Out) -> Result<(), Problem> {
        let whole = found.span(Group::WHOLE).unwrap_or_default();
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => out.push(text),
            Piece::Group(group) => out.push(found.span(*group).map_or("", |taken| &subject[taken])),
            Piece::Before => out.push(&subject[..whole.start]),
            Piece::Behind => out.push(&subject[whole.end..]),
            Piece::Subject => out.push(subject),
        })
    }
}

type Substitution<'t> = Option<(Piece<'t>, &'t str)>;

/// What follows a dollar sign, and the rest; `None` when the sign stands for itself.
fn substitution<'t>(text: &'t str, pattern: &Pattern) -> Result<Substitution<'t>, Problem> {
    let Some(sign) = text.chars().next() else { return Ok(None) };
    let single = match sign {
        '$' => Piece::Text("$"),
        '&' => Piece::Group(Group::WHOLE),
        '`' => Piece::Before,
        '\'' => Piece::Behind,
        '_' => Piece::Subject,
        '+' => Piece::Group(pattern.last_group()?),
        '{' => return braced(&text[1..], pattern),
        '0'..='9' => return numbered(text, pattern),
        _ => return Ok(None),
    };
    Ok(Some((single, &text[1..])))
}

/// `$12` is the group 12 or, if there is none, itself; `$1a` is the group 1 and a letter.
fn numbered<'t>(text: &'t str, pattern: &Pattern) -> Result<Substitution<'t>, Problem> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    Ok(known(name, pattern)?.map(|group| (Piece::Group(group), rest)))
}

/// What follows `${`. A name that no group has stands for itself.
fn braced<'t>(text: &'t str, pattern: &Pattern) -> Result<Substitution<'t>, Problem> {
    let Some((name, rest)) = text.split_once('}') else { return Ok(None) };
    Ok(known(name, pattern)?.map(|group| (Piece::Group(group), rest)))
}

fn known(name: &str, pattern: &Pattern) -> Result<Option<Group>, Problem> {
    match pattern.referred_group(name) {
        Ok(group) => Ok(Some(group)),
        Err(Problem::UnknownGroup(_)) => Ok(None),
        Err(problem) => Err(problem),
    }
}
