//! From names on the command line to the parts of a harness.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::env::Environment;
use super::output::{self, Paint};
use super::problem;
use super::refusal::Refusal;
use crate::agent::library::Found;
use crate::agent::{self, Agent};
use crate::domain::name::{Name, SandboxKind};
use crate::harness::Harness;
use crate::harness::surroundings::{Connect, Surroundings};
use crate::provider::{self, Access, Provider};
use crate::sandbox::{self, Sandbox};
use crate::skill::activate;
use crate::skill::library::Library;
use crate::telemetry::progress::Observer;
use crate::telemetry::redact::Redactor;

/// What a harness is made from.
pub(super) struct Order<'a> {
    pub(super) agent: Agent,
    pub(super) skills: Arc<Library>,
    pub(super) model: Option<&'a str>,
    pub(super) record: Option<&'a Path>,
    /// Takes secrets out of what is recorded.
    pub(super) redactor: &'a Redactor,
    pub(super) workspace: &'a Path,
    /// Where sessions are kept: no tool may reach that.
    pub(super) forbidden: Vec<PathBuf>,
    pub(super) environment: &'a Environment,
    pub(super) observer: Arc<dyn Observer>,
    /// Whether what is kept never left this machine.
    pub(super) is_own_log: bool,
}

/// The directory hob was started in.
pub(super) fn workspace() -> Result<PathBuf, Refusal> {
    std::env::current_dir().map_err(|error| Refusal::usage(format!("the working directory cannot be found: {error}")))
}

impl Order<'_> {
    /// Puts the parts together; nothing is sent and no command runs.
    pub(super) fn harness(self) -> Result<Harness, Refusal> {
        let provider = self.provider()?;
        let around = Surroundings {
            sandbox: self.sandbox()?,
            skills: self.skills.clone(),
            project: agent::project::notes(self.workspace),
            tools: Vec::new(),
            observer: self.observer.clone(),
            is_own_log: self.is_own_log,
        };
        let connect = |model: &str| self.connect(model);
        around.harness(&self.agent, provider, (!self.is_of_one_model()).then_some(&connect as Connect<'_, _>))
    }

    /// Who names a model means that one, and a recording is of one.
    fn is_of_one_model(&self) -> bool {
        self.model.is_some() || self.record.is_some()
    }

    /// The model: command line, agent file, operator's default.
    fn provider(&self) -> Result<Arc<dyn Provider>, Refusal> {
        let model = self.model.or(self.agent.model.as_deref()).or(self.environment.model.as_deref());
        let model = model.ok_or_else(|| {
            Refusal::usage(format!(
                "no model is named for `{}`: give `--model provider/NAME` (docs/models.md lists the providers) or `--model replay/FILE`, or set HOB_MODEL",
                self.agent.name
            ))
        })?;
        let provider = self.connect(model)?;
        match self.record {
            Some(path) => provider::record(provider, path, self.redactor).map_err(Refusal::usage),
            None => Ok(provider),
        }
    }

    fn connect(&self, model: &str) -> Result<Arc<dyn Provider>, Refusal> {
        let environment = self.environment;
        let access = Access { sites: environment.sites.clone(), extra_ca: extra_ca(environment)?, ..Access::default() };
        provider::connect(model, &access, self.observer.clone()).map_err(Refusal::usage)
    }

    fn sandbox(&self) -> Result<Option<Arc<dyn Sandbox>>, Refusal> {
        match self.agent.sandbox.kind {
            SandboxKind::None => Ok(None),
            SandboxKind::Local => self.local().map(Some),
            SandboxKind::Virtual => self.virtual_().map(Some),
        }
    }

    fn local(&self) -> Result<Arc<dyn Sandbox>, Refusal> {
        let environment = self.environment;
        let mut env: Vec<(String, String)> = environment.passed.clone().into_iter().collect();
        for name in &self.agent.sandbox.env {
            let value = environment.exposed.get(name).ok_or_else(|| {
                Refusal::usage(format!(
                    "agent `{}` asks for the variable `{name}`, which is not exposed: name it in HOB_EXPOSE and set it, or take it out of `env:`",
                    self.agent.name
                ))
            })?;
            env.push((name.clone(), value.clone()));
        }
        let temporary = environment.temporary();
        let options = sandbox::local::Options {
            workspace: self.workspace.to_owned(),
            env,
            temporary,
            forbidden: self.forbidden.clone(),
        };
        sandbox::open(sandbox::Options::Local(options)).map_err(Refusal::usage)
    }

    #[cfg(feature = "virtual")]
    fn virtual_(&self) -> Result<Arc<dyn Sandbox>, Refusal> {
        let options = sandbox::virtual_::Options {
            seed: Some(self.workspace.to_owned()),
            clock: crate::embed::machine::clock(),
            threads: sandbox::threads::Threads::default(),
        };
        sandbox::open(sandbox::Options::Virtual(options)).map_err(Refusal::usage)
    }

    #[cfg(not(feature = "virtual"))]
    fn virtual_(&self) -> Result<Arc<dyn Sandbox>, Refusal> {
        Err(Refusal::usage("this hob was built without the `virtual` sandbox; build it with the feature `virtual`"))
    }
}

/// Certificates that are trusted beside the built-in ones.
pub(super) fn extra_ca(environment: &Environment) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(path) = &environment.certificates else { return Ok(None) };
    let unreadable = |error| {
        let path = path.display();
        Refusal::usage(format!(
            "SSL_CERT_FILE names `{path}`, which cannot be read: {error}; give a PEM file, or unset it"
        ))
    };
    std::fs::read(path).map(Some).map_err(unreadable)
}

/// What an agent's head may refer to.
pub(super) fn known(skills: &[Name], is_uncounted: bool) -> agent::Known<'_> {
    agent::Known { skills, providers: &provider::WORDS, is_uncounted }
}

/// The agent of this name: of the workspace, else one that ships with hob. Warnings are told, also of what
/// its head asks for where the store does not count it.
pub(super) fn agent(name: &str, workspace: &Path, skills: &Library, is_uncounted: bool) -> Result<Found, Refusal> {
    let names = skills.names();
    let known = known(&names, is_uncounted);
    let library = agent::library::Library::new([workspace.to_owned()]);
    match library.find(name, &known) {
        Ok(found) => {
            if !found.report.problems.is_empty() {
                output::tell(&problem::render(&found.report, Paint::Colour));
            }
            Ok(found)
        }
        Err(agent::library::Error::Faulty(report)) => Err(Refusal::faulty(&[report])),
        Err(error) => Err(Refusal::usage(error)),
    }
}

/// Which of the agent's files stand in front of those that ship with hob, a sentence each: a name that
/// people trust must not change its meaning in silence.
pub(super) fn replaced(found: &Found, skills: &Library) -> Vec<String> {
    let Found { agent, hides_shipped, .. } = found;
    let own = hides_shipped.then(|| (&agent.name, format!("agents/{}.md", agent.name)));
    let of_skill = |name| Some((name, format!("{}/", activate::hides_shipped(skills, Name::as_str(name))?)));
    let all = own.into_iter().chain(agent.skills.iter().filter_map(of_skill));
    all.map(|(name, place)| format!("`{name}` is this directory's `{place}`, not the one that ships with hob"))
        .collect()
}
