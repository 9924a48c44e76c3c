//! One request line, as bytes.

use sallyport_protocol::path;

use super::Unreadable;

/// Of a line, its end included. With the headers it has to fit into what hyper reads at most.
pub(super) const LONGEST: usize = 24 * 1024;
const END: &[u8] = b" HTTP/1.1\r\n";
/// What a line ends with, as far as every version has it.
const VERSION: &[u8] = b" HTTP/";
const LONGEST_METHOD: usize = 16;
/// What stands between the path of SCIM and anything else.
const BELOW: &[u8] = b"/scim/";

/// What becomes of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It passes as it is: it is right, or another's to refuse.
    Same,
    /// This goes on in its place, and means the same.
    Repaired(Vec<u8>),
    /// This goes on in its place, with nothing of the address, and is answered with a refusal.
    Replaced(Vec<u8>, Unreadable),
}

/// Looks at a whole line, its end included.
pub(super) fn repair(line: &[u8]) -> Outcome {
    let Some(method) = method(line) else { return Outcome::Same };
    if line.len() > LONGEST {
        return replaced(method, Unreadable::TooLong);
    }
    let Some(target) = target(method, line) else { return Outcome::Same };
    if has_a_doubtful_space(target) {
        return replaced(method, Unreadable::Space);
    }
    let mark = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let is_strange = |at: usize, byte: u8| is_strange(byte, at > mark);
    if !target.iter().enumerate().any(|(at, byte)| is_strange(at, *byte)) {
        return Outcome::Same;
    }
    let mut repaired = method.to_vec();
    for (at, byte) in target.iter().enumerate() {
        if is_strange(at, *byte) {
            repaired.extend(format!("%{byte:02X}").bytes());
        } else {
            repaired.push(*byte);
        }
    }
    repaired.extend(END);
    if repaired.len() > LONGEST { replaced(method, Unreadable::TooLong) } else { Outcome::Repaired(repaired) }
}

/// The line that stands for one whose address is nothing that could be served: the method stays, because it decides
/// how what follows is read.
pub(super) fn replaced(method: &[u8], why: Unreadable) -> Outcome {
    Outcome::Replaced([method, path::SCIM.as_bytes(), b"/", END].concat(), why)
}

/// The method with the space behind it, where this much of a line is, or may become, one for SCIM.
pub(super) fn method(line: &[u8]) -> Option<&[u8]> {
    let length = line.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    if length > LONGEST_METHOD || (length == 0 && !line.is_empty()) {
        return None;
    }
    let Some((space, rest)) = line.get(length..).and_then(<[u8]>::split_first) else { return Some(line) };
    let agree = rest.iter().zip(BELOW).all(|(byte, wanted)| byte == wanted);
    (*space == b' ' && agree).then(|| &line[..=length])
}

/// The target of a line for SCIM that is nothing worse than badly written.
fn target<'a>(method: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    let target = line.strip_suffix(END)?.get(method.len()..)?;
    // Whatever else stands in it, hyper has to judge.
    (target.starts_with(BELOW) && !target.iter().any(u8::is_ascii_control)).then_some(target)
}

/// Whoever ends an address at its first space still sees the same path, where that space stands behind the question
/// mark, and behind the path that flags may put there. Where what follows looks like the end of a line, even that is not
/// sure.
fn has_a_doubtful_space(target: &[u8]) -> bool {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let says_what = if is_root(path) { behind_flags(target, path.len()) } else { path };
    says_what.contains(&b' ') || target.windows(VERSION.len()).any(|part| part.eq_ignore_ascii_case(VERSION))
}

fn is_root(path: &[u8]) -> bool {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    path.get(..end) == Some(path::SCIM.as_bytes())
}

/// The target up to the end of a path that stands in its query (`/?flag/Users/ID?filter=…`); all of it where none does.
fn behind_flags(target: &[u8], mark: usize) -> &[u8] {
    let slash = target.iter().skip(mark).position(|byte| *byte == b'/').map(|at| mark + at);
    let end = slash.and_then(|slash| {
        let query = target.iter().skip(slash).position(|byte| matches!(byte, b'?' | b'&'));
        query.map(|at| slash + at)
    });
    target.get(..end.unwrap_or(target.len())).unwrap_or(target)
}

