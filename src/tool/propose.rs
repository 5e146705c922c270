//! One tool for each kind of write that the agent file declares.
