//! Reads events from NDJSON, line by line, or from one JSON array.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;

use super::unreadable;

/// Longest line that is read: the largest event with white space and escapes fits.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// Largest JSON array that is read, since it is read whole; NDJSON has no such limit.
const MAX_ARRAY_BYTES: u64 = 512 << 20;

/// One event of the input.
pub(super) struct Item {
    /// Its line, or its number in the array, counted from 1.
    pub(super) line: u64,
    /// Its text, or why it has none.
    pub(super) text: Result<String, String>,
    /// Its guid as far as a bad event shows one.
    pub(super) guid: Option<String>,
}

/// The input.
pub(super) struct Input {
    path: PathBuf,
    line: u64,
    source: Source,
}

enum Source {
    Lines(Box<dyn BufRead + Send>),
    Array(VecDeque<Box<RawValue>>),
}

impl Input {
    /// Opens a file, or standard input for `-`, and finds out which of the two forms it has.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let reader: Box<dyn BufRead + Send> = if path == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(File::open(path).map_err(|error| unreadable(path, &error))?))
        };
        let failed = |error| unreadable(path, &error);
        let mut reader = without_mark(reader).map_err(failed)?;
        let blank = skip_blank(reader.as_mut()).map_err(failed)?;
        let is_array = reader.fill_buf().map_err(failed)?.first() == Some(&b'[');
        if is_array {
            let source = Source::Array(read_array(path, reader)?);
            return Ok(Self { path: path.to_owned(), line: 0, source });
        }
        Ok(Self { path: path.to_owned(), line: blank, source: Source::Lines(reader) })
    }

    /// The next events, `count` at most, until their text has `bytes` bytes; none at the end. Empty lines are passed
    /// over.
    pub(super) fn next_batch(&mut self, count: usize, bytes: usize) -> anyhow::Result<Vec<Item>> {
        let mut items = Vec::with_capacity(count);
        let mut taken = 0;
        while items.len() < count && taken < bytes {
            let text = match &mut self.source {
                Source::Array(values) => values.pop_front().map(|value| Ok(value.get().to_owned())),
                Source::Lines(reader) => {
                    read_line(reader.as_mut()).map_err(|error| unreadable(&self.path, &error))?
                }
            };
            let Some(text) = text else { break };
            self.line += 1;
            if matches!(&text, Ok(text) if text.trim().is_empty()) {
                continue;
            }
            taken += text.as_ref().map_or(0, String::len);
            let guid = text.as_ref().ok().and_then(|text| guid_of(text));
            items.push(Item { line: self.line, text, guid });
        }
        Ok(items)
    }
}

/// The input without the byte order mark that some editors put before it.
fn without_mark(mut reader: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
    let mut start = Vec::with_capacity(MARK.len());
    reader.by_ref().take(3).read_to_end(&mut start)?;
    if start == MARK {
        start.clear();
    }
    Ok(Box::new(io::Cursor::new(start).chain(reader)))
}

/// Passes over the white space before the first value, however it arrives, and counts the lines that end in it.
fn skip_blank(reader: &mut (dyn BufRead + Send)) -> io::Result<u64> {
    let mut lines = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace());
        let (used, ended) =
            blank.fold((0, 0), |(used, ended), byte| (used + 1, ended + u64::from(*byte == b'\n')));
        let is_over = used < buffer.len() || buffer.is_empty();
        reader.consume(used);
        lines += ended;
        if is_over {
            return Ok(lines);
        }
    }
}

fn read_array(path: &Path, reader: Box<dyn BufRead + Send>) -> anyhow::Result<VecDeque<Box<RawValue>>> {
    let mut text = String::new();
    reader.take(MAX_ARRAY_BYTES).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(path, &error))
}

/// One line without its end; an error text for one that is too long or is not UTF-8; `None` at the end.
fn read_line(reader: &mut (dyn BufRead + Send)) -> io::Result<Option<Result<String, String>>> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if u64::try_from(read).is_ok_and(|read| read == MAX_LINE_BYTES) {
        skip_line(reader)?;
        return Ok(Some(Err(format!("the line is longer than {MAX_LINE_BYTES} bytes"))));
    }
    Ok(Some(String::from_utf8(bytes).map_err(|_| "the line is not UTF-8".to_owned())))
}

fn skip_line(reader: &mut (dyn BufRead + Send)) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let used = newline.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        if newline.is_some() {
            return Ok(());
        }
    }
}

/// The guid of an event that may be a bad one.
fn guid_of(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct OnlyGuid {
        guid: Option<String>,
    }
    serde_json::from_str::<OnlyGuid>(text).ok()?.guid
}