/// What no address has (RFC 3986, section 2) and clients write all the same. A request has no fragment (RFC 9112,
/// section 3.2): behind the question mark a `#` is one of a value's own, as in the names of guests.
fn is_strange(byte: u8, in_query: bool) -> bool {
    match byte {
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => true,
        b'#' | b' ' => in_query,
        _ => !byte.is_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(line: &str) -> Option<String> {
        match repair(line.as_bytes()) {
            Outcome::Same => None,
            Outcome::Repaired(line) => Some(String::from_utf8(line).unwrap()),
            Outcome::Replaced(line, why) => panic!("{why:?}: {}", String::from_utf8_lossy(&line)),
        }
    }

    #[test]
    fn what_no_address_has_is_encoded() {
        for (written, read) in [
            (
                "/scim/v2/Users?filter=userName+eq+\"mara@contoso.test\"",
                "/scim/v2/Users?filter=userName+eq+%22mara@contoso.test%22",
            ),
            (
                "/scim/v2/Groups?filter=a<b>c\\d^e`f{g|h}",
                "/scim/v2/Groups?filter=a%3Cb%3Ec%5Cd%5Ee%60f%7Bg%7Ch%7D",
            ),
            (
                "/scim/v2/Users?filter=userName+eq+\"a#EXT#@b\"",
                "/scim/v2/Users?filter=userName+eq+%22a%23EXT%23@b%22",
            ),
            ("/scim/v2/Users/\"x\"", "/scim/v2/Users/%22x%22"),
            (
                "/scim/v2/?aadOptscim062020/Users?filter=userName eq \"a\"",
                "/scim/v2/?aadOptscim062020/Users?filter=userName%20eq%20%22a%22",
            ),
            (
                "/scim/v2/Users?filter=userName eq \"a  b\" ",
                "/scim/v2/Users?filter=userName%20eq%20%22a%20%20b%22%20",
            ),
            (
                "/scim/v2/Groups?filter=displayName+eq+\"Gr\u{fc}n\"",
                "/scim/v2/Groups?filter=displayName+eq+%22Gr%C3%BCn%22",
            ),
        ] {
            let line = |target: &str| format!("GET {target} HTTP/1.1\r\n");
            assert_eq!(repaired(&line(written)), Some(line(read)));
            assert_eq!(repaired(&line(read)), None, "once is enough");
        }
    }

    #[test]
    fn other_lines_pass_as_they_are() {
        for line in [
            "GET /scim/v2/Users?filter=userName+eq+%22a%22 HTTP/1.1\r\n",
            "GET /scim/v2/Users#frag HTTP/1.1\r\n",
            "GET /v1/hosts/self/snapshot?after=\"1\" HTTP/1.1\r\n",
            "GET /scim/v2/Users?a=\"b\" HTTP/1.0\r\n",
            "GET /scim/v2/Users?a=\"b\" HTTP/1.1\n",
            "GET /scim/v2/Users?a=\"b\" http/1.1\r\n",
            "get /scim/v2/Users?a=\"b\" HTTP/1.1\r\n",
            "GET  /scim/v2/Users?a=\"b\" HTTP/1.1\r\n",
            "GET\t/scim/v2/Users?a=\"b\" HTTP/1.1\r\n",
            "GET /scim/v2/Users?a=\"b\"\tHTTP/1.1\r\n",
            "GET /scim/v2/Users?a=\"b\r\" HTTP/1.1\r\n",
            "GET /scim/v2/Users?a=\"b\0\" HTTP/1.1\r\n",
            "GET http://ca/scim/v2/Users?a=\"b\" HTTP/1.1\r\n",
            "X-Header: \"value\" HTTP/1.1\r\n",
            "\r\n",
            "\n",
            "",
        ] {
            assert_eq!(repaired(line), None, "{line:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_replaced_and_keeps_its_method() {
        let long = format!("POST /scim/v2/Users?filter={} HTTP/1.1\r\n", "x".repeat(LONGEST));
        let growing = format!("PUT /scim/v2/Users?filter={} HTTP/1.1\r\n", "\"".repeat(LONGEST / 2));
        for (line, method, why) in [
            ("DELETE /scim/v2/Users/a b?c HTTP/1.1\r\n", "DELETE", Unreadable::Space),
            ("GET /scim/v2/Users ?c HTTP/1.1\r\n", "GET", Unreadable::Space),
            ("DELETE /scim/v2/?a &aadOptscim062020/Users/01J HTTP/1.1\r\n", "DELETE", Unreadable::Space),
            ("DELETE /scim/v2?aadOptscim062020/Users/01 J HTTP/1.1\r\n", "DELETE", Unreadable::Space),
            ("GET /scim/v2/?filter=a eq b HTTP/1.1\r\n", "GET", Unreadable::Space),
            ("GET /scim/v2/Users?a HTTP/1.1 HTTP/1.1\r\n", "GET", Unreadable::Space),
            ("GET /scim/v2/Users?a http/2 b HTTP/1.1\r\n", "GET", Unreadable::Space),
            (long.as_str(), "POST", Unreadable::TooLong),
            (growing.as_str(), "PUT", Unreadable::TooLong),
        ] {
            let stand_in = format!("{method} /scim/v2/ HTTP/1.1\r\n").into_bytes();
            assert_eq!(repair(line.as_bytes()), Outcome::Replaced(stand_in, why));
        }
    }

    #[test]
    fn the_beginning_of_a_line_tells_whose_it_is() {
        for ours in ["", "G", "GET", "GET ", "GET /sc", "DELETE /scim/", "PATCH /scim/v2/Users?x=\""] {
            assert!(method(ours.as_bytes()).is_some(), "{ours}");
        }
        for others in
            ["g", " ", "GET  ", "GET /v1", "GET /scim-", "\r\n", "\u{16}\u{3}\u{1}", "ABCDEFGHIJKLMNOPQ"]
        {
            assert!(method(others.as_bytes()).is_none(), "{others}");
        }
    }
}
