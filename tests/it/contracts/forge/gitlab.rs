//! GitLab as a host of the contract.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use hob::domain::event::ThreadKind;
use hob::domain::name::Role;
use hob::domain::secret::Secret;
use hob::forge::gitlab::{self, Gitlab, Options};
use hob::forge::{Account, Forge, Line, Thread};

use super::{Fault, Host, On, Token, quick};
use crate::forge_gitlab::{self, Answer, GitlabServer, ISSUE, MERGE_REQUEST, PATH, PROJECT, TOKEN};

fn options(api: &str, token: &str, line: Line) -> Options {
    Options {
        api: api.to_owned(),
        project: PROJECT,
        path: PATH.to_owned(),
        web_url: format!("https://gitlab.example.com/{PATH}"),
        token: gitlab::Token::Personal(Secret::new(token.to_owned())),
        line,
    }
}

impl Host for GitlabServer {
    fn start() -> Self {
        let server = GitlabServer::start();
        for (id, (role, level)) in (1..).zip(Role::ALL.iter().zip([0, 10, 20, 30, 40, 50])) {
            server.memory().member(id, &format!("the-{role}"), level);
        }
        server
    }

    fn forge(&self, token: Token, line: Line) -> Result<Box<dyn Forge>, String> {
        let token = match token {
            Token::Good => TOKEN,
            Token::Unknown => "not-the-token-1234567890",
        };
        let made = Gitlab::new(options(self.url(), token, line));
        made.map(|gitlab| Box::new(gitlab) as Box<dyn Forge>).map_err(|error| error.to_string())
    }

    fn nowhere() -> Box<dyn Forge> {
        Box::new(Gitlab::new(options("http://127.0.0.1:1/api/v4", TOKEN, quick())).unwrap())
    }

    fn thread(&self, kind: ThreadKind) -> Thread {
        Thread { kind, number: if kind == ThreadKind::Issue { ISSUE } else { MERGE_REQUEST } }
    }

    fn member(&self, role: Role) -> Account {
        let id = (1..).zip(Role::ALL).find(|(_, known)| **known == role).map(|(id, _)| id);
        Account { id, login: format!("the-{role}") }
    }

    fn say(&self, thread: Thread, body: &str) -> u64 {
        self.memory().say(thread.kind, thread.number, "the-read", body)
    }

    fn fault(&self, on: On, fault: Fault) {
        let fault = match fault {
            Fault::Answer { status, headers, body } => {
                let answer = Answer { status, headers: Vec::new(), body: body.as_bytes().to_owned() };
                let add = |answer: Answer, (name, value): &(&str, &str)| answer.header(name, value);
                forge_gitlab::Fault::Answer(headers.iter().fold(answer, add))
            }
            Fault::CutBefore => forge_gitlab::Fault::CutBefore,
            Fault::CutAfter => forge_gitlab::Fault::CutAfter,
            Fault::CutWithin => forge_gitlab::Fault::CutWithin,
            Fault::Silence => forge_gitlab::Fault::Hold,
        };
        self.fault(operation(on), fault);
    }

    fn count(&self, on: On) -> usize {
        self.count(operation(on))
    }

    fn comments(&self, thread: Thread) -> Vec<String> {
        self.memory().notes(thread.kind, thread.number)
    }

    fn labels(&self, thread: Thread) -> Vec<String> {
        self.memory().labels(thread.kind, thread.number)
    }
}

fn operation(on: On) -> &'static str {
    match on {
        On::Own => "users/current",
        On::Standing => "members/get",
        On::Comment => "notes/get",
        On::Comments => "notes/list",
        On::Post => "notes/create",
        On::Edit => "notes/edit",
        On::Delete => "notes/delete",
        On::Label => "threads/edit",
    }
}
