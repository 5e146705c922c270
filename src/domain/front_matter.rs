//! Splits a Markdown file into its YAML head and its body.
