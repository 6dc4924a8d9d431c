"""Which tests prove that each grave fault (P0) does no harm, fault by fault.

It exists so that a proof that is renamed or lost is missed at once. A line is `file::function`,
`file::name of a row` of a fault table, or the name of an invariant that a planted fault must rouse.
It must never list a proof that nobody runs: each fault has one that the suite itself lives through.
"""

CHAT = "e2e/chat_faults.py"
REST, ORDERS, STREAM = "e2e/faults_rest.py", "e2e/faults_orders.py", "e2e/faults_stream.py"
FAULTS, TABLE, TRADER = (
    "unit/live/test_trader_faults.py",
    "unit/live/test_trader_table.py",
    "unit/live/test_trader.py",
)
WIRE, LIMITS = "unit/live/test_rest_wire.py", "unit/live/test_request_limits.py"
FEED, DISK = "unit/live/test_stream_faults.py", "unit/live/test_disk_faults.py"
ENGINE, ENGINE_FAULTS = "unit/core/test_engine.py", "unit/core/test_engine_faults.py"
FILLS, CLOCKS = "unit/core/test_replayed_fills.py", "unit/live/test_clock_faults.py"
GATE, RIGHTS, OLD = (
    "unit/bot/test_chat_gate.py",
    "unit/bot/test_rights.py",
    "unit/bot/test_commands_old.py",
)
CONFIG, LIVE = "unit/test_config_faults.py", "e2e/test_live_mode.py"
GUARD = "unit/sandbox/test_chat_guard.py"

