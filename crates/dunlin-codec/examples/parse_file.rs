//! Parses the pipelined requests in a file, bodies included, up to the first that is refused.
//! Run `cargo run -p dunlin-codec --example parse_file -- FILE`.
use dunlin_codec::{BodyDecoder, BodyEvent, HeadDecoder, Limits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::fs::read(std::env::args_os().nth(1).ok_or("FILE is missing")?)?;
    let mut input = &file[..];
    parse(&mut input).map_err(|(within, why, status)| {
        let at = file.len() - input.len() + within;
        format!("at byte {at} of the file: {why}; answer {status} and close the connection").into()
    })
}

pub(crate) fn parse(input: &mut &[u8]) -> Result<(), (usize, String, u16)> {
    let (mut heads, limits) = (HeadDecoder::new(), Limits::default());
    let head_error = |e: dunlin_codec::HeadError| (e.at().unwrap_or(0), e.to_string(), e.status());
    while let Some((head, facts)) = heads.decode(input, &limits).map_err(head_error)? {
        println!("{} {}\n{:#?}", head.method(), head.target(), head.headers());
        let (mut body, mut len) = (BodyDecoder::of_request(&facts, &limits), 0);
        while !body.is_complete() {
            match body.decode(input).map_err(|e| (0, e.to_string(), e.status()))? {
                Some(BodyEvent::Data(data)) => len += data.len(),
                Some(other) => println!("{other:?}"),
                None => body.eof().map_err(|e| (input.len(), e.to_string(), e.status()))?,
            }
        }
        println!("{len} bytes of body");
    }
    if input.is_empty() { Ok(()) } else { Err((input.len(), "head cut".into(), 400)) }
}
