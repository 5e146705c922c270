//! Values that must not be printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A key or token. Prints as `***`, is wiped when dropped, and leaves only through
/// [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the value over.
    pub fn new(value: String) -> Self {
        Self(value.into())
    }

    /// The value itself: for a request header or a redactor, nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_three_stars() {
        let secret = Secret::new("sk-very-secret".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "sk-very-secret");
    }
}
