//! The update reader case by case, with updates made by hand (R1, R2, W1).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is the report")]

mod made;

use engine::update::{Malformed, Misfit, Need, NotAnEdit, Run, Shape, Update, read};
use made::{KEYED, LEFT, RIGHT, beside, brings, content, id, in_root, inside, number, section, text, update};

fn refused(bytes: &[u8]) -> Malformed {
    read(bytes).expect_err("it was accepted")
}

fn run(client: u32, clocks: std::ops::Range<u32>) -> Run {
    Run { client, clocks }
}

#[test]
fn w1_an_edit_brings_one_run_of_its_writer() {
    let hello = in_root(4, "text", &text("héllo😀"));
    let edit = read(&update(&[section(7, 3, &[hello])], &[(9, 2, 3), (7, 0, 1)])).unwrap();
    assert_eq!(edit.brings.as_slice(), [run(7, 3..10)], "clocks count UTF-16 units");
    assert_eq!(edit.deletes.as_slice(), [run(7, 0..1), run(9, 2..5)]);
    assert_eq!(edit.needs.as_slice(), [Need { client: 9, end: 5 }]);
    assert_eq!(edit.as_edit(7), Ok(3..10));
    assert_eq!(edit.as_edit(9), Err(NotAnEdit::Foreign));
}

#[test]
fn w1_an_edit_may_only_delete() {
    let edit = read(&update(&[], &[(9, 2, 3)])).unwrap();
    assert_eq!(edit.as_edit(7), Ok(0..0));
    assert_eq!(read(&[0, 0]).unwrap(), Update::default());
}

#[test]
fn w1_items_of_two_clients_are_not_an_edit() {
    let item = in_root(4, "text", &text("a"));
    let two = update(&[section(8, 0, std::slice::from_ref(&item)), section(7, 0, &[item])], &[]);
    assert_eq!(read(&two).unwrap().as_edit(7), Err(NotAnEdit::Foreign));
}

#[test]
fn w1_needs_are_what_the_update_does_not_bring_itself() {
    let blocks = [
        beside(4 | LEFT | RIGHT, &[(3, 8), (2, 4)], &text("ab")),
        beside(4 | LEFT, &[(7, 6)], &text("c")),
        inside(4, (3, 1), &text("d")),
    ];
    let edit = read(&update(&[section(7, 5, &blocks)], &[(7, 0, 9), (5, 1, 1)])).unwrap();
    let needs = [(2, 5), (3, 9), (5, 2)].map(|(client, end)| Need { client, end });
    assert_eq!(edit.needs.as_slice(), &needs, "its own run tells the rest");
}

#[test]
fn r1_a_truncated_update_is_refused_at_every_byte() {
    let blocks = [
        in_root(4, "text", &text("é")),
        in_root(8, "list", &[2, 119, 1, b'x', 118, 1, 1, b'k', 125, 5]),
        beside(6 | LEFT, &[(1, 0)], &[text("bold"), text("true")].concat()),
        in_root(7, "content", &[3, 1, b'p']),
    ];
    let whole = update(&[section(1, 0, &blocks)], &[(1, 0, 1)]);
    assert!(read(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "the first {end} bytes were accepted");
    }
    assert_eq!(refused(&[&*whole, &[0]].concat()), Malformed::Trailing);
}

#[test]
fn r1_an_update_has_at_most_8_mib() {
    let blob = |len: usize| content(3, &[number(len as u64), vec![0; len]].concat());
    let spare = blob(1 << 22).len() - (1 << 22);
    assert!(read(&blob((8 << 20) - spare)).is_ok());
    assert_eq!(refused(&blob((8 << 20) - spare + 1)), Malformed::TooLarge);
}

#[test]
fn r1_a_count_reserves_nothing_before_its_bytes_exist() {
    for bytes in [
        number(u32::MAX.into()),
        [number(1), number(u32::MAX.into()), id(1, 0)].concat(),
        content(8, &number(u32::MAX.into())),
        content(8, &[vec![1, 117], number(u32::MAX.into())].concat()),
        content(3, &number(u32::MAX.into())),
        [number(0), number(1), number(1), number(u32::MAX.into())].concat(),
    ] {
        assert_eq!(refused(&bytes), Malformed::Truncated);
    }
}

