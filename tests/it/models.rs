//! The page about models.

/// Set `HOB_BLESS=1` to write the page anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test asks whether to write the page it checks")]
fn the_page_about_models_is_made_from_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/models.md");
    let made = hob::provider::reference();
    if std::env::var_os("HOB_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(page, made, "run this test with HOB_BLESS=1 to write docs/models.md anew");
}
