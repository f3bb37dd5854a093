//! Reads the tables in `src/strictness.md`: each row is an input with the verdicts on it.

/// What an input is, and which question of it a table is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Request,
    /// The bytes of the target are everybody's, its form is not.
    Target,
    /// Rules for single fields, and bounds: who does not look has nothing to say.
    Meaning,
    Framing,
    Persistence,
    Expectation,
    Upgrade,
    Value,
    Response,
    ResponseFraming,
    /// What stands behind the head matters, and that nothing more comes.
    Cut,
    ChunkSize,
    Chunks,
    ChunkBounds,
    Trailers,
    TrailerNames,
    /// What a server's connection makes of them: how many it answers.
    Requests,
    /// What a client's connection makes of them, behind one request.
    Responses,
}

const KINDS: [(&str, Kind); 18] = [
    ("Request", Kind::Request),
    ("Request, by its target", Kind::Target),
    ("Request, by its meaning", Kind::Meaning),
    ("Request, by its framing", Kind::Framing),
    ("Request, by persistence", Kind::Persistence),
    ("Request, by expectation", Kind::Expectation),
    ("Request, by upgrade", Kind::Upgrade),
    ("Request, by the last value", Kind::Value),
    ("Response", Kind::Response),
    ("Response, by its framing", Kind::ResponseFraming),
    ("Response, then closed", Kind::Cut),
    ("Chunked body, by a size line", Kind::ChunkSize),
    ("Chunked body", Kind::Chunks),
    ("Chunked body, by bounds", Kind::ChunkBounds),
    ("Trailer section", Kind::Trailers),
    ("Trailer section, by what is handed out", Kind::TrailerNames),
    ("Requests on one connection", Kind::Requests),
    ("Responses on one connection", Kind::Responses),
];

pub(crate) struct Row {
    /// Line in the file, counted from 1.
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    /// The example as it stands in the table; its method in front where a response answers another
    /// than GET.
    pub(crate) example: String,
    pub(crate) method: String,
    pub(crate) wire: Vec<u8>,
    /// Where in `wire` the example starts.
    pub(crate) start: usize,
    /// Dunlin, httparse, llhttp, picohttpparser.
    pub(crate) verdicts: [String; 4],
}

pub(crate) fn rows(markdown: &str) -> Vec<Row> {
    let (mut rows, mut template) = (Vec::new(), None);
    for (i, text) in markdown.lines().enumerate() {
        if let Some((phrase, code)) = text.split_once(": `")
            && let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == phrase)
        {
            let code = code.strip_suffix('`').expect("a template is code to the line's end");
            template = Some((*kind, code.split_once('…').expect("a template has its place")));
        }
        let Some(cells) = cells(text) else { continue };
        let Some((kind, (before, after))) = template else { continue };
        let [rule, example, verdicts @ ..] = &cells[..] else { panic!("line {}: cells", i + 1) };
        if rule == "Rule" || rule.starts_with("---") {
            continue;
        }
        let verdicts = <[String; 4]>::try_from(verdicts.to_vec());
        let (method, example) = example.split_once('`').expect("an example is code");
        // Two marks, with blanks, where the example has one in it.
        let example = match example.strip_prefix("` ") {
            Some(marked) => marked.strip_suffix(" ``").expect("an example is closed"),
            None => example.strip_suffix('`').expect("an example is closed"),
        };
        let before = unescape(before);
        rows.push(Row {
            line: i + 1,
            kind,
            example: example.to_owned(),
            method: method.trim().to_owned(),
            start: before.len(),
            wire: [before, unescape(example), unescape(after)].concat(),
            verdicts: verdicts.unwrap_or_else(|_| panic!("line {}: not six cells", i + 1)),
        });
    }
    rows
}

/// Cells of a table's line; a bar that is none is escaped.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(inner.split(" | ").map(|cell| cell.replace("\\|", "|")).collect())
}

/// Bytes of a text with the escapes of Rust's byte strings, and `{x*3}` for `xxx`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (piece, len): (Vec<u8>, usize) = match (first, rest.as_bytes().get(1)) {
            ('\\', Some(b'r')) => (vec![b'\r'], 2),
            ('\\', Some(b'n')) => (vec![b'\n'], 2),
            ('\\', Some(b't')) => (vec![b'\t'], 2),
            ('\\', Some(b'0')) => (vec![0], 2),
            ('\\', Some(b'\\')) => (vec![b'\\'], 2),
            ('\\', Some(b'x')) => {
                (vec![u8::from_str_radix(&rest[2..4], 16).expect("two hex digits")], 4)
            }
            ('\\', _) => panic!("unknown escape in {text}"),
            ('{', _) => match repeated(rest) {
                Some(repeated) => repeated,
                None => (vec![b'{'], 1),
            },
            _ => (first.to_string().into_bytes(), first.len_utf8()),
        };
        bytes.extend(piece);
        rest = &rest[len..];
    }
    bytes
}

/// What `{x*3}` at the start of `text` stands for, and its length there.
fn repeated(text: &str) -> Option<(Vec<u8>, usize)> {
    let mut depth = 0usize;
    let closes = |&(_, mark): &(usize, char)| {
        match mark {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    let (end, _) = text.char_indices().find(closes)?;
    let inner = &text[1..end];
    let (what, times) = inner.rsplit_once('*')?;
    let times: String = times.chars().filter(|&digit| digit != ',').collect();
    Some((unescape(what).repeat(times.parse().ok()?), inner.len() + 2))
}