#[test]
fn r1_values_nest_at_most_64_levels() {
    let arrays = |levels: usize| content(8, &[vec![1], [117, 1].repeat(levels), vec![126]].concat());
    let objects = |levels: usize| content(8, &[vec![1], [118, 1, 1, b'k'].repeat(levels), vec![126]].concat());
    let json = |levels: usize| content(5, &text(&["[".repeat(levels), "]".repeat(levels)].concat()));
    for nested in [arrays, objects, json] {
        assert!(read(&nested(64)).is_ok());
        assert_eq!(refused(&nested(65)), Malformed::TooDeep);
    }
    assert_eq!(refused(&arrays(20_000)), Malformed::TooDeep);
}

/// An update of `levels` arrays, each inside the one before.
fn nested_types(client: u64, clock: u64, first: Vec<u8>, levels: u64) -> Vec<u8> {
    let mut blocks = vec![first];
    blocks.extend((1..levels).map(|level| inside(7, (client, clock + level - 1), &[0])));
    brings(client, clock, &blocks)
}

#[test]
fn r1_types_nest_at_most_64_levels_in_an_edit() {
    let nested = |levels| read(&nested_types(1, 0, in_root(7, "list", &[0]), levels));
    assert_eq!(nested(64).unwrap().as_edit(1), Ok(0..64));
    assert_eq!(nested(65).unwrap().as_edit(1), Err(NotAnEdit::TooDeep));
    assert_eq!(nested(20_000), Err(Malformed::TooDeep));

    let side_by_side: Vec<_> = (0..500).map(|_| in_root(7, "list", &[0])).collect();
    assert_eq!(read(&brings(1, 0, &side_by_side)).unwrap().as_edit(1), Ok(0..500));
}

#[test]
fn r1_types_nest_at_most_1000_levels_in_a_document() {
    let mut shape = Shape::default();
    shape.add(&nested_types(1, 0, in_root(7, "list", &[0]), 600)).unwrap();
    shape.add(&nested_types(2, 0, inside(7, (1, 599), &[0]), 400)).unwrap();
    assert_eq!(shape.add(&brings(3, 0, &[inside(7, (2, 399), &[0])])), Err(Misfit::TooDeep));
    shape.add(&brings(3, 0, &[inside(8, (2, 399), &[1, 126])])).unwrap();
}

#[test]
fn r1_client_ids_and_clocks_stay_in_bounds() {
    let item = || in_root(4, "text", &text("a"));
    let max = u64::from(u32::MAX);
    let last = i32::MAX as u64;
    assert!(read(&brings(max, last - 1, &[item()])).is_ok());
    assert_eq!(refused(&brings(max + 1, 0, &[item()])), Malformed::Client);
    assert_eq!(refused(&brings(1 << 60, 0, &[item()])), Malformed::Client, "yrs reads client 0");
    assert_eq!(refused(&brings(1, last, &[item()])), Malformed::Clock);
    assert_eq!(refused(&brings(1, (1 << 32) + 5, &[item()])), Malformed::Clock, "yrs reads clock 5");
    assert_eq!(refused(&update(&[], &[(1, last - 1, 2)])), Malformed::Clock);
    assert_eq!(refused(&update(&[], &[(1, 0, 1 << 33)])), Malformed::Number);
    assert_eq!(refused(&brings(1, 1, &[beside(4 | LEFT, &[(2, last)], &text("a"))])), Malformed::Clock);
}

#[test]
fn r1_a_run_without_content_has_at_most_2_to_the_24() {
    let collected = |len: u64| brings(1, 0, &[[vec![0], number(len)].concat()]);
    let deleted = |len: u64| content(1, &number(len));
    for empty in [&collected as &dyn Fn(u64) -> Vec<u8>, &deleted] {
        assert!(read(&empty(1 << 24)).is_ok());
        assert_eq!(refused(&empty((1 << 24) + 1)), Malformed::Clock);
        assert_eq!(refused(&empty(0)), Malformed::Clock);
    }
}

#[test]
fn r2_empty_runs_are_refused() {
    assert_eq!(refused(&content(4, &text(""))), Malformed::Clock, "yrs leaves it out");
    assert_eq!(refused(&content(8, &[0])), Malformed::Clock);
    assert_eq!(refused(&update(&[section(1, 0, &[])], &[])), Malformed::Truncated);
    assert_eq!(refused(&[1, 0, 1, 0, 0, 0, 0]), Malformed::Client);
    assert_eq!(refused(&update(&[], &[(1, 5, 0)])), Malformed::Clock, "Yjs splits an item for it");
    assert_eq!(refused(&[0, 1, 1, 0, 0, 0]), Malformed::Clock);
}

