//! What a model gets of a skill: its text when it activates it, its files one by one.
//!
//! Answers are texts for the model, also when they are errors.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path};

use super::library::{self, Home, Library, SKILL_FILE};
use crate::domain::front_matter;
use crate::domain::name::Name;

/// Most bytes of a skill's text that a model gets.
pub const SHOWN_MAX: usize = 48 << 10;

/// Largest file that is read for a model.
pub const FILE_MAX: usize = 8 << 20;

/// Most files that are named.
pub const LISTED_MAX: usize = 100;

/// Deepest directory of a skill that is looked into.
const DEPTH_MAX: usize = 5;

/// The text of a skill and the list of its files. `allowed` are the skills of the agent's head.
pub fn activate(library: &Library, allowed: &[Name], name: &str) -> Result<String, String> {
    let home = home(library, allowed, name)?;
    let source = match home {
        Home::Directory { real, shown } => library::read(&real.join(SKILL_FILE))
            .map_err(|error| format!("`{shown}/{SKILL_FILE}` cannot be read: {error}"))?
            .map_err(|problem| format!("`{shown}/{SKILL_FILE}` cannot be read: {}", problem.message))?,
        Home::Shipped(files) => files.first().map_or_else(String::new, |(_, content)| (*content).to_owned()),
    };
    let parts = front_matter::split(&source).map_err(|problem| problem.message)?;
    let body = source.get(parts.body).unwrap_or_default().trim();
    let mut answer = format!("# Skill `{name}`\n\n{}", cut(body));
    let files = files(home);
    if !files.is_empty() {
        answer +=
            "\n\n# Files of this skill\n\nRead them with `read_skill_resource` when the text above asks for them.";
        if let Home::Directory { shown, .. } = home {
            answer += &format!(" They are in `{shown}/` of the working directory, too.");
        }
        answer += "\n";
        for (path, size) in files.iter().take(LISTED_MAX) {
            answer += &format!("\n- `{path}` ({size} bytes)");
        }
        if files.len() > LISTED_MAX {
            answer += "\n- and more";
        }
    }
    Ok(answer)
}

/// All of one file of a skill, which is a text, by its path beneath the skill's directory.
pub fn read_resource(library: &Library, allowed: &[Name], name: &str, path: &str) -> Result<String, String> {
    let home = home(library, allowed, name)?;
    let plain = !path.is_empty()
        && path.len() <= 512
        && !path.contains('\0')
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Err(
            "the path must lead from the skill's directory to one of its files, like `references/labels.md`".to_owned()
        );
    }
    let missing = || {
        let known: Vec<String> = files(home).into_iter().map(|(path, _)| path).take(LISTED_MAX).collect();
        let known =
            if known.is_empty() { "it has no files".to_owned() } else { format!("it has {}", known.join(", ")) };
        format!("the skill `{name}` has no file `{path}`: {known}")
    };
    match home {
        Home::Shipped(files) => {
            let found = files.iter().skip(1).find(|(known, _)| *known == path);
            found.map(|(_, content)| (*content).to_owned()).ok_or_else(missing)
        }
        Home::Directory { real, shown } => {
            let file = real.join(path).canonicalize().map_err(|_| missing())?;
            if !file.starts_with(real) || !file.is_file() {
                return Err(missing());
            }
            let bytes = bounded(&file).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
            if bytes.len() > FILE_MAX {
                return Err(format!(
                    "`{path}` is larger than {FILE_MAX} bytes; use it in the shell as `{shown}/{path}`"
                ));
            }
            String::from_utf8(bytes)
                .map_err(|_| format!("`{path}` is not a text; use it in the shell as `{shown}/{path}`"))
        }
    }
}

/// The directory, as people call it, of a project's skill that stands in front of a different one of
/// the same name that ships with hob.
pub fn hides_shipped<'a>(library: &'a Library, name: &str) -> Option<&'a str> {
    let home = &library.shelved(name).ok()?.home;
    let Home::Directory { real, shown } = home else { return None };
    let (_, shipped) = library::SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    // Equal lists have equal sizes, so that what is read is all of it.
    let same_files = files(home) == files(&Home::Shipped(shipped));
    let same = |(path, content): &(&str, &str)| match *path {
        SKILL_FILE => library::read(&real.join(path)).is_ok_and(|read| read.is_ok_and(|text| text == *content)),
        path => bounded(&real.join(path)).is_ok_and(|bytes| bytes == content.as_bytes()),
    };
    (!same_files || !shipped.iter().all(same)).then_some(shown)
}

fn home<'a>(library: &'a Library, allowed: &[Name], name: &str) -> Result<&'a Home, String> {
    if !allowed.iter().any(|allowed| allowed.as_str() == name) {
        let known = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(format!("you have no skill of this name; yours are {known}"));
    }
    library.get(name).map_err(|error| error.to_string())?;
    library.shelved(name).map(|shelved| &shelved.home).map_err(|error| error.to_string())
}

