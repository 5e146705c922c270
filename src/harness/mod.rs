//! Puts agent, skills, tools, sandbox and store together and opens sessions.
