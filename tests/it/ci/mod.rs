//! `hob ci` as a runner starts it, against a GitHub that remembers.

pub(crate) mod gitlab;
mod job;

use job::Job;

#[test]
fn an_issue_becomes_a_status_and_a_label_once_each_however_often_the_job_runs() {
    let job = Job::new();
    let ran = job.run();
    println!("{}", ran.transcript());
    println!("{}", job.summary());
    println!("{}", job.outputs());
    println!("{:#?}", job.github.comments(1));
    println!("{:#?}", job.github.calls().iter().map(|call| call.operation.clone()).collect::<Vec<_>>());
    assert_eq!(ran.code(), Some(0), "{}", ran.transcript());
}