#[test]
fn r2_kinds_that_are_read_differently_are_refused() {
    let kinds: [(&str, Vec<u8>); 9] = [
        ("JSON of old: yrs reads one value too many", content(2, &[1, 1, b'1', 1, b'1'])),
        ("a document in a document", content(9, &[&*text("guid"), &[118, 0]].concat())),
        ("a skip", brings(1, 0, &[vec![10, 3]])),
        ("kind 20: yrs reads 4", content(20, &text("a"))),
        ("kind 11", content(11, &text("a"))),
        ("a hook: yrs does not read its name", content(7, &[&[5], &*text("hook")].concat())),
        ("a weak link", content(7, &[7, 0, 1, 0])),
        ("type 15: yrs reads an undefined one", content(7, &[15])),
        ("a parent that is neither name nor id", brings(1, 0, &[vec![4, 2, 1, 0, 1, b'a']])),
    ];
    for (what, bytes) in kinds {
        assert_eq!(refused(&bytes), Malformed::Kind, "{what}");
    }
    assert!(read(&brings(1, 0, &[vec![KEYED, 3]])).is_err(), "Yjs reads a collected run, yrs fails");
}

#[test]
fn r2_numbers_have_one_form() {
    assert_eq!(refused(&[0x80, 0, 0]), Malformed::Number);
    assert_eq!(refused(&[0, 0x80, 0]), Malformed::Number);
    assert_eq!(refused(&content(8, &[1, 125, 0x80, 0])), Malformed::Number);
    assert_eq!(refused(&content(8, &[1, 125, 0x80, 0x80, 0x80, 0x80, 0x10])), Malformed::Number, "2^31");
    assert!(read(&content(8, &[2, 125, 0xbf, 0xff, 0xff, 0xff, 0x0f, 125, 0x40])).is_ok(), "2^31-1, and -0");
}

#[test]
fn r2_sections_come_once() {
    let item = || in_root(4, "text", &text("a"));
    assert_eq!(refused(&update(&[section(1, 0, &[item()]), section(1, 1, &[item()])], &[])), Malformed::Client);
    assert_eq!(refused(&update(&[section(1, 0, &[item()]), section(2, 0, &[item()])], &[])), Malformed::Client);
    assert_eq!(refused(&update(&[], &[(3, 0, 1), (2, 0, 1), (3, 5, 1)])), Malformed::Client, "yrs forgets the first");
    let ranges = |ranges: &[(u64, u64)]| {
        let ids: Vec<_> = ranges.iter().flat_map(|&(clock, len)| id(clock, len)).collect();
        [&[0, 1, 9], &*number(ranges.len() as u64), &ids].concat()
    };
    assert_eq!(refused(&ranges(&[(4, 2), (1, 2)])), Malformed::Clock);
    assert_eq!(refused(&ranges(&[(1, 4), (3, 2)])), Malformed::Clock);
    assert_eq!(read(&ranges(&[(1, 2), (3, 2), (8, 1)])).unwrap().deletes.as_slice(), [run(9, 1..5), run(9, 8..9)]);
}

#[test]
fn r2_texts_are_utf8() {
    let cases: [&[u8]; 4] = [&[0xff], &[0xed, 0xa0, 0x80], &[0xc0, 0x80], &[0xf0, 0x9f, 0x98]];
    for bytes in cases {
        let string = [number(bytes.len() as u64), bytes.to_vec()].concat();
        assert_eq!(refused(&content(4, &string)), Malformed::Utf8, "{bytes:?}");
        assert_eq!(refused(&content(8, &[&[1, 119], &*string].concat())), Malformed::Utf8);
    }
}

#[test]
fn r2_values_are_those_that_all_write_alike() {
    let values = [vec![127], vec![126], vec![121], vec![120], vec![124, 0, 0, 0, 0], vec![123; 9], vec![116, 1, 0]];
    assert!(read(&content(8, &[vec![7], values.concat()].concat())).is_ok());
    assert_eq!(
        refused(&content(8, &[1, 122, 0, 0, 0, 0, 0, 0, 0, 1])),
        Malformed::Value,
        "BigInt: yrs writes a number"
    );
    assert_eq!(refused(&content(8, &[1, 115])), Malformed::Value);
    assert_eq!(refused(&content(8, &[1, 255])), Malformed::Value);
}

