//! What each seam promises, asked of every implementation behind it.

mod sandbox;
