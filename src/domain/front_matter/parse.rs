//! Reads YAML strictly, from the parser's events, into a tree with places.

use std::borrow::Cow;
use std::ops::Range;

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};

use super::node::{Member, Node, Shape};
use crate::domain::problem::Problem;

/// Deepest nesting of lists and mappings.
pub const DEPTH_MAX: usize = 8;

/// Most keys, values and items in one head.
pub const NODES_MAX: usize = 5_000;

/// Reads the YAML at `head` of `source`. `None` when it cannot be read at all; then, as whenever
/// something is refused, `problems` says why.
pub fn parse(source: &str, head: Range<usize>, problems: &mut Vec<Problem>) -> Option<Node> {
    let yaml = source.get(head.clone())?;
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: 64,
        block_nesting_limit: 64,
    };
    let mut tree =
        Tree { parser: Parser::new_from_str_with_options(yaml, options), head: head.clone(), yaml, nodes: 0, problems };
    match tree.document() {
        Ok(node) => Some(node.unwrap_or(Node {
            span: head.start..head.start,
            shape: Shape::Scalar { text: String::new(), quoted: false },
        })),
        Err(problem) => {
            tree.problems.push(*problem);
            None
        }
    }
}

struct Tree<'a, 'p> {
    parser: Parser<'a, StrInput<'a>>,
    head: Range<usize>,
    yaml: &'a str,
    nodes: usize,
    problems: &'p mut Vec<Problem>,
}

type Stop = Box<Problem>;

impl<'a> Tree<'a, '_> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::StreamEnd => {}
                Event::DocumentStart(..) if root.is_none() => {}
                Event::DocumentStart(..) => {
                    return Err(Box::new(
                        Problem::error("yaml-syntax", "the settings hold a second YAML document")
                            .at(self.bytes(span))
                            .help("keep one document between the two `---` lines"),
                    ));
                }
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        let bytes = self.bytes(span);
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            let message = if depth > DEPTH_MAX {
                format!("the settings are nested deeper than {DEPTH_MAX} levels")
            } else {
                format!("the settings hold more than {NODES_MAX} values")
            };
            return Err(Box::new(Problem::error("too-large", message).at(bytes)));
        }
        self.refuse_tag(&event, span);
        Ok(match event {
            Event::Scalar(text, style, ..) => Node {
                span: self.scalar_bytes(bytes, style),
                shape: Shape::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain },
            },
            Event::SequenceStart(style, ..) => self.list(style, bytes, depth)?,
            Event::MappingStart(style, ..) => self.map(style, bytes, depth)?,
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.problems.push(
                    Problem::error("yaml-alias", "aliases are not read").at(bytes.clone()).help("write the value out"),
                );
                Node { span: bytes, shape: Shape::Refused }
            }
            _ => Node { span: bytes, shape: Shape::Refused },
        })
    }

    fn list(&mut self, style: StructureStyle, start: Range<usize>, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.expect()?;
            if event == Event::SequenceEnd {
                let span = self.block_bytes(style, &start, span, items.first().map(|item: &Node| &item.span));
                return Ok(Node { span, shape: Shape::List(items) });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, style: StructureStyle, start: Range<usize>, depth: usize) -> Result<Node, Stop> {
        let mut members: Vec<Member> = Vec::new();
        loop {
            let (event, span) = self.expect()?;
            if event == Event::MappingEnd {
                let span = self.block_bytes(style, &start, span, members.first().map(|member| &member.key_span));
                return Ok(Node { span, shape: Shape::Map(members) });
            }
            let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.expect()?;
            let value = self.node(event, span, depth + 1)?;
            let Shape::Scalar { text, .. } = key.shape else {
                if key.shape != Shape::Refused {
                    self.problems.push(Problem::error("wrong-type", "a key must be a single word").at(key.span));
                }
                continue;
            };
            if plain && text == "<<" {
                self.problems
                    .push(Problem::error("yaml-alias", "merges are not read").at(key.span).help("write the keys out"));
            } else if let Some(first) = members.iter().find(|member| member.key == text) {
                let line = 1 + self.line_of(first.key_span.start);
                self.problems.push(
                    Problem::error("duplicate-key", format!("`{text}` is given twice"))
                        .at(key.span)
                        .label(format!("first given on line {line}"))
                        .help("keep one of the two"),
                );
            } else {
                members.push(Member { key: text, key_span: key.span, value });
            }
        }
    }

    /// The next event that is part of the data.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Stop> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok((Event::Anchor(_, name), span))) => {
                    let bytes = self.bytes(span);
                    self.problems.push(
                        Problem::error("yaml-alias", format!("the anchor `{name}` is not read"))
                            .at(bytes)
                            .help("remove it, and write the value out where it is used"),
                    );
                }
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(error)) => {
                    let at = self.head.start + error.marker().byte_offset().unwrap_or(0).min(self.yaml.len());
                    return Err(Box::new(
                        Problem::error("yaml-syntax", format!("this is not YAML: {}", lower(&error.info())))
                            .at(at..at)
                            .help("check the indentation, and quote texts with `: `, ` #` or a leading `*`, `&`, `!`, `@`, `{` or `[`"),
                    ));
                }
            }
        }
    }

    fn expect(&mut self) -> Result<(Event<'a>, Span), Stop> {
        self.next()?.ok_or_else(|| Box::new(Problem::error("yaml-syntax", "the settings end too early")))
    }

    fn refuse_tag(&mut self, event: &Event<'a>, span: Span) {
        let tag: Option<&Cow<'_, _>> = match event {
            Event::Scalar(_, _, _, tag) | Event::SequenceStart(_, _, tag) | Event::MappingStart(_, _, tag) => {
                tag.as_ref()
            }
            _ => None,
        };
        if tag.is_some() {
            let at = span.tag_span().map_or_else(|| self.bytes(span), |tag| self.bytes(tag));
            self.problems.push(
                Problem::error("yaml-tag", "YAML tags are not read")
                    .at(at)
                    .help("remove the tag; quote the value if it must be text"),
            );
        }
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let start = span.start.byte_offset().unwrap_or(0).min(self.yaml.len());
        let end = span.end.byte_offset().unwrap_or(start).clamp(start, self.yaml.len());
        self.head.start + start..self.head.start + end
    }

    /// Of a block of text only its first line: marking all of it hides what is said about it.
    fn scalar_bytes(&self, bytes: Range<usize>, style: ScalarStyle) -> Range<usize> {
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return bytes;
        }
        let text = self.yaml.get(bytes.start - self.head.start..bytes.end - self.head.start).unwrap_or_default();
        bytes.start..bytes.start + text.find('\n').unwrap_or(text.len())
    }

    fn block_bytes(
        &self,
        style: StructureStyle,
        start: &Range<usize>,
        end: Span,
        first: Option<&Range<usize>>,
    ) -> Range<usize> {
        match (style, first) {
            (StructureStyle::Block, Some(first)) => first.clone(),
            (StructureStyle::Block, None) => start.clone(),
            (StructureStyle::Flow, _) => start.start..self.bytes(end).end,
        }
    }

    /// Lines of the file above an offset, the fence counted.
    fn line_of(&self, offset: usize) -> usize {
        let above = self.yaml.get(..offset.saturating_sub(self.head.start)).unwrap_or_default();
        1 + above.matches('\n').count()
    }
}

