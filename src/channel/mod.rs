//! How we hear: a delivery becomes an event, and an event an admitted run.
