//! The numbers of OpenSSH's krl.h.

pub(crate) const MAGIC: &[u8; 8] = b"SSHKRL\n\0";
pub(crate) const FORMAT_VERSION: u32 = 1;

pub(crate) const SECTION_CERTIFICATES: u8 = 0x01;
pub(crate) const SERIAL_LIST: u8 = 0x20;
pub(crate) const SERIAL_RANGE: u8 = 0x21;
