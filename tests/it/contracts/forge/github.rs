//! GitHub as a host of the contract, and what is GitHub's alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use hob::domain::event::ThreadKind;
use hob::domain::name::Role;
use hob::domain::secret::Secret;
use hob::forge::github::{Github, Options};
use hob::forge::{Account, Forge, Line, Thread};

use super::{Fault, Host, On, Token, quick};
use crate::forge_github::{self, Answer, GithubServer, ISSUE, PULL, REPOSITORY, TOKEN};

const UNKNOWN: &str = "not-the-token-1234567890";

fn options(api: &str) -> Options {
    let token = Secret::new(TOKEN.to_owned());
    Options { api: api.to_owned(), repository: REPOSITORY.to_owned(), token, line: quick() }
}

impl Host for GithubServer {
    fn start() -> Self {
        let server = GithubServer::start();
        for (id, role) in (1..).zip(Role::ALL) {
            server.member(id, &format!("the-{role}"), role.as_str());
        }
        server
    }

    fn forge(&self, token: Token, line: Line) -> Result<Box<dyn Forge>, String> {
        let token = match token {
            Token::Good => TOKEN,
            Token::Unknown => UNKNOWN,
        };
        let options = Options { token: Secret::new(token.to_owned()), line, ..options(self.url()) };
        Github::new(options).map(|github| Box::new(github) as Box<dyn Forge>).map_err(|error| error.to_string())
    }

    fn nowhere() -> Box<dyn Forge> {
        Box::new(Github::new(options("http://127.0.0.1:1")).unwrap())
    }

    fn thread(&self, kind: ThreadKind) -> Thread {
        Thread { kind, number: if kind == ThreadKind::Issue { ISSUE } else { PULL } }
    }

    fn member(&self, role: Role) -> Account {
        let id = (1..).zip(Role::ALL).find(|(_, known)| **known == role).map(|(id, _)| id);
        Account { id, login: format!("the-{role}") }
    }

    fn say(&self, thread: Thread, body: &str) -> u64 {
        self.memory().say(thread.number, "the-read", body)
    }

    fn fault(&self, on: On, fault: Fault) {
        let fault = match fault {
            Fault::Answer { status, headers, body } => {
                let answer = Answer { status, headers: Vec::new(), body: body.into() };
                forge_github::Fault::Answer(
                    headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value)),
                )
            }
            Fault::CutBefore => forge_github::Fault::CutBefore,
            Fault::CutAfter => forge_github::Fault::CutAfter,
            Fault::CutWithin => forge_github::Fault::CutWithin,
            Fault::Silence => forge_github::Fault::Hold,
        };
        self.fault(operation(on), fault);
    }

    fn count(&self, on: On) -> usize {
        self.count(operation(on))
    }

    fn comments(&self, thread: Thread) -> Vec<String> {
        self.comments(thread.number)
    }

    fn labels(&self, thread: Thread) -> Vec<String> {
        self.labels(thread.number)
    }
}

fn operation(on: On) -> &'static str {
    match on {
        On::Own => "users/get-authenticated",
        On::Standing => "repos/get-collaborator-permission-level",
        On::Comment => "issues/get-comment",
        On::Comments => "issues/list-comments",
        On::Post => "issues/create-comment",
        On::Edit => "issues/update-comment",
        On::Delete => "issues/delete-comment",
        On::Label => "issues/add-labels",
    }
}
