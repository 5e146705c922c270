//! From the calls of one message to their replies: what may run side by side, and how one call runs.
//!
//! The loop takes the groups of [`plan`] one after the other, runs at most [`PARALLEL`] calls of a
//! group at a time, and records the replies in the order of the calls.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use jsonschema::ValidationError;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Nature, Reply, Scope, Slot, Toolbox, output};
use crate::domain::image::Sight;
use crate::domain::message::Call;
use crate::domain::problem::nearest;

/// Calls of one group that run at a time.
pub const PARALLEL: usize = 8;

/// The longest that one call may take: above the longest that `bash` grants a command.
const CALL_MAX: Duration = Duration::from_secs(630);

/// What a tool may take to come back once it was told to end: a command's group is killed in it.
const GRACE: Duration = Duration::from_secs(5);

/// Faults named in one reply.
const FAULTS_MAX: usize = 5;

/// Bytes of one fault.
const FAULT_MAX: usize = 300;

/// One call of a message, and whether an earlier call of that message had its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// As the model wrote it.
    pub call: &'a Call,
    /// It is answered with an error and does not run.
    pub repeated: bool,
}

/// The calls of one message in groups that run one after the other. Neighbours that change nothing
/// share a group, as do neighbours that are delegated; every other call is alone, so that a read after a
/// write sees it.
pub fn plan<'a>(toolbox: &Toolbox, calls: &'a [Call]) -> Vec<Vec<Step<'a>>> {
    let mut seen = HashSet::new();
    let mut groups: Vec<Vec<Step<'a>>> = Vec::new();
    let mut open = None;
    for call in calls {
        let step = Step { call, repeated: !seen.insert(call.id.as_str()) };
        let nature = toolbox.get(&call.name).filter(|_| !step.repeated).map_or(Nature::ReadOnly, |tool| tool.nature());
        let shares = matches!(nature, Nature::ReadOnly | Nature::Delegated).then_some(nature);
        match groups.last_mut() {
            Some(group) if shares.is_some() && shares == open => group.push(step),
            _ => groups.push(vec![step]),
        }
        open = shares;
    }
    groups
}

/// Runs one call to its reply, whatever happens in it. `deadline` is the end of the run's time, `sight`
/// what of images the model can be shown.
pub async fn run(
    toolbox: &Toolbox,
    step: Step<'_>,
    cancel: &CancellationToken,
    deadline: Instant,
    sight: Sight,
) -> Reply {
    let call = step.call;
    if step.repeated {
        return Reply::error("An earlier call of this message has the same id, so this one did not run. Call again.");
    }
    let Some(slot) = toolbox.slot(&call.name) else {
        return unknown(toolbox, &call.name);
    };
    let arguments = match call.arguments().and_then(|arguments| check(slot, arguments)) {
        Ok(arguments) => arguments,
        Err(reason) => return Reply::error(format!("`{}` did not run: {reason}.", call.name)),
    };
    if cancel.is_cancelled() {
        return Reply::error(format!("`{}` did not run: the run was stopped.", call.name));
    }
    let scope = Scope { cancel: cancel.child_token(), call: call.id.clone(), deadline, sight };
    watched(slot, arguments, &scope).await
}

/// Runs the tool until it answers, panics, or does not come back in time.
async fn watched(slot: &Slot, arguments: Map<String, Value>, scope: &Scope) -> Reply {
    let name = &slot.tool.spec().name;
    let work = AssertUnwindSafe(async { slot.tool.run(arguments, scope).await }).catch_unwind();
    tokio::pin!(work);
    let last = scope.deadline.min(Instant::now() + CALL_MAX);
    let ended = tokio::select! {
        done = &mut work => return answered(name, done),
        () = scope.cancel.cancelled() => "the run was stopped",
        () = tokio::time::sleep_until(last) => "its time was over",
    };
    scope.cancel.cancel();
    match tokio::time::timeout(GRACE, work).await {
        Ok(done) => answered(name, done),
        Err(_) => Reply::error(format!("`{name}` was given up because {ended}. What it did is not known.")),
    }
}

fn answered(name: &str, done: std::thread::Result<Reply>) -> Reply {
    let reply = done.unwrap_or_else(|_| {
        Reply::error(format!("`{name}` failed inside hob, which is a bug of hob. What it did is not known."))
    });
    Reply { content: output::bounded(reply.content), ..reply }
}

fn unknown(toolbox: &Toolbox, name: &str) -> Reply {
    let names = || toolbox.iter().map(|tool| tool.spec().name.as_str());
    let near = nearest(name, names()).map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
    let all = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let all = if all.is_empty() { "There are no tools.".to_owned() } else { format!("The tools are {all}.") };
    Reply::error(format!("There is no tool named `{}`.{near} {all}", output::one_line(name, 80)))
}