fn lower(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::node::Scalar;
    use super::*;

    fn read(yaml: &str) -> (Option<Node>, Vec<(&'static str, String)>) {
        let mut problems = Vec::new();
        let node = parse(yaml, 0..yaml.len(), &mut problems);
        let problems = problems.into_iter().map(|p| (p.code, yaml[p.span.unwrap_or(0..0)].to_owned())).collect();
        (node, problems)
    }

    #[test]
    fn every_node_knows_its_bytes() {
        let yaml = "on:\n  issues: { types: [opened, 'ä b'] }\nlist:\n  - one\n  - two\ntext: |\n  long\n  text\n";
        let (node, problems) = read(yaml);
        assert!(problems.is_empty(), "{problems:?}");
        let node = node.unwrap();
        assert_eq!(read("'12'").0.unwrap().scalar(), Some(Scalar::Text("12")));
        for (pointer, expected) in [
            ("/on", "issues"),
            ("/on/issues", "{ types: [opened, 'ä b'] }"),
            ("/on/issues/types/1", "'ä b'"),
            ("/list", "one"),
            ("/list/1", "two"),
            ("/list/7", "one"),
            ("/text", "long"),
        ] {
            assert_eq!(&yaml[node.at_pointer(pointer).span.clone()], expected, "{pointer}");
        }
    }

    #[test]
    fn everything_refused_is_told_at_once_with_its_place() {
        let (node, problems) =
            read("a: &x 1\nb: *x\nc: *nowhere\n<<: { d: 1 }\ne: !!str 5\nf: 1\nf: 2\n[g]: 1\nh: !x { y: 1 }\n");
        assert!(node.is_some());
        let problems: Vec<_> = problems.iter().map(|(code, marked)| (*code, marked.as_str())).collect();
        assert_eq!(
            problems,
            [
                ("yaml-alias", "&x"),
                ("yaml-alias", "*x"),
                ("yaml-alias", "*nowhere"),
                ("yaml-alias", "<<"),
                ("yaml-tag", "!!str"),
                ("duplicate-key", "f"),
                ("wrong-type", "[g]"),
                ("yaml-tag", "!x"),
            ]
        );
    }

    #[test]
    fn what_is_no_yaml_names_its_place() {
        for (yaml, code) in [
            ("a: [1, 2", "yaml-syntax"),
            ("a: b: c", "yaml-syntax"),
            ("%YAML 1.2\n---\na: 1", "yaml-syntax"),
            ("a: 1\n...\n---\nb: 2", "yaml-syntax"),
            ("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}", "too-large"),
        ] {
            let (node, problems) = read(yaml);
            assert_eq!((node, problems.last().map(|p| p.0)), (None, Some(code)), "{yaml:?}");
        }
        let wide = format!("[{}]", "1,".repeat(NODES_MAX));
        assert_eq!(read(&wide).1[0].0, "too-large");
        let deep = "[".repeat(60_000);
        assert!(read(&deep).0.is_none());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_every_place_is_in_the_text(yaml in "(\\PC|[\\n\\[\\]{}:,&*!<'\"|> -]){0,200}") {
            let mut problems = Vec::new();
            let _ = parse(&yaml, 0..yaml.len(), &mut problems);
            for problem in problems {
                prop_assert!(problem.span.is_none_or(|span| yaml.get(span).is_some()));
            }
        }
    }
}
