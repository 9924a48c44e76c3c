//! `Guid`, `Now` and `RandomString`: what a name must not be made of.

use rand::seq::SliceRandom as _;
use rand::{Rng as _, RngCore};

use super::arguments::at;
use super::{Evaluated, Evaluation, Got, text};
use crate::ast::{Call, Node};
use crate::dates;
use crate::error::{Fault, Problem};
use crate::limits;

const DIGITS: &str = "0123456789";
const SPECIAL: &str = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

impl<'a> Evaluation<'a, '_> {
    pub(super) fn now(&mut self, node: &Node) -> Evaluated<Got<'a>> {
        let needs = Problem::NeedsWorld { function: "Now", needs: "a clock" };
        let now = self.world.now.ok_or(Fault::new(node.offset, needs))?;
        dates::from_timestamp(now)
            .map(|date| text(dates::shown(date)))
            .map_err(|problem| Fault::new(node.offset, problem))
    }

    /// A version 4 UUID.
    pub(super) fn guid(&mut self, node: &Node) -> Evaluated<Got<'a>> {
        let random: u128 = self.random(node, "Guid")?.r#gen();
        let bits = (random & !(0xF000 << 64) & !(0b11 << 62)) | (0x4000 << 64) | (0b10 << 62);
        let hex = format!("{bits:032x}");
        Ok(text([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")))
    }

    pub(super) fn random_string(&mut self, node: &Node, call: &'a Call) -> Evaluated<Got<'a>> {
        let mut counts = [0; 5];
        for (index, count) in counts.iter_mut().enumerate() {
            let asked = self.needed_number(call, index)?;
            *count = usize::try_from(asked).map_err(|_| at(call, index, Problem::NegativeLength(asked)))?;
        }
        let avoid = self.text(call, 5)?.unwrap_or_default().into_owned();
        let random = self.random(node, "RandomString")?;
        random_string(random, counts, &avoid)
            .map(text)
            .map_err(|why| Fault::new(node.offset, Problem::RandomString(why)))
    }

    fn random(&mut self, node: &Node, function: &'static str) -> Evaluated<&mut dyn RngCore> {
        let problem = Problem::NeedsWorld { function, needs: "a source of random bytes" };
        match &mut self.world.random {
            Some(random) => Ok(&mut **random),
            None => Err(Fault::new(node.offset, problem)),
        }
    }
}

/// `counts` are the length and the fewest digits, special characters, capitals and small letters.
fn random_string(random: &mut dyn RngCore, counts: [usize; 5], avoid: &str) -> Result<String, &'static str> {
    let [length, parts @ ..] = counts;
    if length > limits::RANDOM_CHARS {
        return Err("256 characters is the most");
    }
    if parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(*part)).is_none_or(|sum| sum > length) {
        return Err("the parts are longer than the whole");
    }
    let kinds = [DIGITS, SPECIAL, CAPITALS, LOWER]
        .map(|kind| -> Vec<char> { kind.chars().filter(|c| !avoid.contains(*c)).collect() });
    let mut chosen = Vec::with_capacity(length);
    for (kind, count) in kinds.iter().zip(parts) {
        for _ in 0..count {
            chosen.push(*kind.choose(random).ok_or("all characters of a kind are to be avoided")?);
        }
    }
    // What nobody asked for is not put in: Microsoft's own example has no capital where it asks for none.
    let asked: Vec<char> =
        kinds.iter().zip(parts).filter(|(_, count)| *count > 0).flat_map(|(kind, _)| kind.clone()).collect();
    let fill = if asked.is_empty() { kinds.concat() } else { asked };
    while chosen.len() < length {
        chosen.push(*fill.choose(random).ok_or("all characters are to be avoided")?);
    }
    chosen.shuffle(random);
    Ok(chosen.into_iter().collect())
}
