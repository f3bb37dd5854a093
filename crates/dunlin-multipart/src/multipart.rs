//! Multipart bodies of any subtype, which may nest (RFC 2046 §5.1).

use dunlin_core::Body;
use http::HeaderValue;
use memchr::memmem;

use crate::boundary::{Boundary, is_token_byte};
use crate::part::{Content, Part, PartError};
use crate::writing::Layout;

/// A multipart body in the making.
///
/// ```
/// use dunlin_multipart::{Multipart, Part};
///
/// let inner = Multipart::alternative()
///     .part(Part::text("hello"))
///     .part(Part::text("<b>hello</b>").content_type("text/html"));
/// let mail = Multipart::mixed().part(Part::multipart(inner)).part(Part::bytes(&b"%PDF"[..]));
/// let content_type = mail.content_type();
/// let body = mail.into_body()?;
/// # assert!(content_type.to_str().unwrap().starts_with("multipart/mixed; boundary="));
/// # Ok::<(), dunlin_multipart::MultipartError>(())
/// ```
#[derive(Debug)]
pub struct Multipart {
    subtype: String,
    boundary: Boundary,
    /// Whether somebody chose the boundary. A random one is in a body by a chance of 2^-128; a
    /// chosen one may be anywhere, so that bytes at hand are searched for it.
    chosen: bool,
    /// Further parameters of the content type, each `; name=value`.
    parameters: String,
    parts: Vec<Part>,
}

impl Multipart {
    /// `multipart/mixed`: parts that belong together in no special way.
    pub fn mixed() -> Self {
        Self::of("mixed")
    }

    /// `multipart/alternative`: the same in several forms, the best last.
    pub fn alternative() -> Self {
        Self::of("alternative")
    }

    /// `multipart/related`: parts that refer to each other (RFC 2387). It wants a
    /// [`parameter`](Self::parameter) `type`, the content type of its root.
    pub fn related() -> Self {
        Self::of("related")
    }

    /// `multipart/form-data`, to which the rules of RFC 7578 apply; [`Form`](crate::Form) is this
    /// with shorter words.
    pub fn form_data() -> Self {
        Self::of("form-data")
    }

    /// Any other subtype.
    ///
    /// # Errors
    ///
    /// [`MultipartError::BadSubtype`] where it is not a token.
    pub fn with_subtype(subtype: &str) -> Result<Self, MultipartError> {
        match is_token(subtype) {
            true => Ok(Self::of(&subtype.to_ascii_lowercase())),
            false => Err(MultipartError::BadSubtype),
        }
    }

    fn of(subtype: &str) -> Self {
        Self {
            subtype: subtype.to_owned(),
            boundary: Boundary::random(),
            chosen: false,
            parameters: String::new(),
            parts: Vec::new(),
        }
    }

    /// Sets the boundary. Default: [`Boundary::random`].
    ///
    /// Bytes and text are searched for a boundary that is set, and refused where they hold it.
    /// Streams are not: whoever sets a boundary answers for those.
    pub fn boundary(mut self, boundary: Boundary) -> Self {
        self.boundary = boundary;
        self.chosen = true;
        self
    }

    /// Adds a parameter to the content type, such as `type` and `start` of `multipart/related`.
    ///
    /// # Errors
    ///
    /// [`MultipartError::BadParameter`] where the name is not a token or is `boundary`, or where the
    /// value has other characters than visible ASCII and spaces.
    pub fn parameter(mut self, name: &str, value: &str) -> Result<Self, MultipartError> {
        let printable = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !is_token(name) || name.eq_ignore_ascii_case("boundary") || !printable {
            return Err(MultipartError::BadParameter);
        }
        self.parameters.push_str("; ");
        self.parameters.push_str(name);
        self.parameters.push('=');
        if is_token(value) {
            self.parameters.push_str(value);
        } else {
            let escaped = value.replace('\\', r"\\").replace('"', "\\\"");
            self.parameters.push('"');
            self.parameters.push_str(&escaped);
            self.parameters.push('"');
        }
        Ok(self)
    }

