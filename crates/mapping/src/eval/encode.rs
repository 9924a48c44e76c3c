//! `ConvertToBase64` and `ConvertToUTF8Hex`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Evaluated, Evaluation, Got, null, text};
use crate::ast::Call;
use crate::function::Function;

impl<'a> Evaluation<'a, '_> {
    pub(super) fn encode(&mut self, call: &'a Call) -> Evaluated<Got<'a>> {
        let Some(source) = self.text(call, 0)? else { return Ok(null()) };
        Ok(text(match call.function {
            Function::ConvertToBase64 => {
                let units: Vec<u8> = source.encode_utf16().flat_map(u16::to_le_bytes).collect();
                STANDARD.encode(units)
            }
            _ => source.bytes().fold(String::with_capacity(source.len() * 2), |mut hex, byte| {
                let written = write!(hex, "{byte:02X}");
                debug_assert!(written.is_ok(), "a String takes everything");
                hex
            }),
        }))
    }
}