#[test]
fn r2_reserved_keys_are_refused() {
    let proto = text("__proto__");
    let object = [&[1, 118, 1], &*proto, &[126]].concat();
    assert_eq!(refused(&content(8, &object)), Malformed::Key, "Yjs loses the value");
    assert_eq!(refused(&content(6, &[&*proto, &*text("1")].concat())), Malformed::Key);
    let keyed = in_root(8 | KEYED, "map", &[&*proto, &[1, 126]].concat());
    assert_eq!(refused(&brings(1, 0, &[keyed])), Malformed::Key);
}

#[test]
fn r2_json_is_what_every_parser_reads_alike() {
    let good = [
        "null",
        " true ",
        "-0",
        "0.5",
        "-1e-9",
        "1E5",
        "9007199254740991",
        "0.30000000000000004",
        "\"\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[1, [2, {\"a\": [null]}], \"x\"]",
        "{\"a\":1,\"b\":{\"c\":[]}}",
        "\"😀\"",
    ];
    for json in good {
        assert!(read(&content(5, &text(json))).is_ok(), "{json}");
    }
    let bad = [
        "",
        " ",
        "undefined",
        "NaN",
        "nul",
        "truex",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e400",
        "1e301",
        "9007199254740993",
        "18446744073709551615",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\n\"",
        "\u{feff}1",
        "[",
        "]",
        "'a'",
    ];
    for json in bad {
        assert_eq!(refused(&content(5, &text(json))), Malformed::Json, "{json}");
    }
}

#[test]
fn r2_an_item_comes_after_what_it_depends_on() {
    let own = |left| brings(1, 4, &[beside(4 | LEFT, &[(1, left)], &text("a"))]);
    assert!(read(&own(3)).is_ok());
    assert_eq!(refused(&own(4)), Malformed::Order, "yrs waits for ever, Yjs throws");
    let each_other = update(
        &[
            section(2, 0, &[beside(4 | LEFT, &[(1, 0)], &text("a"))]),
            section(1, 0, &[beside(4 | LEFT, &[(2, 0)], &text("a"))]),
        ],
        &[],
    );
    assert_eq!(refused(&each_other), Malformed::Order);
    let in_turn = update(
        &[
            section(2, 0, &[in_root(4, "text", &text("a")), beside(4 | LEFT, &[(1, 0)], &text("c"))]),
            section(1, 0, &[beside(4 | LEFT, &[(2, 0)], &text("b"))]),
        ],
        &[],
    );
    assert!(read(&in_turn).is_ok());
    Shape::default().add(&in_turn).unwrap();
}

/// A document of client 1: "text" holds abc (clocks 0 to 2), "content" a paragraph (3) with a text (4) and
/// an attribute (5), "map" a value (6).
fn document() -> Shape {
    let blocks = [
        in_root(4, "text", &text("abc")),
        in_root(7, "content", &[&[3], &*text("p")].concat()),
        inside(7, (1, 3), &[6]),
        inside(8 | KEYED, (1, 3), &[&*text("level"), &[1, 125, 1]].concat()),
        in_root(8 | KEYED, "map", &[&*text("a"), &[1, 126]].concat()),
    ];
    let mut shape = Shape::default();
    shape.add(&brings(1, 0, &blocks)).unwrap();
    shape
}

