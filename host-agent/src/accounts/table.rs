/// One of passwd, group, shadow and gshadow: lines of bytes, each kept as it stands.
///
/// Comments, NIS lines, rows that do not parse and text that is not UTF-8 belong to somebody else and survive.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Table {
    lines: Vec<Vec<u8>>,
}

impl Table {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        // What follows the last newline is a line only when it holds something.
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        Self { lines }
    }

    /// Every line ended by a newline, also the last.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.lines.iter().map(|line| line.len() + 1).sum());
        for line in &self.lines {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        bytes
    }

    pub(crate) fn lines(&self) -> &[Vec<u8>] {
        &self.lines
    }

    /// The rows: lines that libc reads as an entry of this database.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.lines.iter().enumerate().filter_map(|(line, bytes)| Row::parse(line, bytes))
    }

    pub(crate) fn replace(&mut self, line: usize, bytes: Vec<u8>) {
        if let Some(place) = self.lines.get_mut(line) {
            *place = bytes;
        }
    }

    /// Adds rows after the last one, but before the NIS lines: libc stops being local there.
    pub(crate) fn insert(&mut self, rows: Vec<Vec<u8>>) {
        let nis = |line: &Vec<u8>| matches!(line.first(), Some(b'+' | b'-'));
        let place = self.lines.iter().position(nis).unwrap_or(self.lines.len());
        self.lines.splice(place..place, rows);
    }

    /// `gone` in ascending order.
    pub(crate) fn remove(&mut self, gone: &[usize]) {
        let mut line = 0;
        self.lines.retain(|_| {
            let keep = gone.binary_search(&line).is_err();
            line += 1;
            keep
        });
    }
}

/// One entry; where it stands and its fields.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    /// White space before the name, which libc skips.
    indent: &'a [u8],
    fields: Vec<&'a [u8]>,
}

impl<'a> Row<'a> {
    /// `None` for comments, empty lines, NIS lines and lines without a name.
    fn parse(line: usize, bytes: &'a [u8]) -> Option<Self> {
        let start = bytes.len() - bytes.trim_ascii_start().len();
        let (indent, bytes) = bytes.split_at(start);
        if matches!(bytes.first(), None | Some(b'#' | b'+' | b'-' | b':')) || !bytes.contains(&b':') {
            return None;
        }
        Some(Self { line, indent, fields: bytes.split(|&byte| byte == b':').collect() })
    }

    pub(crate) fn name(&self) -> &'a [u8] {
        self.field(0)
    }

    /// An absent field is an empty one.
    pub(crate) fn field(&self, index: usize) -> &'a [u8] {
        self.fields.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn number(&self, index: usize) -> Option<u32> {
        std::str::from_utf8(self.field(index)).ok()?.trim().parse().ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The row with one field changed; missing fields before it become empty.
    pub(crate) fn with(&self, index: usize, value: &[u8], length: usize) -> Vec<u8> {
        let mut fields = self.fields.clone();
        fields.resize(fields.len().max(length).max(index + 1), b"");
        if let Some(field) = fields.get_mut(index) {
            *field = value;
        }
        [self.indent, &fields.join(&b':')].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_what_libc_reads() {
        let table =
            Table::parse(b"# comment\n\nroot:x:0:0\n  led:x:5:5\n+nis:::\n-nis\n:x:1\nnocolon\n\xff:x:7\n");
        let names: Vec<&[u8]> = table.rows().map(|row| row.name()).collect();
        assert_eq!(names, [&b"root"[..], b"led", b"\xff"]);
    }

    #[test]
    fn new_rows_stand_before_the_nis_lines() {
        let mut table = Table::parse(b"root:x\n+@netgroup:x\n+::::::\n");
        table.insert(vec![b"new:x".to_vec()]);
        assert_eq!(table.to_bytes(), b"root:x\nnew:x\n+@netgroup:x\n+::::::\n");
    }

    #[test]
    fn a_missing_last_newline_is_supplied() {
        assert_eq!(Table::parse(b"root:x").to_bytes(), b"root:x\n");
        assert_eq!(Table::parse(b"").to_bytes(), b"");
    }

    #[test]
    fn a_short_row_is_filled_up() {
        let table = Table::parse(b"ada:*:1");
        let row = table.rows().next().unwrap();
        assert_eq!(row.with(7, b"1", 9), b"ada:*:1:::::1:");
        let indented = Table::parse(b"  ops:x:5:");
        assert_eq!(indented.rows().next().unwrap().with(3, b"ada", 4), b"  ops:x:5:ada");
    }

    proptest! {
        #[test]
        fn any_bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut expected = bytes.clone();
            if !expected.is_empty() && expected.last() != Some(&b'\n') {
                expected.push(b'\n');
            }
            prop_assert_eq!(Table::parse(&bytes).to_bytes(), expected);
        }
    }
}
