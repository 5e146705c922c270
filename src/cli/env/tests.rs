//! What an environment means, as tables.

use std::io::Write;

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Environment, Error> {
    Environment::read(&variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
}

fn error(variables: &[(&str, &str)]) -> String {
    read(variables).unwrap_err().to_string()
}

#[test]
fn a_variable_has_one_meaning() {
    let environment = read(&[
        ("ANTHROPIC_API_KEY", "sk-ant"),
        ("OPENAI_API_KEY", ""),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1"),
        ("HOB_MODEL", "anthropic/x"),
        ("HOB_STATE", "/state"),
        ("HOME", "/home/me"),
        ("PATH", "/bin"),
        ("LC_ALL", "C"),
        ("LC", "no"),
        ("GITHUB_TOKEN", "ghs"),
    ])
    .unwrap();
    assert_eq!(environment.sites["anthropic"].key.as_ref().map(Secret::expose), Some("sk-ant"));
    assert!(environment.sites["openai"].key.is_none(), "an empty secret is an absent one");
    assert_eq!(environment.sites["openai"].base_url.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(environment.model.as_deref(), Some("anthropic/x"));
    assert_eq!(environment.state, Some("/state".into()));
    assert_eq!(environment.user_state, Some("/home/me/.local/state".into()));
    assert_eq!(environment.passed.keys().collect::<Vec<_>>(), ["HOME", "LC_ALL", "PATH"]);
    assert!(!format!("{environment:?}").contains("sk-ant"));
}

#[test]
fn the_state_directory_follows_the_xdg_rules() {
    for (variables, expected) in [
        (vec![("XDG_STATE_HOME", "/xdg"), ("HOME", "/h")], Some("/xdg")),
        (vec![("XDG_STATE_HOME", "relative"), ("HOME", "/h")], Some("/h/.local/state")),
        (vec![("XDG_STATE_HOME", "")], None),
    ] {
        assert_eq!(read(&variables).unwrap().user_state, expected.map(PathBuf::from), "{variables:?}");
    }
}

#[test]
fn a_secret_can_be_in_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"sk-from-file\r\n").unwrap();
    let path = file.path().to_str().unwrap();
    let key = read(&[("OPENAI_API_KEY_FILE", path)]).unwrap().sites["openai"].key.clone().unwrap();
    assert_eq!(key.expose(), "sk-from-file");

    insta::assert_snapshot!(error(&[("OPENAI_API_KEY_FILE", path), ("OPENAI_API_KEY", "x")]),
        @"`OPENAI_API_KEY` and `OPENAI_API_KEY_FILE` are both set; unset one of them");
    insta::assert_snapshot!(error(&[("OPENAI_API_KEY_FILE", "/nowhere/key")]),
        @"cannot read the file that `OPENAI_API_KEY_FILE` names, `/nowhere/key`: No such file or directory (os error 2)");
    insta::assert_snapshot!(error(&[("OPENAI_API_KEY_FILE", "/dev/null")]),
        @"cannot read the file that `OPENAI_API_KEY_FILE` names, `/dev/null`: it is empty");
    insta::assert_snapshot!(error(&[("OPENAI_API_KEY_FILE", "/dev/zero")]),
        @"cannot read the file that `OPENAI_API_KEY_FILE` names, `/dev/zero`: it is longer than 65536 bytes");
}

#[test]
fn only_listed_variables_are_exposed_and_never_a_secret() {
    let exposed = read(&[("HOB_EXPOSE", " CARGO_HOME, ,UNSET"), ("CARGO_HOME", "/c"), ("OTHER", "x")]).unwrap().exposed;
    assert_eq!(exposed, BTreeMap::from([("CARGO_HOME".to_owned(), "/c".to_owned())]));

    insta::assert_snapshot!(error(&[("HOB_EXPOSE", "A,B C")]),
        @"`HOB_EXPOSE` holds `B C`, which is no variable's name; write names with commas between them");
    insta::assert_snapshot!(error(&[("HOB_EXPOSE", "OPENAI_API_KEY"), ("OPENAI_API_KEY", "k")]),
        @"`HOB_EXPOSE` names `OPENAI_API_KEY`, which holds a secret of hob's own; no agent may see it, take it off the list");
    insta::assert_snapshot!(error(&[("HOB_EXPOSE", "LLM"), ("LLM", "Bearer sk-123456"), ("OPENAI_API_KEY", "sk-123456\n")]),
        @"`HOB_EXPOSE` names `LLM`, which holds a secret of hob's own; no agent may see it, take it off the list");
    // A placeholder is in many a value by chance.
    let placeholder = |value| read(&[("HOB_EXPOSE", "A"), ("A", value), ("OPENAI_API_KEY", "x")]);
    assert_eq!(placeholder("/usr/libexec").unwrap().exposed["A"], "/usr/libexec");
    assert!(placeholder("x").is_err());
    assert!(read(&[("HOB_EXPOSE", "OPENAI_API_KEY_FILE"), ("OPENAI_API_KEY_FILE", "/dev/null")]).is_err());
}

/// Set `HOB_BLESS=1` to write the page anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test asks whether to write the page it checks")]
fn the_reference_page_is_made_from_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/environment.md");
    if std::env::var_os("HOB_BLESS").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(page, reference(), "run this test with HOB_BLESS=1 to write docs/environment.md anew");
}

#[test]
fn every_secret_is_on_the_list_that_no_agent_can_name() {
    let secrets = VARIABLES.iter().filter(|variable| variable.purpose == Use::Secret);
    assert_eq!(secrets.map(|variable| variable.name).collect::<Vec<_>>(), secret::VARIABLES);
}

#[test]
fn every_vendor_has_its_variables_on_the_list() {
    let purpose = |name: &str| VARIABLES.iter().find(|variable| variable.name == name).map(|variable| variable.purpose);
    for vendor in VENDORS {
        assert_eq!(purpose(vendor.key()), Some(Use::Secret), "{}", vendor.word);
        assert_eq!(purpose(vendor.base_url()), Some(Use::Setting), "{}", vendor.word);
        let environment = read(&[(vendor.key(), "sk-1"), (vendor.base_url(), "http://h.example")]).unwrap();
        let site = &environment.sites[vendor.word];
        assert_eq!(site.key.as_ref().map(Secret::expose), Some("sk-1"));
        assert_eq!(site.base_url.as_deref(), Some("http://h.example"));
        assert!(environment.secrets().any(|secret| secret.expose() == "sk-1"));
    }
}