/// The arguments, if they are as the tool's schema says. Nothing is converted or repaired.
fn check(slot: &Slot, arguments: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let validator = slot.schema.of(&slot.tool.spec().parameters)?;
    let arguments = Value::Object(arguments);
    let faults: Vec<String> = validator.iter_errors(&arguments).take(FAULTS_MAX).map(|error| fault(&error)).collect();
    match arguments {
        Value::Object(arguments) if faults.is_empty() => Ok(arguments),
        _ => Err(faults.join("; ")),
    }
}

fn fault(error: &ValidationError<'_>) -> String {
    // It quotes the value; one that is too long to be quoted would hide what is wrong with it.
    let mut what = error.to_string();
    if what.len() > FAULT_MAX {
        what = error.masked().to_string();
    }
    let what = output::one_line(&what, FAULT_MAX);
    match error.instance_path().as_str().trim_start_matches('/') {
        "" => what,
        path => format!("`{}`: {what}", output::one_line(path, 100)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::BoxFuture;
    use futures::{StreamExt, stream};
    use schemars::JsonSchema;
    use serde::Deserialize;

    use super::*;
    use crate::domain::message::ToolSpec;
    use crate::tool::{Tool, schema};

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        #[expect(dead_code, reason = "only its schema is used")]
        path: String,
        #[expect(dead_code, reason = "only its schema is used")]
        #[schemars(range(min = 1))]
        offset: Option<u32>,
    }

    struct Probe {
        spec: ToolSpec,
        nature: Nature,
    }

    impl Tool for Probe {
        fn spec(&self) -> &ToolSpec {
            &self.spec
        }

        fn nature(&self) -> Nature {
            self.nature
        }

        fn run<'a>(&'a self, arguments: Map<String, Value>, scope: &'a Scope) -> BoxFuture<'a, Reply> {
            match arguments.get("path").and_then(Value::as_str) {
                Some("panics at once") => panic!("at once"),
                Some("panics") => Box::pin(async { panic!("later") }),
                Some("polite") => Box::pin(async {
                    scope.cancel.cancelled().await;
                    Reply::error("I was stopped")
                }),
                Some("deaf") => Box::pin(std::future::pending()),
                _ => Box::pin(async { Reply::ok("done") }),
            }
        }
    }

    fn toolbox() -> Toolbox {
        let probe = |name: &str, nature| -> Arc<dyn Tool> {
            Arc::new(Probe { spec: schema::spec::<Arguments>(name, ""), nature })
        };
        Toolbox::new([
            probe("read", Nature::ReadOnly),
            probe("write", Nature::Contained),
            probe("bash", Nature::Outside),
            probe("task", Nature::Delegated),
        ])
    }

    fn call(id: &str, name: &str, arguments: &str) -> Call {
        Call { id: id.into(), name: name.into(), arguments: arguments.into() }
    }

    async fn answer(name: &str, arguments: &str, cancel: &CancellationToken) -> Reply {
        let call = call("1", name, arguments);
        let deadline = Instant::now() + Duration::from_secs(3600);
        run(&toolbox(), Step { call: &call, repeated: false }, cancel, deadline, Sight::FULL).await
    }

    #[test]
    fn only_neighbours_that_change_nothing_share_a_group() {
        for (given, expected) in [
            ("", ""),
            ("read read read", "read,read,read"),
            ("read write read read bash bash read", "read | write | read,read | bash | bash | read"),
            ("write read", "write | read"),
            ("read gone read", "read,gone,read"),
            ("task task read read task", "task,task | read,read | task"),
        ] {
            let calls: Vec<Call> =
                given.split_whitespace().enumerate().map(|(i, name)| call(&i.to_string(), name, "")).collect();
            let groups = plan(&toolbox(), &calls);
            let shown: Vec<String> = groups
                .iter()
                .map(|group| group.iter().map(|step| step.call.name.as_str()).collect::<Vec<_>>().join(","))
                .collect();
            assert_eq!(shown.join(" | "), expected, "for `{given}`");
        }
    }

    #[tokio::test]
    async fn the_second_call_of_one_id_does_not_run() {
        let calls = [call("a", "read", r#"{"path":"x"}"#), call("a", "write", r#"{"path":"x"}"#)];
        let (toolbox, cancel) = (toolbox(), CancellationToken::new());
        let deadline = Instant::now() + Duration::from_secs(9);
        let mut replies = Vec::new();
        for group in plan(&toolbox, &calls) {
            let running = group.into_iter().map(|step| run(&toolbox, step, &cancel, deadline, Sight::FULL));
            replies.extend(stream::iter(running).buffered(PARALLEL).collect::<Vec<_>>().await);
        }
        assert_eq!(replies.iter().map(|reply| reply.is_error).collect::<Vec<_>>(), [false, true]);
    }

    /// Answers when eight calls are in it at once, in the order they came to it backwards.
    struct Eight {
        spec: ToolSpec,
        within: tokio::sync::Barrier,
        now: std::sync::atomic::AtomicUsize,
    }

    impl Tool for Eight {
        fn spec(&self) -> &ToolSpec {
            &self.spec
        }

        fn nature(&self) -> Nature {
            Nature::ReadOnly
        }

        fn run<'a>(&'a self, arguments: Map<String, Value>, _: &'a Scope) -> BoxFuture<'a, Reply> {
            use std::sync::atomic::Ordering::SeqCst;
            Box::pin(async move {
                assert!(self.now.fetch_add(1, SeqCst) < PARALLEL, "more than {PARALLEL} at a time");
                self.within.wait().await;
                let number: u64 = arguments["path"].as_str().unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(100 - number)).await;
                self.now.fetch_sub(1, SeqCst);
                Reply::ok(arguments["path"].as_str().unwrap())
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn eight_calls_run_at_a_time_and_their_replies_keep_the_order_of_the_calls() {
        let spec = schema::spec::<Arguments>("eight", "");
        let eight = Eight { spec, within: tokio::sync::Barrier::new(PARALLEL), now: Default::default() };
        let toolbox = Toolbox::new([Arc::new(eight) as Arc<dyn Tool>]);
        let calls: Vec<Call> =
            (0..8).map(|n| call(&n.to_string(), "eight", &format!("{{\"path\":\"{n}\"}}"))).collect();
        let (cancel, deadline) = (CancellationToken::new(), Instant::now() + Duration::from_secs(3600));
        let mut groups = plan(&toolbox, &calls);
        let group = groups.pop().unwrap();
        assert!(groups.is_empty());
        let running = group.into_iter().map(|step| run(&toolbox, step, &cancel, deadline, Sight::FULL));
        let replies: Vec<Reply> = stream::iter(running).buffered(PARALLEL).collect().await;
        let said: Vec<&str> = replies.iter().map(|reply| reply.content.as_str()).collect();
        assert_eq!(said, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_call_is_said_to_the_model() {
        let mut said = String::new();
        for (name, arguments) in [
            ("raed", "{}"),
            ("hologram", "{}"),
            ("read", "{}"),
            ("read", r#"{"path":7,"offset":0,"depth":1}"#),
            ("read", r#"{"path":"a","offset":"3"}"#),
            ("read", "[1]"),
            ("read", r#"{"path":"#),
            ("read", r#"{"path":"panics"}"#),
            ("read", r#"{"path":"panics at once"}"#),
            ("read", &format!(r#"{{"path":"a","offset":"{}"}}"#, "3".repeat(99_999))),
            (&"raed".repeat(9999), "{}"),
        ] {
            let reply = answer(name, arguments, &CancellationToken::new()).await;
            assert!(reply.is_error, "{name} {arguments}");
            said.push_str(&reply.content);
            said.push('\n');
        }
        insta::assert_snapshot!(said, @r#"
        There is no tool named `raed`. Did you mean `read`? The tools are `read`, `write`, `bash`, `task`.
        There is no tool named `hologram`. The tools are `read`, `write`, `bash`, `task`.
        `read` did not run: "path" is a required property.
        `read` did not run: `offset`: 0 is less than the minimum of 1; `path`: 7 is not of type "string"; Additional properties are not allowed ('depth' was unexpected).
        `read` did not run: `offset`: "3" is not of types "null", "integer".
        `read` did not run: the arguments are not a JSON object.
        `read` did not run: the arguments are not valid JSON: EOF while parsing a value at line 1 column 8.
        `read` failed inside hob, which is a bug of hob. What it did is not known.
        `read` failed inside hob, which is a bug of hob. What it did is not known.
        `read` did not run: `offset`: value is not of types "null", "integer".
        There is no tool named `raedraedraedraedraedraedraedraedraedraedraedraedraedraedraedraedraedraedraedr…`. The tools are `read`, `write`, `bash`, `task`.
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_and_a_deadline_reach_the_tool_and_a_deaf_one_is_given_up() {
        let stopped = CancellationToken::new();
        assert!(!answer("read", r#"{"path":"x"}"#, &stopped).await.is_error);
        assert_eq!(answer("bash", r#"{"path":"polite"}"#, &stopped).await.content, "I was stopped");
        let given_up = answer("bash", r#"{"path":"deaf"}"#, &stopped).await.content;
        assert_eq!(given_up, "`bash` was given up because its time was over. What it did is not known.");
        stopped.cancel();
        let refused = answer("bash", r#"{"path":"x"}"#, &stopped).await.content;
        assert_eq!(refused, "`bash` did not run: the run was stopped.");
    }

    #[tokio::test]
    async fn a_tool_with_a_broken_schema_says_so() {
        let mut spec = schema::spec::<Arguments>("odd", "");
        spec.parameters = serde_json::value::to_raw_value(&serde_json::json!({"type": 3})).unwrap().into();
        let toolbox = Toolbox::new([Arc::new(Probe { spec, nature: Nature::ReadOnly }) as Arc<dyn Tool>]);
        let call = call("1", "odd", "{}");
        let step = Step { call: &call, repeated: false };
        let reply =
            run(&toolbox, step, &CancellationToken::new(), Instant::now() + Duration::from_secs(1), Sight::NONE).await;
        assert!(reply.content.starts_with("`odd` did not run: its own schema is not valid"), "{}", reply.content);
    }
}
