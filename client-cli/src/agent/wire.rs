//! The messages of draft-miller-ssh-agent that we use, as bytes.

use std::io::{self, Read};

use ssh_key::private::Ed25519Keypair;

use crate::certificate::{Certificate, Reader};

/// `AGENT_MAX_LEN` in OpenSSH's ssh-agent.c: the length in an answer is the agent's word, not a reason to allocate.
const LONGEST: u32 = 256 * 1024;
/// More identities than any agent holds.
const MOST: u32 = 2048;

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const REMOVE_IDENTITY: u8 = 18;
const ADD_ID_CONSTRAINED: u8 = 25;
const CONSTRAIN_LIFETIME: u8 = 1;

pub(crate) fn request_identities() -> Vec<u8> {
    vec![0, 0, 0, 1, REQUEST_IDENTITIES]
}

/// Key and certificate in one identity; the agent itself forgets it after `lifetime` seconds.
pub(crate) fn add_certificate(
    certificate: &Certificate,
    key: &Ed25519Keypair,
    comment: &str,
    lifetime: u32,
) -> Option<Vec<u8>> {
    let mut body = vec![ADD_ID_CONSTRAINED];
    let public = key.public.as_ref().as_slice();
    for part in
        [certificate.algorithm.as_bytes(), &certificate.blob, public, &key.to_bytes(), comment.as_bytes()]
    {
        string(&mut body, part)?;
    }
    body.push(CONSTRAIN_LIFETIME);
    body.extend(lifetime.to_be_bytes());
    message(&body)
}

pub(crate) fn remove(blob: &[u8]) -> Option<Vec<u8>> {
    let mut body = vec![REMOVE_IDENTITY];
    string(&mut body, blob)?;
    message(&body)
}

/// The body of one message.
pub(crate) fn read_message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0u8; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer over 256 KiB"));
    }
    let mut body = Vec::new();
    stream.take(length.into()).read_to_end(&mut body)?;
    if u32::try_from(body.len()).is_ok_and(|read| read == length) {
        return Ok(body);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// The key blobs of an answer; `None` when it is another message or damaged.
pub(crate) fn identities(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = Reader::new(body);
    let (IDENTITIES_ANSWER, count @ 0..=MOST) = (reader.u8()?, reader.u32()?) else { return None };
    let blobs = (0..count)
        .map(|_| {
            let blob = reader.string()?.to_vec();
            let _comment = reader.string()?;
            Some(blob)
        })
        .collect::<Option<Vec<_>>>()?;
    (reader.left() == 0).then_some(blobs)
}

/// Whether the agent did it; `None` for any other message.
pub(crate) fn outcome(body: &[u8]) -> Option<bool> {
    match body.first() {
        Some(&SUCCESS) => Some(true),
        Some(&FAILURE) => Some(false),
        _ => None,
    }
}

fn string(body: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    body.extend(u32::try_from(bytes.len()).ok()?.to_be_bytes());
    body.extend_from_slice(bytes);
    Some(())
}

fn message(body: &[u8]) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    string(&mut message, body)?;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_lies_is_not_believed() {
        assert_eq!(read_message(&mut [0, 0, 0, 1, 6].as_slice()).unwrap(), [6]);
        let huge = read_message(&mut u32::MAX.to_be_bytes().as_slice()).unwrap_err();
        assert_eq!(huge.kind(), io::ErrorKind::InvalidData);
        let short = read_message(&mut [0, 0, 0, 9, 6].as_slice()).unwrap_err();
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn identities_are_read_whole_or_not_at_all() {
        let answer = b"\x0c\0\0\0\x02\0\0\0\x01a\0\0\0\x01x\0\0\0\x02bc\0\0\0\0";
        assert_eq!(identities(answer).unwrap(), [b"a".to_vec(), b"bc".to_vec()]);
        assert_eq!(identities(b"\x0c\0\0\0\0").unwrap().len(), 0);
        let hostile: [&[u8]; 5] = [
            b"",
            b"\x05",
            b"\x0c\xff\xff\xff\xff",
            b"\x0c\0\0\0\x01\0\0\0\x09a\0\0\0\0",
            b"\x0c\0\0\0\0surplus",
        ];
        for body in hostile {
            assert_eq!(identities(body), None, "{body:?}");
        }
    }

    #[test]
    fn other_answers_are_neither_yes_nor_no() {
        assert_eq!(
            [outcome(&[6]), outcome(&[5]), outcome(&[12]), outcome(&[])],
            [Some(true), Some(false), None, None]
        );
    }
}
