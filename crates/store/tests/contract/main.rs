//! The contract of `engine::store`, rule by rule, held by every store: each test runs on each of them.
//! What only a disk can do wrong is in `faults.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests end where they cannot go on")]

mod build;
mod documents;
mod log;
mod names;
mod people;

/// Runs each test, a function of a store, on a new store of each kind.
macro_rules! on_each_store {
    ($($module:ident::$test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let store = std::sync::Arc::new(store::memory::Memory::new());
                crate::$module::$test(store).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let data = tempfile::tempdir().unwrap();
                let store = store::open(&store::StoreUrl::Sqlite, data.path(), Default::default());
                crate::$module::$test(store.unwrap()).await;
            })*
        }
    };
}

on_each_store! {
    log::l1_an_entry_is_read_back_as_it_was_appended,
    log::l1_many_rooms_append_at_once,
    log::l2_a_number_is_used_once,
    log::l2_an_entry_that_follows_another_tag_is_refused,
    log::l2_of_many_at_one_number_one_is_kept,
    log::l2_a_conflict_harms_nobody_in_the_same_commit,
    log::l2_a_number_below_a_snapshot_stays_used,
    log::l3_the_tail_starts_right_after_the_snapshot,
    log::l3_reads_during_compactions_see_one_moment,
    log::l4_two_compactors_finish_in_reverse,
    log::l4_a_snapshot_of_another_history_is_refused,
    log::l4_many_compactors_at_once,
    log::l7_a_cursor_is_on_this_log_or_not,
    log::l7_a_cursor_within_covered_entries_is_proved_by_its_segment,
    log::l8_absent_is_said_only_of_what_is_absent,
    log::h1_history_keeps_every_entry_through_compactions,
    log::pages_of_entries_are_bounded_and_never_empty,
    log::w5_writers_survive_a_compaction,
    log::large_entries_and_snapshots_are_kept,
    documents::l8_an_id_is_never_used_again,
    documents::only_the_trash_is_purged,
    documents::changes_touch_only_what_they_name,
    documents::an_entry_moves_changed,
    documents::a4_lists_show_what_a_person_may_see,
    documents::b5_ten_thousand_documents_in_pages,
    documents::lists_search_literally_and_whatever_the_case,
    documents::the_trash_is_a_list_of_its_own,
    documents::a4_what_has_long_been_in_the_trash_is_found,
    names::a_name_is_its_exact_bytes,
    names::of_fifty_claims_of_one_name_one_wins,
    names::a_name_in_the_trash_goes_to_the_next_claim,
    names::a_restored_document_still_has_its_name,
    names::a_purge_frees_the_name,
    names::a4_text_documents_are_those_that_a_person_may_see,
    people::a5_fifty_first_sign_ups_give_one_owner,
    people::a5_who_is_disabled_from_the_start_never_owns_the_instance,
    people::a5_names_are_unique_after_folding,
    people::an_invitation_lets_one_person_in,
    people::a3_a_session_lasts_until_it_is_ended,
    people::a3_a_new_password_ends_all_sessions_of_that_person,
    people::a3_a_disabled_person_is_out_and_stays_out,
    people::a_closed_store_says_so,
}
