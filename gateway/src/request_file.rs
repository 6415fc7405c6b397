//! A captured HTTP request in a file, as `muara try` and the fixtures read it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use muara_connectors::Request;

/// Why a file is not a captured request. The texts say what to change.
#[derive(Debug, thiserror::Error)]
pub enum RequestFileError {
    /// The head is not HTTP/1.
    #[error(
        "the head is not an HTTP/1.1 request ({0}); it starts like `POST /in/qlue HTTP/1.1`, then one header on each line"
    )]
    Head(#[source] httparse::Error),
    /// The file ends inside the head.
    #[error("there is no empty line between the headers and the body")]
    NoBody,
    /// A header that HTTP does not allow.
    #[error("header `{name}` has a value that HTTP does not allow")]
    Header {
        /// The header.
        name: String,
    },
    /// `Content-Length` and the body differ: bytes were lost or added, so a signature cannot fit either.
    #[error(
        "Content-Length says {stated}, but the body has {found} bytes; capture it again, or remove the header"
    )]
    Length {
        /// As the header says.
        stated: String,
        /// As the file has it.
        found: usize,
    },
    /// The body is written in chunks.
    #[error("the body is written in chunks (Transfer-Encoding); store the plain body and remove the header")]
    Chunked,
}

/// More headers than any vendor sends.
const MOST_HEADERS: usize = 128;

/// Reads a captured request: request line, headers, empty line, body. Lines may end in LF or CRLF.
///
/// Without `Content-Length` the body is the rest of the file. With it, one line feed after the body is forgiven:
/// editors add it.
///
/// # Errors
/// [`RequestFileError`]: what is wrong with the file.
pub fn parse(bytes: &[u8]) -> Result<Request, RequestFileError> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut fields);
    let body = match head.parse(bytes).map_err(RequestFileError::Head)? {
        httparse::Status::Complete(length) => &bytes[length..],
        httparse::Status::Partial => return Err(RequestFileError::NoBody),
    };
    let mut headers = HeaderMap::new();
    for field in head.headers.iter() {
        let wrong = || RequestFileError::Header { name: field.name.to_owned() };
        let name: HeaderName = field.name.parse().map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| wrong())?);
    }
    if headers.contains_key(http::header::TRANSFER_ENCODING) {
        return Err(RequestFileError::Chunked);
    }
    let body = match headers.get(http::header::CONTENT_LENGTH) {
        None => body,
        Some(stated) => {
            let stated = String::from_utf8_lossy(stated.as_bytes()).into_owned();
            let fits = stated.parse().ok().and_then(|length: usize| body.split_at_checked(length));
            match fits {
                Some((body, b"" | b"\n" | b"\r\n")) => body,
                _ => return Err(RequestFileError::Length { stated, found: body.len() }),
            }
        }
    };
    let method = head.method.and_then(|method| method.parse::<Method>().ok()).unwrap_or(Method::POST);
    let path = head.path.unwrap_or("/").to_owned();
    Ok(Request::new(method, path, headers, Bytes::copy_from_slice(body)))
}
