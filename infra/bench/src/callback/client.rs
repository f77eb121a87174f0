//! One connection to ResultURL: HTTP/1.1, kept open, one call at a time. It is written by hand on a blocking socket, so
//! that the load costs the machine little and what is timed is the service.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Answers of ResultURL are a few bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

pub(super) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// A status and a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Client {
        Client {
            address,
            stream: None,
            buffer: Vec::with_capacity(4096),
        }
    }

    /// Calls ResultURL by POST with a form. After a failure the next call opens a connection anew.
    pub(super) fn call(&mut self, form: &str) -> anyhow::Result<Answer> {
        let answer = self.try_call(form);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn try_call(&mut self, form: &str) -> anyhow::Result<Answer> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                self.stream.insert(stream)
            }
        };
        let request = format!(
            "POST /robokassa/result HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            self.address,
            form.len()
        );
        stream.write_all(request.as_bytes())?;
        self.buffer.clear();
        let mut part = [0; 4096];
        loop {
            if let Some(answer) = parse(&self.buffer)? {
                return Ok(answer);
            }
            ensure!(self.buffer.len() < LONGEST_ANSWER, "the answer is too long");
            match stream.read(&mut part) {
                Ok(0) => bail!("the connection ended"),
                Ok(length) => self.buffer.extend_from_slice(&part[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The answer, once all of it is there.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .context("no status")?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .context("no Content-Length")?;
    let body = &bytes[end + 4..];
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some(Answer {
        status,
        body: String::from_utf8_lossy(&body[..length]).into_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nOK42";

    #[test]
    fn an_answer_is_read_when_all_of_it_is_there() {
        for end in 0..WHOLE.len() {
            assert_eq!(parse(&WHOLE.as_bytes()[..end]).unwrap(), None, "{end}");
        }
        let answer = parse(WHOLE.as_bytes()).unwrap().unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK42"));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for bad in [
            "\r\n\r\n",
            "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 abc\r\nContent-Length: 1\r\n\r\nx",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