#[test]
fn r2_an_update_fits_what_it_hangs_on() {
    let fits = [
        beside(4 | LEFT | RIGHT, &[(1, 0), (1, 1)], &text("x")),
        beside(4 | RIGHT, &[(1, 0)], &text("x")),
        beside(6 | LEFT, &[(1, 2)], &[text("bold"), text("true")].concat()),
        beside(7 | LEFT, &[(1, 3)], &[3, 1, b'p']),
        beside(8 | LEFT | KEYED, &[(1, 5)], &[1, 125, 2]),
        inside(4, (1, 4), &text("words")),
        inside(5, (1, 4), &text("{}")),
        inside(1, (1, 3), &[4]),
    ];
    for block in fits {
        document()
            .add(&brings(2, 0, std::slice::from_ref(&block)))
            .unwrap_or_else(|error| panic!("{error}: {block:?}"));
    }
    let x = text("x");
    let misfits = [
        (
            "neighbours in two places: Yjs takes the left one's, yrs mixes",
            beside(4 | LEFT | RIGHT, &[(1, 0), (1, 5)], &x),
        ),
        ("a right neighbour under a key", beside(8 | RIGHT, &[(1, 5)], &[1, 126])),
        ("neighbours that changed places", beside(4 | LEFT | RIGHT, &[(1, 1), (1, 0)], &x)),
        ("the same neighbour twice", beside(4 | LEFT | RIGHT, &[(1, 1), (1, 1)], &x)),
        ("a parent that is a text's letter: yrs fails", inside(4, (1, 1), &x)),
    ];
    for (what, block) in misfits {
        assert_eq!(document().add(&brings(2, 0, &[block])), Err(Misfit::Place), "{what}");
    }
    let contents = [
        ("a value in a fragment: Yjs throws on null", in_root(8, "content", &[1, 126])),
        ("letters in a fragment", in_root(4, "content", &x)),
        ("a format in an element", inside(6, (1, 3), &[text("bold"), text("true")].concat())),
        ("a list item in a text", in_root(8, "text", &[1, 126])),
        ("letters under a key", beside(4 | LEFT, &[(1, 5)], &x)),
    ];
    for (what, block) in contents {
        assert_eq!(document().add(&brings(2, 0, &[block])), Err(Misfit::Content), "{what}");
    }
}

#[test]
fn r2_several_values_under_one_key_are_deleted_as_they_come() {
    // yrs kept the first values of a deleted element, and its freed memory with them.
    let several = || section(2, 0, &[beside(8 | LEFT, &[(1, 5)], &[2, 126, 126])]);
    assert_eq!(document().add(&update(&[several()], &[])), Err(Misfit::Content));
    assert_eq!(document().add(&update(&[several()], &[(2, 1, 1)])), Err(Misfit::Content));
    document().add(&update(&[several()], &[(2, 0, 2)])).unwrap();
}

#[test]
fn r2_what_hangs_on_something_collected_is_collected() {
    let mut shape = document();
    shape.add(&brings(2, 0, &[vec![0, 5], inside(7, (2, 2), &[0]), inside(4, (2, 5), &text("x"))])).unwrap();
    shape.add(&brings(3, 0, &[beside(4 | LEFT | RIGHT, &[(2, 6), (2, 5)], &text("y"))])).unwrap();
    let half = beside(4 | LEFT | RIGHT, &[(2, 0), (1, 0)], &text("z"));
    assert_eq!(shape.add(&brings(4, 0, &[half])), Err(Misfit::Place), "Yjs collects it, yrs shows it");
}

#[test]
fn w1_a_log_has_no_gaps_and_lacks_nothing() {
    let x = |clock| brings(1, clock, &[in_root(4, "text", &text("x"))]);
    assert_eq!(document().add(&x(6)), Err(Misfit::Clock), "seen already");
    assert_eq!(document().add(&x(8)), Err(Misfit::Clock), "a gap");
    document().add(&x(7)).unwrap();
    assert_eq!(document().add(&update(&[], &[(1, 6, 2)])), Err(Misfit::Missing));
    assert_eq!(document().add(&brings(2, 0, &[beside(4 | LEFT, &[(1, 7)], &text("x"))])), Err(Misfit::Missing));
    assert_eq!(document().add(&brings(2, 0, &[inside(4, (9, 0), &text("x"))])), Err(Misfit::Missing));
}

#[test]
fn w1_a_refused_update_changes_nothing() {
    let mut shape = document();
    let blocks = [
        in_root(7, "other", &[0]),
        beside(4 | LEFT, &[(1, 2)], &text("x")),
        beside(4 | LEFT | RIGHT, &[(1, 0), (1, 5)], &text("x")),
    ];
    assert_eq!(shape.add(&brings(1, 7, &blocks)), Err(Misfit::Place));
    assert_eq!(shape.add(&brings(2, 0, &blocks)), Err(Misfit::Place));
    assert_eq!((shape.end(1), shape.end(2)), (7, 0));
    assert_eq!(shape.add(&brings(3, 0, &[inside(4, (1, 7), &text("x"))])), Err(Misfit::Missing));
    shape.add(&brings(2, 0, &blocks[..2])).unwrap();
    shape.add(&brings(1, 7, &blocks[..2])).unwrap();
}
