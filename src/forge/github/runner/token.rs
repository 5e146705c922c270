//! Which job a runner's token is for.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::shapes::Job;

/// Longest id of a run or a job.
const ID_MAX: usize = 128;

/// The run and the job that a token is for: `Actions.Results:<run>:<job>` among the words of its
/// `scp`. Its signature is the service's to check.
pub(super) fn scope(token: &str) -> Option<Job> {
    #[derive(Deserialize)]
    struct Claims {
        scp: String,
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts[..] else { return None };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let Claims { scp } = serde_json::from_slice(&claims).ok()?;
    let is_id = |id: &str| {
        (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let ids = scp.split(' ').find_map(|word| word.strip_prefix("Actions.Results:"))?;
    let (run, job) = ids.split_once(':')?;
    (is_id(run) && is_id(job)).then(|| Job { run: run.to_owned(), job: job.to_owned() })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A token of these claims, without a signature that anybody would believe.
    pub(in crate::forge::github::runner) fn token(claims: &str) -> String {
        format!("eyJ0.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_which_job_it_is_for() {
        let job = Some(Job { run: "ce7f54c7-61c7".into(), job: "ca395085-040a".into() });
        for (claims, expected) in [
            (r#"{"scp":"Actions.Example Actions.Results:ce7f54c7-61c7:ca395085-040a"}"#, job.clone()),
            (r#"{"scp":"Actions.Results:ce7f54c7-61c7:ca395085-040a Other","exp":1}"#, job),
            (r#"{"scp":"Actions.Results:1:2:3"}"#, None),
            (r#"{"scp":"Actions.Results:1"}"#, None),
            (r#"{"scp":"Actions.Results::2"}"#, None),
            (r#"{"scp":"Actions.Results:a/b:2"}"#, None),
            (r#"{"scp":"XActions.Results:1:2"}"#, None),
            (r#"{"scp":["Actions.Results:1:2"]}"#, None),
            (r#"{"scp":""}"#, None),
            (r"{}", None),
            (r"[]", None),
        ] {
            assert_eq!(scope(&token(claims)), expected, "{claims}");
        }
        for bad in ["", "a.b", "a.b.c", "a.e30.c.d", "a.e30=.c", "\u{e4}.\u{f6}.\u{fc}"] {
            assert_eq!(scope(bad), None, "{bad}");
        }
    }
}
