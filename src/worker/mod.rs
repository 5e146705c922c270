//! Claims runs, works on them, settles them.
