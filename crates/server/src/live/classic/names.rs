//! By which names one person knows the text documents: a pure function of what that person may see, so that nothing else shows.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use engine::{document::Document, store::Named};

/// A document as one person's pages list it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Unique in that person's list, to the byte.
    pub(super) name: Arc<str>,
    pub(super) document: Arc<Document>,
}

/// The list, in the order of creation. A claimed name stands; any other document goes by its title, or `title (2)`,
/// `title (3)` …, whichever is free.
pub(super) fn list(documents: Vec<Named>) -> Vec<Known> {
    let mut taken: HashSet<Arc<str>> =
        documents.iter().filter_map(|named| named.name.as_deref()).map(Arc::from).collect();
    let mut next: HashMap<String, usize> = HashMap::new();
    let known = documents.into_iter().map(|Named { document, name }| {
        let name = match name {
            Some(name) => name.into(),
            None => free(&document.title, &mut taken, &mut next),
        };
        Known { name, document: Arc::new(document) }
    });
    known.collect()
}

fn free(title: &str, taken: &mut HashSet<Arc<str>>, next: &mut HashMap<String, usize>) -> Arc<str> {
    // A title that is there a thousand times is not counted from the beginning each time.
    let number = next.entry(title.to_owned()).or_insert(1);
    loop {
        let name: Arc<str> = if *number == 1 { title.into() } else { format!("{title} ({number})").into() };
        *number += 1;
        if taken.insert(Arc::clone(&name)) {
            return name;
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{
        document::{DocumentId, Kind, SCHEMA, Visibility},
        person::PersonId,
    };

    use super::*;

    fn named(title: &str, name: Option<&str>) -> Named {
        let document = Document {
            id: DocumentId::random(),
            title: title.to_owned(),
            kind: Kind::Text,
            schema: SCHEMA,
            owner: PersonId(1),
            visibility: Visibility::Instance,
            members: Vec::new(),
            created_ms: 0,
            changed_ms: 0,
            changed_by: PersonId(1),
            trashed_ms: None,
        };
        Named { document, name: name.map(str::to_owned) }
    }

    fn names(documents: Vec<Named>) -> Vec<String> {
        list(documents).iter().map(|known| known.name.to_string()).collect()
    }

    #[test]
    fn a_claimed_name_stands_and_the_others_make_room() {
        let documents = vec![
            named("Plan", None),
            named("Plan", None),
            named("Other", Some("Plan")),
            named("Plan (3)", None),
            named("Plan", None),
            named("Plan", Some("Plan (5)")),
            named("Plan", None),
        ];
        let expected = ["Plan (2)", "Plan (3)", "Plan", "Plan (3) (2)", "Plan (4)", "Plan (5)", "Plan (6)"];
        assert_eq!(names(documents), expected);
    }

    #[test]
    fn a_name_is_unique_to_the_byte_and_no_two_documents_share_one() {
        assert_eq!(names(vec![named("a", None), named("A", None), named("a ", Some("a "))]), ["a", "A", "a "]);
        let many = names((0..2_000).map(|_| named("Untitled", None)).collect());
        assert_eq!(many.iter().collect::<HashSet<_>>().len(), 2_000);
        assert_eq!(many[1_999], "Untitled (2000)");
    }
}
