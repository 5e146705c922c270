//! Rust source as words and signs, without comments, strings and literals; just enough to find
//! paths and names.

/// A word, or one sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// From 1.
    pub(super) line: usize,
}

pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let skipped = skipped(rest);
        if skipped > 0 {
            line += rest[..skipped].matches('\n').count();
            at += skipped;
            continue;
        }
        let word = rest.len() - rest.trim_start_matches(is_word).len();
        let len = word.max(rest.chars().next().map_or(1, char::len_utf8));
        tokens.push(Token { text: &rest[..len], line });
        at += len;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of blank space, comment or literal that `rest` begins with.
fn skipped(rest: &str) -> usize {
    let blank = rest.len() - rest.trim_start().len();
    if blank > 0 {
        return blank;
    }
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let prefix = ["b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|rest| {
            rest.starts_with('"') || rest.starts_with("r\"") || rest.starts_with("r#\"") || rest.starts_with("r##")
        })
    });
    if let Some(prefix) = prefix {
        let literal = &rest[prefix.len()..];
        return prefix.len() + if literal.starts_with('"') { quoted(literal, '"') } else { raw(literal) };
    }
    // A character, not a lifetime: the quote closes after one character or after an escape.
    let after = rest.strip_prefix('\'').unwrap_or_default();
    if after.starts_with('\\') || after.chars().nth(1) == Some('\'') { quoted(rest, '\'') } else { 0 }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

fn raw(rest: &str) -> usize {
    let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let content = hashes + 2;
    rest.get(content..).and_then(|rest| rest.find(&end)).map_or(rest.len(), |at| content + at + end.len())
}

#[test]
fn only_code_becomes_tokens() {
    let source = r####"
        // crate::harness
        /* crate::harness /* nested */ still */
        let a = "crate::harness \" x"; let b = br#"" crate"#; let c = r##"x"# "##;
        let d = ['"', '\'', b'"', '\u{1f}']; fn e<'a>(x: &'a str) {}
    "####;
    let texts: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
    assert_eq!(
        texts.join(" "),
        "let a = ; let b = ; let c = ; let d = [ , , b , ] ; fn e < ' a > ( x : & ' a str ) { }"
    );
    assert_eq!(tokens("a\nb /*\n*/ c").iter().map(|token| token.line).collect::<Vec<_>>(), [1, 2, 3]);
}