PROOFS: dict[str, tuple[str, ...]] = {
    "FT01": (
        f"{REST}::FT01 create times out, order was placed",
        f"{FAULTS}::test_a_lost_answer_is_unknown_and_the_order_is_found",
        "I05",
    ),
    "FT02": (
        f"{REST}::FT02 create times out, order was not placed",
        f"{FAULTS}::test_a_lost_request_is_missing_and_may_be_sent_again_under_its_id",
        "unit/core/test_doubts.py::test_an_exit_without_an_answer_is_sent_again_at_once_under_its_id",
        "unit/core/test_doubts.py::test_an_entry_is_given_up_after_two_misses_and_fifteen_seconds",
    ),
    "FT03": (
        f"{REST}::FT03 late apply",
        f"{FAULTS}::test_a_late_order_is_found_when_it_came",
        "unit/core/test_doubts.py::test_an_entry_that_was_given_up_and_works_after_all_is_canceled",
    ),
    "FT04": (
        f"{REST}::FT04 unreadable answer to a create, applied",
        f"{REST}::FT04 unreadable answer to a create, not applied",
        f"{REST}::FT04 unreadable reads",
        f"{FAULTS}::test_an_unreadable_answer_is_unknown",
        "I19",
    ),
    "FT05": (
        f"{REST}::FT05 ten unclear codes, applied",
        f"{REST}::FT05 ten unclear codes, not applied",
        f"{FAULTS}::test_an_ambiguous_code_says_nothing_of_what_was_done",
        f"{TABLE}::test_an_order_nobody_answered_for_is_unknown",
    ),
    "FT06": (
        f"{REST}::FT06 body cut",
        f"{REST}::FT06 body that stalls",
        f"{TRADER}::test_a_cut_body_is_an_unknown_outcome",
        "unit/live/test_dispatch.py::test_a_call_without_an_answer_ends_at_its_deadline",
    ),
    "FT07": (
        f"{REST}::FT07 too many visits",
        f"{REST}::FT07 banned",
        f"{WIRE}::test_a_rate_limit_keeps_the_next_order_back_until_the_reset",
        f"{WIRE}::test_a_ban_of_market_data_silences_the_account_too",
        f"{TABLE}::test_a_ban_silences_everything_and_refuses_what_never_left",
    ),
    "FT08": (
        f"{REST}::FT08 exit behind a backlog of candles",
        f"{LIMITS}::test_an_exit_leaves_while_candles_queue",
        f"{LIMITS}::test_the_reads_of_the_account_do_not_hold_up_a_stop",
    ),
    "FT16": (
        f"{STREAM}::FT16 everything silent, pongs go on",
        f"{STREAM}::FT16 one topic silent",
        f"{FEED}::test_ft16_a_stall_of_everything_is_a_dead_connection_whatever_pongs",
        f"{FEED}::test_ft16_a_topic_that_stalls_is_asked_for_anew_then_by_a_new_connection",
        "I17",
    ),
    "FT17": (
        f"{STREAM}::FT17 accepted and closed at once",
        f"{FEED}::test_ft17_a_storm_stays_within_the_connects_we_allow_ourselves",
        "unit/live/test_pacing.py::test_connects_are_capped_whatever_happens",
    ),
    "FT18": (
        f"{STREAM}::FT18 handshake refused",
        f"{FEED}::test_ft18_a_refused_handshake_never_ends_the_stream",
    ),
    "FT21": (
        f"{STREAM}::FT21 gap and crossed book",
        f"{FEED}::test_ft21_a_book_with_a_hole_is_lost_and_asked_for_anew",
        "unit/live/test_bybit_book.py::test_whatever_comes_only_a_sane_book_in_sequence_is_shown",
    ),
    "FT22": (
        f"{STREAM}::FT22 closed candles late, twice, lost",
        f"{FEED}::test_ft22_only_a_closed_candle_is_told",
        "I16",
    ),
    "FT23": (
        f"{STREAM}::FT23 outage across several closes",
        f"{FEED}::test_ft23_a_gap_is_told_before_newer_data",
        "I16",
    ),
    "FT29": (
        f"{ORDERS}::FT29 entry filled in part",
        f"{TRADER}::test_a_rejected_order_with_fills_was_filled",
        f"{TRADER}::test_a_part_filled_ioc_tells_what_it_got",
        "I08",
    ),
    "FT30": (
        f"{ORDERS}::FT30 cancel meets a fill",
        f"{TRADER}::test_an_acknowledged_cancel_is_no_end",
        f"{TABLE}::test_too_late_to_cancel_is_looked_up",
    ),
    "FT31": (
        f"{ORDERS}::FT31 acknowledged, then nothing filled",
        f"{ORDERS}::FT31 acknowledged, then rejected",
        f"{TRADER}::test_an_accepted_order_that_ends_unfilled_is_gone",
        f"{FAULTS}::test_a_rejection_after_the_acknowledgment_is_told",
    ),
    "FT32": (
        f"{ORDERS}::FT32 market exit filled in part",
        f"{FAULTS}::test_a_thin_book_fills_in_part",
        f"{TRADER}::test_an_exit_is_cut_to_what_one_market_order_may_ask",
        "I29",
    ),
    "FT33": (
        f"{ORDERS}::FT33 duplicate id",
        f"{TABLE}::test_an_order_that_is_there_already_was_accepted",
        "unit/core/test_order_ids.py::test_two_ledgers_of_one_name_never_use_an_id_twice",
        "I05",
    ),
    # Executions come by REST alone, so the sources are the following of an order and the account.
    "FT34": (
        f"{FILLS}::test_an_entry_told_by_every_source_fills_once",
        f"{FILLS}::test_an_exit_told_by_every_source_closes_once",
        f"{ENGINE}::test_the_same_fill_twice_changes_the_position_once",
        "simulation/mutants_orders.py::an_execution_told_twice_is_booked_twice",
        "simulation/mutants_orders.py::the_checkpoint_forgets_which_executions_are_booked",
        "I08",
    ),
    "FT39": (
        f"{ORDERS}::FT39 stop, close and panic at once",
        f"{ENGINE}::test_a_price_through_the_stop_closes_once_by_a_reduce_only_order",
        f"{TRADER}::test_what_leaves_a_position_is_reduce_only_and_without_stop",
        "I03",
        "I04",
    ),
    "FT42": (
        f"{ORDERS}::FT42 filled, stop silently missing",
        f"{ORDERS}::FT42 stop missing and cannot be set",
        f"{ORDERS}::FT42 answer about the stop lost",
        f"{FAULTS}::test_an_entry_without_its_stop_is_told_bare_and_can_be_protected",
        "I01",
    ),
    "FT43": (
        f"{ORDERS}::FT43 stop on the wrong side when it arrives",
        f"{TABLE}::test_a_stop_on_the_wrong_side_refuses_the_entry",
        "unit/contracts.py::test_an_entry_behind_its_stop_is_refused",
    ),
    "FT44": (
        f"{ORDERS}::FT44 panic",
        f"{TRADER}::test_no_call_ever_removes_a_stop",
        "unit/core/test_strangers.py::test_an_exit_that_is_refused_keeps_its_position_under_a_stop",
        "I01",
    ),
    "FT45": (
        f"{TRADER}::test_a_stop_is_amended_in_place_and_read_back",
        f"{TRADER}::test_no_call_ever_removes_a_stop",
        f"{FAULTS}::test_a_stop_moved_often_is_amended_and_stands_at_every_request",
        "unit/contracts.py::test_a_stop_is_amended_in_place",
        "I01",
    ),
    "FT46": (
        "property/test_exit_rules.py::test_a_stop_only_tightens_and_is_asked_for_once",
        f"{ENGINE}::test_late_and_doubled_answers_change_nothing",
        f"{ENGINE_FAULTS}::test_a_stop_moved_by_hand_is_kept_when_tighter_and_put_back_when_looser",
        f"{ENGINE_FAULTS}::test_a_stop_asked_for_before_a_crash_is_asked_for_again",
        "unit/core/test_doubts.py::test_a_person_may_only_tighten_a_stop",
        "simulation/mutants_orders.py::a_trailing_stop_follows_the_price_back",
        "simulation/mutants_orders.py::an_old_view_of_a_stop_replaces_a_newer_one",
        "I02",
    ),
    "FT48": (
        f"{ORDERS}::FT48 a triggered stop finds nobody",
        "unit/core/test_doubts.py::test_a_quote_is_enough_to_miss_a_stop",
        "I29",
    ),
    "FT54": (
        "unit/live/test_power_cut.py::test_a_kill_at_any_step_keeps_what_was_acknowledged",
        "unit/live/test_power_cut.py::test_a_crash_while_recovering_changes_nothing_that_is_found",
        "unit/live/test_store_crash.py::test_a_killed_process_keeps_everything_it_acknowledged",
        "e2e/test_kills.py::test_killed_anywhere_it_loses_nothing_doubles_nothing_and_tells_once",
        "e2e/test_kills.py::test_killed_in_live_mode_it_agrees_with_the_exchange_again",
        "I06",
        "I07",
    ),
    "FT55": (
        f"{DISK}::test_a_damaged_checkpoint_is_never_a_fresh_start",
        f"{DISK}::test_a_journal_cut_anywhere_is_a_prefix_that_the_checkpoint_covers_or_refused",
        f"{DISK}::test_garbage_after_the_journal_is_refused_and_left_alone",
        f"{DISK}::test_a_journal_without_a_record_is_no_silent_fresh_start",
        "I25",
    ),
    "FT56": (
        f"{DISK}::test_one_refused_call_loses_nothing_and_everything_is_written_in_order_later",
        f"{DISK}::test_a_disk_full_from_any_call_on_keeps_the_old_state_and_takes_all_later",
    ),
    "FT57": (
        "unit/live/test_power_cut.py::test_a_power_cut_at_any_step_leaves_the_old_or_the_new",
        (
            "unit/live/test_power_cut.py::"
            "test_missing_sectors_of_the_last_append_were_never_acknowledged"
        ),
    ),
    "FT58": (
        "unit/live/test_claim.py::test_a_second_owner_is_refused_and_told_who_is_there",
        (
            "e2e/test_live_strangers.py::"
            "test_a_second_bot_on_the_directory_ends_before_it_asks_anybody"
        ),
        f"{CHAT}::FT73 second poller, webhook",
    ),
    "FT64": (
        f"{CHAT}::FT64 Telegram down, then 5xx",
        (
            "unit/bot/test_outbox_faults.py::"
            "test_ft64_an_hour_without_telegram_ends_with_everything_told_once_and_in_order"
        ),
        "unit/bot/test_deaf_hour.py::test_an_hour_refused_and_deaf_is_told_late_once_and_in_order",
    ),
    "FT65": (
        f"{CHAT}::FT65 unauthorised, of every kind",
        f"{GATE}::test_everything_else_is_dead",
        f"{GATE}::test_an_empty_list_admits_nobody",
        f"{RIGHTS}::test_strangers_move_nothing_and_hear_nothing",
    ),
    "FT66": (
        f"{CHAT}::FT66 repeated and edited updates",
        f"{GATE}::test_an_update_counts_once_also_over_a_restart",
        (
            f"{ENGINE_FAULTS}::"
            "test_a_command_heard_twice_acts_once_and_gets_the_same_answer_even_after_a_restart"
        ),
        "unit/bot/test_telegram_app.py::test_a_read_answered_before_a_restart_is_not_answered_again",
        "simulation/mutants_orders.py::a_command_told_twice_acts_twice",
    ),
    "FT67": (
        f"{CHAT}::FT67 stale commands",
        f"{OLD}::test_an_old_pause_runs_anyway_and_an_old_resume_never",
        f"{OLD}::test_an_old_close_locks_entries_and_asks",
    ),
    "FT68": (f"{CHAT}::FT68 panic behind slow answers",),
    "FT69": (
        f"{CHAT}::FT69 confirmations",
        f"{RIGHTS}::test_two_taps_at_once_are_one_order",
        f"{RIGHTS}::test_nobody_else_confirms_what_the_owner_asked",
        f"{RIGHTS}::test_a_tap_after_a_restart_is_expired",
    ),
    "FT76": (
        f"{CLOCKS}::test_the_venue_clock_does_not_follow_a_step_of_the_host",
        f"{CLOCKS}::test_after_a_step_every_row_counts_from_now",
        f"{CLOCKS}::test_years_that_were_skipped_are_one_run",
        f"{CLOCKS}::test_ticks_do_not_read_the_wall_clock",
        "I13",
    ),
    "FT77": (
        f"{CLOCKS}::test_the_scheduler_drops_nothing",
        f"{CLOCKS}::test_a_blocked_loop_loses_no_run_and_makes_no_burst",
        "unit/core/test_limits.py::test_a_lost_day_stays_closed_until_the_next_midnight",
    ),
    "FT82": (
        "property/test_config_numbers.py::test_no_key_takes_what_is_not_a_number_of_its_range",
        "property/test_config_numbers.py::test_no_mixture_of_values_gets_past_a_cap",
    ),
    "FT83": (
        f"{CONFIG}::test_there_is_no_third_mode",
        f"{CONFIG}::test_sandbox_and_paper_never_share_a_directory",
        f"{CONFIG}::test_paper_writes_without_any_venue",
        "unit/bot/test_worlds.py::test_paper_holds_no_client_that_could_order",
        "unit/bot/test_modes.py::test_what_live_trading_lacks",
        "unit/bot/test_modes.py::test_armed_for_another_venue",
        "unit/bot/test_modes.py::test_real_time_is_not_scaled",
        "unit/bot/test_worlds.py::test_prices_and_orders_are_of_one_place",
        f"{LIVE}::test_real_money_waits_for_real_time_and_a_chat_with_a_lock",
        f"{LIVE}::test_the_whole_way_there_a_restart_and_back",
    ),
    "FT88": (
        "unit/test_log.py::test_no_secret_leaves_by_any_way",
        "unit/test_log.py::test_a_token_is_hidden_though_nobody_registered_it",
        "unit/bot/test_telegram_app.py::test_the_token_is_in_no_log_line",
        f"{CONFIG}::test_the_program_ends_with_2_and_shows_no_secret",
        "e2e/test_journeys.py::test_no_secret_appears_in_output_state_or_chat",
    ),
    "FT89": (
        f"{GATE}::test_everything_else_is_dead",
        f"{RIGHTS}::test_forged_data_does_nothing",
        f"{RIGHTS}::test_each_plain_button_reads_or_asks_for_its_roles_alone",
        f"{RIGHTS}::test_edited_and_forwarded_commands_are_dead",
        f"{GUARD}::test_a_foreign_request_is_refused_everywhere",
        f"{GUARD}::test_nothing_changes_on_a_get_and_every_answer_is_armored",
        "unit/sim/test_venue_auth.py::test_whatever_differs_from_what_was_signed_is_refused",
        f"{WIRE}::test_nobody_else_gets_the_key",
        "I23",
    ),
}
