//! Where a chunked body ends (RFC 9112, section 7.1), of the plainest kind alone: no extensions, no trailers, every
//! line with CR and LF. Of these there are no two opinions.

/// More digits than a chunk of ours could have, and fewer than a number could not hold.
const DIGITS: u8 = 8;

/// A place in a chunked body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chunks {
    Size { digits: u8, size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    LastCr,
    LastLf,
}

/// How far some bytes lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// They belong to the body, and more does.
    On(Chunks),
    /// The body ends behind so many of them.
    End(usize),
    /// This body is not of the plain kind.
    Lost,
}

impl Chunks {
    pub(super) const START: Self = Self::Size { digits: 0, size: 0 };

    pub(super) fn walk(mut self, bytes: &[u8]) -> Way {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if let Self::Data { left } = self {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += most;
                let left = left - u64::try_from(most).unwrap_or(left);
                self = if left == 0 { Self::DataCr } else { Self::Data { left } };
                continue;
            }
            at += 1;
            self = match (self, byte) {
                (Self::LastLf, b'\n') => return Way::End(at),
                (Self::Size { digits, size }, _) if byte.is_ascii_hexdigit() && digits < DIGITS => {
                    let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                    Self::Size { digits: digits + 1, size: size * 16 + digit }
                }
                (Self::Size { digits: 1.., size }, b'\r') => Self::SizeLf { size },
                (Self::SizeLf { size: 0 }, b'\n') => Self::LastCr,
                (Self::SizeLf { size }, b'\n') => Self::Data { left: size },
                (Self::DataCr, b'\r') => Self::DataLf,
                (Self::DataLf, b'\n') => Self::START,
                (Self::LastCr, b'\r') => Self::LastLf,
                _ => return Way::Lost,
            };
        }
        Way::On(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        let body = b"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n";
        let after = [&body[..], b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(Chunks::START.walk(&after), Way::End(body.len()));
        for cut in 1..body.len() {
            let Way::On(place) = Chunks::START.walk(&body[..cut]) else { panic!("{cut}") };
            assert_eq!(place.walk(&after[cut..]), Way::End(body.len() - cut), "{cut}");
        }
    }

    #[test]
    fn what_two_could_read_differently_is_not_read() {
        for body in [
            "5;ext=1\r\nhello\r\n",
            "5 \r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5\nhello\r\n",
            "5\r\nhello\n",
            "5\r\nhelloX",
            "0x5\r\nhello\r\n",
            "+5\r\nhello\r\n",
            "-1\r\n",
            "\r\n",
            "g\r\n",
            "000000005\r\nhello\r\n",
            "ffffffffffffffff1\r\n",
            "0\r\nTrailer: x\r\n\r\n",
            "0\n\n",
            "0\r\n\n",
        ] {
            assert_eq!(Chunks::START.walk(body.as_bytes()), Way::Lost, "{body:?}");
        }
    }
}