    /// Adds a part.
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Adds parts.
    pub fn parts(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.parts.extend(parts);
        self
    }

    /// Adds a multipart body as a part; [`Part::multipart`] is the way to give it headers.
    pub fn nested(self, multipart: Self) -> Self {
        self.part(Part::multipart(multipart))
    }

    /// The number of parts, nested ones not counted.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there are no parts. Such a body is legal by WHATWG, but not by RFC 2046.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The value of `Content-Type` that names the subtype, the boundary and the parameters.
    pub fn content_type(&self) -> HeaderValue {
        let boundary = self.boundary.to_parameter();
        let text = format!("multipart/{}; boundary={boundary}{}", self.subtype, self.parameters);
        // Every piece was checked to be visible ASCII and spaces when it came in.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("multipart/mixed"))
    }

    /// Whether [`try_clone`](Self::try_clone) gives a body.
    pub fn is_replayable(&self) -> bool {
        self.parts.iter().all(Part::is_replayable)
    }

    /// The same again with the same boundary, unless a part can be sent only once.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self {
            subtype: self.subtype.clone(),
            boundary: self.boundary.clone(),
            chosen: self.chosen,
            parameters: self.parameters.clone(),
            parts: self.parts.iter().map(Part::try_clone).collect::<Option<_>>()?,
        })
    }

    /// The body. Its length is known if that of every part is.
    ///
    /// # Errors
    ///
    /// [`MultipartError::Part`] for the first part that cannot be written.
    pub fn into_body(self) -> Result<Body, MultipartError> {
        let mut layout = Layout::default();
        self.lay_out(&mut layout, &mut Vec::new())?;
        Ok(layout.into_body())
    }

    /// `searched` are the chosen boundaries of this and all around it: none may stand in a part.
    fn lay_out(
        self,
        layout: &mut Layout,
        searched: &mut Vec<Boundary>,
    ) -> Result<(), MultipartError> {
        let form_data = self.subtype == "form-data";
        if self.chosen {
            searched.push(self.boundary.clone());
        }
        for (index, part) in self.parts.into_iter().enumerate() {
            let at_part = |error| MultipartError::Part { index, error };
            layout.delimiter(&self.boundary);
            let (content, len) = part.write_head(form_data, layout.text()).map_err(at_part)?;
            match content {
                Content::Bytes(bytes) => {
                    for boundary in &*searched {
                        if let Some(at) = find_delimiter(&bytes, boundary) {
                            return Err(at_part(PartError::HoldsBoundary { at }));
                        }
                    }
                    layout.bytes(bytes);
                }
                Content::Stream(body) => layout.stream(body, index, len),
                // Made by `write_head`, which needs the length.
                Content::Factory(make) => layout.stream(make(), index, len),
                Content::Nested(nested) => {
                    // A line that begins with the outer delimiter is one (RFC 2046 §5.1.2).
                    if searched.iter().any(|b| nested.boundary.as_str().starts_with(b.as_str())) {
                        return Err(at_part(PartError::HoldsBoundary { at: 0 }));
                    }
                    nested
                        .lay_out(layout, searched)
                        .map_err(|error| at_part(PartError::Nested(Box::new(error))))?;
                }
            }
            layout.text().extend_from_slice(b"\r\n");
        }
        if self.chosen {
            searched.pop();
        }
        layout.close_delimiter(&self.boundary);
        Ok(())
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Where a line of `bytes` begins with the delimiter; a bare LF ends a line too, as it does to
/// lenient readers.
fn find_delimiter(bytes: &[u8], boundary: &Boundary) -> Option<usize> {
    let line = format!("\n--{boundary}");
    match bytes.starts_with(&line.as_bytes()[1..]) {
        true => Some(0),
        false => memmem::find(bytes, line.as_bytes()).map(|at| at + 1),
    }
}

/// Why a multipart body cannot be written.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MultipartError {
    /// The subtype is not a token.
    #[error("the subtype is not a token")]
    BadSubtype,
    /// A parameter of the content type has a name or a value that it cannot have.
    #[error("a parameter of the content type is malformed, or is the boundary")]
    BadParameter,
    /// One part cannot be written.
    #[error("part {index}: {error}")]
    Part {
        /// The number of the part, from 0.
        index: usize,
        /// What is wrong with it.
        error: PartError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(multipart: Multipart) -> String {
        let bytes = multipart.into_body().unwrap().try_into_whole().unwrap();
        String::from_utf8(bytes.into()).unwrap()
    }

    fn chosen(text: &str) -> Boundary {
        Boundary::new(text).unwrap()
    }

    #[test]
    fn parts_and_nested_bodies_stand_between_their_delimiters() {
        let inner = Multipart::alternative().boundary(chosen("in")).part(Part::text("1"));
        let outer = Multipart::mixed().boundary(chosen("out")).nested(inner).part(Part::bytes("2"));
        assert_eq!(
            wire(outer),
            "--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
             --in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n1\r\n--in--\r\n\r\n\
             --out\r\nContent-Type: application/octet-stream\r\n\r\n2\r\n--out--\r\n"
        );
    }

    #[test]
    fn nothing_but_the_close_delimiter_is_written_of_no_parts() {
        assert_eq!(wire(Multipart::mixed().boundary(chosen("b"))), "--b--\r\n");
    }

    #[test]
    fn the_content_type_has_the_boundary_and_the_parameters() {
        let related = Multipart::related()
            .boundary(chosen("a b"))
            .parameter("type", "text/html")
            .and_then(|related| related.parameter("start-info", r#"a"b\c"#))
            .unwrap();
        assert_eq!(
            related.content_type(),
            r#"multipart/related; boundary="a b"; type="text/html"; start-info="a\"b\\c""#
        );
    }

    #[test]
    fn subtypes_and_parameters_outside_the_grammar_are_refused() {
        for bad in ["", "a b", "a/b", "a\r\nb", "é"] {
            assert_eq!(Multipart::with_subtype(bad).unwrap_err(), MultipartError::BadSubtype);
            assert!(Multipart::mixed().parameter(bad, "1").is_err());
        }
        assert!(Multipart::mixed().parameter("a", "1\r\n2").is_err());
        assert!(Multipart::mixed().parameter("Boundary", "1").is_err());
    }

    #[test]
    fn a_chosen_boundary_that_stands_in_bytes_is_refused() {
        let holds = |body: &'static str, at| {
            let multipart = Multipart::mixed().boundary(chosen("bb")).part(Part::bytes(body));
            let error = PartError::HoldsBoundary { at };
            assert_eq!(
                multipart.into_body().unwrap_err(),
                MultipartError::Part { index: 0, error }
            );
        };
        holds("--bb", 0);
        holds("x\r\n--bb\r\n", 3);
        holds("x\n--bbb", 2);
        let middle = Multipart::mixed().boundary(chosen("bb")).part(Part::bytes("x--bb\r\n"));
        assert!(middle.into_body().is_ok());
    }

    #[test]
    fn an_outer_boundary_that_stands_within_is_refused() {
        let around = |inner| Multipart::mixed().boundary(chosen("bb")).nested(inner).into_body();
        assert!(around(Multipart::mixed().part(Part::bytes("--bb"))).is_err());
        assert!(around(Multipart::mixed().boundary(chosen("bb2"))).is_err());
        assert!(around(Multipart::mixed().boundary(chosen("b"))).is_ok());
        // The inner one binds nothing outside.
        let inner = Multipart::mixed().boundary(chosen("in"));
        let beside = Multipart::mixed().nested(inner).part(Part::bytes("--in"));
        assert!(beside.into_body().is_ok());
    }

    #[test]
    fn mistakes_are_told_with_the_number_of_the_part() {
        let inner = Multipart::form_data().part(Part::text("x").name("a")).part(Part::text("y"));
        let error = Multipart::mixed().nested(inner).into_body().unwrap_err();
        assert_eq!(
            error.to_string(),
            "part 0: in the multipart body within: part 1: a part of form data needs a name"
        );
    }
}
