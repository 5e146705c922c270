//! What is owed to the outside, and its one way there: own claim, look-up, call, record.
