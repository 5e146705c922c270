//! What an effect may be: pure, used when proposing and when applying.