/// Every file but `SKILL.md`, with its size, sorted; links are left out.
fn files(home: &Home) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    match home {
        Home::Shipped(files) => {
            found.extend(files.iter().skip(1).map(|(path, content)| ((*path).to_owned(), content.len() as u64)));
        }
        Home::Directory { real, .. } => collect(real, "", 0, &mut found),
    }
    found.sort();
    found
}

fn collect(directory: &Path, above: &str, depth: usize, found: &mut Vec<(String, u64)>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok) {
        let (Ok(metadata), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        if found.len() > LISTED_MAX || name.starts_with('.') || name.contains(char::is_control) {
            continue;
        }
        if metadata.is_dir() && depth < DEPTH_MAX {
            collect(&entry.path(), &path, depth + 1, found);
        } else if metadata.is_file() && path != SKILL_FILE {
            found.push((path, metadata.len()));
        }
    }
}

fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// At most [`SHOWN_MAX`] bytes, in whole lines where there are any.
fn cut(text: &str) -> String {
    if text.len() <= SHOWN_MAX {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(SHOWN_MAX)).unwrap_or_default();
    let kept = kept.rfind('\n').and_then(|end| kept.get(..end)).unwrap_or(kept);
    format!("{kept}\n\n[cut here: only the first {} bytes are shown]", kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<Name> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn a_shipped_skill_and_one_on_disk_look_the_same() {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in library::SHIPPED[1].1 {
            let file = root.path().join("skills/triage").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let empty = tempfile::tempdir().unwrap();
        let (disk, shipped) = (Library::open(root.path()), Library::open(empty.path()));
        let allowed = names(&["triage"]);
        assert_eq!(disk.get("triage").unwrap(), shipped.get("triage").unwrap());
        let on_disk = activate(&disk, &allowed, "triage").unwrap();
        assert_eq!(
            on_disk.replace(" They are in `skills/triage/` of the working directory, too.", ""),
            activate(&shipped, &allowed, "triage").unwrap()
        );
        for path in ["references/labels.md", "references/none.md", "../x", "/etc/passwd", "SKILL.md/..", ""] {
            assert_eq!(
                read_resource(&disk, &allowed, "triage", path),
                read_resource(&shipped, &allowed, "triage", path),
                "{path}"
            );
        }
        assert!(read_resource(&disk, &allowed, "triage", "references/labels.md").unwrap().contains("needs-info"));
    }

    #[test]
    fn only_the_agents_own_skills_answer() {
        let library = Library::open(Path::new("."));
        insta::assert_snapshot!(activate(&library, &names(&["triage"]), "answer").unwrap_err(), @"you have no skill of this name; yours are `triage`");
    }

    #[cfg(unix)]
    #[test]
    fn no_link_leads_out_of_a_skill_and_no_skill_out_of_the_directory() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("SKILL.md"), "---\nname: out\ndescription: x\n---\nbody").unwrap();
        fs::write(outside.path().join("key"), "secret").unwrap();
        let root = tempfile::tempdir().unwrap();
        let skill = root.path().join("skills/own");
        fs::create_dir_all(&skill).unwrap();
        fs::write(skill.join("SKILL.md"), "---\nname: own\ndescription: x\n---\nbody").unwrap();
        fs::write(skill.join("data.bin"), [0xff, 0xfe, 0]).unwrap();
        std::os::unix::fs::symlink(outside.path().join("key"), skill.join("key")).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("skills/out")).unwrap();

        let library = Library::open(root.path());
        let allowed = names(&["own", "out"]);
        insta::assert_snapshot!(
            [
                activate(&library, &allowed, "own").unwrap(),
                read_resource(&library, &allowed, "own", "key").unwrap_err(),
                read_resource(&library, &allowed, "own", "data.bin").unwrap_err(),
                activate(&library, &allowed, "out").unwrap_err(),
            ]
            .join("\n====\n"),
            @r"
        # Skill `own`

        body

        # Files of this skill

        Read them with `read_skill_resource` when the text above asks for them. They are in `skills/own/` of the working directory, too.

        - `data.bin` (3 bytes)
        ====
        the skill `own` has no file `key`: it has data.bin
        ====
        `data.bin` is not a text; use it in the shell as `skills/own/data.bin`
        ====
        there is no skill `out`: known are answer, own, triage
        "
        );
    }

    #[test]
    fn a_faulty_skill_hides_the_shipped_one_and_says_so() {
        let root = tempfile::tempdir().unwrap();
        let skill = root.path().join(".claude/skills/triage");
        fs::create_dir_all(&skill).unwrap();
        fs::write(skill.join("SKILL.md"), "---\nname: other\ndescription: x\n---\n").unwrap();
        let library = Library::open(root.path());
        insta::assert_snapshot!(
            library.get("triage").unwrap_err(),
            @"the skill in `.claude/skills/triage/SKILL.md` has errors; `hob check` lists them"
        );
    }

    #[test]
    fn long_files_are_cut_at_a_line() {
        let cut = cut(&"ä line\n".repeat(20_000));
        assert!(cut.len() < SHOWN_MAX + 100 && cut.contains("ä line\n\n[cut here"), "{}", cut.len());
    }
}
