//! The secret of a link or of a session.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// 256 random bits. Whoever has them gets in, so they are never printed; what is stored is their hash, which needs no
/// salt: nobody can try out that many.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A new one.
    #[must_use]
    pub fn generate() -> Token {
        Token(rand::random())
    }

    /// Reads the 43 characters of base64url; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Token> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Token)
    }

    /// For an address or a cookie.
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// For the database.
    #[must_use]
    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_is_never_printed() {
        let token = Token::generate();
        assert_ne!(token, Token::generate());
        assert_eq!(token.text().len(), 43);
        assert_eq!(Token::parse(&token.text()), Some(token.clone()));
        assert_ne!(token.hash(), token.text());
        assert!(!format!("{token:?}").contains(&token.text()[..8]));
    }

    #[test]
    fn what_is_no_token_is_not_read() {
        let good = Token::generate().text();
        for bad in [
            String::new(),
            "x".to_owned(),
            good[..42].to_owned(),
            format!("{good}A"),
            format!("{good}="),
            format!(" {good}"),
            format!("{}+", &good[..42]),
            // The last character's unused bits are set: another text for the same bytes.
            format!("{}B", "A".repeat(42)),
            "A".repeat(100_000),
        ] {
            assert_eq!(Token::parse(&bad), None, "{bad:.60}");
        }
    }
}
